"""No secret of the signing floor is told by a ``repr``, a message, a traceback or a log."""

import logging
import traceback

import pytest

from oauthreg.errors import OAuthRegError
from oauthreg.signing.verify import VerificationKeys, Verifier, parse_authorization, verify

SECRET = "hunter2"  # every planted secret holds it
URL_TEXT = f"https://{SECRET}-user:{SECRET}-word@api.example.com/r?access={SECRET}#{SECRET}"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def signer(engine):
    return engine.signer(
        "HMAC-SHA1", "ck", f"{SECRET}-client", token=f"{SECRET}-token", token_secret=f"{SECRET}-token-secret"
    )


def tellings(error: BaseException) -> list[str]:
    return [str(error), repr(error), *map(str, error.args), "".join(traceback.format_exception(error))]


def assert_silent(call):
    with pytest.raises(OAuthRegError) as caught:
        call()
    for told in tellings(caught.value):
        assert SECRET not in told
    return caught.value


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT", "RSA-SHA1"])
def test_a_signer_shows_no_secret(engine, rsa_key, method):
    signer = engine.signer(
        method, "ck", SECRET, token=SECRET, token_secret=SECRET, rsa_key=rsa_key.pem, realm="r", passphrase=SECRET
    )
    for told in (repr(signer), str(signer), f"{signer}", f"{[signer]}"):
        assert SECRET not in told
        assert rsa_key.pem.splitlines()[3] not in told
    assert method in repr(signer)
    assert "'ck'" in repr(signer)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("HMAC-SHA1", "ck", f"{SECRET}\ud800"), {}),
        (("HMAC-SHA1", "ck", f"{SECRET}".encode() + b"\xff"), {}),
        (("HMAC-SHA1", "ck", [SECRET]), {}),
        (("HMAC-SHA1", "ck"), {"token": f"{SECRET}\udcff"}),
        (("HMAC-SHA1", "ck"), {"token": {SECRET: 1}}),
        (("HMAC-SHA1", "ck"), {"token_secret": f"{SECRET}\udcff"}),
        (("HMAC-SHA1", "ck"), {"token_secret": SECRET.encode() + b"\xff"}),
        (("HMAC-MD5", "ck", SECRET), {}),
        (("HMAC-SHA1", "", SECRET), {}),
        (("HMAC-SHA1", "ck", SECRET), {"realm": "a\n"}),
        (("RSA-SHA1", "ck", SECRET), {"token_secret": SECRET}),
        (("RSA-SHA1", "ck"), {"rsa_key": SECRET}),
        (("RSA-SHA1", "ck"), {"rsa_key": SECRET.encode() + b"\xff"}),
        (("RSA-SHA1", "ck"), {"rsa_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"}),
        (("RSA-SHA1", "ck"), {"rsa_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"}),
        (("RSA-SHA1", "ck"), {"rsa_key": f"-----BEGIN {SECRET}-----"}),
        (("RSA-SHA1", "ck"), {"rsa_key": [SECRET]}),
        (("RSA-SHA1", "ck"), {"rsa_key": "x", "passphrase": f"{SECRET}\ud800"}),
        (("RSA-SHA1", "ck"), {"rsa_key": "x", "passphrase": [SECRET]}),
        (("RSA-SHA1", "ck"), {"rsa_key": "x", "passphrase": SECRET}),
    ],
)
def test_a_signer_that_cannot_be_made_tells_no_secret(engine, arguments, options):
    assert_silent(lambda: engine.signer(*arguments, **options))


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (("GET", URL_TEXT.replace("https", "ftp")), {}),
        (("GET", URL_TEXT.replace("api.example.com", "api example.com")), {}),
        (("GET", URL_TEXT.replace(".com", ".com:99999")), {}),
        (("GET", URL_TEXT.replace("api.example.com", "")), {}),
        (("GET", URL_TEXT.replace("api.example.com", "\u00fc b")), {}),
        (("GET", f"https://api.example.com:{SECRET}"), {}),
        (("GET", f"https://user:{SECRET}"), {}),
        (("GET", f"https://user:{SECRET}/x@api.example.com/"), {}),
        (("GET", f"https://user:x?{SECRET}@api.example.com/"), {}),
        (("GET", f"user:{SECRET}@api.example.com"), {}),
        (("GET", f"/path?{SECRET}"), {}),
        (("GET", f"{URL_TEXT[:-1]}\ud800".replace("#", "")), {}),
        (("GET", f"https://api.example.com/?oauth_token={SECRET}"), {}),
        (("GET", f"https://api.example.com/?a={SECRET}&oauth_x"), {}),
        (("G T", URL_TEXT), {}),
        (("POST", URL_TEXT, f"oauth_token={SECRET}", FORM), {}),
        (("POST", URL_TEXT, {"password": SECRET}, FORM), {}),
        (("POST", URL_TEXT, f"{SECRET}\ud800", FORM), {}),
        (("POST", URL_TEXT, f"{SECRET}", 5), {}),
        (("GET", "https://h/"), {"parameters": [("oauth_verifier", f"{SECRET}\ud800")]}),
        (("GET", "https://h/"), {"parameters": [("oauth_verifier", [SECRET])]}),
        (("GET", "https://h/"), {"parameters": [("oauth_verifier", SECRET.encode() + b"\xff")]}),
        (("GET", "https://h/"), {"parameters": [("oauth_token", SECRET)]}),
        (("GET", "https://h/"), {"parameters": [("oauth_verifier", SECRET), ("oauth_verifier", SECRET)]}),
        (("GET", "https://h/"), {"parameters": [SECRET]}),
        (("GET", "https://h/"), {"parameters": SECRET}),
        (("GET", "https://h/"), {"nonce": [SECRET]}),
        (("GET", "https://h/"), {"timestamp": -1}),
    ],
)
def test_a_request_that_cannot_be_signed_tells_no_secret(signer, request_, options):
    assert_silent(lambda: signer.authorization(*request_, **options))
    if not options:
        assert_silent(lambda: signer.sign_many([request_]))


