"""What became of definitions when they were validated, kept in the user's cache folder for the next process.

One file for each state of this library's own code, one line for each definition::

    checksum  path  names  stamps  aliases  JSON

``names`` and ``stamps`` are those of the file and of all that it extends: a line counts only while every one of these
files is the same. A line is appended by one write, so that processes do not disturb each other; one that is damaged,
stale or of another schema is as good as none. Nothing here is code, and whoever can write the file could as well write
into the user's folder of definitions.
"""

from __future__ import annotations

import os
import stat
import time
import zlib
from contextlib import suppress
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from oauthreg.definition.folders import user_cache_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

SWITCH = "OAUTHREG_CACHE"
"""The variable that names another folder, or says ``off``."""

_LARGEST = 8 * 1024 * 1024
_AGE = 90 * 86400
"""Seconds after which a file of other code is taken away."""
_YOUNG = 2.0
"""Seconds: a file that was changed just now may change again within the tick of its clock."""
_WARY = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""What is in the file's place is known once it is open, and opening a pipe would wait for its other end."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _WARY


Kept: TypeAlias = tuple[str, str, str, bytes]
"""One line: the names of the definition and of what it extends, their stamps, its aliases, and its data.

All but the data are words with blanks between them. A plain tuple, since all lines may be asked for at once.
"""


class Cache:
    """The lines of one file; without a folder there are none. Nothing that goes wrong with the file is an error."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lines: dict[bytes, bytes] | None = None

    @classmethod
    def chosen(cls, environ: Mapping[str, str]) -> Cache:
        """The cache that ``OAUTHREG_CACHE`` asks for: in the user's cache folder, in another one, or none."""
        asked = environ.get(SWITCH, "")
        if asked == "off":
            return cls(None)
        with suppress(OSError, RuntimeError):
            return cls(Path(asked) if asked else user_cache_folder())
        return cls(None)

    @cached_property
    def path(self) -> Path | None:
        """The file for this state of the code; ``None`` where nothing is kept."""
        code = _code()
        return None if self._folder is None or code is None else self._folder / f"definitions-{code}.cache"

    def find(self, path: str) -> Kept | None:
        """What is kept of the definition in a file, whether that is still the same or not."""
        if self._lines is None:
            self._lines = self._read()
        return _parsed(self._lines.get(os.fsencode(path)))

    def keep(self, path: str, kept: Kept) -> None:
        """Keep a definition for other processes, and for this one."""
        key = os.fsencode(path)
        if self.path is None or b"\t" in key or b"\n" in key:
            return
        names, stamps, aliases, text = kept
        line = b"\t".join((key, names.encode(), stamps.encode(), aliases.encode(), text))
        line = b"%08x\t%s" % (zlib.crc32(line), line)
        if self._lines is None:
            self._lines = self._read()
        self._lines[key] = line
        try:
            _append(self.path, b"\n" + line + b"\n")
        except (OSError, ValueError):
            self.path = None  # a place that cannot be written is not tried again

    def _read(self) -> dict[bytes, bytes]:
        if self.path is not None:
            with suppress(OSError, ValueError):
                return _lines_of(str(self.path), stamp(self.path.stat()))
        return {}


def stamp(found: os.stat_result) -> str:
    """What tells a file from another one, and from itself after a change."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def is_at_rest(found: os.stat_result) -> bool:
    """Whether a file is old enough for its stamp to tell the next change."""
    return time.time() - max(found.st_mtime, found.st_ctime) > _YOUNG


def _parsed(line: bytes | None) -> Kept | None:
    """A line taken apart; ``None`` if it is not whole."""
    if line is None:
        return None
    parts = line.split(b"\t", 5)
    if len(parts) != 6 or parts[0] != b"%08x" % zlib.crc32(line[9:]):
        return None
    _, _, names, stamps, aliases, text = parts
    return names.decode(), stamps.decode(), aliases.decode(), text


@lru_cache(maxsize=2)
def _lines_of(path: str, _: str) -> dict[bytes, bytes]:
    """The lines of a file by the paths that they are about; read once for each state of it."""
    lines = _own_octets(Path(path)).split(b"\n")
    return {about: line for line in lines if (about := line[9 : line.find(b"\t", 9)])}


def _own_octets(path: Path) -> bytes:
    """The octets of a file that nobody but this user may write; none if it is another's or too large."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _WARY)) as stream:
        if not _is_own(os.fstat(stream.fileno())):
            return b""
        octets = stream.read(_LARGEST + 1)
    return octets if len(octets) <= _LARGEST else b""


def _is_own(found: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return stat.S_ISREG(found.st_mode)
    may_others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not may_others_write


def _append(path: Path, octets: bytes) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _take_away_others(path)
    else:
        if found.st_size + len(octets) > _LARGEST:
            path.unlink()
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        if _is_own(os.fstat(descriptor)):
            os.write(descriptor, octets)
    finally:
        os.close(descriptor)


def _take_away_others(path: Path) -> None:
    """Files of code that was replaced long ago; the code that still uses such a file makes it anew."""
    for other in path.parent.glob("definitions-*.cache"):
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > _AGE:
                other.unlink()


@cache
def _code() -> str | None:
    """What tells this state of the library from others: what one found good is not good for all."""
    package = Path(__file__).parent.parent
    stamps = []
    try:
        for folder in (package / "definition", package / "claims", package):
            with os.scandir(folder) as entries:
                stamps += [f"{entry.path}:{stamp(entry.stat())}" for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return None
    return f"{zlib.crc32(' '.join(sorted(stamps)).encode()):08x}" if stamps else None
