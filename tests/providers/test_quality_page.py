"""The pages about all providers say what their files say; that they are up to date is proven by ``test_docs.py``."""

import importlib
import re
from html import unescape
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(name="pages", scope="module")
def fixture_pages():
    """The module that makes the pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module("provider_pages")


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
