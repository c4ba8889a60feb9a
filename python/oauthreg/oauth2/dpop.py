"""DPoP: each request carries a proof that the client holds the key to which its tokens are bound.

Spec: RFC 9449; RFC 7638 (thumbprints of keys).
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import Any, NoReturn

from oauthreg.errors import InvalidKeyError, MissingCredentialError, OAuthError, UnsupportedMethodError
from oauthreg.jose import PUBLIC_MEMBERS, generate_private_key_for, load_signing_key
from oauthreg.jws import compact_signer, encode_segment, render_json
from oauthreg.legs import answered
from oauthreg.messages import Authenticated, Authenticator, Coverage, Flow, Request, Response
from oauthreg.origins import Origin, parse_origin, render_origin
from oauthreg.records import dataclass, field, replace
from oauthreg.token import DPOP_TYPE, OAuth2Token

ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""What a proof may be signed with; of those that fit a key the first one is used. Spec: RFC 9449 section 4.2."""

NONCE_ERROR = "use_dpop_nonce"
_IS_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}").fullmatch
_SCHEME = re.compile(rf"\b{DPOP_TYPE}\b", re.IGNORECASE).search
_WANTS_NONCE = re.compile(rf"\berror\s*=\s*\"?{NONCE_ERROR}\b", re.IGNORECASE).search
_MOST_ORIGINS = 1024


class DPoPKey:
    """A key pair to which tokens are bound; without ``private_key`` a fresh one.

    ``private_key`` is PEM, DER, a JWK as text or mapping, a path object or a ``cryptography`` key object. It signs with
    the first of ``algorithms`` (default: ``ALGORITHMS``) that it fits, and a fresh one is made for the first of them.

    The private key stays inside: nothing shows it, pickling and copying are refused, and ``export_private_key`` is the
    one way out. Raises ``InvalidKeyError`` and ``UnsupportedMethodError``.

    Spec: RFC 9449 section 4.2; RFC 7638.
    """

    __slots__ = ("_export", "algorithm", "jwk", "sign", "thumbprint")

    def __init__(
        self,
        private_key: Any = None,
        *,
        algorithms: Iterable[str] = (),
        passphrase: str | bytes | None = None,
    ) -> None:
        wanted = tuple(algorithms) or ALGORITHMS
        for name in wanted:
            if name not in ALGORITHMS:
                raise UnsupportedMethodError(
                    f"a DPoP proof is not signed with {str(name)[:20]!r} (known: {', '.join(ALGORITHMS)})",
                    code="unknown-algorithm",
                )
        if private_key is None:
            self.algorithm = wanted[0]
            loaded = load_signing_key(generate_private_key_for(self.algorithm), self.algorithm)
        else:
            self.algorithm, loaded = _fitting(private_key, wanted, passphrase)
        known = loaded.as_dict(private=False)
        self.jwk: Mapping[str, str] = MappingProxyType({name: known[name] for name in PUBLIC_MEMBERS[known["kty"]]})
        self.thumbprint = thumbprint(self.jwk)
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": dict(self.jwk)}
        self.sign: Callable[[bytes], str] = compact_signer(header, loaded.raw_value, self.algorithm)
        self._export: Callable[[], bytes] = lambda: loaded.as_pem(private=True)

    def __repr__(self) -> str:
        return f"<DPoPKey {self.algorithm} {self.thumbprint}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a DPoP key is neither pickled nor copied: `export_private_key` gives it as PEM")

    @property
    def is_slow(self) -> bool:
        """Whether a signature takes about a millisecond."""
        return self.jwk["kty"] == "RSA"

    def export_private_key(self) -> str:
        """The private key as PEM text, not encrypted: keep it as a secret."""
        return self._export().decode("ascii")


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint of a public or private JWK, in base64url. Spec: RFC 7638 section 3."""
    members = {name: jwk[name] for name in PUBLIC_MEMBERS[jwk["kty"]]}
    return encode_segment(sha256(render_json(members)).digest()).decode("ascii")


def token_hash(access_token: str) -> str:
    """What a proof says of the access token beside it (``ath``). Spec: RFC 9449 section 4.2."""
    return encode_segment(sha256(access_token.encode()).digest()).decode("ascii")


def build_proof(
    key: DPoPKey,
    method: str,
    url: str,
    *,
    now: float,
    jti: str,
    nonce: str | None = None,
    access_token: str | None = None,
) -> str:
    """The value of the ``DPoP`` header of one request.

    ``url`` is the request's, of which query, fragment and user information are left out; ``now`` is in seconds since
    1970, ``jti`` must be new for each proof. ``nonce`` is what the server gave last, ``access_token`` what is sent
    along. Raises ``UsageError`` for a URL that is not http or https.

    Spec: RFC 9449 section 4.2.
    """
    _, place = _named(method, url.partition("?")[0])
    return _proof(key, place, now, jti, nonce, access_token)


def target_uri(url: str) -> str:
    """A URL as proofs name it (``htu``): normalized, without query, fragment and user information.

    Raises ``UsageError``. Spec: RFC 9449 section 4.3; RFC 3986 sections 6.2.2 and 6.2.3.
    """
    scheme, mark, rest = url.partition("#")[0].partition("?")[0].partition("://")
    authority, _, path = rest.partition("/")
    return f"{render_origin(parse_origin(f'{scheme}{mark}{authority}'))}/{path}"


def _proof(key: DPoPKey, place: str, now: float, jti: str, nonce: str | None, access_token: str | None) -> str:
    # Written by hand, the constant parts once: after a signature every step of Python costs more than it seems to.
    return key.sign(f'{{"jti":{quoted(jti)},{place}{int(now)}{_ending(nonce, access_token)}'.encode())


@lru_cache(maxsize=512)
def _named(method: str, url: str) -> tuple[Origin, str]:
    """The origin of a URL, and what a proof says of the request up to its time."""
    target = target_uri(url)
    return parse_origin(target), f'"htm":{quoted(method)},"htu":{quoted(target)},"iat":'


@lru_cache(maxsize=64)
def _ending(nonce: str | None, access_token: str | None) -> str:
    """What a proof says after its time."""
    own = "" if nonce is None else f',"nonce":{quoted(nonce)}'
    return f"{own}}}" if access_token is None else f',"ath":"{token_hash(access_token)}"{own}}}'


class DPoPNonces:
    """The nonce that each origin gave last; no origin is sent another one's. Spec: RFC 9449 sections 8 and 9."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[Origin, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"<DPoPNonces of {len(self._nonces)} origins>"

    def get(self, origin: Origin) -> str | None:
        """The nonce for an origin, if it gave one."""
        return self._nonces.get(origin)

    def learn(self, url: str, headers: Mapping[str, str]) -> bool:
        """Keep the nonce in an answer from ``url`` (names in lower case); whether there was one."""
        nonce = headers.get("dpop-nonce", "")
        if not _IS_NONCE(nonce):
            return False
        origin = parse_origin(url)
        self._nonces[origin] = nonce
        self._nonces.move_to_end(origin)
        if len(self._nonces) > _MOST_ORIGINS:
            self._nonces.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True)
