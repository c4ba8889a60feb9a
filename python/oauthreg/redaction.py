"""Text of an answer made fit for messages and logs: secrets masked, controls escaped, length bounded."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from types import MappingProxyType

MASK = "***"
_LONGEST = 2000
_NAMES_OF_SECRETS = (
    r"oauth_token_secret|oauth_secret|oauth_token|oauth_verifier|oauth_signature|oauth_session_handle|access_token|"
    r"refresh_token|id_token|client_secret|client_assertion|assertion|password|passwd|code_verifier|code|"
    r"subject_token|actor_token|x_auth_password|device_code|user_code|consumer_secret|secret|token|"
    r"session_key|api_key|private_key|registration_access_token"
)
_SECRETS = frozenset(_NAMES_OF_SECRETS.replace("_", "").split("|"))
_IN_ANY_SPELLING = _NAMES_OF_SECRETS.replace("_", "[_-]?")
"""As ``access_token``, ``access-token``, ``accessToken``: providers write the same name in many ways."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, and what turns the direction of writing around (Unicode TR 36)."""
_OF_LINES = re.compile(r"(\t|\r?\n)")
_SHORTEST_ECHO = 6
"""What is shorter stands in other words by chance."""
_BEGINNING = 128
"""How many characters of a secret are looked for; of what is longer no other begins so."""
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_PRIVATE_HEADERS = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization", "location"})


def is_secret(name: str) -> bool:
    """Whether a parameter of this name, however it is spelt, holds a secret."""
    return name.casefold().replace("_", "").replace("-", "") in _SECRETS


def redact(text: str) -> str:
    """The start of ``text`` (2,000 characters) with the values of secret parameters replaced by ``***``.

    Control characters, but for tabs and the ends of lines, are written as escapes: a terminal would obey them.
    """
    text = text[: _LONGEST * 2]
    for pattern, masked in _masks():
        text = pattern.sub(masked, text)
    text = "".join(part if _OF_LINES.fullmatch(part) else escape(part) for part in _OF_LINES.split(text))
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def redact_line(text: str) -> str:
    """As ``redact``, in one line: who reads a log must not see a line that a server or a stranger wrote."""
    return escape(redact(text))


def escape(text: str) -> str:
    """The text with its control characters written as JSON writes them, so that a terminal shows them."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)


@cache
def _masks() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What to look for and what to put there; compiling it takes longer than importing most modules."""
    names = _IN_ANY_SPELLING
    return (
        (re.compile(rf"(\b(?:{names})=\")([^\"]*)", re.IGNORECASE), rf"\g<1>{MASK}"),
        (
            re.compile(rf"(\"(?:{names})\"\s*:\s*)(\"(?:[^\"\\]|\\.)*\"?|[^\s,}}\]]+)", re.IGNORECASE),
            rf'\g<1>"{MASK}"',
        ),
        (re.compile(rf"(\\\"(?:{names})\\+\"\s*:\s*\\+\")([^\"\\]*)", re.IGNORECASE), rf"\g<1>{MASK}"),
        (re.compile(rf"((?:^|[?&;\s\"',(])(?:amp;)?(?:{names})=)([^&;\s\"'<>,)]+)", re.IGNORECASE), rf"\g<1>{MASK}"),
        # In a base string, or any other text that was encoded as a whole, as often as it was.
        (
            re.compile(
                rf"((?:\b|(?<=26)|(?<=3F))(?:{names})%((?:25)*)3D)(?:(?!%(?:\2)26)[^&;\s\"'<>,)])+",
                re.IGNORECASE,
            ),
            rf"\g<1>{MASK}",
        ),
        (re.compile(rf"(<(?:\w+:)?(?:{names})(?:\s[^>]*)?>(?:<!\[CDATA\[)?)([^<]*)", re.IGNORECASE), rf"\g<1>{MASK}"),
        (re.compile(r"\b(Bearer|OAuth|Basic|DPoP)(\s+)([A-Za-z0-9\-._~+/=]{8,})"), rf"\g<1>\g<2>{MASK}"),
        # In prose a word follows as well, which no credential is as short as.
        (re.compile(r"\b(bearer|oauth|basic|dpop)(\s+)([a-z0-9\-._~+/=]{20,})", re.IGNORECASE), rf"\g<1>\g<2>{MASK}"),
        (_jwt(), MASK),
    )


@cache
def _jwt() -> re.Pattern[str]:
    return re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*")


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with the given secrets, of at least six characters, replaced by ``***``, however they are encoded."""
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST_ECHO}, key=len, reverse=True):
        text = _masked(text, secret)
    return text


def _masked(text: str, secret: str) -> str:
    """``text`` without a secret, of which the beginning alone is enough, as far as it goes on."""
    forms = _forms(secret)
    begin = re.compile("".join(islice(forms, _BEGINNING)))
    rest = [*forms]
    kept, at = list[str](), 0
    while found := begin.search(text, at):
        kept += text[at : found.start()], MASK
        at = found.end()
        # A pattern of the whole takes seconds to compile for what a callback may bring as its code.
        for form in rest:
            more = _matcher(form)(text, at)
            if more is None:
                break
            at = more.end()
    return "".join((*kept, text[at:]))


@lru_cache(maxsize=512)
def _matcher(form: str) -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(form).match


def _forms(secret: str) -> Iterator[str]:
    """A pattern for each character of a secret."""
    backslashes = 0
    for character in secret:
        yield _in_any_form(character, min(backslashes, _BEGINNING))
        backslashes = backslashes + 1 if character == "\\" else 0
    if backslashes:
        yield rf"\\{{0,{7 * min(backslashes, _BEGINNING)}}}"


@lru_cache(maxsize=512)
def _in_any_form(character: str, backslashes: int) -> str:
    """A pattern for one character as it is, or in a URL, form or base string (encoded once or more), JSON or markup.

    ``backslashes`` is how many stand before it in the secret: escaped, they have become more, and no two patterns may
    take the same one, since trying all their splits takes for ever.
    """
    plain = character.isascii() and character.isalnum()
    # JSON in JSON, as gateways make it, has three backslashes where JSON has one.
    extra = rf"\\{{0,{7 * (backslashes + (not plain))}}}" if character != "\\" and (backslashes or not plain) else ""
    if plain:
        return extra + character
    percent = "".join(f"%(?:25)*{octet:02X}" for octet in character.encode("utf-8", "surrogatepass"))
    entity = f"&(?:amp;)*(?:#0*{ord(character)}|#x0*{ord(character):x}|{_ENTITIES.get(character, '#')});"
    if character == "\\":
        return rf"(?:(?i:{percent}|{entity})|\\)"
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = r"\\{1,7}".join(f"u{units[at : at + 4]}" for at in range(0, len(units), 4))
    space = r"|\+|%(?:25)*2[Bb]" if character == " " else ""
    # What begins with the character itself comes before it.
    return rf"{extra}(?:(?i:{percent}|{escaped}|{entity}){space}|{re.escape(character)})"


def redact_url(url: str) -> str:
    """The URL without user information, query and fragment, which hold credentials often enough."""
    return re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", url, maxsplit=1)[0])[:200]


def redact_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of an answer without cookies and redirect targets, which may hold credentials, and without JWTs."""
    shown = {name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS}
    return MappingProxyType({name: _jwt().sub(MASK, value) for name, value in shown.items()})
