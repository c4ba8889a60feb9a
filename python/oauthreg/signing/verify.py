"""Checks a received request: who signed it, and that nothing of it was changed.

Spec: RFC 5849 section 3.2; the body hash follows the extension "OAuth Request Body Hash".
"""

import hmac
import re
from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from oauthreg.errors import InvalidSignatureError, UsageError, VerificationError
from oauthreg.records import dataclass, field
from oauthreg.signing import SIGNATURE_METHODS, AnyEngine, EngineName, load_engine, refusals
from oauthreg.signing._pure import (
    _IS_POSITIVE,
    Placement,
    SignedRequest,
    Text,
    _check_nonce,
    _has_key,
    _is_form,
    _look_up,
    _seconds,
    _split,
    unescape,
)

__all__ = ["SignedRequest", "VerificationKeys", "Verifier", "parse_authorization", "verify"]

_SCHEME = re.compile(r"OAuth[ \t]+", re.IGNORECASE).match
# Nothing in it is read twice: trying every split of a long run of white space would take seconds.
_PARAMETER = re.compile(r"""[\s,]*+([^\s=,"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))\s*+(?=,|$)""").match
_IS_END = re.compile(r"[ \t,]*+\Z").match
_SERVER = re.compile(r"https?://[^/?#]", re.IGNORECASE).match
_QUOTED_PAIR = re.compile(r"\\(.)")
_ACCEPTED: Final = tuple(name for name, (family, _) in SIGNATURE_METHODS.items() if family != "plaintext")
_OPTIONAL: Final = "optional"
_REQUIRED: Final = "required"
_WINDOW: Final = 300.0

Octets: TypeAlias = tuple[bytes, bytes]
Lookup: TypeAlias = Callable[[SignedRequest], "VerificationKeys | None"]
Options: TypeAlias = tuple[tuple[str, ...], bool, float]
"""Accepted signature methods, whether a body hash is required, the window in seconds."""

_BY_DEFAULT: Options = (_ACCEPTED, False, _WINDOW)


@dataclass(frozen=True, slots=True)
class VerificationKeys:
    """The keys that a request must have been signed with; ``rsa_key`` is a public key or certificate in any form.

    Without ``client_secret`` no HMAC or PLAINTEXT signature is accepted, without ``rsa_key`` none of RSA. An empty
    ``client_secret`` is that of a client which has no other, and counts as none beside an ``rsa_key``.
    """

    client_secret: str | None = field(default=None, repr=False)
    token_secret: str | None = field(default=None, repr=False)
    rsa_key: Any = field(default=None, repr=False)


class Verifier(metaclass=AnyEngine):
    """Checks received requests against the keys of one client and one token, or against those that ``lookup`` gives.

    ::

        verifier = oauthreg.Verifier(client_secret=client_secret, token_secret=token_secret)
        request = verifier.verify("GET", url, authorization=header, now=time.time())

    The arguments are those of ``verify`` that stay the same from request to request, and are refused here if they are
    wrong. What is derived from the keys is made once and kept with the object, which is what makes it faster than
    ``verify``. It may be shared by threads.

    Spec: RFC 5849 section 3.2.
    """

    engine: str

    def __new__(  # noqa: D102, PYI034 - described above; the engine's own class is returned
        cls,
        *,
        client_secret: Text | None = None,
        token_secret: Text | None = None,
        rsa_key: Any = None,
        lookup: Lookup | None = None,
        signature_methods: Collection[str] = _ACCEPTED,
        body_hash: Literal["optional", "required"] = _OPTIONAL,
        window: float = _WINDOW,
        is_new_nonce: Callable[[SignedRequest], bool] | None = None,
        explain: bool = False,
        engine: EngineName | None = None,
    ) -> "Verifier":
        options = _checked_options(lookup, is_new_nonce, signature_methods, body_hash, window)
        made: Verifier = load_engine(engine).Verifier(
            client_secret, token_secret, rsa_key, lookup, *options, is_new_nonce, _explain if explain else _decide
        )
        return made

    def verify(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        authorization: str | None = None,
        now: float | None = None,
    ) -> SignedRequest:
        """The request's own word, once its signature is proven. Arguments and refusals as in ``verify``."""
        raise NotImplementedError  # the engines' own verifiers answer


