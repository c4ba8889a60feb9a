"""A provider is data: neither its name nor its host stands in Python or Rust code, comments included."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Providers carry these names, and code needs them as words; their hosts are looked for all the same.
EVERYDAY_WORDS = """
42 app automatic box buffer cal cas cat checkout clever close coding copy digits e endpoint exact exist flat front
here interactive line linear lti mention monday objects one open openid openid-connect patch read ring segment slice
square start stream tempo threads x
"""

# Tables of a definition that say where it came from, or show an answer; the hosts in there need not be the provider's.
PROSE = frozenset({"docs", "example", "meta"})

URL_HOST = re.compile(r"https?://(?:[^/@\s]*@)?([^/:?#\s]*)")
PLACEHOLDER = re.compile(r"\{[^}]*\}")
HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}")
RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|localhost|invalid|test)")  # RFC 2606


def test_no_provider_is_named_in_code(root):
    files = [path for pattern in ("*.py", "*.pyi", "*.rs") for path in code_files(root, pattern)]
    code = {path.relative_to(root): path.read_text("utf-8") for path in files}
    assert code
    names = [name for definition in (root / "providers").glob("*.toml") for name in provider_names(definition)]
    assert names
    everything = "\n".join(code.values()).lower()
    found = [name for name in names if name.word in everything]
    assert [find for path, text in code.items() for find in find_names(path, text, found)] == []


def code_files(root: Path, pattern: str) -> Iterator[Path]:
    for folder in ("python", "rust"):
        yield from (root / folder).rglob(pattern)


@dataclass(frozen=True)
class Name:
    """A name to look for; where ``word`` (in lower case) does not stand, the name does not."""

    word: str
    pattern: re.Pattern[str]

    def search(self, text: str) -> bool:
        return self.pattern.search(text) is not None


def provider_names(definition: Path) -> Iterator[Name]:
    """What to look for: the file's stem, its first word (the brand), and the hosts that the definition talks to."""
    words = definition.stem.split("-")
    for name in {tuple(words), (words[0],)}:
        if "-".join(name) not in EVERYDAY_WORDS.split():
            yield Name(words[0], spelled_any_way(name))
    for host in provider_hosts(tomllib.loads(definition.read_text("utf-8"))):
        yield Name(host, re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-])", re.IGNORECASE))


def spelled_any_way(words: tuple[str, ...]) -> re.Pattern[str]:
    """Matches `jira-server` in `jira_server`, `JiraServerFlow` and `JIRA SERVER`, and not within a longer word."""
    return re.compile(rf"(?<![A-Za-z])(?i:{'[-_ ]?'.join(map(re.escape, words))})(?![a-z])")


def provider_hosts(definition: dict[str, Any]) -> set[str]:
    """Hosts in URLs and in the defaults of variables, and the domains that they belong to."""
    spoken = {key: value for key, value in definition.items() if key not in PROSE}
    hosts = [host for text in texts(spoken) for host in URL_HOST.findall(text)]
    hosts += texts(definition.get("variables"))
    named = {PLACEHOLDER.sub("", host).strip(".-").lower() for host in hosts}
    found = {host for host in named if HOST.fullmatch(host) and not RESERVED.fullmatch(host)}
    return found | {".".join(host.split(".")[-2:]) for host in found}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def find_names(path: Path, code: str, names: list[Name]) -> list[str]:
    lines = enumerate(code.splitlines(), start=1)
    return [f"{path}:{number}: {line.strip()}" for number, line in lines if any(name.search(line) for name in names)]


DEFINITION = """
title = "Acme"
docs = "https://docs.oauth.net/acme"
[variables.host]
default = "login.acme.io"
[variables.region]
default = "eu"
[endpoints]
token = "https://{host}/token"
userinfo = "https://{region}.api.acme-data.net/me"
api_base = "https://API.acme-cdn.com:8443/v1/"
redirect = "http://localhost:8080/callback?to=https://sub.example.org/"
[claims]
website = "user.website"
[[example]]
userinfo = { picture = "https://img.elsewhere.net/a.png" }
"""


@pytest.fixture
def acme(tmp_path):
    path = tmp_path / "acme-cloud.toml"
    path.write_text(DEFINITION)
    return list(provider_names(path))


@pytest.mark.parametrize(
    "line",
    [
        'if name == "acme-cloud":',
        "class AcmeCloudFlow:",
        "ACME_CLOUD = 1",
        "# Acme wants this",
        "fn sign_acme() {",
        'URL = "https://login.acme.io/token"',
        "// api.acme-cdn.com answers 200",
        "HOST = 'ACME-CDN.COM'",
        "x = '//eu.api.acme-data.net'",
    ],
)
def test_a_named_provider_is_found(acme, line):
    assert find_names(Path("x.py"), f"import os\n{line}\n", acme) == [f"x.py:2: {line}"]


@pytest.mark.parametrize(
    "line",
    ["pacmen = 1", "acmeist", "cloud = 1", "oauth.net", "example.org", "localhost", "elsewhere.net", "user.website"],
)
def test_a_word_that_only_looks_alike_is_not_found(acme, line):
    assert find_names(Path("x.py"), line, acme) == []


def test_an_everyday_name_is_looked_for_by_its_host(tmp_path):
    path = tmp_path / "line.toml"
    path.write_text('[endpoints]\ntoken = "https://api.line.me/token"\n')
    code = "line = 1\ntoken = 'https://api.line.me/token'\n"
    assert find_names(Path("x.py"), code, list(provider_names(path))) == ["x.py:2: token = 'https://api.line.me/token'"]
