"""Which values a variable takes, and values made from others."""

import pytest

from oauthreg.definition.model import Variable
from oauthreg.definition.variables import derived, fault


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("opaque", ["a", "Ada's shop/1", "ü", "{x}"], ["", "a\nb", "\x00", "x" * 256]),
        ("label", ["a", "a-1", "A"], ["a.b", "-a", "a-", "a_b", "a/b", "x" * 64, "a@b", "a\n"]),
        ("host", ["a.example", "a.example:8443", "[::1]:80", "localhost"], ["a..b", "a/b", "a@b", "a:b", "a b", "a?b"]),
        (
            "url",
            ["https://a.example", "https://a.example/x/", "http://a.example:80/x"],
            [
                "a.example",
                "ftp://a.example",
                "https://a.example/?x",
                "https://a.example/#x",
                "https://u@a.example/",
                "https://",
                "https:///x",
                "https://a b/",
                "https://a.example/{x}",
                "javascript:x",
                "https://a..b/",
            ],
        ),
    ],
)
def test_each_kind_has_its_values(kind, good, bad):
    assert [fault(Variable(kind=kind), value) for value in good] == [""] * len(good)
    assert [value for value in bad if not fault(Variable(kind=kind), value)] == []


@pytest.mark.parametrize("kind", ["opaque", "label", "host", "url"])
def test_a_pattern_binds_every_kind(kind):
    value = {"url": "https://a.example/"}.get(kind, "a.example" if kind == "host" else "a")
    variable = Variable(kind=kind, pattern="b.*")
    assert fault(variable, value) == f"not of the pattern 'b.*': {value!r}"


def test_a_password_in_a_url_is_not_repeated():
    assert "hunter2" not in fault(Variable(kind="url"), "https://ada:hunter2@a.example/")


def test_another_spelling_is_made_in_order():
    variable = Variable(**{"from": "account", "lower": True, "replace": {"_": "-", "sb": "x"}})
    assert derived(variable, "1234567_SB1") == "1234567-x1"
    assert derived(Variable(**{"from": "account"}), "A_b") == "A_b"
