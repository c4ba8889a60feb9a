"""Where the protocol parameters of a signed request go (header, query or form body), and what of its URL is signed.

Spec: RFC 5849 section 3.5.
"""

from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from oauthreg.errors import UnsignableRequestError
from oauthreg.legs import render_form
from oauthreg.messages import Authenticated, Pairs
from oauthreg.provider import OAuth1Settings, Placement
from oauthreg.records import dataclass, field
from oauthreg.signing import Signer
from oauthreg.signing._pure import unescape

FORM = "application/x-www-form-urlencoded"
_LARGEST_QUICK_KEY = 2048
"""Bits: a signature with a larger RSA key takes more than a millisecond and leaves the event loop (measured: 0.7 ms at
2048 bits, 2.2 at 3072, 4.6 at 4096; a thread costs 0.1)."""

_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class OAuth1Authentication:
    """Signs requests with one signer and one placement; ``parameters`` are further protocol parameters.

    ``nonce`` fixes the nonce, for the one request whose answer repeats it. ``signed`` are fields of a body that is no
    form (a multipart upload) and that the provider wants covered all the same; they are signed, not sent.
    ``realm_from`` and ``signed_scheme`` are those of ``OAuth1Settings``.

    Body placement needs a form or an empty body. A request whose method has no body carries the parameters in its
    query instead, which the same servers read the same way. Any other body raises ``UnsignableRequestError``.
    """

    signer: Signer = field(repr=False)
    placement: Placement = "header"
    parameters: Pairs = field(default=(), repr=False)
    nonce: str | None = field(default=None, repr=False)
    signed: Pairs = field(default=(), repr=False)
    realm_from: Literal["url", "origin"] | None = None
    signed_scheme: str | None = None

    @classmethod
    def of(
        cls,
        settings: OAuth1Settings,
        signer: Signer,
        parameters: Pairs = (),
        *,
        placement: Placement | None = None,
        nonce: str | None = None,
        signed: Pairs = (),
    ) -> "OAuth1Authentication":
        """As a provider wants it; ``placement`` is that of its settings unless given."""
        if settings.send_empty_token and not signer.token:
            parameters = (("oauth_token", ""), *parameters)
        return cls(
            signer,
            placement or settings.placement,
            parameters,
            nonce,
            signed,
            settings.realm_from,
            settings.signed_scheme,
        )

    @property
    def needs_body(self) -> bool:
        """Whether the body's bytes are needed even when it is no form."""
        return self.signer.body_hash or self.placement == "body"

    @property
    def is_slow(self) -> bool:
        """Whether one signature takes more than about a millisecond."""
        return self.signer.key_bits > _LARGEST_QUICK_KEY

    def authenticate(self, method: str, url: Any, body: bytes | None, content_type: str | None) -> Authenticated:
        """The request's header, or its new URL, or its new body.

        Spec: RFC 5849 sections 3.5.1 (header), 3.5.2 (body), 3.5.3 (query).
        """
        if self.placement == "header" and not self.signed:
            return self._in_header(method, url, body, content_type)
        media_type = _media_type(content_type)
        if self.placement == "body" and (self.signed or (body and media_type != FORM)):
            raise UnsignableRequestError(
                f"body placement needs a form, and this body is {media_type or 'of no type'}",
                code="body-placement-needs-form",
                hint="send a form, or use header placement",
            )
        if self.signed:
            body, content_type = self._with_signed(body, media_type), FORM
        if self.placement == "header":
            return self._in_header(method, url, body, content_type)
        covered = signed_url(url, self.signed_scheme)
        if self.placement == "body" and not (not body and method.upper() in _BODILESS):
            return self._in_body(method, covered, body, content_type)
        parameters = self.signer.parameters(
            method, covered, body, content_type, parameters=self.parameters, nonce=self.nonce
        )
        return Authenticated(url=_append_to_query(str(url), parameters))

    def _in_header(self, method: str, url: Any, body: bytes | None, content_type: str | None) -> Authenticated:
        covered = signed_url(url, self.signed_scheme)
        value = self.signer.authorization(
            method, covered, body, content_type, parameters=self.parameters, nonce=self.nonce
        )
        if self.realm_from is not None and self.signer.realm is None:
            value = _with_realm(value, realm_of(url, self.realm_from))
        return Authenticated((("Authorization", value),))

    def _with_signed(self, body: bytes | None, media_type: str) -> bytes:
        fields = render_form(self.signed).encode()
        return body + b"&" + fields if body and media_type == FORM else fields

    def _in_body(self, method: str, url: Any, body: bytes | None, content_type: str | None) -> Authenticated:
        parameters = self.signer.parameters(
            method, url, body or b"", FORM, parameters=self.parameters, nonce=self.nonce
        )
        kept = _without_signature(body or b"")
        added = render_form(parameters).encode()
        headers = () if _media_type(content_type) == FORM else (("Content-Type", FORM),)
        return Authenticated(headers=headers, body=kept + b"&" + added if kept else added)


def signed_url(url: Any, scheme: str | None) -> Any:
    """The URL that the signature covers: the request's own, or the same with the scheme that the server believes in."""
    return url if scheme is None else f"{scheme}://{str(url).partition('://')[2]}"


def realm_of(url: Any, realm_from: Literal["url", "origin"]) -> str:
    """The realm that a request has from its own URL, which ends before the query."""
    parts = urlsplit(str(url))
    return urlunsplit((parts.scheme, parts.netloc, parts.path if realm_from == "url" else "", "", ""))


def _with_realm(authorization: str, realm: str) -> str:
    scheme, _, parameters = authorization.partition(" ")
    return f'{scheme} realm="{realm}", {parameters}'


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _append_to_query(url: str, parameters: list[tuple[str, str]]) -> str:
    rest, hash_sign, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    kept = _without_signature(query.encode()).decode()
    added = render_form(parameters)
    return f"{path}?{kept}&{added}{hash_sign}{fragment}" if kept else f"{path}?{added}{hash_sign}{fragment}"


def _without_signature(form: bytes) -> bytes:
    """The form without an ``oauth_signature`` of its own, which would stand there twice (RFC 5849 section 3.1)."""
    if b"signature" not in form:
        return form
    return b"&".join([piece for piece in form.split(b"&") if unescape(piece.partition(b"=")[0]) != b"oauth_signature"])
