"""Text of an answer made fit for messages and logs: secrets masked, length bounded."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

MASK = "***"
_LONGEST = 2000
_NAMES_OF_SECRETS = (
    r"oauth_token_secret|oauth_secret|oauth_token|oauth_verifier|oauth_signature|oauth_session_handle|access_token|"
    r"refresh_token|id_token|client_secret|client_assertion|assertion|password|passwd|code_verifier|code|"
    r"subject_token|actor_token|x_auth_password|device_code|user_code|consumer_secret|secret|token|"
    r"session_key|api_key|apikey"
)
_IS_SECRET = re.compile(_NAMES_OF_SECRETS, re.IGNORECASE).fullmatch
_FORM_PAIR = re.compile(rf"((?:^|[?&;\s\"',(])(?:amp;)?(?:{_NAMES_OF_SECRETS})=)([^&;\s\"'<>,)]+)", re.IGNORECASE)
_JSON_PAIR = re.compile(rf"(\"(?:{_NAMES_OF_SECRETS})\"\s*:\s*)(\"(?:[^\"\\]|\\.)*\"?|[^\s,}}\]]+)", re.IGNORECASE)
_QUOTED_PAIR = re.compile(rf"(\b(?:{_NAMES_OF_SECRETS})=\")([^\"]*)", re.IGNORECASE)
_XML_PAIR = re.compile(rf"(<(?:\w+:)?(?:{_NAMES_OF_SECRETS})(?:\s[^>]*)?>)([^<]*)", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*")
_SHORTEST_ECHO = 6
"""What is shorter stands in other words by chance."""
_BEARER = re.compile(r"\b(Bearer|OAuth|Basic|DPoP)(\s+)([A-Za-z0-9\-._~+/=]{8,})")
_PRIVATE_HEADERS = frozenset({"set-cookie", "cookie", "authorization", "proxy-authorization", "location"})


def is_secret(name: str) -> bool:
    """Whether a parameter of this name holds a secret."""
    return _IS_SECRET(name) is not None


def redact(text: str) -> str:
    """The start of ``text`` (2,000 characters) with the values of secret parameters replaced by ``***``."""
    text = _QUOTED_PAIR.sub(rf"\g<1>{MASK}", text[: _LONGEST * 2])
    text = _JSON_PAIR.sub(rf'\g<1>"{MASK}"', text)
    text = _FORM_PAIR.sub(rf"\g<1>{MASK}", text)
    text = _XML_PAIR.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1>\g<2>{MASK}", text)
    text = _JWT.sub(MASK, text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with the given secrets, of at least six characters, replaced by ``***``, however they are encoded."""
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST_ECHO}, key=len, reverse=True):
        text = re.sub("".join(map(_in_any_form, secret)), MASK, text)
    return text


def _in_any_form(character: str) -> str:
    """A pattern for one character as it is, in a URL or form, or in JSON."""
    if character.isascii() and character.isalnum():
        return character
    percent = "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "surrogatepass"))
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    space = r"|\+" if character == " " else ""
    return rf"(?:\\?{re.escape(character)}|(?i:{percent}|{escaped}){space})"


def redact_url(url: str) -> str:
    """The URL without user information, query and fragment, which hold credentials often enough."""
    return re.sub(r"(?<=//)[^/]*@", "", re.split(r"[?#]", url, maxsplit=1)[0])[:200]


def redact_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of an answer without cookies and redirect targets, which may hold credentials."""
    return MappingProxyType({name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS})
