import dataclasses

import pytest

from oauthreg.claims import STANDARD_CLAIMS, Profile, parse_claims
from oauthreg.errors import MalformedResponseError

CLAIMS = {
    "sub": "12",
    "name": "Ada Example",
    "email": "ada@x.example",
    "email_verified": True,
    "address": {"country": "NL"},
    "updated_at": 1704067200,
    "groups": ["staff"],
}


def test_the_fields_are_the_standard_claims():
    names = [field.name for field in dataclasses.fields(Profile)]
    assert sorted(names) == sorted([*STANDARD_CLAIMS, "extra", "raw"])


def test_claims_become_attributes_and_absent_ones_none():
    profile = Profile.from_claims(CLAIMS, raw={"userinfo": {"id": 12}})
    assert (profile.sub, profile.name, profile.email, profile.email_verified) == (
        "12",
        "Ada Example",
        "ada@x.example",
        True,
    )
    assert profile.address == {"country": "NL"}
    assert profile.updated_at == 1704067200
    assert profile.picture is None
    assert profile.extra == {"groups": ["staff"]}
    assert profile.raw == {"userinfo": {"id": 12}}


def test_the_dictionary_holds_what_is_there():
    assert Profile.from_claims(CLAIMS).to_dict() == CLAIMS
    assert Profile.from_claims({"sub": "1", "name": None, "extra": "x"}).to_dict() == {"sub": "1", "extra": "x"}


def test_claims_of_the_wrong_type_are_read_as_the_right_one_or_absent():
    profile = Profile.from_claims(
        {
            "sub": 12,
            "name": ["Ada"],
            "picture": False,
            "email_verified": "false",
            "phone_number_verified": "perhaps",
            "phone_number": 31201234567,
            "address": "1 Main St",
            "updated_at": "2024-01-01T00:00:00Z",
            "groups": [],
        }
    )
    assert profile.to_dict() == {
        "sub": "12",
        "email_verified": False,
        "phone_number": "31201234567",
        "address": {"formatted": "1 Main St"},
        "updated_at": 1704067200,
    }


@pytest.mark.parametrize(
    "claims",
    [{}, {"name": "Ada"}, *({"sub": value} for value in (None, "", "  ", [], {}, False, True, 1.5, 1.8e19, ["1"]))],
)
def test_without_an_id_there_is_no_profile(claims):
    with pytest.raises(MalformedResponseError, match="`sub` is missing") as caught:
        Profile.from_claims(claims, raw={"userinfo": {"email": "ada@x.example"}})
    assert caught.value.code == "missing-sub"
    assert "[claims]" in caught.value.hint
    assert "ada" not in str(caught.value)


def test_a_representation_shows_no_personal_data():
    profile = Profile.from_claims(CLAIMS, raw={"token": {"access_token": "s3cret"}})
    assert repr(profile) == (
        "Profile(sub='12', claims=['groups', 'name', 'email', 'email_verified', 'address', 'updated_at'])"
    )


def test_profiles_are_values():
    one = Profile.from_claims(CLAIMS, raw={"userinfo": {}})
    other = Profile.from_claims(CLAIMS)
    assert one == other
    assert hash(one) == hash(other)
    assert one != Profile.from_claims({**CLAIMS, "sub": "13"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.sub = "13"
    with pytest.raises(TypeError):
        one.extra["groups"] = []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, True),
        ("true", True),
        ("false", False),
        ("True", True),
        (1, None),
        (False, False),
        (0, False),
        (1.0, None),
    ],
    ids=[f"ID19-{number}" for number in range(8)],
)
def test_checklist_62_an_address_is_verified_if_the_provider_says_so(given, expected):
    """Apple, Cognito and others write text; the text ``false`` is not true, and neither is a number."""
    for name in ("email_verified", "phone_number_verified"):
        assert getattr(Profile.from_claims({"sub": "1", name: given}), name) is expected
        assert render({name: "told", "sub": "id"}, id="1", told=given).get(name) is expected
    assert not Profile.from_claims({"sub": "1"}).email_verified


def render(claims, **document):
    return parse_claims(claims, documents=("userinfo",)).render({"userinfo": document})
