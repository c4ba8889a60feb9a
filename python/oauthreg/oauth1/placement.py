"""Where the protocol parameters of a signed request go (header, query or form body), and what of its URL is signed.

Spec: RFC 5849 section 3.5.
"""

import re
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from oauthreg.errors import UnsignableRequestError
from oauthreg.legs import append_missing, append_text, render_form
from oauthreg.messages import Authenticated, Coverage, Making, Pairs
from oauthreg.provider import OAuth1Settings, Placement
from oauthreg.records import dataclass, field
from oauthreg.signing import Signer
from oauthreg.signing._pure import escape, make_nonce, unescape

FORM = "application/x-www-form-urlencoded"
_LARGEST_QUICK_KEY = 2048
"""Bits: a signature with a larger RSA key takes more than a millisecond and leaves the event loop (measured: 0.7 ms at
2048 bits, 2.2 at 3072, 4.6 at 4096; a thread costs 0.1)."""

_NONCE = 32
"""Characters of a nonce as signers make it."""
_STANDARD = OAuth1Settings()
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


@dataclass(frozen=True, slots=True)
class OAuth1Authentication:
    """Signs requests with one signer and one placement; ``parameters`` are further protocol parameters.

    ``nonce`` fixes the nonce, for the one request whose answer repeats it. ``signed`` are fields of a body that is no
    form (a multipart upload) and that the provider wants covered all the same; they are signed, not sent. ``params``
    are added to the query, and signed, unless it has them already. ``settings`` say what is special about the signed
    URL, the realm and the nonce.

    Body placement needs a form or an empty body. A request whose method has no body carries the parameters in its
    query instead, which the same servers read the same way. Any other body raises ``UnsignableRequestError``.
    """

    signer: Signer = field(repr=False)
    placement: Placement = "header"
    parameters: Pairs = field(default=(), repr=False)
    nonce: str | None = field(default=None, repr=False)
    signed: Pairs = field(default=(), repr=False)
    params: Pairs = ()
    settings: OAuth1Settings = _STANDARD
    covers: Coverage = field(init=False, repr=False)
    """The bodies whose bytes the signature is made of."""
    is_slow: bool = field(init=False, repr=False)
    """Whether one signature takes more than about a millisecond."""
    header: tuple[str, Making[str]] | None = field(default=None, init=False, repr=False, compare=False)
    """What makes the header, where that is all there is to do: so are nearly all calls of an API."""

    def __post_init__(self) -> None:
        settings = self.settings
        given = (self.parameters, self.nonce, self.signed, self.params)
        special = (settings.realm_from, settings.signed_scheme, settings.signed_host, settings.nonce_length)
        is_plain = settings.send_nonce and settings.send_timestamp and not any((*given, *special))
        object.__setattr__(self, "covers", "bodies" if self.signer.body_hash or self.placement == "body" else "forms")
        object.__setattr__(self, "is_slow", self.signer.key_bits > _LARGEST_QUICK_KEY)
        if self.placement == "header" and is_plain:
            object.__setattr__(self, "header", ("Authorization", self.signer.authorization))

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
        params: Pairs = (),
    ) -> "OAuth1Authentication":
        """As a provider wants it; ``placement`` is that of its settings unless given."""
        if settings.send_empty_token and not signer.token:
            parameters = (("oauth_token", ""), *parameters)
        return cls(signer, placement or settings.placement, parameters, nonce, signed, params, settings)

    def authenticate(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        """The request's header, or its new URL, or its new body.

        Spec: RFC 5849 sections 3.5.1 (header), 3.5.2 (body), 3.5.3 (query).
        """
        if self.header is not None:
            name, make = self.header
            return Authenticated(((name, make(method, url, body, content_type)),))
        if self.params:
            url = append_missing(url, self.params)
        made = self._placed(method, url, body, content_type)
        if self.settings.verifier_placement is None or not self.parameters:
            return made
        verifier = dict(self.parameters).get("oauth_verifier")
        return made if verifier is None else self._with_verifier_apart(made, url, body, content_type, verifier)

    def _placed(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
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
        if self.placement == "body" and not (not body and method.upper() in _BODILESS):
            return self._in_body(method, url, body, content_type)
        parameters = self._parameters(method, url, body, content_type)
        return Authenticated(url=_append_to_query(url, parameters))

    def _in_header(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        settings = self.settings
        value = self.signer.authorization(
            method,
            signed_url(url, settings),
            body,
            content_type,
            parameters=self.parameters,
            nonce=self.nonce if settings.nonce_length is None else self._nonce(settings.nonce_length),
        )
        if settings.realm_from is not None and self.signer.realm is None:
            value = _with_realm(value, realm_of(url, settings.realm_from))
        for name in () if settings.send_nonce and settings.send_timestamp else self._omitted:
            value = _without_parameter(value, name)
        return Authenticated((("Authorization", value),), url=url if self.params else None)

    def _parameters(self, method: str, url: str, body: bytes | None, content_type: str | None) -> list[tuple[str, str]]:
        """All protocol parameters of one request."""
        made = self.signer.parameters(
            method,
            signed_url(url, self.settings),
            body,
            content_type,
            parameters=self.parameters,
            nonce=self.nonce if self.settings.nonce_length is None else self._nonce(self.settings.nonce_length),
        )
        return [pair for pair in made if pair[0] not in self._omitted]

    def _nonce(self, length: int) -> str:
        """The given nonce, or a fresh one of that length."""
        return self.nonce or "".join([make_nonce() for _ in range(0, length, _NONCE)])[:length]

    @property
    def _omitted(self) -> tuple[str, ...]:
        """What is not sent: PLAINTEXT needs neither nonce nor timestamp, all else does. Spec: RFC 5849 section 3.1."""
        settings = self.settings
        if self.signer.signature_method != "PLAINTEXT":
            return ()
        sent = (("oauth_nonce", settings.send_nonce), ("oauth_timestamp", settings.send_timestamp))
        return tuple(name for name, is_sent in sent if not is_sent)

    def _with_signed(self, body: bytes | None, media_type: str) -> bytes:
        fields = render_form(self.signed).encode()
        return body + b"&" + fields if body and media_type == FORM else fields

    def _in_body(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        parameters = self._parameters(method, url, body or b"", FORM)
        kept = _without(body or b"", "oauth_signature")
        added = render_form(parameters).encode()
        headers = () if _media_type(content_type) == FORM else (("Content-Type", FORM),)
        made = kept + b"&" + added if kept else added
        return Authenticated(headers=headers, url=url if self.params else None, body=made)

    def _with_verifier_apart(
        self, made: Authenticated, url: str, body: bytes | None, content_type: str | None, verifier: str
    ) -> Authenticated:
        """The same with the verifier elsewhere: the signature does not tell places apart.

        Spec: RFC 5849 section 3.4.1.3.1.
        """
        name, pair = "oauth_verifier", f"oauth_verifier={escape(verifier)}"
        headers = tuple((header, _without_parameter(value, name)) for header, value in made.headers)
        rest, hash_sign, fragment = (made.url or url).partition("#")
        path, mark, query = rest.partition("?")
        kept = _without(query.encode(), name).decode()
        target = f"{path}{mark if kept else ''}{kept}{hash_sign}{fragment}"
        form = _without((body if made.body is None else made.body) or b"", name)
        if self.settings.verifier_placement == "query":
            return Authenticated(headers, append_text(target, pair), made.body if made.body is None else form)
        if _media_type(content_type) != FORM and ("Content-Type", FORM) not in headers:
            headers = (*headers, ("Content-Type", FORM))
        return Authenticated(headers, target, form + b"&" + pair.encode() if form else pair.encode())


def signed_url(url: str, settings: OAuth1Settings) -> str:
    """The URL that the signature covers: the request's own, or the same as the server knows it."""
    if settings.signed_scheme is None and settings.signed_host is None:
        return url
    scheme, _, rest = url.partition("://")
    end = next((place for place, character in enumerate(rest) if character in "/?#"), len(rest))
    return f"{settings.signed_scheme or scheme}://{settings.signed_host or rest[:end]}{rest[end:]}"


def realm_of(url: str, realm_from: Literal["url", "origin"]) -> str:
    """The realm that a request has from its own URL, which ends before the query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path if realm_from == "url" else "", "", ""))


def _with_realm(authorization: str, realm: str) -> str:
    scheme, _, parameters = authorization.partition(" ")
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'{scheme} realm="{quoted}", {parameters}'


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _append_to_query(url: str, parameters: list[tuple[str, str]]) -> str:
    rest, hash_sign, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    kept = _without(query.encode(), "oauth_signature").decode()
    added = render_form(parameters)
    return f"{path}?{kept}&{added}{hash_sign}{fragment}" if kept else f"{path}?{added}{hash_sign}{fragment}"


def _without(form: bytes, name: str) -> bytes:
    """The form without a parameter of that name, which would stand there twice (RFC 5849 section 3.1)."""
    word = name.encode()
    if word.removeprefix(b"oauth_") not in form:
        return form
    return b"&".join([piece for piece in form.split(b"&") if unescape(piece.partition(b"=")[0]) != word])


def _without_parameter(authorization: str, name: str) -> str:
    """The header without a protocol parameter that is not its last one."""
    return re.sub(rf'(?<= ){name}="[^"]*", ', "", authorization)
