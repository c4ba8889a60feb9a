"""The words that floors use to talk: requests and responses as plain data, flows as generators.

A flow yields a :class:`Request` or a :class:`Sleep`, is sent the :class:`Response` (``None`` after a sleep) and
returns its value or raises. It does no input or output and reads no clock; ``http.driver`` pumps it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias, TypeVar

from oauthreg.records import dataclass, field

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values in order, repeats allowed, not encoded."""


class Authenticated:
    """What an authenticator changes in one request: headers to set, the new URL text, the new body.

    ``url`` is complete and percent-encoded; ``None`` leaves URL or body as they are.
    """

    # Written out: a frozen dataclass takes six times as long to make, and a proof makes one for every request.
    __slots__ = ("body", "headers", "url")

    def __init__(self, headers: Pairs = (), url: str | None = None, body: bytes | None = None) -> None:
        self.headers = headers
        self.url = url
        self.body = body


Made = TypeVar("Made")
Making: TypeAlias = Callable[[str, str, bytes | None, str | None], Made]
"""Makes something of a request's method, URL, body and media type. The URL is complete, as the server will put it
together; the body is ``None`` if it is not covered."""


Coverage: TypeAlias = Literal["nothing", "forms", "bodies"]
"""What a credential is made of beside method and URL: no body, those that are forms, or every one."""


class Authenticator(Protocol):
    """Puts a credential on one request, knowing exactly the bytes that go on the wire."""

    @property
    def header(self) -> tuple[str, Making[str]] | None:
        """The name of the one header that is all this adds, and what makes its value; ``None`` if it may do more."""

    @property
    def covers(self) -> Coverage:
        """The bodies whose bytes the credential is made of."""

    @property
    def is_slow(self) -> bool:
        """Whether one call computes for long enough (above a millisecond) to be moved off the event loop."""

    def authenticate(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        """Make the credential for this one request; the arguments are those of a ``Making``."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a flow wants sent: a complete URL, headers, at most one body, and who authenticates it.

    With ``shared`` the answer may be one that another request got.
    """

    method: str
    url: str = field(repr=False)
    headers: Pairs = field(default=(), repr=False)
    form: Pairs | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)
    authenticator: Authenticator | None = field(default=None, repr=False)
    shared: Shared | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, headers and the whole body.

    Names are in lower case; of a repeated header the last value counts, but every challenge of ``www-authenticate``.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    body: bytes = field(default=b"", repr=False)
    url: str = field(default="", repr=False)


AnswerSource: TypeAlias = Literal["any", "kept", "new", "prompted"]
"""Where a shared answer comes from: one at hand or a fetched one, only one at hand, or a fresh one.

A fresh one is ``prompted`` where anybody may bring what asks for it: who floods us with that uses up nothing of what
logins may ask for.
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a request asks for that anybody may ask and everybody is told.

    ``read`` reads an answer and raises for one that is no good. Answers at one URL that belong to different ``owner`` s
    (issuers) are kept apart. ``source``: an answer at hand or a fetched one (``any``), only one at hand (``kept``, else
    ``LookupError``), or a fresh one, which is not given at will (``new``, ``prompted``).
    """

    read: Callable[[Response], object]
    owner: str = ""
    source: AnswerSource = "any"


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause that a flow asks for, in seconds."""

    seconds: float


Result = TypeVar("Result")
Flow: TypeAlias = Generator[Request | Sleep, Response | None, Result]
"""A protocol step without input and output."""
