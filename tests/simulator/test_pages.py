"""The pages as a person and a browser take them."""

from html.parser import HTMLParser

import pytest

from oauthreg.simulator.pages import render_consent, render_notice, render_verifier


class Page(HTMLParser):
    """The elements of a page, in order, and its text."""

    def __init__(self, answer):
        super().__init__()
        self.elements = []
        self.text = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


PAGES = {
    "consent": render_consent("Acme", "app-1", "read"),
    "verifier": render_verifier("Acme", "v-1"),
    "notice": render_notice("Acme", ["No."], status=400),
}


@pytest.mark.parametrize("answer", PAGES.values(), ids=PAGES)
def test_a_page_has_a_language_a_title_one_heading_and_loads_nothing(answer):
    page = Page(answer)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert not page.all("script")
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_person_decides_with_two_buttons_of_one_form():
    page = Page(PAGES["consent"])
    assert page.all("form") == [{"method": "post"}]
    assert page.all("button") == [
        {"type": "submit", "name": "decision", "value": "approve"},
        {"type": "submit", "name": "decision", "value": "deny"},
    ]
    assert "It asks for: read" in page.text
    assert "It asks for" not in Page(render_consent("Acme", "app-1", None)).text


def test_the_verifier_and_the_status_are_there():
    assert ("code", {"id": "verifier"}) in Page(PAGES["verifier"]).elements
    assert "v-1" in Page(PAGES["verifier"]).text
    assert PAGES["notice"].status == 400


def test_nothing_that_is_shown_becomes_markup():
    evil = "<script>'\"&"
    for answer in (render_consent(evil, evil, evil), render_verifier(evil, evil), render_notice(evil, [evil])):
        page = Page(answer)
        assert not page.all("script")
        assert evil in page.text
