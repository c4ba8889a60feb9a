"""What the simulated provider remembers: tokens and nonces, in memory only, every secret out of sight of `repr`."""

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from oauthreg.errors import OAuthError
from oauthreg.records import dataclass, field, replace

WINDOW = 300.0
"""How far a timestamp may be off, in seconds."""


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """A request token on its way: asked for, approved or denied by the person, used."""

    token: str = field(repr=False)
    token_secret: str = field(repr=False)
    callback: str | None = None
    scope: str | None = None
    verifier: str = field(default="", repr=False)
    stage: Literal["asked", "approved", "denied", "used"] = "asked"


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """An access token, what was sent along with it, and whether it is still good."""

    token: str = field(repr=False)
    token_secret: str = field(repr=False)
    session_handle: str | None = field(default=None, repr=False)
    callback: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    stage: Literal["good", "expired", "revoked"] = "good"


class State:
    """The tokens and nonces of one simulated provider. ``make_text`` gives unguessable text for new ones."""

    def __init__(self, make_text: Callable[[], str] = lambda: secrets.token_urlsafe(18)) -> None:
        self.make_text = make_text
        self._temporary: dict[str, TemporaryCredentials] = {}
        self._tokens: dict[str, TokenCredentials] = {}
        self._nonces: dict[tuple[str, str, str], float] = {}

    def issue_temporary(self, callback: str | None, scope: str | None) -> TemporaryCredentials:
        """A new request token."""
        made = TemporaryCredentials(self.make_text(), self.make_text(), callback, scope)
        self._temporary[made.token] = made
        return made

    def temporary(self, token: str | None) -> TemporaryCredentials:
        """The request token of that name. Raises ``OAuthError`` for one that is unknown or was used."""
        found = self._temporary.get(token or "")
        if found is None:
            raise OAuthError("token_rejected", "the request token is unknown", status=401)
        if found.stage == "used":
            raise OAuthError("token_used", "the request token was exchanged before", status=401)
        return found

    def decide(self, token: str, *, approved: bool, callback: str | None = None) -> TemporaryCredentials:
        """The request token after the person's decision, with a verifier if it was approved."""
        found = self.temporary(token)
        if found.stage != "asked":
            raise OAuthError("token_used", "the authorization was decided before", status=401)
        verifier = self.make_text() if approved else ""
        stage: Literal["approved", "denied"] = "approved" if approved else "denied"
        decided = replace(found, verifier=verifier, stage=stage, callback=callback or found.callback)
        self._temporary[token] = decided
        return decided

    def exchange(
        self, temporary: TemporaryCredentials, callback: Mapping[str, str], *, session: bool = False
    ) -> TokenCredentials:
        """A new access token for an approved request token, which is used up."""
        self._temporary[temporary.token] = replace(temporary, stage="used")
        return self.issue(callback, session=session)

    def issue(
        self, callback: Mapping[str, str] = MappingProxyType({}), *, session: bool = False, handle: str | None = None
    ) -> TokenCredentials:
        """A new access token, as a provider's settings page gives one; ``session`` makes it renewable."""
        made = TokenCredentials(
            self.make_text(), self.make_text(), handle or (self.make_text() if session else None), callback
        )
        self._tokens[made.token] = made
        return made

    def renew(self, old: TokenCredentials) -> TokenCredentials:
        """A new access token in the same session; the old one is good no longer."""
        self.revoke(old)
        return self.issue(old.callback, handle=old.session_handle)

    def token(self, token: str | None, *, renewing: bool = False) -> TokenCredentials:
        """The access token of that name. Raises ``OAuthError`` when it is unknown, revoked or expired.

        An expired one is still good for ``renewing``.
        """
        found = self._tokens.get(token or "")
        if found is None:
            raise OAuthError("token_rejected", "the access token is unknown", status=401)
        if found.stage == "revoked":
            raise OAuthError("token_revoked", "the access token was revoked", status=401)
        if found.stage == "expired" and not renewing:
            raise OAuthError("token_expired", "the access token has expired", status=401)
        return found

    def carried(self, field: str, value: str) -> TokenCredentials:
        """The access token one of whose fields is that value. Raises ``OAuthError`` as ``token`` does."""
        secret = field == "oauth_token_secret"
        for found in self._tokens.values():
            if value and value == (found.token_secret if secret else found.token):
                return self.token(found.token)
        raise OAuthError("token_rejected", "no access token has this value", status=401)

    def reactivate(self, old: TokenCredentials) -> TokenCredentials:
        """The same access token, good again."""
        self._tokens[old.token] = replace(old, stage="good")
        return self._tokens[old.token]

    def revoke(self, old: TokenCredentials) -> None:
        """Take one access token back."""
        self._tokens[old.token] = replace(old, stage="revoked")

    def expire_tokens(self) -> None:
        """Let every access token expire now; a session can still renew it."""
        self._restage("good", "expired")

    def revoke_tokens(self) -> None:
        """Take every access token and its session back, as the person does on the provider's site."""
        self._restage("good", "revoked")
        self._restage("expired", "revoked")

    def _restage(self, old: str, new: Literal["expired", "revoked"]) -> None:
        for name, found in self._tokens.items():
            if found.stage == old:
                self._tokens[name] = replace(found, stage=new)

    def is_new_nonce(self, token: str | None, timestamp: str, nonce: str, now: float) -> bool:
        """Whether token, timestamp and nonce come together for the first time; remembers them while they matter.

        Spec: RFC 5849 section 3.3.
        """
        self._nonces = {key: seen for key, seen in self._nonces.items() if seen >= now - 2 * WINDOW}
        key = (token or "", timestamp, nonce)
        if key in self._nonces:
            return False
        self._nonces[key] = now
        return True
