"""Text of an answer made fit for messages and logs: secrets masked, length bounded."""

import re
from collections.abc import Mapping
from types import MappingProxyType

MASK = "***"
_LONGEST = 2000
_SECRET = (
    r"oauth_token_secret|oauth_secret|oauth_token|oauth_verifier|oauth_signature|oauth_session_handle|access_token|"
    r"refresh_token|id_token|client_secret|client_assertion|assertion|password|passwd|code_verifier|code|"
    r"x_auth_password|device_code|user_code|consumer_secret|secret|token|session_key|api_key|apikey"
)
_IS_SECRET = re.compile(_SECRET, re.IGNORECASE).fullmatch
_FORM_PAIR = re.compile(rf"((?:^|[?&;\s\"',(])(?:amp;)?(?:{_SECRET})=)([^&;\s\"'<>,)]+)", re.IGNORECASE)
_JSON_PAIR = re.compile(rf"(\"(?:{_SECRET})\"\s*:\s*)(\"(?:[^\"\\]|\\.)*\"?|[^\s,}}\]]+)", re.IGNORECASE)
_QUOTED_PAIR = re.compile(rf"(\b(?:{_SECRET})=\")([^\"]*)", re.IGNORECASE)
_XML_PAIR = re.compile(rf"(<(?:\w+:)?(?:{_SECRET})(?:\s[^>]*)?>)([^<]*)", re.IGNORECASE)
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
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def redact_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of an answer without cookies and redirect targets, which may hold credentials."""
    return MappingProxyType({name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS})
