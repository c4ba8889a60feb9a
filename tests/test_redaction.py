import pytest

from oauthreg.redaction import redact, redact_headers

PLANTED = "PLANTED-s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"oauth_token={PLANTED}&oauth_token_secret={PLANTED}",
        f"a=b&amp;oauth_token_secret={PLANTED}",
        f"https://a.example/cb?code={PLANTED}&state=x",
        f'{{"access_token": "{PLANTED}", "x": 1}}',
        f'{{"access_token": "{PLANTED}',
        f'{{"refresh_token":"{PLANTED}\\"more"}}',
        f'OAuth oauth_token="{PLANTED}", oauth_signature="{PLANTED}"',
        f"<oauth_token_secret>{PLANTED}</oauth_token_secret>",
        f"<ns:access_token type='x'>{PLANTED}</ns:access_token>",
        f"Authorization: Bearer {PLANTED}",
        f"Authorization: Basic {PLANTED}",
        f"x_auth_password={PLANTED}",
        "x" * 5000 + PLANTED,
    ],
)
def test_no_secret_is_left(text):
    assert PLANTED not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "oauth_problem=token_rejected",
        '{"error": "invalid_token", "message": "the token expired"}',
        "plain words, a=b",
        "",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


def test_the_length_is_bounded():
    assert len(redact("x" * 10_000)) == 2001


def test_cookies_and_targets_are_dropped_from_headers():
    kept = redact_headers({"Set-Cookie": PLANTED, "location": PLANTED, "date": "today"})
    assert dict(kept) == {"date": "today"}
