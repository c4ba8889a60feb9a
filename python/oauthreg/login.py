"""A login under way: plain data that survives a change of process between the two halves."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from oauthreg.errors import MismatchingStateError, UsageError
from oauthreg.origins import endpoint_name
from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oauthreg.provider import Provider

_VERSION = 1
_MOST_BITS = 53
"""Of a moment: what is longer is none, and no clock can be compared with it."""


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What ``start`` gives and ``finish`` needs: send the user to ``url``, keep the rest until the callback comes.

    ``values`` holds what the protocol must remember (request token and secret; state, nonce, code verifier, issuer):
    keep it on the server's side, bound to the user's browser session. ``created`` is in seconds since 1970.
    """

    provider: str
    protocol: str
    url: str = field(repr=False)
    redirect_uri: str | None = None
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    created: int = 0

    def to_json(self) -> str:
        """The login as JSON text (it holds secrets)."""
        return json.dumps(
            {
                "v": _VERSION,
                "provider": self.provider,
                "protocol": self.protocol,
                "url": self.url,
                "redirect_uri": self.redirect_uri,
                "values": dict(self.values),
                "created": self.created,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> PendingLogin:
        """The login that ``to_json`` wrote. Raises ``UsageError`` for any other text."""
        try:
            data = json.loads(text)
            is_known = data.pop("v") == _VERSION
            values = dict(data.pop("values").items())
            login = cls(values=MappingProxyType(values), **data)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _no_login() from None
        texts = [login.provider, login.protocol, login.url, *values.values()]
        if login.redirect_uri is not None:
            texts.append(login.redirect_uri)
        is_moment = type(login.created) is int and login.created.bit_length() <= _MOST_BITS
        if not (is_known and is_moment and all(isinstance(item, str) for item in texts)):
            raise _no_login()
        return login


def check_pending(pending: object) -> None:
    """Raises ``UsageError`` for what is no ``PendingLogin``, such as the text in which it was kept."""
    if not isinstance(pending, PendingLogin):
        raise UsageError(
            f"what is to be finished is a pending login, and this is none: {type(pending).__name__}",
            code="invalid-pending-login",
            hint="`PendingLogin.from_json` makes one of the text that was kept",
        )


def check_server(pending: PendingLogin, provider: Provider) -> None:
    """Raises ``MismatchingStateError`` for a login that began at another provider or server than this one.

    Servers of one definition need have no issuers by which they could be told: what one gives is nothing for another.
    Where either is not known, nothing is compared, nor where the server's metadata tells of the one: an issuer may move
    its endpoints, and is compared itself. Spec: RFC 9700 section 4.4.
    """
    # What was begun as a login of OAuth 2.0 may end as one of OpenID Connect, by a definition that says more.
    is_same_protocol = (pending.protocol == "oauth1") == (provider.protocol == "oauth1")
    if pending.provider != provider.name or not is_same_protocol:
        raise MismatchingStateError(
            f"the login is of another provider: {pending.provider!r}",
            code="other-provider",
            hint=f"finish it with the client that began it, not with one for {provider.name!r}",
        )
    server = "" if "token" in provider.from_metadata else server_of(provider)
    if server and pending.values.get("server", server) != server:
        raise MismatchingStateError(
            f"the login began at another server of {provider.name!r}",
            code="other-provider",
            hint="finish it with the tenant and environment that it began with",
        )


def server_of(provider: Provider) -> str:
    """Where the tokens of a provider come from, as a pending login remembers it."""
    return endpoint_name(provider.endpoints.get("token"))


def _no_login() -> UsageError:
    return UsageError(
        "the text is no pending login",
        code="invalid-pending-login",
        hint="pass what `PendingLogin.to_json` gave, unchanged",
    )