def verify(
    method: str,
    url: Any,
    body: Any = None,
    content_type: str | None = None,
    *,
    authorization: str | None = None,
    client_secret: str | None = None,
    token_secret: str | None = None,
    rsa_key: Any = None,
    lookup: Lookup | None = None,
    signature_methods: Collection[str] = _ACCEPTED,
    body_hash: Literal["optional", "required"] = _OPTIONAL,
    now: float | None = None,
    window: float = _WINDOW,
    is_new_nonce: Callable[[SignedRequest], bool] | None = None,
    explain: bool = False,
    engine: EngineName | None = None,
) -> SignedRequest:
    """The request's own word, once its signature is proven.

    ``url`` is the URL as it was received (text or ``yarl.URL``), host and scheme as the client used them; ``body`` and
    ``content_type`` as received; ``authorization`` the header's value. The keys come from the arguments or from
    ``lookup``, which is given the unproven request and returns ``None`` for whom it does not know; they mean what they
    mean in ``VerificationKeys``. With ``now`` (seconds since 1970) the timestamp may be off by ``window`` seconds at
    most. ``is_new_nonce`` is asked last and must remember the nonce: ``True`` accepts the request, ``False`` refuses
    it. Both are called without ``await``. Signatures are compared in constant time.

    ``signature_methods`` are all but PLAINTEXT, whose signature is the secrets themselves: it proves nothing of the
    request, which may come without nonce (then ``is_new_nonce`` is not asked) and timestamp. Where it is named, it is
    accepted for https URLs and on loopback alone.

    With ``explain`` the ``.hint`` of a signature that differs says why, if it is for one of the usual causes. Trying
    them takes up to six further signatures, so it is for whoever looks for a mistake, not for a server that strangers
    send requests to.

    Raises ``InvalidSignatureError`` when the signature differs (``.base_string`` is what was signed here) and
    ``VerificationError`` for everything else that a client can do wrong; ``.code`` says what. ``UsageError`` is for
    what only the server can: arguments or answers of a wrong type, numbers that are not finite, a URL without scheme
    and host, a key that cannot be read.

    Spec: RFC 5849 section 3.2.
    """
    is_usual = signature_methods is _ACCEPTED and body_hash is _OPTIONAL and window is _WINDOW
    if is_usual and lookup is None and is_new_nonce is None:
        accepted, needs_body_hash, seconds = _BY_DEFAULT
    else:
        accepted, needs_body_hash, seconds = _checked_options(
            lookup, is_new_nonce, signature_methods, body_hash, window
        )
    proven: SignedRequest = load_engine(engine).verify(
        method, url, body, content_type, authorization, client_secret, token_secret, rsa_key, lookup,
        accepted, needs_body_hash, now, seconds, is_new_nonce, _explain if explain else _decide,
    )  # fmt: skip
    return proven


def _checked_options(lookup: Any, is_new_nonce: Any, signature_methods: Any, body_hash: Any, window: Any) -> Options:
    """The options as the engines take them, which no later change of their objects makes different."""
    for name, callback in (("lookup", lookup), ("is_new_nonce", is_new_nonce)):
        if callback is not None and not callable(callback):
            raise refusals.wrong_type(name, "a function", callback)
    if isinstance(signature_methods, str) or not isinstance(signature_methods, Iterable):
        raise refusals.wrong_type("signature_methods", "a collection of names", signature_methods)
    accepted = tuple(signature_methods)
    for name in accepted:
        if not isinstance(name, str):
            raise refusals.wrong_type("signature_methods", "a collection of names", name)
    if not isinstance(body_hash, str) or body_hash not in (_OPTIONAL, _REQUIRED):
        raise refusals.unknown_body_hash(body_hash)
    return accepted, body_hash == _REQUIRED, _seconds("window", window)


def _decide(
    received: tuple[EngineName, str, Any, Any, str | None, str | None],
    secrets: tuple[Any, Any, Any] | None,
    lookup: Lookup | None,
    signature_methods: tuple[str, ...],
    needs_body_hash: bool,
    now: float | None,
    window: float,
    is_new_nonce: Callable[[SignedRequest], bool] | None,
    *,
    explain: bool = False,
) -> SignedRequest:
    """The check step by step, which reads every form and words every refusal; the engines' own is only faster."""
    engine, method, url, body, content_type, authorization = received
    chosen = load_engine(engine)
    moment = None if now is None else _seconds("now", now)
    try:
        request, header, signature = _parse_signed_request(chosen, url, body, content_type, authorization)
        _check_claims(request, signature_methods, moment, window)
        _check_transport(request, url)
        _check_body_hash(chosen, request, body, content_type, needs_body_hash)
        base_string = chosen.base_string(method, url, header, body, content_type)
    except UsageError as error:
        if error.code == "wrong-type" or not _names_a_server(url):
            raise
        raise VerificationError(f"the request cannot be read: {error.message}", code=error.code) from None
    if lookup is not None and secrets is None:
        secrets = _look_up(lookup, request)
    keys = VerificationKeys(*(secrets or ()))
    _check_key(request.signature_method, keys)
    attempt = _Attempt(chosen, request.signature_method, method, url, body, content_type, header, signature, keys)
    if not attempt.matches(base_string):
        raise InvalidSignatureError(
            f"the {request.signature_method} signature does not match the request",
            base_string=base_string,
            hint=attempt.explain() if explain else attempt.hint(),
        )
    if is_new_nonce is not None:
        _check_nonce(is_new_nonce, request, base_string)
    return request


