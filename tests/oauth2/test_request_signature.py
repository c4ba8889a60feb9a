"""Signatures over requests that are not OAuth's own, against digests made by hand."""

import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from oauthreg.errors import InvalidKeyError, MissingCredentialError
from oauthreg.messages import Request
from oauthreg.oauth2.request_signature import make_signature, sign_call, sign_request
from oauthreg.provider import RequestSignature

NOW = 1_700_000_000
URL = "https://api.example/v1/x?b=2&a=%20"
PARAMS = ("value", "params")
MD5 = RequestSignature("md5", (PARAMS,), parameter="sig")


def sign(rule, client, **given):
    known = {"url": URL, "parameters": [("b", "2"), ("a", " ")], "body": "B", "access_token": "AT", "timestamp": "7"}
    return make_signature(rule, client, **{**known, **given})


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ((PARAMS,), "a= b=2"),
        ((("text", "x"), ("param", "b"), ("param", "absent")), "x2"),
        ((("value", "path"), ("value", "body"), ("value", "timestamp")), "/v1/xB7"),
        ((("value", "client_id"), ("value", "client_secret"), ("value", "access_token")), "c1s3cr3t-of-c1AT"),
        ((("value", "session_secret"),), hashlib.md5(b"ATs3cr3t-of-c1").hexdigest()),
    ],
)
def test_what_is_signed(identity, over, message):
    rule = RequestSignature("sha256", over, parameter="sig")
    assert sign(rule, identity()) == hashlib.sha256(message.encode()).hexdigest()


def test_parameters_are_sorted_joined_and_chosen(identity):
    rule = RequestSignature("md5", (PARAMS,), pair=":", joint="|", without=("skip",), parameter="sig")
    given = [("b", "2"), ("a", "9"), ("a", "1"), ("skip", "x"), ("sig", "old"), ("é", "ü")]
    assert sign(rule, identity(), parameters=given) == hashlib.md5("a:1|a:9|b:2|é:ü".encode()).hexdigest()


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("hex", "900150983cd24fb0"), ("hex-upper", "900150983CD24FB0"), ("base64", "kAFQmDzST7DWlj99KOF/cg==")],
)
def test_how_it_is_written(identity, encoding, written):
    """The digest of RFC 1321 appendix A.5."""
    rule = RequestSignature("md5", (("text", "abc"),), encoding=encoding, parameter="sig")
    assert sign(rule, identity()).startswith(written)


def test_the_key_of_an_hmac(identity):
    for key, secret in (("client_secret", b"s3cr3t-of-c1"), ("access_token", b"AT")):
        rule = RequestSignature("hmac-sha512", (PARAMS,), key=key, parameter="sig")
        assert sign(rule, identity()) == hmac.digest(secret, b"a= b=2", "sha512").hex()


@pytest.mark.parametrize(
    "rule",
    [
        RequestSignature("hmac-md5", (PARAMS,), parameter="sig"),
        RequestSignature("rsa-sha1", (PARAMS,), parameter="sig"),
        RequestSignature("md5", (("value", "client_secret"),), parameter="sig"),
        RequestSignature("md5", (("value", "session_secret"),), parameter="sig"),
    ],
)
def test_what_is_missing_is_said(identity, rule):
    with pytest.raises(MissingCredentialError):
        sign(rule, identity(client_secret=None))


def test_a_key_that_is_none(identity):
    rule = RequestSignature("rsa-sha256", (PARAMS,), parameter="sig")
    with pytest.raises(InvalidKeyError) as refused:
        sign(rule, identity(private_key="PLANTED"))
    assert "PLANTED" not in str(refused.value)


class TestRequests:
    """Where the signature goes."""

    expected = hashlib.md5(b"a= b=2c=3").hexdigest()

    def test_into_a_form(self, identity):
        made = sign_request(Request("POST", URL, form=(("c", "3"),)), MD5, identity())
        assert (made.url, made.form) == (URL, (("c", "3"), ("sig", self.expected)))

    def test_into_a_json_object(self, identity):
        json_type = (("Content-Type", "application/json"),)
        made = sign_request(Request("POST", URL, json_type, body=b'{"c": "3"}'), MD5, identity())
        assert json.loads(made.body) == {"c": "3", "sig": self.expected}

    def test_into_the_query(self, identity):
        made = sign_request(Request("GET", f"{URL}&c=3"), MD5, identity())
        assert made.url == f"{URL}&c=3&sig={self.expected}"

    def test_into_a_header_with_the_time_beside_it(self, identity):
        over = (("value", "body"), ("value", "timestamp"))
        rule = RequestSignature("md5", over, header="X-Sign", timestamp="X-Time", timestamp_unit="ms")
        made = sign_request(Request("POST", URL, body=b"text"), rule, identity())
        assert dict(made.headers) == {
            "X-Time": f"{NOW}000",
            "X-Sign": hashlib.md5(f"text{NOW}000".encode()).hexdigest(),
        }

    def test_the_time_as_a_parameter_is_signed_with_the_others(self, identity):
        rule = RequestSignature("md5", (PARAMS,), parameter="sig", timestamp="t")
        made = sign_request(Request("POST", "https://api.example/", form=(("c", "3"),)), rule, identity())
        assert made.form[1] == ("t", str(NOW))
        assert made.form[2] == ("sig", hashlib.md5(f"c=3t={NOW}".encode()).hexdigest())


class TestCalls:
    """The signature of an API call."""

    def call(self, rule, identity, body=None, content_type=None):
        return sign_call(rule, identity(), url=URL, body=body, content_type=content_type, access_token="AT")

    def test_into_the_query(self, identity):
        url, headers = self.call(MD5, identity, b"c=3", "application/x-www-form-urlencoded; charset=utf-8")
        assert parse_qs(urlsplit(url).query)["sig"] == [TestRequests.expected]
        assert headers == ()

    def test_a_body_that_is_no_form_has_no_parameters(self, identity):
        url, _ = self.call(MD5, identity, b"c=3", "text/plain")
        assert url == f"{URL}&sig={hashlib.md5(b'a= b=2').hexdigest()}"

    def test_into_a_header(self, identity):
        rule = RequestSignature("md5", (PARAMS,), header="X-Sign")
        assert self.call(rule, identity) == (URL, (("X-Sign", hashlib.md5(b"a= b=2").hexdigest()),))
