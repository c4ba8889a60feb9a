"""Where a counterpart leaves the RFC, with the reason. A quirk is expected, so one that goes away fails its test."""

from collections.abc import Collection
from dataclasses import dataclass

from .counterpart import METHODS, PLACEMENTS, RESERVED, UNICODE, Credentials

PLAINTEXT = ("PLAINTEXT",)
SIGNED = tuple({method: None for methods in METHODS.values() for method in methods if method != "PLAINTEXT"})
ALL = (*SIGNED, *PLAINTEXT)
OUTSIDE_HEADER = ("query", "body")

_DECODES_TWICE = "decodes `oauth_` values twice when they come in a query or form, so every `%` in them is lost"
_REFUSED_QUERY = "reads the URL as Flask decoded it, then refuses characters that a query holds only encoded"
_DECODED_PATH = "reads the URL as Flask decoded it, so the path in its base string is not the one that was sent"
_FORM_MAP = "reads a form as a map, in which a name stands once"
_NO_REALM = "leaves every parameter called `realm` out of the base string, not only that of the header"
_RAW_SECRET = "puts the secrets into the key without encoding them (RFC 5849 section 3.4.2 demands it)"
_LAST_VALUE = "keeps the last value of a repeated name"
_QUERY_FIRST = "keeps the query's value of a name that the form has as well"
_ARRAYS = "makes arrays of names with brackets"
_DOTS = "makes underscores of the dots in names"
_SORTS_NAMES = "sorts names before encoding them"
_POST_ONLY = "reads the forms of POST requests only (RFC 5849 section 3.4.1.3.1 knows no such limit)"


@dataclass(frozen=True, slots=True)
class LoginQuirk:
    """A login that comes no further than ``outcome``."""

    server: str
    credentials: Collection[Credentials]
    outcome: str
    reason: str
    methods: Collection[str] = ALL
    placements: Collection[str] = PLACEMENTS


LOGIN_QUIRKS = (
    LoginQuirk("oauthlib", (RESERVED, UNICODE), "request_token 401", _DECODES_TWICE, PLAINTEXT, OUTSIDE_HEADER),
    LoginQuirk("authlib", (UNICODE,), "request_token 500", _REFUSED_QUERY, placements=("query",)),
    LoginQuirk("authlib", (UNICODE,), "authorize 500", _REFUSED_QUERY, placements=("header", "body")),
    LoginQuirk("php", (RESERVED, UNICODE), "request_token 401", _RAW_SECRET),
)


def expected_login(server: str, credentials: Credentials, method: str, placement: str) -> str:
    """How far a login should come: ``done`` unless a quirk is known."""
    for quirk in LOGIN_QUIRKS:
        if (
            server == quirk.server
            and credentials in quirk.credentials
            and method in quirk.methods
            and placement in quirk.placements
        ):
            return quirk.outcome
    return "done"


@dataclass(frozen=True, slots=True)
class CallQuirk:
    """API calls (by their name in ``test_api_calls.CALLS``) that a server answers with ``status``."""

    server: str
    calls: Collection[str]
    status: int
    reason: str
    methods: Collection[str] = SIGNED
    placements: Collection[str] = PLACEMENTS


_NOT_IN_QUERIES = (
    "quote-and-dollar",
    "brackets",
    "raw-brackets",
    "non-ascii-value",
    "raw-non-ascii-value",
    "non-ascii-name-order",
)
_ESCAPED_PATHS = ("path-escaped-slash", "path-escaped-tilde", "path-non-ascii")
_FORMS_OUTSIDE_POST = ("put-form", "patch-form", "delete-form")

CALL_QUIRKS = (
    CallQuirk("authlib", _NOT_IN_QUERIES, 500, _REFUSED_QUERY, ALL),
    CallQuirk("authlib", _ESCAPED_PATHS, 401, _DECODED_PATH),
    CallQuirk("authlib", ("form-repeated-names",), 401, _FORM_MAP),
    CallQuirk("authlib", ("name-realm",), 401, _NO_REALM),
    CallQuirk("php", ("repeated-names", "form-repeated-names"), 401, _LAST_VALUE),
    CallQuirk("php", ("form-name-in-query",), 401, _QUERY_FIRST),
    CallQuirk("php", ("brackets", "raw-brackets"), 401, _ARRAYS),
    CallQuirk("php", ("punctuation-order",), 401, _DOTS),
    CallQuirk("php", ("non-ascii-name-order",), 401, _SORTS_NAMES),
    CallQuirk("php", _FORMS_OUTSIDE_POST, 401, _POST_ONLY, placements=("header", "query")),
    # Here the protocol parameters themselves stand in the form that nobody reads.
    CallQuirk("php", _FORMS_OUTSIDE_POST, 400, _POST_ONLY, ALL, ("body",)),
)


def expected_status(server: str, call: str, method: str, placement: str) -> int:
    """The status of an API call: 200 unless a quirk is known."""
    for quirk in CALL_QUIRKS:
        if server == quirk.server and call in quirk.calls and method in quirk.methods and placement in quirk.placements:
            return quirk.status
    return 200
