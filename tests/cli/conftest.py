"""The command line run in this process, in a folder of its own, with definitions of its own."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from oauthreg.cli.app import run

ACME = """\
schema = 1
title = "Acme"
protocol = "oauth1"

[endpoints]
request_token = "https://api.example.com/oauth/request_token"
authorize = "https://www.example.com/oauth/authorize"
token = "https://api.example.com/oauth/access_token"
userinfo = "https://api.example.com/1/me?full=yes"
api_base = "https://api.example.com/1/"

[claims]
sub = "id"
name = "name"

[meta]
sources = ["docs.example.com"]
checked = 2026-11-25

[[example]]
userinfo = { id = "12", name = "Ada" }
claims = { sub = "12", name = "Ada" }
"""

CHILD = """\
schema = 1
title = "Acme, reachable by keys"
protocol = "oauth1"
extends = "acme"

[oauth1]
signature = "RSA-SHA256"
session_handle = true

[credentials.private_key]

[claims]
name = { path = "name", as = "lower" }

[[example]]
userinfo = { id = "12", name = "Ada" }
claims = { sub = "12", name = "ada" }
"""

BROKEN = """\
schema = 1
title = "Broken"
protocol = "oauth1"

[endpoints]
request_token = "https://api.example.com/oauth/request_token"
authorise = "https://www.example.com/oauth/authorize"
token = "http://api.example.com/oauth/access_token"
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory: `providers/` in it is searched."""
    (tmp_path / "providers").mkdir()
    for name, text in {"acme": ACME, "acme-keys": CHILD}.items():
        (tmp_path / "providers" / f"{name}.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OAUTHREG_PATH", "providers")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def oauthreg(folder, capsys):
    """Runs a command line: `oauthreg("demo", "acme")`."""

    def call(*arguments):
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def broken(folder):
    path = folder / "providers" / "broken.toml"
    path.write_text(BROKEN)
    return path


@pytest.fixture
def golden():
    """Compares text with a file of `golden/`; OAUTHREG_UPDATE_GOLDEN=1 writes the file instead."""

    def compare(name, text):
        path = Path(__file__).parent / "golden" / name
        text = re.sub(r"\b\d+(\.\d+)? ms", "N ms", text)
        text = re.sub(r"\bapp-[0-9a-f]{8}\b", "app-X", text)
        text = re.sub(r"signing engine: .*", "signing engine: E", text)
        if os.environ.get("OAUTHREG_UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8")

    return compare