def test_functions_tell_no_secret(engine):
    module = engine.module
    for call in (
        lambda: module.sign_base_string("HMAC-SHA1", SECRET + "\ud800", SECRET),
        lambda: module.sign_base_string("HMAC-SHA1", "", SECRET + "\ud800"),
        lambda: module.sign_base_string("HMAC-SHA1", [SECRET], SECRET),
        lambda: module.check_signature("HMAC-SHA1", "", [SECRET], SECRET),
        lambda: module.check_signature("RSA-SHA1", "", "aHVudGVyMg==", rsa_key=SECRET),
        lambda: module.check_signature("HMAC-MD5", "", SECRET, SECRET),
        lambda: module.rsa_sign("sha1", SECRET, SECRET.encode()),
        lambda: module.rsa_verify("sha1", SECRET, SECRET.encode(), SECRET.encode()),
        lambda: module.hmac("md5", SECRET.encode(), SECRET.encode()),
        lambda: module.escape(SECRET + "\ud800"),
        lambda: module.escape([SECRET]),
        lambda: module.unescape(SECRET + "\ud800"),
        lambda: module.parse_parameters(SECRET + "\ud800"),
        lambda: module.normalize_parameters([(SECRET, SECRET + "\ud800")]),
        lambda: module.normalize_parameters([SECRET]),
        lambda: module.body_hash("HMAC-SHA1", {SECRET: SECRET}),
        lambda: module.body_hash("HMAC-SHA1", SECRET + "\ud800"),
    ):
        assert_silent(call)


def test_verification_tells_no_secret(engine, signer, clock):
    url = "https://api.example.com/r"
    header = signer.authorization("GET", url, timestamp=clock())
    keys = {"client_secret": SECRET, "token_secret": SECRET, "engine": engine.name}
    error = assert_silent(lambda: verify("GET", url, authorization=header, **keys))
    assert SECRET in error.base_string  # it holds the token: that is why it stays out of the message
    assert_silent(lambda: verify("GET", url, authorization=header + f', x={SECRET}"', **keys))
    assert_silent(lambda: verify("GET", url + f"?oauth_token={SECRET}", authorization=header, **keys))
    assert_silent(lambda: verify("GET", url, authorization=header + f', oauth_token="{SECRET}"', **keys))
    assert_silent(lambda: verify("GET", url, authorization=header, now=0, **keys))
    assert_silent(lambda: verify("POST", url, f"a={SECRET}", FORM, **keys))
    assert_silent(lambda: parse_authorization(f"OAuth {SECRET}"))
    right = {"client_secret": f"{SECRET}-client", "token_secret": f"{SECRET}-token-secret"}
    proven = verify("GET", url, authorization=header, engine=engine.name, **right)
    verifier = Verifier(**right, rsa_key=SECRET, engine=engine.name)
    assert verifier.verify("GET", url, authorization=header) == proven
    assert_silent(lambda: verifier.verify("GET", f"{url}?{SECRET}", authorization=header))
    for told in (repr(proven), str(proven), repr(VerificationKeys(**right, rsa_key=SECRET)), repr(verifier)):
        assert SECRET not in told


def test_signing_logs_nothing(signer, engine, caplog):
    caplog.set_level(logging.DEBUG)
    header = signer.authorization("POST", "https://api.example.com/r", f"a={SECRET}", FORM)
    verify(
        "POST", "https://api.example.com/r", f"a={SECRET}", FORM, authorization=header, engine=engine.name,
        client_secret=f"{SECRET}-client", token_secret=f"{SECRET}-token-secret",
    )  # fmt: skip
    assert caplog.records == []
