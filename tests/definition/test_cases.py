"""One file for each kind of mistake, and the text that its writer reads."""

import os
from pathlib import Path

import pytest

from oauthreg.definition import Loader, render_problems

CASES = Path(__file__).parent / "cases"
STEMS = sorted(path.stem for path in CASES.glob("*.toml"))
UPDATE = os.environ.get("OAUTHREG_UPDATE_GOLDEN") == "1"


@pytest.fixture(name="loader")
def fixture_loader(monkeypatch):
    monkeypatch.chdir(CASES)
    return Loader([CASES], environ={})


@pytest.mark.parametrize("stem", STEMS)
def test_the_text_about_a_mistake(loader, stem):
    text = render_problems(loader.check(stem)) + "\n"
    expected = CASES / f"{stem}.expected"
    if UPDATE:
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")


def test_every_text_has_its_case():
    assert sorted(path.stem for path in CASES.glob("*.expected")) == STEMS
    assert len(STEMS) >= 100


@pytest.mark.parametrize("stem", STEMS)
def test_no_text_tells_a_secret_or_speaks_of_the_library(stem):
    text = (CASES / f"{stem}.expected").read_text("utf-8")
    assert "hunter2" not in text
    assert not {"pydantic", "Input should", "Traceback", "NoneType"} & set(text.split())
