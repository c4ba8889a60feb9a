"""The words of client authentication: who the client is, and the request that is being put together."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from oauthreg.errors import MissingCredentialError, UsageError
from oauthreg.provider import Provider
from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from oauthreg.jwe import DecryptionKeys
    from oauthreg.messages import Authenticator
    from oauthreg.oauth2.dpop import DPoPProofs


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """A client and what it can prove itself with; ``credentials`` are further ones that a definition names.

    ``private_key`` is PEM, DER, a JWK, a path object or a key object; ``key_id`` its ``kid``. ``now`` gives the time in
    seconds since 1970, ``make_id`` a fresh random identifier for an assertion. ``proofs`` are there where tokens are to
    be bound to a key (DPoP), ``decryption_keys`` where providers encrypt what they say. ``ready`` is what was made
    ready of all this, to be used again. Raises ``UsageError`` for credentials that cannot be sent.
    """

    client_id: str
    now: Callable[[], float] = field(repr=False)
    make_id: Callable[[], str] = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    private_key: Any = field(default=None, repr=False)
    passphrase: str | bytes | None = field(default=None, repr=False)
    key_id: str | None = None
    credentials: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    proofs: DPoPProofs | None = None
    decryption_keys: DecryptionKeys | None = field(default=None, repr=False)
    ready: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, text in (("client_id", self.client_id), ("client_secret", self.client_secret)):
            if text and not (type(text) is str and text.isascii()):
                _check_encodable(name, text)

    @property
    def documents(self) -> Mapping[str, Any]:
        """What templates see as ``client``: the identifier and the further credentials, never the secret."""
        return {"client": {**self.credentials, "client_id": self.client_id}}

    def secret(self, method: str) -> str:
        """The client secret. Raises ``MissingCredentialError`` naming the method that needs it."""
        if self.client_secret is None:
            raise MissingCredentialError(
                f"`{method}` needs a client secret",
                code="missing-client-secret",
                hint="pass `client_secret=`, or choose client authentication `none` for a public client",
            )
        return self.client_secret

    def key(self, method: str) -> Any:
        """The private key. Raises ``MissingCredentialError`` naming the method that needs it."""
        if self.private_key is None:
            raise MissingCredentialError(
                f"`{method}` needs a private key", code="missing-private-key", hint="pass `private_key=`"
            )
        return self.private_key


def _check_encodable(name: str, text: str) -> None:
    from oauthreg.jws import is_encodable  # nearly all are ASCII

    if not isinstance(text, str):
        raise UsageError(
            f"`{name}` is no text: {type(text).__name__}",
            code="invalid-credential",
            hint="put it in quotes where settings are read from a file",
        )
    if not is_encodable(text):
        raise UsageError(
            f"`{name}` holds a lone surrogate, which UTF-8 cannot carry",
            code="invalid-credential",
            hint="it may come from a place where text is not UTF-8, such as the environment",
        )


@dataclass(slots=True)
class Draft:
    """A request under construction: its parameters and headers may still change.

    ``authenticator`` puts a credential on the finished request.
    """

    parameters: list[tuple[str, str]] = field(repr=False)
    headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    query: list[tuple[str, str]] = field(default_factory=list, repr=False)
    authenticator: Authenticator | None = field(default=None, repr=False)

    def put(self, name: str, value: str) -> None:
        """Add a parameter unless one of that name is there."""
        for known, _ in self.parameters:
            if known == name:
                return
        self.parameters.append((name, value))

    def put_basic(self, username: str, password: str) -> None:
        """Add a Basic header. Spec: RFC 7617 section 2."""
        self.headers.append(("Authorization", "Basic " + b64encode(f"{username}:{password}".encode()).decode()))


Method: TypeAlias = Callable[[Draft, ClientIdentity, Provider], None]
"""Authenticates the client on a draft, as the provider wants it."""
