"""The texts of a definition, checked one by one: names, URLs, templates, patterns, paths.

Each ``check_`` function gives its argument back or raises ``Refused``.
"""

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from oauthreg.claims import TemplateSyntaxError, parse_path
from oauthreg.claims.placeholders import Placeholder, split_placeholders
from oauthreg.definition.names import is_provider_name
from oauthreg.definition.suggestions import hint
from oauthreg.errors import OAuthRegError, quoted
from oauthreg.origins import is_loopback, parse_origin

if TYPE_CHECKING:
    from pydantic import TypeAdapter

TOKEN_FIELDS = (
    "oauth_token",
    "oauth_token_secret",
    "oauth_callback_confirmed",
    "oauth_session_handle",
    "oauth_expires_in",
    "oauth_authorization_expires_in",
)
"""What a token answer may hold under names of its own. Spec: RFC 5849 section 2; OAuth Session 1.0."""

LOGIN_DOCUMENTS = ("callback", "token")
"""The documents of a login that may tell the value of a variable."""

SIGNED_VALUES = (
    "params",
    "body",
    "path",
    "timestamp",
    "client_id",
    "client_secret",
    "access_token",
    "session_secret",
)
"""What of a request a signature may cover."""

_LONGEST_NAME = 64
_SLASHES_BEFORE_PATH = 3
_LONGEST_TEXT = 2048
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_HEADER = re.compile(r"[^\x20-\x7e]")
_NO_URL = re.compile(r"[^!#-;=?-\[\]_a-z~]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::[0-9]{1,5})?")
_USUAL_URL = re.compile(
    r"https://(?:[A-Za-z0-9_-]++|\{[a-z][a-z0-9_]*\})++(?:\.(?:[A-Za-z0-9_-]++|\{[a-z][a-z0-9_]*\})++)*+"
    r"(?:[/?](?:[!$&-;=?-\[\]_a-z~]++|%[0-9A-Fa-f]{2}|\{[a-z][a-z0-9_:.]*\})*+)?"
)
"""What nearly every URL is, and what needs no second look: host without a port, no fragment, plain placeholders."""
_UNSUPPORTED = {
    "look-around": "look-ahead and look-behind (`(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`) do not exist here",
    "backreferences": "back-references do not exist here",
}
"""Start of the reason that the engine gives -> what to say."""
_TIME_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Z][A-Za-z0-9_+-]*)*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_EMPTY_PLACEHOLDER = re.compile(r"(?<!\{)\{\s*\}(?!\})")
_ONLY_PLACEHOLDER = re.compile(r"\{[a-z][a-z0-9_]*(?::[^{}\s][^{}]*)?\}")
_OWN_HEADERS = frozenset({"authorization", "content-length", "host", "transfer-encoding"})
_URL_EXAMPLE = 'as in "https://api.example.com/oauth/token"'


class Refused(ValueError):  # noqa: N818 - a finding that pydantic carries to whoever reports it
    """A value that cannot be used: ``part`` is the piece at fault, ``mask`` keeps the value out of the shown line.

    ``mended`` is what the rest can be checked of, empty where nothing is left.
    """

    def __init__(self, message: str, hint: str = "", *, part: str = "", mask: bool = False, mended: str = "") -> None:
        super().__init__(message)
        self.mended = mended
        self.message = message
        self.hint = hint
        self.part = part
        self.mask = mask


def check_schema(version: int) -> int:
    """The version of the schema; a later one only comes when files must change."""
    if version != 1:
        raise Refused(f"unknown schema: {version}", "this version reads `schema = 1`")
    return version


def check_title(text: str) -> str:
    """One line of prose."""
    if not text.strip():
        raise Refused("the text is empty")
    return _bounded(text)


def check_name(text: str) -> str:
    """The name of a variable, credential, environment or document."""
    if not _NAME.fullmatch(text) or len(text) > _LONGEST_NAME:
        raise Refused(f"not a name: {quoted(text)}", "lower-case letters, digits and `_`, beginning with a letter")
    return text


def check_variable_source(text: str) -> str:
    """The name of a variable, or a path into a document of the login."""
    if ":" not in text:
        return check_name(text)
    try:
        parse_path(text, documents=LOGIN_DOCUMENTS)
    except TemplateSyntaxError as error:
        raise relayed(error) from None
    document, _, path = text.partition(":")
    if document == "callback" and re.search(r"[.\[\]{}]", path):
        raise Refused(f"not a parameter of the callback: {quoted(path)}", 'as in "callback:accounts-server"', part=path)
    return text


