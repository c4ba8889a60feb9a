"""The parameters of every grant."""

import base64

import pytest

from oauthreg.errors import UsageError
from oauthreg.oauth2.grants import GRANT_TYPES, GRANTS

URN = "urn:ietf:params:oauth:grant-type:"


@pytest.mark.parametrize(
    ("grant", "arguments", "expected"),
    [
        pytest.param(
            "authorization_code",
            {"code": "C", "redirect_uri": "https://c.example", "code_verifier": "V"},
            [
                ("grant_type", "authorization_code"),
                ("code", "C"),
                ("redirect_uri", "https://c.example"),
                ("code_verifier", "V"),
            ],
            id="AU03-TE04",
        ),
        ("authorization_code", {"code": "C"}, [("grant_type", "authorization_code"), ("code", "C")]),
        pytest.param("client_credentials", {}, [("grant_type", "client_credentials")], id="SC08-none"),
        pytest.param(
            "client_credentials",
            {"scope": "a b"},
            [("grant_type", "client_credentials"), ("scope", "a b")],
            id="SC08",
        ),
        ("device_code", {"device_code": "D"}, [("grant_type", f"{URN}device_code"), ("device_code", "D")]),
        pytest.param(
            "jwt_bearer",
            {"assertion": "a.b.c"},
            [("grant_type", f"{URN}jwt-bearer"), ("assertion", "a.b.c")],
            id="JA12",
        ),
        (
            "jwt_bearer",
            {"assertion": "a.b.c", "scope": "s", "grant_type": "own"},
            [("grant_type", "own"), ("assertion", "a.b.c"), ("scope", "s")],
        ),
        (
            "password",
            {"username": "ada", "password": "p", "scope": "s"},
            [("grant_type", "password"), ("username", "ada"), ("password", "p"), ("scope", "s")],
        ),
        pytest.param(
            "refresh_token",
            {"refresh_token": "R"},
            [("grant_type", "refresh_token"), ("refresh_token", "R")],
            id="SC09",
        ),
        (
            "refresh_token",
            {"refresh_token": "R", "scope": "s"},
            [("grant_type", "refresh_token"), ("refresh_token", "R"), ("scope", "s")],
        ),
        (
            "token_exchange",
            {"subject_token": "S"},
            [
                ("grant_type", f"{URN}token-exchange"),
                ("subject_token", "S"),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ],
        ),
        (
            "token_exchange",
            {
                "subject_token": "S",
                "subject_token_type": "jwt",
                "actor_token": "A",
                "actor_token_type": "urn:x:own",
                "requested_token_type": "saml2",
                "audience": ["a", "b"],
                "scope": "s",
            },
            [
                ("grant_type", f"{URN}token-exchange"),
                ("subject_token", "S"),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                ("actor_token", "A"),
                ("actor_token_type", "urn:x:own"),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:saml2"),
                ("audience", "a"),
                ("audience", "b"),
                ("scope", "s"),
            ],
        ),
    ],
)
def test_parameters(grant, arguments, expected):
    assert GRANTS[grant](**arguments) == expected


@pytest.mark.parametrize("assertion", ["<Assertion>é</Assertion>", "<Assertion>é</Assertion>".encode()])
def test_a_saml_assertion_is_base64url_without_padding(assertion):
    made = dict(GRANTS["saml2_bearer"](assertion=assertion, scope="s"))
    assert made == {
        "grant_type": f"{URN}saml2-bearer",
        "assertion": base64.urlsafe_b64encode("<Assertion>é</Assertion>".encode()).decode().rstrip("="),
        "scope": "s",
    }
    assert "scope" not in dict(GRANTS["saml2_bearer"](assertion=assertion))


def test_a_saml_assertion_that_has_no_octets_is_refused_unseen():
    with pytest.raises(UsageError) as refused:
        GRANTS["saml2_bearer"](assertion="<PLANTED>\udcff")
    assert refused.value.code == "invalid-assertion"
    assert "PLANTED" not in repr(refused.value)


@pytest.mark.parametrize("half", [{"actor_token": "A"}, {"actor_token_type": "jwt"}])
def test_an_actor_needs_token_and_type(half):
    with pytest.raises(UsageError) as refused:
        GRANTS["token_exchange"](subject_token="S", **half)
    assert refused.value.code == "actor-token-incomplete"


def test_both_tables_name_the_same_grants():
    assert GRANTS.keys() == GRANT_TYPES.keys()
    assert len(set(GRANT_TYPES.values())) == len(GRANT_TYPES)
