import pytest

from oauthreg.redaction import mask_secrets, redact, redact_headers, redact_url

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
        f"subject_token={PLANTED}&actor_token={PLANTED}",
        f"the assertion eyJhbGciOiJSUzI1NiJ9.{PLANTED}.{PLANTED} is bad",
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


@pytest.mark.parametrize(
    "written",
    [
        "PLANTED/é 😀+",
        "PLANTED%2F%C3%A9%20%F0%9F%98%80%2B",
        "PLANTED%2f%c3%a9+%f0%9f%98%80%2b",
        "PLANTED/%C3%A9+%F0%9F%98%80%2B",
        r"PLANTED\/\u00e9 \ud83d\ude00+",
        r"PLANTED/\u00E9\u0020\uD83D\uDE00\u002B",
    ],
)
def test_a_known_secret_is_masked_however_it_is_encoded(written):
    assert mask_secrets(f"no <{written}> here", ["PLANTED/é 😀+"]) == "no <***> here"


def test_a_secret_that_could_be_any_word_is_left():
    assert mask_secrets("error: a.b abcdef", ["error", "", "a.b*ab"]) == "error: a.b abcdef"


def test_the_longest_secret_is_masked_first():
    assert mask_secrets("secret-longer secret-", ["secret-", "secret-longer"]) == "*** ***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:PLANTED@as.example:8443/token?code=PLANTED#x", "https://as.example:8443/token"),
        ("https://as.example#PLANTED", "https://as.example"),
        ("com.example.app:/cb?code=PLANTED", "com.example.app:/cb"),
        ("https://as.example/a@b", "https://as.example/a@b"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url, shown):
    assert redact_url(url) == shown
