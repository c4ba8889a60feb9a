"""Values that no source confirms are told with key, value and place."""

from pathlib import Path

import pytest

from oauthreg.definition.doubts import Doubt, find_doubts

TEXT = '''\
schema = 1 # confirmed
title = "# unconfirmed" # fine
docs = "https://a.example/#x" # unconfirmed
# unconfirmed: this line has no value

[endpoints] # as of 2026; Unconfirmed
token = "https://a.example/" # unconfirmedly

[scopes]
default = [ # a list
  "a",
  "b", # unconfirmed: "b" was seen once
]
required = [
  "c"
] # unconfirmed

[token]
params = { a = "#1", "b#" = "2" } # unconfirmed
headers."x#" = "y" # unconfirmed
error.when = { path = "ok", in = [1, 2] } # really unconfirmed

[[identity.request]]
name = "x"
[[identity.request]]
name = """
# unconfirmed
""" # unconfirmed
'''


def test_every_mark_beside_a_value_is_found():
    found = [(doubt.key, doubt.value, doubt.line) for doubt in find_doubts(TEXT)]
    assert found == [
        ("docs", '"https://a.example/#x"', 3),
        ("endpoints", "", 6),
        ("scopes.default[1]", '"b"', 12),
        ("scopes.required", '[ "c" ]', 16),
        ("token.params", '{ a = "#1", "b#" = "2" }', 19),
        ("token.headers.x#", '"y"', 20),
        ("token.error.when", '{ path = "ok", in = [1, 2] }', 21),
        ("identity.request[1].name", '""" # unconfirmed """', 28),
    ]


def test_the_comment_says_more():
    (doubt,) = find_doubts("a = 1 # unconfirmed: legacy\r\nb = 2\r\n")
    assert doubt == Doubt("a", "1", 1, "unconfirmed: legacy")


@pytest.mark.parametrize("text", ["", "#", "# unconfirmed", "a = # unconfirmed", '"', "[", "[a # unconfirmed", "\n#\n"])
def test_what_is_no_definition_does_no_harm(text):
    assert [doubt.value for doubt in find_doubts(text)] in ([], [""])


def test_the_marks_of_bundled_files_are_all_found():
    for path in (Path(__file__).parents[2] / "providers").glob("*.toml"):
        text = path.read_text("utf-8")
        marked = [line for line in text.splitlines() if "unconfirmed" in line.rpartition("#")[2] and line[0] != "#"]
        assert len({doubt.line for doubt in find_doubts(text)}) == len(marked), path.stem
