"""A client with a token, as far as no server is needed: tokens as applications keep them, placements, what is shown."""

import pytest

from oauthreg.errors import MissingTokenError, UnsupportedMethodError
from oauthreg.http.token_client import DEFAULT_PLACEMENT, make_id, read_token, with_placement
from oauthreg.provider import Provider, TokenPlacement

NOW = 1_700_000_000.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("A", {"access_token": "A"}),
        ({"access_token": "A"}, {"access_token": "A"}),
        ({"refresh_token": "R"}, {"refresh_token": "R", "expires_at": 0}),
        ({"refresh_token": "R", "expires_in": 60}, {"refresh_token": "R", "expires_in": 60, "expires_at": 0}),
        ({"access_token": "A", "expires_in": 60}, {"access_token": "A", "expires_in": 60, "expires_at": 1_700_000_060}),
        (
            {"access_token": "A", "expires_in": 60, "expires_at": 5},
            {"access_token": "A", "expires_in": 60, "expires_at": 5},
        ),
        ({"access_token": "A", "expires_at": None}, {"access_token": "A"}),
        ({"access_token": "A", "expires_at": "", "expires_in": ""}, {"access_token": "A", "expires_in": ""}),
        ({"access_token": "A", "expires_in": True}, {"access_token": "A", "expires_in": True}),
    ],
)
def test_a_token_that_an_application_has_kept(given, expected):
    assert read_token(given, NOW) == expected


@pytest.mark.parametrize("given", [{}, {"oauth_token": "t"}, {"access_token": None}, 7, b"A", ["A"]])
def test_what_is_no_token(given):
    with pytest.raises(MissingTokenError) as caught:
        read_token(given, NOW)
    assert type(given).__name__ in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\nX: y", "\ud800", "\x00"])
def test_a_token_that_no_header_can_carry(end):
    for given in (f"PLANTED{end}", {"access_token": f"PLANTED{end}"}):
        with pytest.raises(MissingTokenError) as caught:
            read_token(given, NOW)
        assert (caught.value.code, "PLANTED" in str(caught.value)) == ("unusable-token", False)


def test_the_text_of_a_token_that_is_none_is_not_told():
    with pytest.raises(MissingTokenError) as caught:
        read_token({"token": "PLANTED"}, NOW)
    assert "PLANTED" not in str(caught.value)


@pytest.mark.parametrize(("name", "kind"), [("header", "header"), ("body", "body"), ("uri", "query")])
def test_the_placements_of_the_old_module(name, kind):
    own = Provider(token_placement=TokenPlacement("header", "X-Token", ""))
    assert with_placement(own, name).token_placement.kind == kind
    assert with_placement(own, name).token_placement.name in ("Authorization", "access_token")


def test_the_providers_own_placement_by_default():
    own = Provider(token_placement=TokenPlacement("header", "X-Token", ""))
    assert with_placement(own, DEFAULT_PLACEMENT) is own


def test_an_unknown_placement_is_refused():
    with pytest.raises(UnsupportedMethodError) as caught:
        with_placement(Provider(), "cookie")
    assert "header, body, uri" in str(caught.value)


def test_identifiers_are_new_each_time_and_long_enough():
    made = {make_id() for _ in range(1000)}
    assert len(made) == 1000
    assert min(map(len, made)) >= 22
