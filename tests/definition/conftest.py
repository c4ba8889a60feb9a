"""A small valid definition, and a way to change it."""

import copy

import pytest

from oauthreg.definition import Loader
from oauthreg.definition.validation import validate

ACME = {
    "schema": 1,
    "title": "Acme",
    "protocol": "oauth1",
    "endpoints": {
        "request_token": "https://api.acme.example/request_token",
        "authorize": "https://www.acme.example/authorize",
        "token": "https://api.acme.example/access_token",
        "userinfo": "https://api.acme.example/me",
        "api_base": "https://api.acme.example/",
    },
}


@pytest.fixture(name="acme")
def fixture_acme():
    """The tables of a definition that has no problem."""
    return copy.deepcopy(ACME)


@pytest.fixture(name="define")
def fixture_define(acme):
    """Makes a definition of the small one with other top-level keys."""

    def define(**tables):
        return validate({**acme, **tables}).named("acme")

    return define


@pytest.fixture(name="loader")
def fixture_loader(tmp_path, monkeypatch):
    """A loader whose only folder beside the bundled one is ``tmp_path``, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Loader([tmp_path], environ={})
