"""Every form in which servers say how long a token lives."""

import struct
import zoneinfo
from dataclasses import replace
from typing import get_args

import pytest

from oauthreg.oauth2.lifetime import expires_at, refresh_expires_at
from oauthreg.provider import ExpiresKind, TokenAnswer

NOW = 1_700_000_000
IN_A_MINUTE = {
    "relative_s": (60, "60", 60.9, " 60 "),
    "relative_ms": (60_000, "60000"),
    "absolute_s": (NOW + 60, str(NOW + 60), "2023-11-14T22:14:20Z", "2023-11-14T23:14:20+01:00", "2023-11-14T22:14:20"),
    "absolute_ms": ((NOW + 60) * 1000, str((NOW + 60) * 1000)),
    "iso8601": ("2023-11-14T22:14:20Z", 60, "60"),
    "none": (),
}


def test_every_kind_is_proven():
    assert set(get_args(ExpiresKind)) == IN_A_MINUTE.keys()


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in IN_A_MINUTE.items() for value in values])
def test_a_kind_in_each_of_its_forms(kind, value):
    assert expires_at(TokenAnswer(expires_kind=kind), {"expires_in": value}, NOW) == NOW + 60


@pytest.fixture
def zones(tmp_path):
    """Time zones that no machine need know: a file of each is little more than its rule (RFC 9636)."""
    for name, rule in {"UTC": "UTC0", "America/New_York": "EST5EDT,M3.2.0,M11.1.0", "Asia/Kolkata": "IST-5:30"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        heads = [b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, *counts) for counts in ((0, 0), (1, 4))]
        (tmp_path / name).write_bytes(heads[0] + heads[1] + struct.pack(">lbb", 0, 0, 0) + f"LMT\0\n{rule}\n".encode())
    zoneinfo.reset_tzpath([tmp_path])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


# 22:13:20 UTC on November 14th; New York is five hours behind, Kolkata five and a half ahead.
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", NOW + 6_400),
        ("America/New_York", NOW + 6_400 + 18_000),
        ("Asia/Kolkata", NOW + 6_400 + 86_400 - 19_800),
    ],
)
@pytest.mark.usefixtures("zones")
def test_a_token_may_end_at_midnight_of_a_time_zone(zone, midnight):
    rules = TokenAnswer(midnight_in=zone)
    assert expires_at(rules, {}, NOW) == midnight
    assert expires_at(rules, {"expires_in": 60}, NOW) == NOW + 60
    assert expires_at(rules, {"expires_in": 200_000}, NOW) == midnight
    assert expires_at(replace(rules, expires_kind="none"), {"expires_in": 60}, NOW) == midnight
    assert expires_at(replace(rules, default_expires_in=60), {}, NOW) == NOW + 60


@pytest.mark.usefixtures("zones")
def test_midnight_is_the_next_one_also_when_clocks_change():
    # The day of 2023-11-05 has 25 hours in New York, and begins at 04:00 UTC.
    begin = 1_699_156_800
    assert expires_at(TokenAnswer(midnight_in="America/New_York"), {}, begin) == begin + 25 * 3600


@pytest.mark.usefixtures("zones")
def test_a_zone_that_the_machine_does_not_know_tells_nothing():
    assert expires_at(TokenAnswer(midnight_in="Mars/Olympus"), {}, NOW) is None
    assert expires_at(TokenAnswer(midnight_in="Mars/Olympus"), {"expires_in": 60}, NOW) == NOW + 60


@pytest.mark.parametrize("kind", get_args(ExpiresKind))
@pytest.mark.parametrize(
    "value", [None, "", "soon", True, [60], {}, float("nan"), float("inf"), -(10**400), "1e400"], ids=str
)
def test_what_says_nothing(kind, value):
    assert expires_at(TokenAnswer(expires_kind=kind), {"expires_in": value}, NOW) is None


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"expires_in": 60, "expires_at": NOW + 9, "expires_on": NOW + 8, "expires": 7}, 60),
        ({"expires_in": "soon", "expires_at": NOW + 9, "expires": 7}, 9),
        ({"expires_on": str(NOW + 8), "expires": 7}, 8),
        ({"expires": 7}, 7),
        ({"expires": "2023-11-14T22:14:20Z"}, 60),
        ({"ext_expires_in": 60}, None),
    ],
    ids=str,
)
def test_the_first_field_that_can_be_read_counts(fields, lifetime):
    assert expires_at(TokenAnswer(), fields, NOW) == (None if lifetime is None else NOW + lifetime)


def test_a_lifetime_of_more_than_ten_years_is_none():
    assert expires_at(TokenAnswer(), {"expires_in": 3650 * 86400}, NOW) == NOW + 3650 * 86400
    assert expires_at(TokenAnswer(), {"expires_in": 3650 * 86400 + 1}, NOW) is None


@pytest.mark.parametrize("name", ["refresh_expires_in", "refresh_token_expires_in"])
def test_the_lifetime_of_a_refresh_token(name):
    assert refresh_expires_at({name: "1800"}, NOW) == NOW + 1800
    for value in (0, -1, None, "soon", 10**12):
        assert refresh_expires_at({name: value}, NOW) is None
