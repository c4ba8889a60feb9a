"""Origins, compared as RFC 6454 says: scheme, host and effective port.

Spec: RFC 6454 section 5; RFC 8252 section 7.3 (loopback is an address literal or ``localhost``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias
from urllib.parse import urlsplit

from oauthreg.errors import UsageError

Origin: TypeAlias = tuple[str, str, int]
"""``(scheme, host, port)``: lower case, the effective port, an IPv6 address without brackets."""

_PORTS = {"http": 80, "https": 443}
_LONGEST = 4096


def parse_origin(url: str) -> Origin:
    """The origin of an absolute http or https URL. Raises ``UsageError`` for anything else."""
    scheme, host, port = url.partition(":")[0].lower(), "", None
    # Whether a long text that is not of ASCII can be an origin takes quadratic time to find out.
    text = url if url.isascii() else url[:_LONGEST]
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:
        host = ""
    if scheme not in _PORTS or not host:
        raise UsageError(
            f"no http or https origin: {_shown(url, f'{scheme}://{host}')!r}",
            code="invalid-origin",
            hint="write it whole, as in `https://api.example.com`",
        )
    return scheme, host, _PORTS[scheme] if port is None else port


def _shown(url: str, parsed: str) -> str:
    """What a message may show: neither a password, nor what is no URL at all, such as a token in its place."""
    from oauthreg.redaction import redact_url

    if "@" in url:
        return parsed  # of what cannot be parsed nobody knows where a password ends
    is_host = re.match(r"(?i:localhost|([a-z0-9-]{1,63}\.)+[a-z]{2,24})(?![^:/?#])", url)
    return redact_url(url) if is_host or "://" in url else url and "…"


@lru_cache(maxsize=128)  # parsing an address takes longer than all else that is asked of a hop
def is_loopback(host: str) -> bool:
    """Whether a host name is this machine: ``localhost``, ``*.localhost``, 127.0.0.0/8 or ``::1``."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def render_origin(origin: Origin) -> str:
    """The origin as text, for messages."""
    scheme, host, port = origin
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == _PORTS.get(scheme) else f"{scheme}://{shown}:{port}"


def endpoint_name(url: str | None) -> str:
    """An endpoint by its origin and path: what tells apart the tenants of one server. Empty for ``None``.

    Raises ``UsageError`` for what is no URL of http or https.
    """
    return f"{render_origin(parse_origin(url))}{urlsplit(url).path}" if url else ""
