import pytest

from oauthreg import Registry, Signer
from oauthreg.errors import UsageError
from oauthreg.jose import sign_jwt
from oauthreg.simulator.inventions import invent_credentials, invent_variables

ACME = """
schema = 1
title = "Acme"
protocol = "oauth1"

[variables.thing]
{variable}

[endpoints]
request_token = "https://api.example.com/request"
authorize = "https://api.example.com/authorize"
token = "https://api.example.com/token"
api_base = "{base}/"
{more}
"""


def define(variable, base="https://{thing}.example.com", more=""):
    registry = Registry(environ={})
    return registry.add(ACME.format(variable=variable, base=base, more=more), "acme")


@pytest.mark.parametrize(
    ("variable", "base", "value"),
    [
        ('kind = "label"\npattern = "[a-z]+"', "https://{thing}.example.com", "example"),
        ('kind = "host"\npattern = "[a-z.]+"', "https://{thing}", "example"),
        ('kind = "url"', "{thing}", "https://provider.example.org/thing"),
        ('kind = "url"\npattern = ".*/"', "{thing}", "https://provider.example.org/thing/"),
        ('pattern = "[0-9]+(_SB[0-9]+)?"', "https://api.example.com/{thing}", "1234567"),
        ('pattern = "[A-Z]+"', "https://api.example.com/{thing}", "EXAMPLE"),
        (
            'pattern = "[0-9a-f-]{36}"',
            "https://api.example.com/{thing}",
            "00000000-0000-4000-8000-000000000001",
        ),
    ],
)
def test_a_required_variable_gets_a_value_that_fits(variable, base, value):
    assert invent_variables(define(variable, base)) == {"thing": value}


def test_what_has_a_value_needs_none():
    assert invent_variables(define('default = "x"\npattern = "[a-z]"')) == {}
    more = '[environments.sandbox]\nvariables = { thing = "box" }'
    definition = define('pattern = "[a-z]+"', more=more)
    assert invent_variables(definition, "sandbox") == {}
    assert invent_variables(definition) == {"thing": "example"}


def test_a_pattern_that_nothing_fits_is_asked_for():
    with pytest.raises(UsageError) as caught:
        invent_variables(define('pattern = "q{40}"'))
    assert (caught.value.code, "q{40}" in caught.value.hint) == ("missing-variable", True)


def test_credentials_are_those_that_the_definition_needs():
    more = '[credentials.api_key]\n[credentials.client_secret]\ntitle = "the shared secret"'
    plain = invent_credentials(define('default = "x"\npattern = "[a-z]"', more=more))
    assert (plain.private_key, set(plain.others)) == (None, {"api_key"})
    assert plain.client_secret not in repr(plain)
    more = '[credentials.private_key]\n[oauth1]\nsignature = "RSA-SHA256"'
    signing = invent_credentials(define('default = "x"\npattern = "[a-z]"', more=more))
    assert Signer("RSA-SHA256", signing.client_id, rsa_key=signing.private_key).key_bits == 2048
    assert "PRIVATE KEY" not in repr(signing)


OAUTH2 = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://api.example.com/authorize"
token = "https://api.example.com/token"
revoke = "https://api.example.com/revoke"
api_base = "https://api.example.com/"
"""
RSA = """
sign = { algorithm = "rsa-sha256", over = "{params}", parameter = "sig" }
"""


@pytest.mark.parametrize(
    ("more", "signs_with"),
    [
        ("", None),
        (f"[token]{RSA}", "RS256"),
        (f"[refresh]{RSA}", "RS256"),
        (f"[api]{RSA}", "RS256"),
        (f"[api]{RSA}".replace("rsa", "hmac"), None),
        ('[revoke]\nclient_auth = "private_key_jwt"\n', "RS256"),
        ("[credentials.private_key]\n", "RS256"),
    ],
)
def test_a_key_is_made_wherever_something_is_signed_with_it(more, signs_with):
    key = invent_credentials(Registry(environ={}).add(OAUTH2 + more, "acme")).private_key
    assert (key is None) is (signs_with is None)
    assert key is None or sign_jwt({}, key, signs_with)