class DPoPProofs:
    """Makes the proofs of one client: each with a new identifier, and with the nonce of the origin that it is for.

    ``now`` gives seconds since 1970, ``make_id`` fresh identifiers.
    """

    key: DPoPKey
    now: Callable[[], float] = field(repr=False)
    make_id: Callable[[], str] = field(repr=False)
    nonces: DPoPNonces = field(default_factory=DPoPNonces)

    def build(self, method: str, url: str, access_token: str | None = None) -> str:
        """The proof of one request, good for this request alone. Raises ``UsageError``."""
        origin, place = _named(method, url.partition("?")[0])
        return _proof(self.key, place, self.now(), self.make_id(), self.nonces.get(origin), access_token)


@dataclass(frozen=True, slots=True)
class DPoPAuthentication:
    """Puts a proof on a request, and before that what ``inner`` puts there.

    ``access_token`` is the one that the request carries, if it does. Spec: RFC 9449 sections 5 and 7.1.
    """

    proofs: DPoPProofs
    access_token: str | None = field(default=None, repr=False)
    inner: Authenticator | None = None

    @property
    def header(self) -> None:
        """A proof comes with what ``inner`` adds."""

    @property
    def covers(self) -> Coverage:
        """A proof does not cover the body."""
        return "nothing" if self.inner is None else self.inner.covers

    @property
    def is_slow(self) -> bool:
        """Whether the key or ``inner`` is slow."""
        return self.proofs.key.is_slow or (self.inner is not None and self.inner.is_slow)

    def authenticate(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        """The headers of ``inner``, and ``DPoP``."""
        made = Authenticated() if self.inner is None else self.inner.authenticate(method, url, body, content_type)
        proof = self.proofs.build(method, made.url or url, self.access_token)
        return Authenticated((*made.headers, ("DPoP", proof)), made.url, made.body)


def is_nonce_challenge(response: Response) -> bool:
    """Whether a server refuses a request only because its proof lacks the server's nonce.

    Spec: RFC 9449 section 8 (token endpoint) and section 9 (API).
    """
    if response.status == 401 and _is_challenged(response.headers.get("www-authenticate", "")):
        return True
    if response.status not in (400, 401) or NONCE_ERROR.encode() not in response.body:
        return False
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, Mapping) and document.get("error") == NONCE_ERROR