def check_provider_name(text: str) -> str:
    """The name of a definition, which is its file's stem."""
    if not is_provider_name(text) or len(text) > _LONGEST_NAME:
        raise Refused(f"not a provider's name: {quoted(text)}", "lower-case letters, digits and `-`")
    return text


def check_link(text: str) -> str:
    """A URL for people."""
    if not text.startswith(("https://", "http://")) or _NO_URL.search(text):
        raise Refused(f"not a link: {quoted(text)}", 'as in "https://docs.example.com/"')
    return text


def check_url(text: str) -> str:
    """An absolute https URL (http on this machine), which may hold placeholders; it is kept as it stands."""
    if len(text) <= _LONGEST_TEXT and _USUAL_URL.fullmatch(text):
        return text
    outline = _outline(text)
    _check_characters(text, outline)
    url = _URL.fullmatch(outline)
    if url is None:
        raise Refused(f"not an absolute URL: {quoted(text)}", _URL_EXAMPLE)
    if "@" in url["authority"]:
        raise Refused("a URL with user information", "credentials never stand in a definition", mask=True)
    if "#" in url["rest"]:
        raise Refused(f"a URL with a fragment: {quoted(text)}", "leave out `#` and what follows", part="#")
    _check_origin(text, outline, url)
    return text


def check_base_url(text: str) -> str:
    """A URL under which relative ones are resolved."""
    check_url(text)
    if "?" in text or not text.endswith("/"):
        raise Refused(
            f"a base URL that does not end with `/`: {quoted(text)}",
            "relative URLs are resolved against it, and would replace its last part",
        )
    return text


def check_host(text: str) -> str:
    """A host, perhaps with a port."""
    if not _AUTHORITY.fullmatch(text):
        raise Refused(f"not a host: {quoted(text)}", 'as in "api.example.com"')
    return text


def check_time_zone(text: str) -> str:
    """The name of a time zone, as far as this machine knows them."""
    from zoneinfo import ZoneInfo, available_timezones

    is_name = _TIME_ZONE.fullmatch(text) is not None
    if is_name:
        with suppress(OSError, LookupError, ValueError):
            return ZoneInfo(text).key
    known = sorted(available_timezones())  # it looks through a folder
    if is_name and not known:
        return text
    raise Refused(f"not a time zone: {quoted(text)}", hint(text, known) or 'as in "America/New_York"')


def check_origin(text: str) -> str:
    """Scheme, host and port, without a path."""
    check_url(text)
    if text.count("/") != text[:8].count("/") or "?" in text:
        raise Refused(f"not an origin: {quoted(text)}", 'scheme, host and port alone, as in "https://api.example.com"')
    return text


def check_route(text: str) -> str:
    """A path within a page: what follows ``#`` in its URL."""
    if not text.startswith("/") or "?" in text or _NO_URL.search(text):
        raise Refused(f"not a path: {quoted(text)}", 'as in "/oauth/authorize", without `#` and `?`')
    return text


def check_template(text: str) -> str:
    """The value of a parameter; it may hold placeholders."""
    pieces(text)
    return _bounded(text)


def check_header(text: str) -> str:
    """The value of a header; it may hold placeholders."""
    check_template(text)
    return check_header_text(text)


def check_header_text(text: str) -> str:
    """A piece of a header's value, as it stands."""
    found = _NO_HEADER.search(text)
    if found:
        raise Refused(f"a character that no header may hold: {found[0]!r}", "printable ASCII only", part=found[0])
    return _bounded(text)


def check_header_name(text: str) -> str:
    """The name of a header that a definition may set."""
    if not _TOKEN.fullmatch(text):
        raise Refused(f"not a header's name: {quoted(text)}")
    if text.lower() in _OWN_HEADERS:
        raise Refused(f"a header that the client makes itself: {quoted(text)}")
    return text


def check_leg_header_name(text: str) -> str:
    """The name of a header that a leg may set: also the one of client authentication, which it then replaces."""
    return text if text.lower() == "authorization" else check_header_name(text)


def check_parameter_name(text: str) -> str:
    """The name of a parameter."""
    if not text:
        raise Refused("a parameter without a name")
    return _bounded(text)


def check_signature_method(text: str) -> str:
    """A signature method of the table."""
    from oauthreg.signing import SIGNATURE_METHODS

    if text not in SIGNATURE_METHODS:
        raise Refused(f"unknown signature method: {quoted(text)}", hint(text, SIGNATURE_METHODS))
    return text


