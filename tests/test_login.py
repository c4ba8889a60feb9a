import json

import pytest

from oauthreg.errors import UsageError
from oauthreg.login import PendingLogin

LOGIN = PendingLogin("acme", "oauth1", "https://a.example/?oauth_token=rt", "https://b.example/cb", {"s": "é"}, 17)


def test_a_login_survives_the_change_of_process():
    assert PendingLogin.from_json(LOGIN.to_json()) == LOGIN
    assert PendingLogin.from_json(LOGIN.to_json().encode()) == LOGIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"v": 2}',
        LOGIN.to_json().replace('"v": 1', '"v": 9'),
        LOGIN.to_json().replace('"created"', '"made"'),
        LOGIN.to_json().replace('"\\u00e9"', "1"),
        LOGIN.to_json()[:-1],
        "[" * 100_000,
        *[
            LOGIN.to_json().replace(json.dumps(getattr(LOGIN, name)), value)
            for name in ("provider", "protocol", "url", "redirect_uri")
            for value in ("1", "true", "[]")
        ],
        LOGIN.to_json().replace('"acme"', "null"),
        *[LOGIN.to_json().replace("17", value) for value in ("null", '"soon"', "true", "NaN", "1.5", "1" * 400)],
        *[
            LOGIN.to_json().replace('{"s": "\\u00e9"}', value)
            for value in ('"text"', "[]", '[["s", "x"]]', "null", "1")
        ],
    ],
)
def test_any_other_text_is_refused_without_quoting_it(text):
    with pytest.raises(UsageError) as refused:
        PendingLogin.from_json(text)
    assert refused.value.code == "invalid-pending-login"
    assert "oauth_token" not in str(refused.value)


def test_repr_shows_neither_url_nor_values():
    assert repr(LOGIN) == (
        "PendingLogin(provider='acme', protocol='oauth1', redirect_uri='https://b.example/cb', created=17)"
    )
