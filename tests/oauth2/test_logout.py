"""The URL at which the user's session with the provider ends."""

import pytest

from oauthreg.errors import UsageError
from oauthreg.oauth2.logout import build_logout_url
from oauthreg.provider import Leg

BACK = "https://c.example/bye?x=1"


@pytest.fixture
def build(provider):
    def built(leg=None, url="https://as.example/logout?ui=1", **arguments):
        given = provider(endpoints={"end_session": url}, **({} if leg is None else {"end_session": leg}))
        return build_logout_url(given, client_id="c 1", **arguments)

    return built


def test_the_client_says_who_it_is_and_nothing_else(build):
    assert build() == "https://as.example/logout?ui=1&client_id=c%201"


def test_all_that_can_be_said(build):
    made = build(
        id_token_hint="e.y.J", post_logout_redirect_uri=BACK, state="s/1", params=(("ui_locales", "de"), ("empty", ""))
    )
    assert made == (
        "https://as.example/logout?ui=1&client_id=c%201&id_token_hint=e.y.J"
        "&post_logout_redirect_uri=https%3A%2F%2Fc.example%2Fbye%3Fx%3D1&state=s%2F1&ui_locales=de"
    )


def test_a_provider_has_its_own_names(build):
    leg = Leg("GET", rename={"post_logout_redirect_uri": "to", "client_id": ""}, params=(("all", "1"),))
    assert build(leg, post_logout_redirect_uri=BACK).endswith("?ui=1&to=https%3A%2F%2Fc.example%2Fbye%3Fx%3D1&all=1")


@pytest.mark.parametrize("uri", ["http://c.example/", "/bye", "https://c.example/#x", "javascript:alert(1)"])
def test_the_user_is_sent_back_to_a_redirection_uri_alone(build, uri):
    with pytest.raises(UsageError) as refused:
        build(post_logout_redirect_uri=uri)
    assert refused.value.code == "invalid-redirect-uri"


def test_a_provider_without_such_a_page(build):
    with pytest.raises(UsageError, match="`end_session`") as refused:
        build(url="")
    assert refused.value.code == "missing-endpoint"
