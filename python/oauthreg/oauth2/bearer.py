"""Bearer tokens on API calls. Spec: RFC 6750 section 2."""

import hmac
from urllib.parse import unquote_plus

from oauthreg.errors import UnsignableRequestError
from oauthreg.legs import append_query, missing_pairs, render_form
from oauthreg.messages import Authenticated, Coverage, Making, Pairs
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.request_signature import sign_call
from oauthreg.provider import RequestProof, RequestSignature, TokenPlacement
from oauthreg.records import dataclass, field

_FORM = "application/x-www-form-urlencoded"
_BODILESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class BearerAuthentication:
    """Puts an access token where the provider reads it; ``proof`` adds the proof that some providers want.

    ``params`` are added to the query unless it has them already; ``signature`` is made by ``client`` over all of it.

    A parameter of the same name that is there already is replaced, so that no token ever stands twice or stale. Body
    placement needs a form, or a method that may carry one, and raises ``UnsignableRequestError`` otherwise.
    """

    access_token: str = field(repr=False)
    placement: TokenPlacement = field(default_factory=TokenPlacement)
    proof: RequestProof | None = None
    client_secret: str = field(default="", repr=False)
    params: Pairs = field(default=(), repr=False)
    signature: RequestSignature | None = None
    client: ClientIdentity | None = None
    header: tuple[str, Making[str]] | None = field(default=None, init=False, repr=False, compare=False)
    """The header that carries the token, where that is all there is to do."""

    def __post_init__(self) -> None:
        if self.placement.kind == "header" and not (self.params or self.proof or self.signature):
            name, value = self._carrier
            object.__setattr__(self, "header", (name, lambda *_: value))

    @property
    def _carrier(self) -> tuple[str, str]:
        """The header that carries the token."""
        return self.placement.name, f"{self.placement.prefix}{self.access_token}"

    @property
    def covers(self) -> Coverage:
        """A bearer token covers nothing; body placement changes the body, and a signature may cover it."""
        if self.placement.kind == "body":
            return "bodies"
        if self.signature is None:
            return "nothing"
        return "bodies" if ("value", "body") in self.signature.over else "forms"

    @property
    def is_slow(self) -> bool:
        """A bearer token costs nothing, a signature with a private key does."""
        return self.signature is not None and self.signature.algorithm.startswith("rsa")

    def authenticate(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        """The header, the URL or the body that carries the token."""
        made = self._authenticated(method, url, body, content_type)
        if self.signature is None or self.client is None:
            return made
        signed_url, headers = sign_call(
            self.signature,
            self.client,
            url=made.url or url,
            body=body if made.body is None else made.body,
            content_type=dict(made.headers).get("Content-Type", content_type),
            access_token=self.access_token,
        )
        return Authenticated((*made.headers, *headers), signed_url, made.body)

    def _authenticated(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        placement = self.placement
        in_query = [*missing_pairs(url, self.params), *self._proof()]
        if placement.kind == "query":
            in_query.append((placement.name, self.access_token))
        target = _in_query(url, in_query) if in_query else None
        if placement.kind == "header":
            return Authenticated(headers=(self._carrier,), url=target)
        if placement.kind == "body":
            return self._in_body(method, target, body, content_type)
        return Authenticated(url=target)

    def _proof(self) -> list[tuple[str, str]]:
        if self.proof is None or not self.client_secret:
            return []
        return [(self.proof.name, hmac.digest(self.client_secret.encode(), self.access_token.encode(), "sha256").hex())]

    def _in_body(self, method: str, target: str | None, body: bytes | None, content_type: str | None) -> Authenticated:
        is_form = (content_type or "").partition(";")[0].strip().lower() == _FORM
        if not is_form and (body or method.upper() in _BODILESS):
            raise UnsignableRequestError(
                "body placement of a token needs a form", code="body-placement-needs-form", hint="send a form"
            )
        pair = (self.placement.name, self.access_token)
        kept = _without((body or b"").decode("latin-1"), {self.placement.name})
        text = "&".join([*([kept] if kept else []), render_form([pair])])
        return Authenticated(() if is_form else (("Content-Type", _FORM),), target, text.encode("latin-1"))


def _in_query(url: str, pairs: list[tuple[str, str]]) -> str:
    rest, hash_sign, fragment = url.partition("#")
    path, mark, query = rest.partition("?")
    kept = _without(query, {name for name, _ in pairs})
    return append_query(f"{path}{mark if kept else ''}{kept}{hash_sign}{fragment}", pairs)


def _without(form: str, names: set[str]) -> str:
    """The encoded form without the parameters of these names, everything else untouched."""
    return "&".join([piece for piece in form.split("&") if unquote_plus(piece.partition("=")[0]) not in names])
