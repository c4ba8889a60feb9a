import random

import pytest

from oauthreg.claims.placeholders import Placeholder, _split, _split_with_care, escape_braces, split_placeholders
from oauthreg.claims.problems import TemplateSyntaxError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("{a}", [Placeholder("a")]),
        ("x{a}y{b}", ["x", Placeholder("a"), "y", Placeholder("b")]),
        ("{{a}}", ["{a}"]),
        ("{{{a}}}", ["{", Placeholder("a"), "}"]),
        ("{a.{b}_{c}}", [Placeholder("a.{b}_{c}")]),
        ("""{["}"]}-{'{'}""", [Placeholder('["}"]'), "-", Placeholder("'{'")]),
        (r"""{["\"}"]}""", [Placeholder(r'["\"}"]')]),
        ("it's {a}", ["it's ", Placeholder("a")]),
    ],
)
def test_split(text, parts):
    assert list(split_placeholders(text)) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a}", "`}` without `{`: 'a}'"),
        ("{a", "`{` without `}`: '{a'"),
        ("{a{b}", "`{` without `}`: '{a{b}'"),
        ("{}", "empty placeholder: '{}'"),
        ("{ }", "empty placeholder: '{ }'"),
        ("{['a}", "quote is not closed"),
        ("{'a\\'}", "quote is not closed"),
    ],
)
def test_refused(text, message):
    with pytest.raises(TemplateSyntaxError) as caught:
        split_placeholders(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "}}{", "a{b}c"])
def test_escaped_braces_are_read_as_themselves(text):
    assert "".join(part for part in split_placeholders(escape_braces(text)) if isinstance(part, str)) == text


def test_plain_placeholders_are_split_as_with_care():
    def outcome(split, text):
        try:
            return split(text)
        except TemplateSyntaxError as error:
            return str(error)

    chance = random.Random(8259)
    texts = ["".join(chance.choices("{}{}ab\"' :", k=chance.randrange(12))) for _ in range(20_000)]
    found = [outcome(_split, text) for text in texts]
    assert found == [outcome(_split_with_care, text) for text in texts]
    assert len({type(one) for one in found}) == 2
