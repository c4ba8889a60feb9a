"""What the simulated OAuth 2.0 provider remembers: codes, devices and tokens, in memory only, no secret in a `repr`.

All tokens that follow from one decision of the person are a family: one that was used twice takes the others with it.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal

from oauthreg.errors import OAuthError
from oauthreg.records import dataclass, field, replace

CODE_LIFETIME = 60
"""Seconds. Spec: RFC 6749 section 4.1.2 (ten minutes at most)."""
DEVICE_LIFETIME = 600
PUSHED_LIFETIME = 60
DEVICE_INTERVAL = 5


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the person was asked for, as the authorization request says it.

    ``auth_time`` is when the person proved who they are (seconds since 1970), where the application wants to know.
    """

    redirect_uri: str | None
    scope: str = ""
    code_challenge: str | None = field(default=None, repr=False)
    code_challenge_method: str = "plain"
    nonce: str | None = field(default=None, repr=False)
    dpop_jkt: str | None = None
    auth_time: int | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: what it stands for, until when it is good, the family that came of it."""

    authorization: Authorization
    expires_at: float
    family: int


@dataclass(frozen=True, slots=True)
class Device:
    """A device that waits for the person: ``asked_at`` is when it asked last."""

    user_code: str = field(repr=False)
    scope: str
    expires_at: float
    stage: Literal["waiting", "approved", "denied", "used"] = "waiting"
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """One access token with the refresh token beside it."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    family: int
    scope: str
    expires_at: float
    nonce: str | None = field(default=None, repr=False)
    auth_time: int | None = None
    dpop_jkt: str | None = None
    """The thumbprint of the key to which both are bound."""


