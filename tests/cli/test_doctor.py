import json
import ssl

import pytest

from oauthreg.cli import doctor, installation
from oauthreg.definition import Loader
from oauthreg.errors import DefinitionError


def findings(done):
    return {finding["what"]: finding for finding in json.loads(done.out)["findings"]}


def test_a_sound_installation_is_0_and_says_what_runs(oauthreg):
    done = oauthreg("doctor")
    assert (done.code, done.err) == (0, "")
    for word in ("signing engine", "aiohttp", "cryptography", "pydantic", "yarl", ssl.OPENSSL_VERSION, "providers"):
        assert word in done.out


def test_findings_are_records_for_programs(oauthreg):
    done = oauthreg("doctor", "--json")
    assert json.loads(done.out)["ok"] is True
    assert findings(done)["definitions"]["is"].endswith("checked")


def test_a_broken_definition_is_1(oauthreg, broken):
    done = oauthreg("doctor")
    assert done.code == 1
    assert done.err == "definition broken: 2 problems; see `oauthreg check`\n"


def test_a_definition_that_cannot_be_read_is_1(oauthreg, folder):
    (folder / "providers" / "large.toml").write_text("#" * 300_000)
    done = oauthreg("doctor")
    assert (done.code, done.err.startswith("definition large: ")) == (1, True)


def test_a_definition_that_cannot_even_be_opened_is_1(oauthreg, monkeypatch):
    def unreadable(loader, name):
        raise DefinitionError(f"cannot read {name}")

    monkeypatch.setattr(Loader, "check", unreadable)
    done = oauthreg("doctor")
    assert (done.code, "definition acme: cannot read acme" in done.err) == (1, True)


def test_a_missing_package_is_1_and_says_how_to_get_it(oauthreg, monkeypatch):
    monkeypatch.setattr(doctor, "installed_version", lambda _: None)
    done = oauthreg("doctor")
    assert done.code == 1
    assert "aiohttp: pip install aiohttp\n" in done.err
    assert "rich" not in done.err
    assert "oauthreg" not in done.err


def test_an_engine_that_cannot_run_is_1_and_the_rest_is_said(oauthreg, monkeypatch):
    def broken():
        raise ImportError("the native engine is stale")

    monkeypatch.setattr(installation, "describe_engine", broken)
    done = oauthreg("doctor", "--json")
    assert done.code == 1
    assert findings(done)["signing engine"]["wrong"].startswith("the native engine is stale; install a Rust toolchain")
    assert findings(done)["aiohttp"]["wrong"] == ""


@pytest.mark.parametrize("count", [0, 2])
def test_places_are_named_with_their_files(oauthreg, folder, monkeypatch, count):
    if count == 0:
        monkeypatch.setenv("OAUTHREG_PATH", str(folder / "nowhere"))
    done = oauthreg("doctor")
    assert ("nowhere (not there)" if count == 0 else "providers (files: 2)") in done.out
