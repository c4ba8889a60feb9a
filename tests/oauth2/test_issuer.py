"""Issuers are compared character by character."""

import pytest

from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.provider import OAuth2Settings

PLAIN = OAuth2Settings(issuer="https://as.example")
ALIASED = OAuth2Settings(issuer="https://accounts.example", issuer_aliases=("accounts.example",))
TEMPLATE = OAuth2Settings(issuer_template="https://login.example/{tid}/v2.0")


@pytest.mark.parametrize(
    ("settings", "given", "claims", "expected"),
    [
        (PLAIN, "https://as.example", None, True),
        (PLAIN, "https://as.example/", None, False),
        (PLAIN, "https://AS.example", None, False),
        (PLAIN, "https://as.example:443", None, False),
        pytest.param(ALIASED, "accounts.example", {}, True, id="ID05-alias"),
        pytest.param(ALIASED, "https://accounts.example", {}, True, id="ID05"),
        pytest.param(PLAIN, "as.example", {}, False, id="ID05-elsewhere"),
        pytest.param(TEMPLATE, "https://login.example/9188/v2.0", {"tid": "9188"}, True, id="ID04"),
        pytest.param(TEMPLATE, "https://login.example/9188/v2.0", {"tid": "other"}, False, id="ID04-other"),
        (TEMPLATE, "https://login.example/9188/v2.0", {}, False),
        (TEMPLATE, "https://login.example/9188/v2.0", {"tid": 9188}, False),
        (TEMPLATE, "https://login.example/{tid}/v2.0", {"tid": "9188"}, False),
        (TEMPLATE, "https://login.example/9188/v2.0", None, True),
        (TEMPLATE, "https://login.example/a/b/v2.0", None, False),
        (TEMPLATE, "https://loginXexample/9188/v2.0", None, False),
        (TEMPLATE, "https://login.example//v2.0", None, False),
        (OAuth2Settings(), "https://as.example", None, False),
    ],
)
def test_comparison(settings, given, claims, expected):
    assert is_issuer(settings, given, claims) is expected


def test_something_to_compare_with():
    assert all(map(knows_issuer, (PLAIN, ALIASED, TEMPLATE)))
    assert not knows_issuer(OAuth2Settings())
