"""What is installed here: the signing engine, in words, and versions."""

import os

ADVICE = "install a Rust toolchain, then oauthreg again"


def describe_engine() -> tuple[str, str]:
    """The engine's name and why it is that one. Raises ``ImportError`` or ``OAuthRegError`` when none can run."""
    from oauthreg.signing import ENGINE

    wanted = os.environ.get("OAUTHREG_ENGINE") or "auto"
    if wanted != "auto":
        return ENGINE, f"OAUTHREG_ENGINE={wanted} asks for it"
    if ENGINE == "native":
        return ENGINE, "the compiled extension is there"
    return ENGINE, "no compiled extension is there"


def engine_line() -> str:
    """One line for the person; it says how to get the native engine where it is missing."""
    name, why = describe_engine()
    was_asked_for = os.environ.get("OAUTHREG_ENGINE") == name
    advice = f"; for the native one {ADVICE}" if name == "pure" and not was_asked_for else ""
    return f"signing engine: {name} ({why}{advice})"


def installed_version(package: str) -> str | None:
    """The version of an installed package, or ``None``."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
