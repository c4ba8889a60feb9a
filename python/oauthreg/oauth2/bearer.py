"""Bearer tokens on API calls. Spec: RFC 6750 section 2."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from oauthreg.errors import UnsignableRequestError
from oauthreg.legs import append_query, render_form
from oauthreg.messages import Authenticated
from oauthreg.provider import RequestProof, TokenPlacement

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class BearerAuthentication:
    """Puts an access token where the provider reads it; ``proof`` adds the proof that some providers want.

    Body placement needs a form and raises ``UnsignableRequestError`` otherwise.
    """

    access_token: str = field(repr=False)
    placement: TokenPlacement = field(default_factory=TokenPlacement)
    proof: RequestProof | None = None
    client_secret: str = field(default="", repr=False)

    @property
    def needs_body(self) -> bool:
        """Whether the body's bytes are needed even when it is no form."""
        return self.placement.kind == "body"

    @property
    def is_slow(self) -> bool:
        """A bearer token costs nothing."""
        return False

    def authenticate(self, method: str, url: Any, body: bytes | None, content_type: str | None) -> Authenticated:  # noqa: ARG002
        """The header, the URL or the body that carries the token."""
        placement = self.placement
        target = append_query(str(url), self._proof()) if self.proof else None
        if placement.kind == "none":
            return Authenticated(url=target)
        if placement.kind == "header":
            return Authenticated(headers=((placement.name, f"{placement.prefix}{self.access_token}"),), url=target)
        pair = [(placement.name, self.access_token)]
        if placement.kind == "query":
            return Authenticated(url=append_query(target or str(url), pair))
        media_type = (content_type or "").partition(";")[0].strip().lower()
        if media_type != _FORM:
            raise UnsignableRequestError(
                "body placement of a token needs a form", code="body-placement-needs-form", hint="send a form"
            )
        added = render_form(pair).encode()
        return Authenticated(url=target, body=body + b"&" + added if body else added)

    def _proof(self) -> list[tuple[str, str]]:
        if self.proof is None:
            return []
        digest = hmac.new(self.client_secret.encode(), self.access_token.encode(), hashlib.sha256).hexdigest()
        return [(self.proof.name, digest)]