def check_key_path(text: str) -> str:
    """The dotted path of a key or table."""
    if not all(text.split(".")):
        raise Refused(f"not the path of a key: {quoted(text)}", 'as in "claims.email"')
    return _bounded(text)


def check_response_type(text: str) -> str:
    """A response type that brings no token by the browser. Spec: RFC 9700 section 2.1.2."""
    from oauthreg.oauth2.authorize import is_in_front_channel

    if is_in_front_channel(text):
        raise Refused(
            f"tokens in the front channel are not supported: {quoted(text)}",
            "the response type `code` is the default (RFC 9700 section 2.1.2); without logins, `grants` says so",
        )
    return _bounded(text)


def check_grant(text: str) -> str:
    """A grant of the table."""
    from oauthreg.oauth2 import GRANTS

    if text not in GRANTS:
        raise Refused(f"unknown grant: {quoted(text)}", hint(text, GRANTS))
    return text


def check_client_auth(text: str) -> str:
    """A method of client authentication of the table."""
    from oauthreg.oauth2 import CLIENT_AUTH_METHODS

    if text not in CLIENT_AUTH_METHODS:
        raise Refused(f"unknown method of client authentication: {quoted(text)}", hint(text, CLIENT_AUTH_METHODS))
    return text


def check_signing_algorithm(text: str) -> str:
    """An algorithm that signs JWTs."""
    from oauthreg.jose import SIGNING_ALGORITHMS

    if text not in SIGNING_ALGORITHMS:
        raise Refused(f"unknown signing algorithm: {quoted(text)}", hint(text, SIGNING_ALGORITHMS))
    return text


def check_encryption_algorithm(text: str) -> str:
    """An algorithm by which JWTs are encrypted to a public key."""
    from oauthreg.jose import ENCRYPTION_ALGORITHMS

    if text not in ENCRYPTION_ALGORITHMS:
        raise Refused(f"unknown encryption algorithm: {quoted(text)}", hint(text, ENCRYPTION_ALGORITHMS))
    return text


def check_signed_text(text: str) -> str:
    """The text that a signature covers: placeholders of ``SIGNED_VALUES``, and ``{param:NAME}``."""
    placed = [piece.expression for piece in pieces(text) if isinstance(piece, Placeholder)]
    if not placed:
        raise Refused(f"a signature that covers nothing: {quoted(text)}", 'as in "{params}{client_secret}"')
    for name in placed:
        if name not in SIGNED_VALUES and not (name.startswith("param:") and name != "param:"):
            raise Refused(
                f"no signature covers this: {quoted(name)}",
                hint(name, (*SIGNED_VALUES, "param:NAME")),
                part=f"{{{name}}}",
            )
    return _bounded(text)


def check_token_field(text: str) -> str:
    """The name of a field of a token answer: a standard one, or one that is kept with the token."""
    if not text or (text.startswith("oauth") and text not in TOKEN_FIELDS):
        raise Refused(f"unknown field of a token answer: {quoted(text)}", hint(text, TOKEN_FIELDS))
    return _bounded(text)


def check_path(text: str) -> str:
    """A path into one answer."""
    try:
        parse_path(text)
    except TemplateSyntaxError as error:
        raise relayed(error) from None
    return text


def check_pattern(text: str) -> str:
    """A regular expression without look-around and back-references, so that matching takes linear time."""
    if len(text) > _LONGEST_TEXT:
        raise Refused(f"a pattern of {len(text)} characters", f"{_LONGEST_TEXT} are allowed")
    try:
        _matcher(text)
    except Exception as error:  # noqa: BLE001 - the class of this error stands in no public module of pydantic
        _, says_why, reason = str(error).rstrip().rpartition("\nerror: ")
        if not says_why:
            raise Refused(
                f"a pattern that is too large: {quoted(text)}", "repeat less: within each other, repetitions multiply"
            ) from None
        advice = next((words for start, words in _UNSUPPORTED.items() if reason.startswith(start)), reason)
        raise Refused(f"not a regular expression: {quoted(text)}", advice) from None
    return text


def check_plain(value: object) -> object:
    """A value to compare with: text, a whole number or a boolean."""
    if not isinstance(value, str | int):
        raise Refused(f"neither text, number nor boolean: {quoted(value)}")
    return value


