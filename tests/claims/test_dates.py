import pytest

from oauthreg.claims.dates import DIRECTIVES, parse_date_pattern
from oauthreg.claims.problems import TemplateSyntaxError


@pytest.mark.parametrize(
    ("pattern", "text", "day", "seconds"),
    [
        ("%d.%m.%Y", "10.12.1990", "1990-12-10", 660787200),
        ("%d.%m.%Y", " 1.2.1990 ", "1990-02-01", 633830400),
        ("%m/%d/%y", "12/10/90", "1990-12-10", 660787200),
        ("%m/%d/%y", "12/10/68", "2068-12-10", 3122323200),
        ("%m/%d/%y", "12/10/69", "1969-12-10", -1900800),
        ("%a %b %d %H:%M:%S %z %Y", "Wed Aug 27 13:08:45 +0000 2008", "2008-08-27", 1219842525),
        ("%A, %d %B %Y", "monday, 10 December 1990", "1990-12-10", 660787200),
        ("%d %B %Y", "3  MAY 1990", "1990-05-03", 641692800),
        ("%Y%m%d%H%M%S", "19901210013000", "1990-12-10", 660792600),
        ("%Y-%m-%dT%H:%M%z", "1990-12-10T01:30Z", "1990-12-10", 660792600),
        ("%Y-%m-%dT%H:%M%z", "1990-12-10T01:30+01:30", "1990-12-10", 660787200),
        ("%Y-%m-%dT%H:%M%z", "1990-12-10T01:30-0130", "1990-12-10", 660798000),
        ("%d%%%m%%%Y", "10%12%1990", "1990-12-10", 660787200),
        ("(%d) %m+%Y", "(10) 12+1990", "1990-12-10", 660787200),
    ],
)
def test_dates_that_fit(pattern, text, day, seconds):
    compiled = parse_date_pattern(pattern)
    assert compiled.as_date(text) == day
    assert compiled.as_timestamp(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1990-12-10",
        "31.02.1990",
        "32.01.1990",
        "10.13.1990",
        "10.12.0000",
        "x10.12.1990",
        "\uff110.12.1990",
        None,
        [],
        7,
    ],
)
def test_dates_that_do_not_fit_are_absent(value):
    compiled = parse_date_pattern("%d.%m.%Y")
    assert compiled.as_date(value) is None
    assert compiled.as_timestamp(value) is None


@pytest.mark.parametrize("text", ["10 \u017feptember 1990", "10 Dezember 1990", "10 Decembre 1990"])
def test_names_are_english_and_ascii(text):
    assert parse_date_pattern("%d %B %Y").as_date(text) is None


def test_an_impossible_zone_is_absent():
    assert parse_date_pattern("%Y-%m-%d%z").as_date("1990-12-10+99:00") is None


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("%d.%m", "without year, month or day", "%d.%m.%Y"),
        ("", "without year, month or day", "%d.%m.%Y"),
        ("%d.%m.%Y.%Q", "unknown date directive: '%Q'", "known"),
        ("%D.%m.%Y", "unknown date directive: '%D'", "did you mean `%d`?"),
        ("%d.%m.%Y%", "unknown date directive: '%'", ""),
        ("%d.%d.%m.%Y", "stands twice: '%d'", "keep one"),
    ],
)
def test_a_faulty_pattern_is_refused(pattern, message, hint):
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_date_pattern(pattern)
    assert message in caught.value.problems[0].message
    assert hint in caught.value.problems[0].hint


def test_every_directive_can_be_used():
    for directive in DIRECTIVES.keys() - {"%Y", "%m", "%d", "%y", "%b", "%B"}:
        parse_date_pattern(f"%Y %m %d {directive}")