_explain = partial(_decide, explain=True)


def _names_a_server(url: Any) -> bool:
    """Whether a URL has scheme and host, right or wrong: those come from the client, and what has none does not."""
    try:
        return _SERVER(str(url)) is not None
    except ValueError:  # `yarl.URL` of a port that is none
        return True


def parse_authorization(value: str) -> tuple[str | None, list[Octets]] | None:
    """The realm and the decoded parameters of an ``Authorization: OAuth`` header; ``None`` for another scheme.

    Separators may be ``,`` with or without white space. Raises ``VerificationError`` for a broken header.

    Spec: RFC 5849 section 3.5.1.
    """
    scheme = _SCHEME(value)
    if scheme is None:
        return None
    realm, pairs, position = None, [], scheme.end()
    while not _IS_END(value, position):
        match = _PARAMETER(value, position)
        if match is None:
            raise VerificationError(
                "the Authorization header cannot be read",
                code="malformed-header",
                hint='parameters look like name="value"',
            )
        name, quoted, bare = match.groups()
        if name.lower() == "realm":
            realm = _QUOTED_PAIR.sub(r"\1", quoted) if quoted is not None else bare
        else:
            pairs.append((unescape(name), unescape(bare if quoted is None else quoted)))
        position = match.end()
    return realm, pairs


def _parse_signed_request(
    engine: Any, url: Any, body: Any, content_type: str | None, authorization: str | None
) -> tuple[SignedRequest, list[Octets], str]:
    if not isinstance(authorization, str | None):
        raise refusals.wrong_type("authorization", "text", authorization)
    parsed = parse_authorization(authorization) if authorization else None
    realm, header = parsed or (None, [])
    query = _protocol_pairs(engine.parse_parameters(_split(url)[1]))
    form = _protocol_pairs(engine.parse_parameters(body or b"")) if _is_form(content_type) else []
    places: list[tuple[Placement, list[Octets]]] = [
        ("header", header),
        ("query", query),
        ("body", form),
    ]
    used = [place for place in places if place[1]]
    if not used:
        raise VerificationError("the request is not signed", code="not-signed", hint="no `oauth_…` parameter was found")
    if len(used) > 1:
        raise VerificationError(
            f"protocol parameters stand in more than one place: {', '.join(name for name, _ in used)}",
            code="parameters-in-two-places",
        )
    placement, pairs = used[0]
    parameters = _unique(pairs)
    request = SignedRequest(
        parameters.get("oauth_consumer_key", ""),
        parameters.get("oauth_token") or None,
        parameters.get("oauth_signature_method", ""),
        placement,
        realm,
        MappingProxyType(parameters),
    )
    return request, header, parameters.get("oauth_signature", "")


def _protocol_pairs(pairs: list[Octets]) -> list[Octets]:
    return [pair for pair in pairs if pair[0].startswith(b"oauth_")]


