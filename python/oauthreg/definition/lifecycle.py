"""What of a provider has an end, in words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthreg.definition.model import Lifecycle

_NOTICE = timedelta(days=183)
"""How long before an end a warning begins."""


def render_warning(lifecycle: Lifecycle, today: date) -> str:
    """What ends or has ended; empty if that is half a year away or more."""
    instead = f"; use `{lifecycle.replaced_by}`" if lifecycle.replaced_by else ""
    if lifecycle.retired is not None and lifecycle.retired <= today:
        return f"retired since {lifecycle.retired}{instead}"
    if lifecycle.retires is not None and lifecycle.retires - today < _NOTICE:
        return f"{'was to retire' if lifecycle.retires <= today else 'retires'} on {lifecycle.retires}{instead}"
    if lifecycle.closed_to_new_apps is not None and lifecycle.closed_to_new_apps - today < _NOTICE:
        return f"closed to new applications from {lifecycle.closed_to_new_apps} on{instead}"
    return ""
