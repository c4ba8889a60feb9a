"""Whether a text names the issuer of a provider, compared character by character.

Spec: RFC 9207 section 2.4; RFC 3986 section 6.2.1 (simple string comparison).
"""

import re
from collections.abc import Mapping
from typing import Any

from oauthreg.provider import OAuth2Settings

_LONGEST = 2048
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def is_issuer(settings: OAuth2Settings, given: str, claims: Mapping[str, Any] | None = None) -> bool:
    """Whether ``given`` is the issuer, one of its aliases, or its template filled in.

    The template is filled from ``claims``; without claims (in a callback) a placeholder stands for any one segment.
    """
    if given in (settings.issuer, *settings.issuer_aliases):
        return True
    template = settings.issuer_template
    if template is None or len(given) > _LONGEST:
        return False
    if claims is None:
        pieces = _PLACEHOLDER.split(template)
        pattern = "".join("[^/?#]+" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
        return re.fullmatch(pattern, given) is not None
    return given == _PLACEHOLDER.sub(lambda match: _text(claims.get(match[1])), template)


def knows_issuer(settings: OAuth2Settings) -> bool:
    """Whether there is anything that an issuer can be compared with."""
    return bool(settings.issuer or settings.issuer_aliases or settings.issuer_template)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