def check_member(value: object) -> object:
    """A claim or a header parameter of a JWT: plain, and a text may hold placeholders."""
    return check_template(value) if isinstance(value, str) else check_plain(value)


def check_denial(text: str) -> str:
    """A parameter of the callback that means refusal: its name, ``name=value``, or ``not name``."""
    name, _, _ = text.removeprefix("not ").partition("=")
    if not name.strip() or name != name.strip() or (text.startswith("not ") and "=" in text):
        raise Refused(
            f"not a parameter: {quoted(text)}", 'as in "denied", "oauth_verifier=denied" or "not oauth_verifier"'
        )
    return _bounded(text)


def matches(pattern: str, value: str) -> bool:
    """Whether the pattern matches the whole value."""
    from pydantic import ValidationError

    try:
        _matcher(pattern).validate_python(value)
    except ValidationError:
        return False
    return True


def pieces(text: str) -> tuple[str | Placeholder, ...]:
    """Literals and placeholders of a template."""
    if "{" not in text and "}" not in text:
        return (text,) if text else ()
    try:
        return split_placeholders(text)
    except TemplateSyntaxError as error:
        empty = _EMPTY_PLACEHOLDER.search(text)
        if empty is None:
            raise relayed(error) from None
        problem, mended = error.problems[0], _EMPTY_PLACEHOLDER.sub("x", text) if empty.start() else ""
        raise Refused(problem.message, problem.hint, part=empty[0], mended=mended) from None


def only_placeholder(text: str) -> Placeholder | None:
    """The placeholder that is the whole of a text; text that merely has braces, such as a GraphQL query, has none."""
    if not _ONLY_PLACEHOLDER.fullmatch(text):
        return None
    (piece,) = pieces(text)
    return piece if isinstance(piece, Placeholder) else None


def relayed(error: TemplateSyntaxError) -> Refused:
    """The first finding of a template's parser."""
    problem = error.problems[0]
    return Refused(problem.message, problem.hint)


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> "TypeAdapter[str]":
    """Pydantic's own engine for patterns works in linear time, which Python's does not."""
    from pydantic import StringConstraints, TypeAdapter

    return TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{pattern})$")])


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST_TEXT and text.isprintable():
        return text
    found = _CONTROL.search(text)
    if found:
        raise Refused(f"a control character: {found[0]!r}")
    if len(text) > _LONGEST_TEXT:
        raise Refused(f"a text of {len(text)} characters", f"{_LONGEST_TEXT} are allowed")
    return text


def _outline(text: str) -> str:
    """The URL with stand-ins for its placeholders; one at the start is a whole URL."""
    first, *rest = pieces(text) or ("",)
    others = "".join(part if isinstance(part, str) else "x" for part in rest)
    if isinstance(first, str):
        return first + others
    if others and others[0] not in "/?#":
        raise Refused(
            f"no `/` or `?` after the variable at the beginning: {quoted(text)}", part=f"{{{first.expression}}}"
        )
    return f"https://x{others}"


def _check_characters(text: str, outline: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise Refused(f"a URL of {len(text)} characters", f"{_LONGEST_TEXT} are allowed")
    found = _NO_URL.search(outline)
    if found:
        encoded = "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8", "surrogatepass"))
        in_host = outline.count("/", 0, found.start()) < _SLASHES_BEFORE_PATH
        advice = "a host is written in ASCII, as in `xn--bcher-kva.example`" if in_host else f"write `{encoded}`"
        raise Refused(f"a character that no URL may hold: {found[0]!r}", advice, part=found[0])
    escape = _BAD_ESCAPE.search(outline)
    if escape:
        raise Refused(f"`%` without two hexadecimal digits: {escape[0]!r}", "a `%` itself is `%25`", part=escape[0])


def _check_origin(text: str, outline: str, url: re.Match[str]) -> None:
    authority = _AUTHORITY.fullmatch(url["authority"])
    if ":" in url["authority"]:  # a port, or an address that may be none
        try:
            parse_origin(outline)
        except OAuthRegError:
            authority = None if url["scheme"] in {"https", "http"} else authority
    if authority is None:
        raise Refused(f"a URL without a valid host: {quoted(text)}", _URL_EXAMPLE)
    if url["scheme"] != "https" and not (url["scheme"] == "http" and is_loopback(authority["host"].strip("[]"))):
        raise Refused(f"not an https URL: {quoted(text)}", "`http` is for this machine only", part=url["scheme"])
