"""The nearest name, and no far one."""

import itertools
import random
import string

import pytest

from oauthreg.claims import CASTS, FILTERS, STANDARD_CLAIMS
from oauthreg.definition import model
from oauthreg.definition.suggestions import hint, suggestion
from oauthreg.definition.validation import keys_of
from oauthreg.signing import SIGNATURE_METHODS

TABLES = [
    keys_of(table)
    for table in vars(model).values()
    if isinstance(table, type) and issubclass(table, model.Table) and table is not model.Table
]
VOCABULARIES = [*TABLES, list(SIGNATURE_METHODS), list(CASTS), list(FILTERS), list(STANDARD_CLAIMS)]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("authorise", "authorize"),
        ("tokn", "token"),
        ("tokne", "token"),
        ("tokenn", "token"),
        ("TOKEN", "token"),
        ("userifno", "userinfo"),
        ("api-base", "api_base"),
        ("banana", None),
        ("", None),
    ],
)
def test_the_nearest_name(word, meant):
    assert suggestion(word, keys_of(model.Endpoints)) == meant


def test_a_short_word_may_be_one_edit_away_and_no_more():
    assert suggestion("iff", ["if", "else"]) == "if"
    assert suggestion("of", ["if", "as"]) == "if"
    assert suggestion("xy", ["if", "as"]) is None


def test_how_many_edits_may_be_set():
    assert suggestion("emial", ["email"], edits=1) == "email"
    assert suggestion("mial", ["email"], edits=1) is None


def test_without_a_near_name_a_hint_lists_a_few():
    assert hint("banana", ["a", "b"]) == "known: `a`, `b`"
    assert hint("banana", []) == ""
    assert hint("banana", [str(number) for number in range(13)]) == ""
    assert hint("tokn", ["token"]) == "did you mean `token`?"


def typos(word: str, choose: random.Random) -> set[str]:
    """One edit of each kind at a random place: a letter lost, doubled, wrong, swapped with its neighbour."""
    at = choose.randrange(len(word))
    letter = choose.choice(string.ascii_lowercase)
    other = word[at + 1 : at + 2]
    made = {word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + letter + word[at + 1 :]}
    return (made | {word[:at] + other + word[at] + word[at + 2 :]}) - {word, ""}


def test_typos_of_one_edit_are_understood():
    choose = random.Random(7)
    cases = [
        (typo, word, names)
        for names, _ in itertools.product(VOCABULARIES, range(2))
        for word in names
        for typo in sorted(typos(word, choose))
        if typo not in names
    ]
    wrong = [(typo, word, suggestion(typo, names)) for typo, word, names in cases if suggestion(typo, names) != word]
    assert len(cases) >= 500
    assert len(wrong) <= 0.05 * len(cases), wrong
