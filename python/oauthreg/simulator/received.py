"""What a provider receives and what it makes of it, as plain values; where in the provider a URL leads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

from oauthreg.answers import parse_form
from oauthreg.errors import VerificationError
from oauthreg.messages import Response
from oauthreg.oauth1.placement import FORM
from oauthreg.signing.verify import SignedRequest, parse_authorization

_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire: the complete URL as text, header names in lower case, the body's bytes."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the first."""
        return parse_form(urlsplit(self.url).query)

    @property
    def form(self) -> dict[str, str]:
        """The form's fields; none if the body is something else."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return parse_form(self.body.decode("utf-8", "replace")) if media_type == FORM else {}

    @property
    def claimed(self) -> dict[str, str]:
        """All parameters that the request brings, wherever they stand, proven or not."""
        try:
            _, header = parse_authorization(self.headers.get("authorization", "")) or (None, [])
        except VerificationError:
            header = []
        pairs = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in header}
        return {**self.query, **self.form, **pairs}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the one registered application was given.

    ``private_key`` is PEM text, there for RSA methods alone; ``others`` are further credentials of the definition.
    """

    client_id: str
    client_secret: str = field(repr=False)
    private_key: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one request: the answer, how it was signed, and why it was refused.

    ``base_string`` is what the provider signed; it holds tokens and form values.
    """

    answer: Response
    signed: SignedRequest | None = None
    problem: str = ""
    advice: str = ""
    base_string: str | None = field(default=None, repr=False)


def closest(url: str, candidates: Mapping[_Name, str]) -> _Name | None:
    """The candidate at the same place whose query is part of the URL's, the longest such; ``None`` if there is none."""
    place, query = _split(url)
    fitting = {
        name: len(wanted)
        for name, (there, wanted) in ((name, _split(candidate)) for name, candidate in candidates.items())
        if there == place and wanted <= query
    }
    return max(fitting, key=lambda name: fitting[name], default=None)


def _split(url: str) -> tuple[tuple[str, str], set[tuple[str, str]]]:
    parts = urlsplit(url)
    return (parts.netloc.lower(), parts.path or "/"), set(parse_form(parts.query).items())