def _is_challenged(challenges: str) -> bool:
    # One after the other: a pattern of both tries each pair of places, and servers send up to a megabyte of headers.
    scheme = _SCHEME(challenges)
    return scheme is not None and _WANTS_NONCE(challenges, scheme.end()) is not None


def send_proven(build: Callable[[], Request]) -> Flow[Response]:
    """The answer to a request, which is made and sent once more if the server only wants its nonce in the proof.

    ``build`` makes it anew, since a client assertion is good once, too. Raises ``OAuthError`` with the code
    ``dpop-nonce-refused`` if the nonce does not help. A request without a proof is sent once. Spec: RFC 9449 section 8.
    """
    request = build()
    response = answered((yield request))
    prover = request.authenticator
    if not isinstance(prover, DPoPAuthentication):
        return response
    has_nonce = prover.proofs.nonces.learn(request.url, response.headers)
    if not (has_nonce and is_nonce_challenge(response)):
        return response
    response = answered((yield build()))
    prover.proofs.nonces.learn(request.url, response.headers)
    if is_nonce_challenge(response):
        raise nonce_refused(response)
    return response


def nonce_refused(response: Response) -> OAuthError:
    """What is raised for a second challenge in a row."""
    return OAuthError(
        NONCE_ERROR,
        "the server demands a nonce again although the proof held the one that it gave",
        status=response.status,
        code="dpop-nonce-refused",
        hint="a proxy may hide the header `DPoP-Nonce`, or the server's machines disagree on their nonces",
    )


def check_key(bound_to: Any, proofs: DPoPProofs | None, what: str) -> DPoPProofs:
    """The client's proofs, if it holds the key that something is bound to, given by its thumbprint.

    Raises ``MissingCredentialError`` (``missing-dpop-key``) without any key, ``InvalidKeyError`` (``wrong-dpop-key``)
    with another one. ``what`` is the beginning of the message.
    """
    if proofs is None:
        raise MissingCredentialError(
            f"{what} is bound to a DPoP key, and this client has none",
            code="missing-dpop-key",
            hint="pass the `dpop_key=` of the login",
        )
    if bound_to is not None and bound_to != proofs.key.thumbprint:
        raise InvalidKeyError(
            f"{what} is bound to another DPoP key than this client has",
            code="wrong-dpop-key",
            hint="pass the `dpop_key=` of the login, or log in again: one that was made for it ends with its process",
        )
    return proofs


def check_token_key(token: OAuth2Token, proofs: DPoPProofs | None) -> DPoPProofs | None:
    """The proofs that go with a token, if it is bound to a key. Raises as ``check_key``."""
    return check_key(token.get("dpop_jkt"), proofs, "the token") if token.token_type == DPOP_TYPE else None


def with_proof(request: Request, proofs: DPoPProofs | None) -> Request:
    """The request of a client that proves its key."""
    return (
        request
        if proofs is None
        else replace(request, authenticator=DPoPAuthentication(proofs, inner=request.authenticator))
    )


def _fitting(private_key: Any, algorithms: Iterable[str], passphrase: str | bytes | None) -> tuple[str, Any]:
    """The first algorithm that a key fits, and the key loaded for it."""
    refused: InvalidKeyError | None = None
    for algorithm in algorithms:
        try:
            return algorithm, load_signing_key(private_key, algorithm, passphrase)
        except InvalidKeyError as error:
            # Of a key that fits nothing the first word counts, unless a later one says more than "another kind".
            if refused is None or refused.code == "wrong-key-kind":
                refused = error
    raise refused or InvalidKeyError("there is no algorithm to sign with", code="wrong-key-kind")