class OAuth2State:
    """Codes, devices and tokens of one simulated provider. ``make_text`` gives unguessable text for new ones.

    ``lifetime`` is that of an access token in seconds. With ``rotates`` each renewal gives a new refresh token and the
    old one is used up; whoever shows it again ends the whole family (RFC 9700 section 4.14.2). A ``dpop_nonce`` is
    demanded in every DPoP proof.
    """

    def __init__(self, make_text: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> None:
        self.lifetime = 3600
        self.id_tokens: set[str] = set()
        self.other_claims: Mapping[str, Any] = {}
        self.key_number = 0
        self.app_token: dict[str, str] = {}
        self.rotates = True
        self.dpop_nonce: str | None = None
        self._make_text = make_text
        self._families = 0
        self._ended: set[int] = set()
        self._codes: dict[str, Code] = {}
        self._used_codes: set[str] = set()
        self._devices: dict[str, Device] = {}
        self._access: dict[str, Issued] = {}
        self._refresh: dict[str, Issued] = {}
        self._used_refresh: dict[str, int] = {}
        self._assertions: set[str] = set()
        self._pushed: dict[str, tuple[Mapping[str, str], float]] = {}

    # --- pushed requests --------------------------------------------------------------------------------------------

    def push(self, parameters: Mapping[str, str], now: float) -> str:
        """The URI that stands for an authorization request until it is decided. Spec: RFC 9126 section 2.2."""
        request_uri = f"urn:ietf:params:oauth:request_uri:{self._make_text()}"
        self._pushed[request_uri] = (dict(parameters), now + PUSHED_LIFETIME)
        return request_uri

    def pushed(self, request_uri: str, now: float) -> Mapping[str, str]:
        """The request that a URI stands for. Raises ``OAuthError`` when it is unknown, too old or was used."""
        parameters, expires_at = self._pushed.get(request_uri, ({}, 0.0))
        if now >= expires_at:
            raise OAuthError("invalid_request", "The pushed authorization request is unknown, expired or used.")
        return parameters

    def use_pushed(self, request_uri: str | None) -> None:
        """Forget a request that was decided."""
        self._pushed.pop(request_uri or "", None)

    # --- codes ------------------------------------------------------------------------------------------------------

    def issue_code(self, authorization: Authorization, now: float) -> str:
        """A code for what the person approved."""
        code = self._make_text()
        self._codes[code] = Code(authorization, now + CODE_LIFETIME, self._new_family())
        return code

    def redeem(self, code: str, now: float) -> Code:
        """What a code stands for; it is used up. Shown twice, it ends the tokens that came of it.

        Raises ``OAuthError`` with ``invalid_grant``. Spec: RFC 6749 section 4.1.2.
        """
        found = self._codes.get(code)
        if found is None:
            raise _invalid_grant("the code is unknown")
        if code in self._used_codes:
            self._ended.add(found.family)
            raise _invalid_grant("the code was used before: the tokens that came of it are revoked")
        if now >= found.expires_at:
            raise _invalid_grant("the code has expired")
        self._used_codes.add(code)
        return found

    # --- devices ----------------------------------------------------------------------------------------------------

    def issue_device(self, scope: str, now: float) -> tuple[str, Device]:
        """A device code and the device that it belongs to."""
        device_code, letters = self._make_text(), "BCDFGHJKLMNPQRSTVWXZ"
        user_code = "".join(secrets.choice(letters) for _ in range(8))
        device = Device(f"{user_code[:4]}-{user_code[4:]}", scope, now + DEVICE_LIFETIME)
        self._devices[device_code] = device
        return device_code, device

    def device(self, user_code: str) -> Device:
        """The device that shows this code. Raises ``OAuthError`` when it is unknown or was decided before."""
        for device in self._devices.values():
            if device.user_code == user_code:
                if device.stage != "waiting":
                    raise OAuthError("invalid_request", "the code was used before")
                return device
        raise OAuthError("invalid_request", "no device shows this code")

    def decide_device(self, user_code: str, *, approved: bool) -> None:
        """Note the person's decision. Raises as ``device``."""
        wanted = self.device(user_code)
        for device_code, device in self._devices.items():
            if device is wanted:
                self._devices[device_code] = replace(device, stage="approved" if approved else "denied")

    def poll(self, device_code: str, now: float) -> Device:
        """The approved device of a device code, which is used up.

        Raises ``OAuthError`` in the words of RFC 8628 section 3.5.
        """
        device = self._devices.get(device_code)
        if device is None or device.stage == "used":
            raise _invalid_grant("the device code is unknown")
        if now >= device.expires_at:
            raise OAuthError("expired_token", "the device code has expired")
        if device.stage == "denied":
            raise OAuthError("access_denied", "the person refused")
        hurried = device.asked_at is not None and now - device.asked_at < DEVICE_INTERVAL
        self._devices[device_code] = replace(
            device, asked_at=now, stage="used" if device.stage == "approved" else device.stage
        )
        if device.stage == "waiting":
            if hurried:
                raise OAuthError("slow_down", "the device asks too often")
            raise OAuthError("authorization_pending", "the person has not decided yet")
        return device

    # --- tokens -----------------------------------------------------------------------------------------------------

    def issue(
        self,
        scope: str,
        now: float,
        *,
        family: int | None = None,
        renewable: bool = False,
        nonce: str | None = None,
        auth_time: int | None = None,
    ) -> Issued:
        """A new access token, with a refresh token if it is ``renewable``.

        ``nonce`` and ``auth_time`` are what the ID token beside it says of the login.
        """
        made = Issued(
            self._make_text(),
            self._make_text() if renewable else None,
            self._new_family() if family is None else family,
            scope,
            now + self.lifetime,
            nonce,
            auth_time,
        )
        return self._keep(made)

    def bind(self, issued: Issued, dpop_jkt: str) -> Issued:
        """A token that was just issued, bound to a key. Spec: RFC 9449 section 6."""
        return self._keep(replace(issued, dpop_jkt=dpop_jkt))

    def write_as(self, issued: Issued, access_token: str) -> Issued:
        """A token that was just issued, under another text."""
        return self._keep(replace(self._access.pop(issued.access_token), access_token=access_token))

    def _keep(self, issued: Issued) -> Issued:
        """The token, found from now on by its texts."""
        self._access[issued.access_token] = issued
        if issued.refresh_token is not None:
            self._refresh[issued.refresh_token] = issued
        return issued

    def rotate_keys(self) -> None:
        """Sign ID tokens with new keys from now on, and publish those alone."""
        self.key_number += 1

    def renew_dpop_nonce(self) -> None:
        """Demand another nonce from now on. Spec: RFC 9449 section 8.2."""
        self.dpop_nonce = self._make_text()

    def renew(self, refresh_token: str, now: float, scope: str | None = None) -> Issued:
        """The next access token of a family, and the next refresh token where they rotate.

        ``scope`` may ask for less. Raises ``OAuthError`` with ``invalid_grant`` or ``invalid_scope``. Spec: RFC 6749
        section 6; RFC 9700 section 4.14.2.
        """
        family = self._used_refresh.get(refresh_token)
        if family is not None:
            self._ended.add(family)
            raise _invalid_grant("the refresh token was used before: all tokens of this login are revoked")
        old = self._refresh.get(refresh_token)
        if old is None:
            raise _invalid_grant("the refresh token is unknown")
        if old.family in self._ended:
            raise _invalid_grant("the login was revoked")
        if scope is not None and not set(scope.split()) <= set(old.scope.split()):
            raise OAuthError("invalid_scope", "a renewal may not ask for more than was granted")
        wanted = old.scope if scope is None else scope
        made = self.issue(wanted, now, family=old.family, renewable=self.rotates, auth_time=old.auth_time)
        if self.rotates:
            del self._refresh[refresh_token]
            self._used_refresh[refresh_token] = old.family
        return made

    def find(self, token: str, now: float) -> Issued | None:
        """The good access token, or what belongs to a good refresh token; ``None`` for any other text."""
        found = self._access.get(token)
        if found is not None and now >= found.expires_at:
            return None
        found = found or self._refresh.get(token)
        return None if found is None or found.family in self._ended else found

    def token(self, access_token: str, now: float) -> Issued:
        """The access token. Raises ``OAuthError`` with ``invalid_token``. Spec: RFC 6750 section 3.1."""
        found = self._access.get(access_token)
        if found is None:
            raise _invalid_token("the access token is unknown")
        if found.family in self._ended:
            raise _invalid_token("the access token was revoked")
        if now >= found.expires_at:
            raise _invalid_token("the access token has expired")
        return found

    def revoke(self, token: str) -> None:
        """Take a token back: an access token alone, or a refresh token with its family. Spec: RFC 7009 section 2.1."""
        found = self._refresh.get(token)
        if found is not None:
            self._ended.add(found.family)
        self._access.pop(token, None)

    def prolong(self, refresh_token: str, now: float) -> None:
        """Let the tokens beside a refresh token live on as they are. Raises ``OAuthError`` with ``invalid_grant``."""
        found = self._refresh.get(refresh_token)
        if found is None or found.family in self._ended:
            raise _invalid_grant("the refresh token is unknown, or the login was revoked")
        self._access[found.access_token] = replace(found, expires_at=now + self.lifetime)

    def issue_app_token(self, now: float) -> Issued:
        """A token of the application itself, which it must show with a user's code."""
        made = self.issue("", now)
        self.app_token = {"access_token": made.access_token}
        return made

    def end(self, issued: Issued) -> None:
        """Take back a token that was exchanged for another."""
        self._access.pop(issued.access_token, None)

    def expire_tokens(self) -> None:
        """Let every access token expire now; refresh tokens stay good."""
        self._access = {text: replace(issued, expires_at=0.0) for text, issued in self._access.items()}

    def revoke_tokens(self) -> None:
        """Take every token back, as the person does on the provider's site."""
        self._ended.update(range(self._families + 1))

    def is_new_assertion(self, assertion_id: str) -> bool:
        """Whether an assertion comes for the first time. Spec: RFC 7523 section 3 (``jti``)."""
        if assertion_id in self._assertions:
            return False
        self._assertions.add(assertion_id)
        return True

    def _new_family(self) -> int:
        self._families += 1
        return self._families


def _invalid_grant(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)


def _invalid_token(description: str) -> OAuthError:
    return OAuthError("invalid_token", description, status=401)
