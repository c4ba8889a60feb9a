"""The pages about all providers are those that their files give; ``OAUTHREG_UPDATE_GOLDEN=1`` writes them anew."""

import importlib.util
import os
import re
from html import unescape
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(name="pages", scope="module")
def fixture_pages():
    """The module that makes the pages."""
    spec = importlib.util.spec_from_file_location("providers_page", DOCS / "make_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if os.environ.get("OAUTHREG_UPDATE_GOLDEN") == "1":
        module.write()
    return module


def test_the_pages_are_what_the_files_say(pages):
    assert (DOCS / "providers.md").read_text("utf-8") == pages.markdown()
    assert (DOCS / "providers.html").read_text("utf-8") == pages.page()


def test_every_provider_has_a_row_in_both(pages):
    names = sorted(path.stem for path in (DOCS.parent / "providers").glob("*.toml"))
    assert len(names) >= 300
    assert re.findall(r"(?m)^\| \[([a-z0-9-]+)\]", pages.markdown()) == names
    html = pages.page()
    assert re.findall(r'<tr><th scope="row"><a href="../providers/([a-z0-9-]+).toml">', html) == names
    assert f"{len(names)} providers" in unescape(html)


def test_the_page_needs_nothing_from_elsewhere(pages):
    assert re.findall(r'(?:src|href)="(?!\.\./providers/)', pages.page()) == []
    assert "{" + "body}" not in pages.page()
