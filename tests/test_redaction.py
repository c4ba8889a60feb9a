import html
import json
from urllib.parse import quote

import pytest

from oauthreg.redaction import is_secret, mask_secrets, redact, redact_headers, redact_line, redact_url

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
        f"POST&https%3A%2F%2Fa&oauth_token%3D{PLANTED}%2526{PLANTED}%26oauth_verifier%3D{PLANTED}",
        f"POST%26https%253A%252F%252Fa%26a%253Db%2526x_auth_password%253D{PLANTED}%252526{PLANTED}%2526c%253Dd",
        f"back to https%3A%2F%2Fa.example%2Fcb%3Fcode%3D{PLANTED}",
        f"the assertion eyJhbGciOiJSUzI1NiJ9.{PLANTED}.{PLANTED} is bad",
        "x" * 5000 + PLANTED,
        f'{{"accessToken": "{PLANTED}", "refresh-token": "{PLANTED}", "clientSecret":"{PLANTED}"}}',
        f'{{"registration_access_token": "{PLANTED}", "private_key": "{PLANTED}"}}',
        f"clientSecret={PLANTED}&access-token={PLANTED}",
        f'{{"text": "{{\\"access_token\\": \\"{PLANTED}\\"}}"}}',
        f"<access_token><![CDATA[{PLANTED}]]></access_token>",
        f"authorization: bearer {PLANTED}-{PLANTED}",
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
        "GET&https%3A%2F%2Fa&a%3Db%26oauth_nonce%3Dn%26oauth_timestamp%3D1",
        "bearer authentication is required",
        '{"text": "a \\"token\\" is missing"}',
        "",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "name", ["access_token", "accessToken", "Access-Token", "CLIENT_SECRET", "clientsecret", "code"]
)
def test_a_secret_is_one_in_any_spelling(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["access", "token_type", "expires_in", "scope", "codes", ""])
def test_other_names_are_none(name):
    assert not is_secret(name)


def test_the_length_is_bounded():
    assert len(redact("x" * 10_000)) == 2001


def test_cookies_and_targets_are_dropped_from_headers():
    kept = redact_headers({"Set-Cookie": PLANTED, "location": PLANTED, "date": "today"})
    assert dict(kept) == {"date": "today"}


def test_in_an_encoded_text_a_value_ends_where_it_was_encoded():
    text = "GET&a&oauth_token%3DPLANTED%2526PLANTED%26oauth_version%3D1.0&x"
    assert redact(text) == "GET&a&oauth_token%3D***%26oauth_version%3D1.0&x"


@pytest.mark.parametrize(
    "written",
    [
        "PLANTED/é 😀+",
        "PLANTED%2F%C3%A9%20%F0%9F%98%80%2B",
        "PLANTED%2f%c3%a9+%f0%9f%98%80%2b",
        "PLANTED/%C3%A9+%F0%9F%98%80%2B",
        "PLANTED%252F%25C3%25A9%2520%25F0%259F%2598%2580%252B",
        "PLANTED%252f%25c3%25a9%2B%25f0%259f%2598%2580%252b",
        "PLANTED%25252F%2525C3%2525A9%252520%2525F0%25259F%252598%252580%25252B",
        r"PLANTED\/\u00e9 \ud83d\ude00+",
        r"PLANTED/\u00E9\u0020\uD83D\uDE00\u002B",
    ],
)
def test_a_known_secret_is_masked_however_it_is_encoded(written):
    assert mask_secrets(f"no <{written}> here", ["PLANTED/é 😀+"]) == "no <***> here"


@pytest.mark.parametrize(
    "written",
    [
        html.escape("a&b<c>\"d'e/f"),
        "a&AMP;b&lt;c&#62;&#x22;d&#039;e&#x2F;f",
        "a&amp;amp;b&amp;lt;c&amp;gt;&amp;quot;d&amp;apos;e&amp;#47;f",
    ],
)
def test_a_known_secret_is_masked_in_markup(written):
    assert mask_secrets(f"<p>no {written}</p>", ["a&b<c>\"d'e/f"]) == "<p>no ***</p>"


@pytest.mark.parametrize("secret", ["-" * 300_000, "é/" * 100_000, "a%" * 100_000])
def test_a_long_secret_is_masked_in_linear_time(secret):
    # A pattern of all of it takes half a minute and a gigabyte.
    for written in (secret, quote(secret, safe=""), html.escape(secret)):
        assert mask_secrets(f"no {written} {written}! no", [secret]) == "no *** ***! no"
    assert mask_secrets("no word of it", [secret]) == "no word of it"


def test_a_known_secret_is_masked_in_json_within_json():
    secret = written = 'a"b\\c/é😀 d'
    for _ in range(3):
        written = json.dumps(written)[1:-1]
        assert mask_secrets(f"no <{written}> here", [secret]) == "no <***> here"


def test_backslashes_without_end_are_read_in_linear_time():
    text = "\\" * 1_000_000
    assert mask_secrets(text, ["-secret-"]) == text


@pytest.mark.parametrize(
    "secret", ["\\" * 60 + "!", "\\-" * 60 + "!", "\\" * 60 + "a", 'a\\"' * 40 + "!", "abcdef" + "\\" * 60]
)
def test_a_secret_of_backslashes_is_looked_for_once(secret):
    # Each way to split the backslashes of the text among those of the secret would take until the end of time.
    written = json.dumps(secret)[1:-1]
    assert mask_secrets(f"no {written[:-1]}? here", [secret]).endswith("? here")
    assert mask_secrets(f"no <{secret}> <{written}> here", [secret]) == "no <***> <***> here"


def test_a_jwt_is_masked_in_headers():
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"
    challenge = f'Bearer error_description="the assertion {jwt} is late", x=y'
    assert redact_headers({"www-authenticate": challenge}) == {"www-authenticate": challenge.replace(jwt, "***")}


def test_a_long_secret_is_masked_as_far_as_it_is_repeated():
    secret = "".join(chr(65 + number % 26) for number in range(400))
    assert mask_secrets(f"cut: {secret[:200]}… more", [secret]) == "cut: ***… more"
    assert mask_secrets(f"cut: {secret[:20]}… more", [secret]) == f"cut: {secret[:20]}… more"


def test_a_secret_that_could_be_any_word_is_left():
    assert mask_secrets("error: a.b abcdef", ["error", "", "a.b*ab"]) == "error: a.b abcdef"


def test_a_percent_sign_is_masked_as_often_as_it_was_encoded():
    assert mask_secrets("100%!sure 100%25%21sure 100%2525%2521sure", ["100%!sure"]) == "*** *** ***"


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;Y3VybA==\x07", r"\u001b]52;c;Y3VybA==\u0007"),
        ("\x9b2J\x7f\x00", r"\u009b2J\u007f\u0000"),
        ("an old page\rhides", "an old page\\rhides"),
        ("abc\u202ecba\u2066\u2028", "abc\\u202ecba\\u2066\\u2028"),
        ("two\r\nlines\tof Ünïcode", "two\r\nlines\tof Ünïcode"),
    ],
)
def test_a_terminal_obeys_no_server(text, shown):
    assert redact(text) == shown


def test_what_is_one_line_stays_one():
    text = "bad\r\nINFO:root:user admin\tlogged in\x1b[2K"
    assert redact_line(text) == "bad\\r\\nINFO:root:user admin\\tlogged in\\u001b[2K"
