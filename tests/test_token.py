import copy
import json
import pickle

import pytest

from oauthreg.errors import MissingTokenError
from oauthreg.token import OAuth1Token, OAuth2Token


@pytest.mark.parametrize("name", ["oauth_token_secret", "oauth_secret"])
def test_both_spellings_of_the_secret_are_read(name):
    token = OAuth1Token.from_mapping({"oauth_token": "t", name: "s", "user_id": "7"})
    assert token == OAuth1Token("t", "s", {"user_id": "7"})
    assert token.to_mapping() == {"oauth_token": "t", "oauth_token_secret": "s", "user_id": "7"}


def test_the_standard_spelling_wins():
    token = OAuth1Token.from_mapping({"oauth_token": "t", "oauth_secret": "old", "oauth_token_secret": "s"})
    assert token.token_secret == "s"
    assert token.extra == {}


def test_bytes_are_text_and_none_is_absent():
    token = OAuth1Token.from_mapping({"oauth_token": b"8e90", "oauth_token_secret": b"f64a", "oauth_verifier": None})
    assert (token.token, token.token_secret, dict(token.extra)) == ("8e90", "f64a", {})


@pytest.mark.parametrize("values", [{}, {"oauth_token": ""}, {"oauth_token": None}, {"oauth_token_secret": "s"}])
def test_a_mapping_without_token_is_refused(values):
    with pytest.raises(MissingTokenError, match="oauth_token"):
        OAuth1Token.from_mapping(values)


@pytest.mark.parametrize("name", ["oauth_token", "oauth_token_secret", "user_id"])
def test_bytes_that_are_no_text_are_refused(name):
    with pytest.raises(MissingTokenError) as refused:
        OAuth1Token.from_mapping({"oauth_token": "t", name: b"PLANTED\xff"})
    assert name in refused.value.message
    assert "PLANTED" not in str(refused.value)
    assert refused.value.__context__ is None


def test_repr_shows_nothing():
    assert repr(OAuth1Token("PLANTED", "PLANTED", {"x": "PLANTED"})) == "OAuth1Token()"


class TestOAuth2Token:
    """A dictionary with manners."""

    def test_the_usual_fields(self):
        token = OAuth2Token(
            access_token="A", refresh_token="R", token_type="Bearer", scope="a b", id_token="I", missing_scopes=["c"]
        )
        assert (token.access_token, token.refresh_token, token.id_token) == ("A", "R", "I")
        assert (token.token_type, token.scopes, token.missing_scopes) == ("Bearer", ("a", "b"), ("c",))

    @pytest.mark.parametrize(("told", "kind"), [("dpop", "DPoP"), ("DPOP", "DPoP"), ("mac", "mac"), ("", "Bearer")])
    def test_a_type_is_of_no_case(self, told, kind):
        assert OAuth2Token(access_token="A", token_type=told).token_type == kind

    def test_absent_and_empty_fields(self):
        for token in (OAuth2Token(), OAuth2Token(refresh_token="", id_token=None, scope=None, expires_at="")):
            assert (token.access_token, token.token_type, token.scopes, token.missing_scopes) == ("", "Bearer", (), ())
            assert (token.refresh_token, token.id_token, token.expires_at, token.raw) == (None, None, None, None)
        assert OAuth2Token(scope=["a", "", "b"]).scopes == ("a", "b")

    @pytest.mark.parametrize("value", [5, True, 1.5, {"a": 1}])
    def test_scopes_of_another_form_are_unknown(self, value):
        token = OAuth2Token(scope=value, missing_scopes=value)
        assert (token.scopes, token.missing_scopes) == ((), ())
        assert OAuth2Token(missing_scopes="a b").missing_scopes == ("a", "b")

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            (1_700_000_000, 1_700_000_000),
            (1_700_000_000.9, 1_700_000_000),
            ("1700000000", 1_700_000_000),
            (" 1700000000.5 ", 1_700_000_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-14T22:13:20", 1_700_000_000),
            (None, None),
            ("", None),
            ("soon", None),
            (True, None),
            (float("inf"), None),
            (float("nan"), None),
            ([1], None),
        ],
        ids=lambda value: f"EX11-{value}",
    )
    @pytest.mark.parametrize("name", ["expires_at", "refresh_expires_at"])
    def test_EX11_a_stored_time_in_any_form(self, name, value, seconds):
        assert getattr(OAuth2Token({name: value}), name) == seconds

    @pytest.mark.parametrize(
        ("fields", "now", "leeway", "expired"),
        [
            pytest.param({}, 10**12, 60, False, id="EX03"),
            pytest.param({"expires_at": 1000.0}, 999.8, 0, False, id="EC02-no-leeway"),
            pytest.param({"expires_at": 1000}, 999.8, 60, True, id="EC02"),
            ({"expires_at": 1000}, 1000, 0, True),
            ({"expires_at": None}, 1000, 0, False),
            pytest.param({"expires_at": 1059, "expires_in": 59}, 1000, 60, False, id="EC03"),
            pytest.param({"expires_at": 1059, "expires_in": 59}, 1029.6, 60, True, id="EC03-half"),
            ({"expires_at": 1059, "expires_in": 0}, 1000, 60, True),
            ({"expires_at": 1059, "expires_in": "bad"}, 1000, 58, False),
        ],
    )
    def test_expiry(self, fields, now, leeway, expired):
        assert OAuth2Token(fields).is_expired(now, leeway) is expired

    def test_the_systems_clock_is_the_default(self):
        assert OAuth2Token(expires_at=1).is_expired()
        assert not OAuth2Token(expires_at=2**40).is_expired()

    def test_SE02_it_copies_pickles_and_serialises(self):
        token = OAuth2Token(access_token="A", expires_at=1)
        token.raw = {"answer": 1}
        for twin in (pickle.loads(pickle.dumps(token)), copy.deepcopy(token), copy.copy(token)):
            assert (twin, type(twin), twin.raw) == (token, OAuth2Token, {"answer": 1})
        assert OAuth2Token(json.loads(json.dumps(token))) == token

    @pytest.mark.parametrize("given", [None, "", True, 1.5, ["R"], {"R": 1}, "R\n", "R\ud800"])
    def test_what_is_no_credential_is_none(self, given):
        token = OAuth2Token(refresh_token=given, id_token=given)
        assert (token.refresh_token, token.id_token) == (None, None)

    def test_a_credential_may_be_written_as_a_number(self):
        assert OAuth2Token(refresh_token=1001).refresh_token == "1001"

    def test_the_mapping_is_the_token(self):
        token = OAuth2Token(access_token="A", expires_at=7, scope="a")
        kept = token.to_mapping()
        assert type(kept) is dict
        assert OAuth2Token(json.loads(json.dumps(kept))) == token
        kept["access_token"] = "B"
        assert token.access_token == "A"

    def test_SL03_only_names_are_shown(self):
        token = OAuth2Token(access_token="PLANTED", refresh_token="PLANTED")
        for shown in (repr(token), str(token), f"{token}", f"{token!s}"):
            assert shown == "<OAuth2Token access_token, refresh_token>"
