"""The user's folders: where definitions of one's own lie, what was found good, and tokens."""

import os
import sys
from pathlib import Path

_NAME = "oauthreg"


def user_config_folder() -> Path:
    """Where a user's own settings lie. Raises ``RuntimeError`` where there is no such place."""
    found = _of_linux("XDG_CONFIG_HOME", ".config")
    if found is not None:
        return found
    from platformdirs import user_config_path

    return user_config_path(_NAME)


def user_cache_folder() -> Path:
    """Where programs keep what they could make anew. Raises ``RuntimeError`` where there is no such place."""
    found = _of_linux("XDG_CACHE_HOME", ".cache")
    if found is not None:
        return found
    from platformdirs import user_cache_path

    return user_cache_path(_NAME)


def user_data_folder() -> Path:
    """Where programs keep what the user cannot make anew. Raises ``RuntimeError`` where there is no such place."""
    found = _of_linux("XDG_DATA_HOME", ".local/share")
    if found is not None:
        return found
    from platformdirs import user_data_path

    return user_data_path(_NAME)


def _of_linux(variable: str, default: str) -> Path | None:
    """The folder by the rule of desktops, which is too short to import a package for; ``None`` where it is another's.

    Spec: XDG Base Directory Specification section 3.
    """
    if sys.platform != "linux" or "ANDROID_ROOT" in os.environ:
        return None
    named = Path(os.environ.get(variable, ""))
    home = Path(os.environ.get("HOME", ""))
    if named.is_absolute():
        return named / _NAME
    return home / default / _NAME if home.is_absolute() else None
