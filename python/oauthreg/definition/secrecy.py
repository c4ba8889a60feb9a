"""Which values of a definition may be credentials: these never stand in one, and are not shown when they do.

``redaction`` has the names of parameters, among them `token` and `code`, which are tables and keys here.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from oauthreg.definition.suggestions import suggestion

_WORDS = ("secret", "password", "passwd", "passphrase", "privatekey", "dpopkey", "decryptionkey", "apikey")
"""Whatever name has one of these, in any spelling, names a secret."""
_HEADER = re.compile(r"authorization(?!code|endpoint|host|page|server|ur[il])")
"""The name of a header, not of what one logs in with or at."""
_NAMES = (*_WORDS, "credentials", "clientsecret", "consumersecret", "sharedsecret")
"""A name that is near one of these is one that was misspelt."""
_NAME_OF_A_FIELD = "oauthtokensecret"
"""``[token.fields]`` says what the field is called, and examples hold made-up ones."""
_NAMED = re.compile(r"""(?:(?<![\w.-])[\w.-]++|"[^"]*+"|'[^']*+')\s*+[=:]\s*+""")
_TEMPLATE = re.compile(r"""(["'])(?i:(?:basic|bearer|dpop|oauth|token)[ ])?+(?:\{[a-z][a-z0-9_:.]*+\}|[^\w{}"'])*+\1""")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a key, however it is spelt, is one under which people write a credential."""
    plain = "".join(filter(str.isalnum, name.casefold()))
    if plain == _NAME_OF_A_FIELD:
        return False
    if _HEADER.search(plain) or suggestion(plain, ("authorization",), edits=2):
        return True
    return any(word in plain for word in _WORDS) or suggestion(plain, _NAMES) is not None


def is_secret_path(path: Iterable[str | int]) -> bool:
    """Whether a key of the path names a secret."""
    return any(isinstance(key, str) and is_secret_name(key) for key in path)


def is_template(quoted: str) -> bool:
    """Whether a text, in its quotes, holds but placeholders, which only name what they stand for, and a scheme."""
    return _TEMPLATE.fullmatch(quoted) is not None


def open_length(text: str) -> int:
    """How many characters stand before what follows a secret's name and `=`: in a URL, or where a text is no TOML."""
    for named in _NAMED.finditer(text):
        name = named[0].rstrip(" \t=:")
        if any(map(is_secret_name, name.split("."))) and not _TEMPLATE.match(text, named.end()):
            return named.end()
    return len(text)