def _unique(pairs: list[Octets]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for octets, value in pairs:
        name = octets.decode("utf-8", "replace")
        if name in parameters:
            raise VerificationError(f"a protocol parameter stands twice: {name!r}", code="duplicate-parameter")
        parameters[name] = value.decode("utf-8", "replace")
    return parameters


def _check_claims(request: SignedRequest, allowed: tuple[str, ...], now: float | None, window: float) -> None:
    given = request.parameters
    needed = ["oauth_consumer_key", "oauth_signature_method", "oauth_signature"]
    if request.signature_method != "PLAINTEXT":
        needed += ["oauth_timestamp", "oauth_nonce"]
    missing = [name for name in needed if not given.get(name)]
    if missing:
        raise VerificationError(f"protocol parameters are missing: {', '.join(missing)}", code="missing-parameter")
    if given.get("oauth_version", "1.0") != "1.0":
        raise VerificationError("`oauth_version` must be 1.0", code="unsupported-version")
    if request.signature_method not in SIGNATURE_METHODS or request.signature_method not in allowed:
        raise VerificationError(
            f"the signature method is not accepted: {request.signature_method[:40]!r}",
            code="refused-signature-method",
            hint=f"accepted: {', '.join(allowed)}",
        )
    timestamp = given.get("oauth_timestamp")
    if timestamp is None:
        return
    if not _IS_POSITIVE(timestamp):
        raise VerificationError("`oauth_timestamp` is no positive whole number", code="invalid-timestamp")
    if now is not None and abs(int(timestamp) - now) > window:
        raise VerificationError(
            f"the timestamp is {abs(int(timestamp) - now):.0f} seconds {'ahead' if int(timestamp) > now else 'old'}",
            code="timestamp-out-of-window",
            hint=f"at most {window:.0f} seconds are accepted",
        )


def _check_transport(request: SignedRequest, url: Any) -> None:
    """Refuses secrets that whoever listened may know. Spec: RFC 5849 section 3.4.4."""
    target = _split(url)[0]
    if request.signature_method != "PLAINTEXT" or target.scheme != "http":
        return
    from oauthreg.origins import is_loopback

    if not is_loopback(target.host.strip("[]").lower()):
        raise VerificationError(
            "the signature method is not accepted without TLS: PLAINTEXT",
            code="refused-signature-method",
            hint="send it to an https URL; behind a proxy that ends TLS, check the URL as the client wrote it",
        )


def _check_key(signature_method: str, keys: VerificationKeys) -> None:
    """Refuses a method for which there is no key: whoever leaves the key out could have signed."""
    if not _has_key(signature_method, keys.client_secret, keys.rsa_key):
        raise VerificationError(
            f"the signature method is not accepted, since there is no key for it: {signature_method}",
            code="refused-signature-method",
            hint="sign with the kind of key that is registered for this client",
        )


def _check_body_hash(engine: Any, request: SignedRequest, body: Any, content_type: str | None, needed: bool) -> None:
    claimed, form = request.parameters.get("oauth_body_hash"), _is_form(content_type)
    if form and claimed is not None:
        raise VerificationError("a form carries no `oauth_body_hash`", code="body-hash-with-form")
    if request.signature_method == "PLAINTEXT":
        claimed = None  # nothing covers it
    if claimed is None:
        if needed and not form:
            raise VerificationError("`oauth_body_hash` is missing", code="body-hash-missing")
        return
    computed = engine.body_hash(request.signature_method, body)
    if not hmac.compare_digest(computed.encode(), claimed.encode("utf-8", "replace")):
        raise VerificationError(
            "the body is not the one that was hashed", code="body-hash-mismatch", hint="compare the bytes as received"
        )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way to read a request, and whether its signature fits."""

    engine: Any
    signature_method: str
    method: str
    url: Any
    body: Any
    content_type: str | None
    header: list[Octets]
    signature: str
    keys: VerificationKeys

    def base_string(self, **changes: Any) -> str:
        use = {"method": self.method, "url": self.url, "body": self.body, "content_type": self.content_type} | changes
        text: str = self.engine.base_string(use["method"], use["url"], self.header, use["body"], use["content_type"])
        return text

    def matches(self, base_string: str, keys: VerificationKeys | None = None) -> bool:
        keys = keys or self.keys
        right: bool = self.engine.check_signature(
            self.signature_method, base_string, self.signature, keys.client_secret, keys.token_secret, keys.rsa_key
        )
        return right

    def hint(self) -> str:
        """What to do when the signature does not fit, known without looking for the cause."""
        if self.signature_method == "PLAINTEXT":
            return "one of the two secrets differs"
        return "compare `.base_string` with the client's, or let `explain=True` try the usual causes"

    def explain(self) -> str:
        """What would have to be different for the signature to fit: the usual causes, tried one by one."""
        if self.signature_method == "PLAINTEXT":
            return self.hint()
        scheme = _split(self.url)[0].scheme
        text = str(self.url)
        other_scheme = "http" if scheme == "https" else "https"
        causes: list[tuple[str, dict[str, Any]]] = [
            (f"the client signed an {other_scheme} URL", {"url": other_scheme + text[len(scheme) :]}),
            ("the client left the query out", {"url": text.partition("?")[0]}),
            ("the client left the form out", {"content_type": None}),
            ("the client signed the method GET", {"method": "GET"}),
            ("the client signed the method POST", {"method": "POST"}),
        ]
        for cause, changes in causes:
            if self.matches(self.base_string(**changes)):
                return cause
        if self.keys.token_secret and self.matches(
            self.base_string(), VerificationKeys(self.keys.client_secret, None, self.keys.rsa_key)
        ):
            return "the client signed without the token secret"
        return "compare `.base_string` with the client's; if they are equal, a key differs"
