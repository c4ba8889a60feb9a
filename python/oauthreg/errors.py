"""Every exception of the package.

::

    OAuthRegError                        never raised itself: .code (stable slug), .hint (what to do next)
    ├─ DefinitionError                   a provider file: .problems, each with file, line, column, key, message, hint
    │   ├─ DefinitionSyntaxError           not TOML
    │   ├─ DefinitionInvalidError          does not fit the schema (all problems at once)
    │   └─ UnknownProviderError            no such name (also LookupError); offers close names
    ├─ UsageError                        the caller's mistake, raised before any traffic (also ValueError)
    │   ├─ MissingCredentialError          says which credential and where it was looked for
    │   ├─ UnsupportedMethodError          a name that is in no table; lists those that are
    │   ├─ InvalidKeyError                 a key that cannot be used (the message never quotes it)
    │   └─ UnsignableRequestError          a request whose wire form cannot be signed faithfully
    ├─ OAuthError                        the server said no: .error .description .uri .status .headers .text
    │   ├─ AccessDeniedError               the person refused
    │   ├─ ClientAuthenticationError       it does not know this client, or not this secret
    │   ├─ TemporarilyUnavailableError     try later: .retry_after; the token is kept
    │   └─ ReauthorizationRequired         the grant is gone, only a new login helps (also TokenError)
    ├─ ResponseError                     an answer that cannot be used: .status .headers .text
    │   ├─ MalformedResponseError          not what the protocol promises
    │   └─ CallbackError                   the authorization response
    │       ├─ MismatchingStateError         it belongs to another login
    │       └─ MissingRequestTokenError      it names no request token
    ├─ TokenError                        the token at hand cannot be used
    │   ├─ MissingTokenError               there is none
    │   ├─ TokenExpiredError               it has expired and nothing can renew it
    │   └─ TokenStoreError                 it was renewed and could not be saved
    └─ VerificationError                 a received request is not what it claims: .base_string
        └─ InvalidSignatureError           its signature does not match

A class exists only where a caller would act differently; the rest is told apart by ``.code``.
Errors of the transport (time-outs, TLS, DNS) are aiohttp's own and pass unwrapped.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Problem(Protocol):
        """One finding in a provider file."""

        @property
        def file(self) -> str:
            """The file's path, or ``<string>``."""

        @property
        def line(self) -> int:
            """From 1."""

        @property
        def column(self) -> int:
            """From 1, in characters."""

        @property
        def key(self) -> str:
            """The dotted path of the key."""

        @property
        def message(self) -> str:
            """What is wrong."""

        @property
        def hint(self) -> str:
            """What to do; may be empty."""


_SHOWN = 80
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class OAuthRegError(Exception):
    """The root of all errors: a message, a stable ``code`` and a ``hint``."""

    code: str = "oauthreg-error"
    hint: str = ""

    def __init__(self, message: str = "", *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if hint is not None:
            self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Another process may get it, and a read-only mapping cannot be pickled.
        state = {key: dict(value) if type(value) is MappingProxyType else value for key, value in vars(self).items()}
        return type(self), self.args, state

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class DefinitionError(OAuthRegError):
    """A provider file cannot be used; ``problems`` holds every finding."""

    code = "definition-error"

    def __init__(
        self,
        message: str = "",
        *,
        problems: Sequence[Problem] = (),
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.problems = tuple(problems)


class DefinitionSyntaxError(DefinitionError):
    """The file is not TOML 1.1 in UTF-8."""

    code = "definition-syntax"


class DefinitionInvalidError(DefinitionError):
    """The file is TOML but does not fit the schema."""

    code = "definition-invalid"


class UnknownProviderError(DefinitionError, LookupError):
    """No provider of that name is known."""

    code = "unknown-provider"


class UsageError(OAuthRegError, ValueError):
    """A call that cannot work, refused before any traffic."""

    code = "usage-error"


class MissingCredentialError(UsageError):
    """A credential is needed and was found nowhere."""

    code = "missing-credential"


class UnsupportedMethodError(UsageError):
    """A signature method, grant or placement that is in no table."""

    code = "unsupported-method"


class InvalidKeyError(UsageError):
    """A key that cannot be read or is of the wrong kind."""

    code = "invalid-key"


class UnsignableRequestError(UsageError):
    """A request whose bytes on the wire cannot be known or covered when it is signed."""

    code = "unsignable-request"


class OAuthError(OAuthRegError):
    """The server refused: its error code, description and URI, the status, the headers and the redacted text."""

    code = "oauth-error"

    def __init__(
        self,
        error: str = "",
        description: str = "",
        uri: str = "",
        *,
        status: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        text: str = "",
        parameters: Mapping[str, object] = MappingProxyType({}),
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.error = error
        self.description = description
        self.uri = uri
        self.status = status
        self.headers = headers
        self.text = text
        self.parameters = parameters
        message = f"{error}: {description}" if error and description else error or description
        if status is not None:
            message = f"{message} (status {status})" if message else f"status {status}"
        super().__init__(message, code=code, hint=hint)


class AccessDeniedError(OAuthError):
    """The person refused the authorization."""

    code = "access-denied"


class ClientAuthenticationError(OAuthError):
    """The server does not accept the client's authentication."""

    code = "client-authentication-failed"


class TemporarilyUnavailableError(OAuthError):
    """The server cannot answer now; ``retry_after`` is how many seconds it asks to wait, if it says so."""

    code = "temporarily-unavailable"
    retry_after: float | None = None


class ResponseError(OAuthRegError):
    """An answer that cannot be used: status, headers and the redacted start of its text."""

    code = "response-error"

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        text: str = "",
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.status = status
        self.headers = headers
        self.text = text


class MalformedResponseError(ResponseError):
    """An answer that is not what the protocol promises."""

    code = "malformed-response"


class CallbackError(ResponseError):
    """An authorization response that cannot be used."""

    code = "callback-error"


class MismatchingStateError(CallbackError):
    """An authorization response that belongs to another login."""

    code = "mismatching-state"


class MissingRequestTokenError(CallbackError):
    """An authorization response that names no request token."""

    code = "missing-request-token"


class TokenError(OAuthRegError):
    """The token at hand cannot be used."""

    code = "token-error"


class MissingTokenError(TokenError):
    """There is no token, or it lacks a part."""

    code = "missing-token"


class TokenExpiredError(TokenError):
    """The token has expired and nothing at hand can renew it."""

    code = "token-expired"


class TokenStoreError(TokenError):
    """A renewed token that could not be saved; it stays in memory, and the next request saves it first."""

    code = "token-not-saved"


class ReauthorizationRequired(OAuthError, TokenError):  # noqa: N818 - the name says what the caller must do
    """The grant is gone; only a new login helps."""

    code = "reauthorization-required"


class VerificationError(OAuthRegError):
    """A received request that is not what it claims to be.

    ``base_string`` is the text over which the signature was computed here (``None`` before it could be made):
    compare it with the sender's to find what differs. It holds tokens and form values, so it stays out of the message.
    """

    code = "verification-failed"

    def __init__(
        self,
        message: str = "",
        *,
        base_string: str | None = None,
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.base_string = base_string


class InvalidSignatureError(VerificationError):
    """The signature does not match the request and the keys."""

    code = "invalid-signature"


def quoted(value: object) -> str:
    """The value as a message shows it: its repr, cut when long."""
    shown = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
