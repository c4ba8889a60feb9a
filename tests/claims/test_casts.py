from datetime import UTC, date, datetime

import pytest

from oauthreg.claims.casts import (
    CASTS,
    STANDARD_CLAIMS,
    as_address,
    as_bool,
    as_claim_text,
    as_date,
    as_int,
    as_list,
    as_lower,
    as_text,
    as_timestamp,
    is_absent,
    standard_cast,
)

NEW_YEAR_2024 = 1704067200
ENDLESS = pytest.param(10**5000, id="endless")


class Odd:
    """Something that no document holds."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("Ada", "Ada"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (18446744073709551615, "18446744073709551615"),
        (2**256 - 1, str(2**256 - 1)),
        (2**256, None),
        pytest.param(10**5000, None, id="endless"),
        (52.5, "52.5"),
        (12.0, "12"),
        (2.0**53, None),
        (float("nan"), None),
        (float("inf"), None),
        (date(1990, 12, 10), "1990-12-10"),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
        (None, None),
        ([], None),
        ({"a": 1}, None),
        (b"a", None),
        (Odd(), None),
    ],
)
def test_text(value, text):
    assert as_text(value) == text


def test_lower():
    assert (as_lower("ADA@X.Example"), as_lower(True), as_lower([])) == ("ada@x.example", "true", None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (" -7 ", -7),
        ("+7", 7),
        ("007", 7),
        ("9007199254740993", 9007199254740993),
        (12.0, 12),
        (12.5, None),
        (1e16, None),
        (float("nan"), None),
        (float("-inf"), None),
        ("1" * 79, None),
        ("9" * 78, None),
        (2**257, None),
        (True, None),
        ("", None),
        ("7.0", None),
        ("0x7", None),
        ("\u0667", None),
        (None, None),
        ([7], None),
    ],
)
def test_int(value, number):
    assert (as_int(value), type(as_int(value))) == (number, type(number))


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        (" TRUE ", True),
        (1, True),
        ("1", True),
        (1.0, True),
        (False, False),
        ("false", False),
        ("FALSE", False),
        (0, False),
        ("0", False),
        (2, None),
        ("yes", None),
        ("registered", None),
        ("", None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_bool_is_true_false_or_neither(value, truth):
    assert as_bool(value) is truth


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (NEW_YEAR_2024, NEW_YEAR_2024),
        (str(NEW_YEAR_2024), NEW_YEAR_2024),
        (NEW_YEAR_2024 + 0.9, NEW_YEAR_2024),
        (NEW_YEAR_2024 * 10**3 + 999, NEW_YEAR_2024),
        (NEW_YEAR_2024 * 10**6, NEW_YEAR_2024),
        (NEW_YEAR_2024 * 10**9, NEW_YEAR_2024),
        (float(NEW_YEAR_2024 * 10**3), NEW_YEAR_2024),
        (0, 0),
        (-86400, -86400),
        ("2024-01-01T00:00:00Z", NEW_YEAR_2024),
        ("2024-01-01T02:00:00+02:00", NEW_YEAR_2024),
        ("2024-01-01T00:00:00.999Z", NEW_YEAR_2024),
        ("2024-01-01 00:00:00", NEW_YEAR_2024),
        ("2024-01-01", NEW_YEAR_2024),
        (datetime(2024, 1, 1, tzinfo=UTC), NEW_YEAR_2024),
        (date(2024, 1, 1), NEW_YEAR_2024),
        ("0001-01-01T00:00:00+23:59", -62135596800 - 86340),
        (99_999_999_999, 99_999_999_999),  # the last number that is taken for seconds
        (100_000_000_000, 100_000_000),
        (1e300, None),
        (10**40, None),
        (float("nan"), None),
        ("soon", None),
        (True, None),
        (None, None),
        ([], None),
        ("2024-13-01", None),
    ],
)
def test_timestamp(value, seconds):
    assert as_timestamp(value) == seconds


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("1990-12-10", "1990-12-10"),
        ("1990-12-10T23:59:59+02:00", "1990-12-10"),
        ("1990-12-10 00:00", "1990-12-10"),
        ("19901210", "1990-12-10"),
        (19901210, "1990-12-10"),
        ("1990", "1990"),
        (1990, "1990"),
        ("0000-02-29", "0000-02-29"),
        (date(1990, 12, 10), "1990-12-10"),
        (datetime(1990, 12, 10, 1, tzinfo=UTC), "1990-12-10"),
        (660787200, "1990-12-10"),
        (660787200000, "1990-12-10"),
        (-86400, "1969-12-31"),
        (660787200.5, "1990-12-10"),
        ("1990-02-29", None),
        ("1990-13-01", None),
        ("0000", None),
        ("10.12.1990", None),
        ("1990-12", None),
        ("1990-1210", None),
        ("", None),
        (True, None),
        (float("inf"), None),
        ([], None),
    ],
)
def test_date(value, day):
    assert as_date(value) == day


def test_list():
    assert (as_list([1]), as_list((1, 2)), as_list("a"), as_list({"a": 1})) == ([1], [1, 2], ["a"], [{"a": 1}])


@pytest.mark.parametrize(
    ("value", "absent"),
    [(None, True), ("", True), ([], True), ((), True), ({}, True), (0, False), (False, False), (" ", False)],
)
def test_absent(value, absent):
    assert is_absent(value) is absent


@pytest.mark.parametrize(
    ("value", "text"),
    [("Ada", "Ada"), (7, "7"), (False, None), (True, None), (7.0, None), ("", None), (" \t", None), ([], None)],
)
def test_claim_text(value, text):
    assert as_claim_text(value) == text


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ({"country": "NL"}, {"country": "NL"}),
        ("1 Main St", {"formatted": "1 Main St"}),
        ({}, None),
        ("", None),
        ([], None),
        (False, None),
    ],
)
def test_address(value, address):
    assert as_address(value) == address


def test_every_standard_claim_has_a_cast_that_gives_its_type():
    samples = {str: "a", bool: "true", dict: "a", int: "1"}
    for name, kind in STANDARD_CLAIMS.items():
        cast = standard_cast(name)
        assert cast is not None
        assert type(cast(samples[kind])) is kind
    assert standard_cast("groups") is None


@pytest.mark.parametrize("name", sorted(CASTS))
@pytest.mark.parametrize("value", [None, "", "\ud800", "\0", [[]], {"a": 1}, Odd(), b"", ENDLESS, float("nan")])
def test_no_cast_raises(name, value):
    CASTS[name](value)
