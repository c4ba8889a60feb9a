"""What a provider receives and what it makes of it, as plain values; where in the provider a URL leads."""

import json
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from oauthreg.answers import parse_answer, parse_form
from oauthreg.errors import OAuthError, ResponseError, VerificationError
from oauthreg.legs import is_sent_in_query, render_pairs
from oauthreg.messages import Response
from oauthreg.oauth1.placement import FORM
from oauthreg.provider import Documents, Leg, Placement, TokenPlacement
from oauthreg.records import dataclass, field
from oauthreg.signing._pure import parse_parameters
from oauthreg.signing.verify import SignedRequest, parse_authorization

MULTIPART = "multipart/form-data"
LEEWAY = 60
"""Seconds by which a client's clock may differ from the provider's."""

_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire: the complete URL as text, header names in lower case, the body's bytes."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The query's parameters as they stand there, repeated ones as well."""
        return _decoded(urlsplit(self.url).query)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the first."""
        return _firsts(self.query_pairs)

    @property
    def media_type(self) -> str:
        """What the body is said to be, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def form_pairs(self) -> list[tuple[str, str]]:
        """The form's fields as they stand there, repeated ones as well; none if the body is something else."""
        return _decoded(self.body) if self.media_type == FORM else []

    @property
    def form(self) -> dict[str, str]:
        """The form's fields; of a repeated one the first, none if the body is something else."""
        return _firsts(self.form_pairs)

    @property
    def json(self) -> Any:
        """The body's JSON; ``None`` if it is something else, or too deep, or holds half a character."""
        if self.media_type != "application/json":
            return None
        try:
            document = parse_answer(Response(200, {}, self.body), "json")
            json.dumps(document, ensure_ascii=False).encode()  # an answer repeats it, and is UTF-8
        except (ResponseError, ValueError):
            return None
        return document

    def sent(self, leg: Leg) -> list[tuple[str, str]]:
        """The parameters of a protocol request, from where its leg wants them: path, query, form, multipart or JSON."""
        name = leg.path_parameter
        in_path = [] if name is None else [(leg.rename.get(name) or name, unquote(last_segment(self.url)))]
        return [*in_path, *self._sent_beside_path(leg)]

    def _sent_beside_path(self, leg: Leg) -> list[tuple[str, str]]:
        if is_sent_in_query(leg):
            return self.query_pairs
        if leg.body == "multipart":
            return _parts(self.body, self.headers.get("content-type", "")) if self.media_type == MULTIPART else []
        if leg.body != "json":
            return self.form_pairs
        fields = self.json if isinstance(self.json, dict) else {}
        listed = ((name, value if isinstance(value, list) else [value]) for name, value in fields.items())
        return [(name, str(value)) for name, values in listed for value in values]

    def token(self, placement: TokenPlacement) -> str:
        """The token that a call carries in the place for it, a header unless said otherwise; empty if there is none.

        The case of an authentication scheme does not matter. Spec: RFC 6750 section 2; RFC 9110 section 11.1.
        """
        if placement.kind in ("query", "body"):
            return (self.query if placement.kind == "query" else self.form).get(placement.name, "")
        value, prefix = self.headers.get(placement.name.lower(), ""), placement.prefix
        scheme, blank, rest = prefix.partition(" ")
        is_of_scheme = value.lower().startswith(f"{scheme}{blank}".lower())
        if blank and is_of_scheme and placement.name.lower() == "authorization":
            value, prefix = value[len(scheme) :].lstrip(" "), rest
        return value.removeprefix(prefix) if value.startswith(prefix) else ""

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

    ``private_key`` is PEM text, there where something is signed with it, ``decryption_key`` a JWK as text,
    there where ID tokens are encrypted; ``others`` are further credentials of the definition.
    """

    client_id: str
    client_secret: str = field(repr=False)
    private_key: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    decryption_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one request: the answer, how it was proven, and why it was refused.

    ``signed`` is a signature (OAuth 1.0), ``client_auth`` the method by which a client proved itself and
    ``token_placement`` where a call carried its token (OAuth 2.0). ``base_string`` is what the provider signed; it
    holds tokens and form values.
    """

    answer: Response
    signed: SignedRequest | None = None
    problem: str = ""
    advice: str = ""
    base_string: str | None = field(default=None, repr=False)
    client_auth: str = ""
    token_placement: Placement | None = None


def check_order(leg: Leg, endpoint: str, received: Received) -> None:
    """Raises ``OAuthError`` unless what is added to the endpoint is sorted, where the definition says that it is."""
    own = parse_form(urlsplit(endpoint).query)
    added = [name for name in received.query if name not in own]
    if leg.sort_params and added != sorted(added):
        raise OAuthError("invalid_request", "the parameters must be sorted", status=400)


def missing_of(leg: Leg, received: Received, documents: Documents) -> str | None:
    """The first fixed parameter or header of a leg that a request lacks, or has with another value."""
    headers = [(name.lower(), value) for name, value in render_pairs(leg.headers, documents)]
    for given, pairs in (
        (received.query, render_pairs(leg.query, documents)),
        (dict(received.sent(leg)), render_pairs(leg.params, documents)),
        (received.headers, headers),
    ):
        for name, value in pairs:
            if given.get(name) != value:
                return name
    return None


def unrenamed(leg: Leg, sent: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters by the standard's names; of a repeated one the first."""
    standard = {wire: name for name, wire in leg.rename.items() if wire}
    return _firsts([(standard.get(name, name), value) for name, value in sent])


def last_segment(url: str) -> str:
    """The last segment of a URL's path, as it stands there."""
    return urlsplit(url).path.rpartition("/")[2]


def _parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The fields of a multipart body."""
    whole = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + body
    message = BytesParser(policy=HTTP).parsebytes(whole)
    parts = message.iter_parts() if message.is_multipart() else ()
    found = ((part.get_param("name", "", "content-disposition"), part.get_payload(decode=True)) for part in parts)
    return [(unquote(str(name)), value.decode("utf-8", "replace")) for name, value in found if isinstance(value, bytes)]


def _firsts(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _decoded(encoded: str | bytes) -> list[tuple[str, str]]:
    return [
        (name.decode("utf-8", "replace"), value.decode("utf-8", "replace")) for name, value in parse_parameters(encoded)
    ]


def closest(url: str, candidates: Mapping[_Name, str]) -> _Name | None:
    """The candidate at the same place whose query is part of the URL's, the longest such; ``None`` if there is none."""
    place, query = _split(url)
    fitting = {
        name: len(wanted)
        for name, (there, wanted) in ((name, _split(candidate)) for name, candidate in candidates.items())
        if there == place and wanted <= query
    }
    return max(fitting, key=lambda name: fitting[name], default=None)


def in_same_place(url: str, path: str) -> str:
    """The URL of a path at the same origin; empty if there is no URL."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")) if url else ""


def _split(url: str) -> tuple[tuple[str, str], set[tuple[str, str]]]:
    parts = urlsplit(url)
    return (parts.netloc.lower(), parts.path or "/"), set(parse_form(parts.query).items())
