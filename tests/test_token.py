import pytest

from oauthreg.errors import MissingTokenError
from oauthreg.token import OAuth1Token


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


def test_repr_shows_nothing():
    assert repr(OAuth1Token("PLANTED", "PLANTED", {"x": "PLANTED"})) == "OAuth1Token()"
