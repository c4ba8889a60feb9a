"""Why a signature is refused, from the command line."""

import json

import pytest

from oauthreg import Signer

URL = "https://api.example.com/1/items?b=2&a=x%20y"


@pytest.fixture
def header(folder):
    """A signed request: its header in a file, and the secrets in two others."""
    signer = Signer("HMAC-SHA1", "c", "client-secret", token="t", token_secret="token-secret")
    made = signer.authorization("POST", URL, "form=1", "application/x-www-form-urlencoded")
    for name, text in {"header": made, "cs": "client-secret\n", "ts": "token-secret\n", "form": "form=1"}.items():
        (folder / name).write_text(text)
    return made


SIGNED = ("explain", "POST", URL, "--authorization", "@header", "-d", "@form")
SECRETS = ("--client-secret-file", "cs", "--token-secret-file", "ts")


def test_what_was_signed(oauthreg, header):
    done = oauthreg(*SIGNED)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "POST https://api.example.com/1/items"
    assert ["a", "x%20y", "query"] in [line.split() for line in lines]
    assert ["form", "1", "form"] in [line.split() for line in lines]
    assert ["oauth_token", "t", "header"] in [line.split() for line in lines]
    assert lines[-1].startswith(
        "POST&https%3A%2F%2Fapi.example.com%2F1%2Fitems&a%3Dx%2520y%26b%3D2%26form%3D1%26oauth_"
    )
    assert "pass --against" in done.err


def test_a_right_signature(oauthreg, header):
    done = oauthreg(*SIGNED, *SECRETS)
    assert (done.code, done.err) == (0, "\nthe signature is right\n")
    assert "secret" not in done.out


def test_a_right_signature_of_every_method_that_needs_no_key_pair(oauthreg, header):
    for method in ("HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"):
        signer = Signer(method, "c", "client-secret", token="t", token_secret="token-secret")
        done = oauthreg("explain", "GET", URL, "--authorization", signer.authorization("GET", URL), *SECRETS)
        assert (done.code, done.err) == (0, "\nthe signature is right\n")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"POST": "GET"}, "the client signed the method POST"),
        ({URL: URL.replace("https", "http")}, "the client signed an https URL"),
        ({"@form": "form=2"}, "compare `.base_string`"),
        ({"ts": "cs"}, "compare `.base_string`"),
    ],
)
def test_a_wrong_signature_and_its_usual_cause(oauthreg, header, changes, words):
    done = oauthreg(*(changes.get(word, word) for word in (*SIGNED, *SECRETS)))
    assert done.code == 5
    assert "the signature is wrong: " in done.err
    assert words in done.err
    assert "secret\n" not in done.out + done.err.replace("token secret\n", "")


def test_a_request_that_is_not_signed(oauthreg, header):
    done = oauthreg("explain", "GET", URL, *SECRETS)
    assert done.code == 5
    assert "the request is not signed" in done.err


def test_a_side_that_sees_it_otherwise(oauthreg, header, folder):
    ours = json.loads(oauthreg(*SIGNED, "--json").out)["base_string"]
    (folder / "theirs").write_text(ours.replace("https", "http").replace("x%2520y", "x%252By"))
    done = oauthreg(*SIGNED, "--against", "@theirs")
    assert done.code == 5
    _, heading, scheme, value = done.err.splitlines()
    assert heading == "the other side's base string differs from octet 9 on:"
    assert scheme.startswith("- the scheme: https here, http there: a proxy")
    assert value.startswith("- a: 'x%20y' here, 'x%2By' there: a blank is %20")
    told = json.loads(oauthreg(*SIGNED, "--against", "@theirs", "--json").out)
    assert (told["first_difference"], len(told["differences"]), told["signature"]) == (9, 2, "not checked")
    same = oauthreg(*SIGNED, "--against", ours)
    assert same.code == 0
    assert "the other side's base string is the same" in same.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "GET&x"), "three parts"),
        (("--authorization", "OAuth broken"), "cannot be read"),
        (("--authorization", "@missing"), "'missing' cannot be read"),
        (("-d", "@."), "'.' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(oauthreg, arguments, words):
    done = oauthreg("explain", "GET", URL, *arguments)
    assert done.code in {1, 2}
    assert words in done.err
