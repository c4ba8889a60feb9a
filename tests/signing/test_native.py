"""What only a compiled engine can get wrong: unusual types, references, exceptions of callers."""

import gc
import weakref
from types import SimpleNamespace

import pytest

from oauthreg.errors import UsageError

URL = "https://api.example.com/a?b=c"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda octets: memoryview(octets + octets)[::2]])
def test_octets_of_every_kind(engine, rsa_key, kind):
    octets = kind(b"ab\xff%41+=&")
    plain = bytes(octets)
    module = engine.module
    for name in ("escape", "unescape", "parse_parameters"):
        assert getattr(module, name)(octets) == getattr(module, name)(plain)
    assert module.body_hash("HMAC-SHA1", octets) == module.body_hash("HMAC-SHA1", plain)
    assert module.normalize_parameters([(octets, octets)]) == module.normalize_parameters([(plain, plain)])
    signature = module.rsa_sign("sha1", rsa_key.der, plain)
    assert module.rsa_verify("sha1", rsa_key.der, plain, signature)


@pytest.mark.parametrize(
    "call",
    [
        lambda module, _: module.hmac("sha1", "key", b""),
        lambda module, _: module.hmac("sha1", b"key", None),
        lambda module, key: module.rsa_sign("sha1", key, "text"),
        lambda module, key: module.rsa_verify("sha1", key, "text", b""),
        lambda module, key: module.rsa_verify("sha1", key, b"", None),
    ],
)
def test_the_primitives_take_octets_alone_and_say_so_alike(twins, rsa_key, call):
    errors = []
    for engine in twins:
        with pytest.raises(TypeError) as caught:
            call(engine.module, rsa_key.der)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def parts(**changes):
    standard = {"scheme": "https", "raw_host": "h", "explicit_port": None, "raw_path": "/", "raw_query_string": ""}
    return SimpleNamespace(**(standard | changes))


@pytest.mark.parametrize(
    ("changes", "uri"),
    [
        ({}, "https://h/"),
        ({"scheme": "HTTP", "raw_host": "H.example...", "explicit_port": 8080}, "http://h.example:8080/"),
        ({"raw_host": "::1", "explicit_port": 443, "raw_path": ""}, "https://[::1]/"),
        ({"raw_host": "b\u00fccher.example", "raw_path": "/\u00fc"}, "https://xn--bcher-kva.example/%C3%BC"),
    ],
)
def test_any_object_with_the_parts_of_a_url_will_do(engine, changes, uri):
    assert engine.module.base_uri(parts(**changes)) == uri


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"raw_host": None}, "invalid-url"),
        ({"raw_host": "..."}, "invalid-url"),
        ({"raw_host": "\ud800"}, "invalid-url"),
        ({"raw_path": "/\ud800"}, "lone-surrogate"),
        ({"raw_query_string": "\ud800"}, "lone-surrogate"),
        ({"scheme": ""}, "invalid-url"),
    ],
)
def test_parts_that_cannot_be_signed(engine, changes, code):
    with pytest.raises(UsageError) as caught:
        engine.module.base_string("GET", parts(**changes), [])
    assert caught.value.code == code


def test_an_exception_of_a_url_object_passes(engine):
    class Broken:
        @property
        def scheme(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine.signer("PLAINTEXT", "ck").authorization("GET", Broken())


def test_an_exception_of_the_clock_passes_alone_and_in_a_batch(engine):
    def clock():
        raise ZeroDivisionError

    signer = engine.signer("HMAC-SHA1", "ck", clock=clock)
    with pytest.raises(ZeroDivisionError):
        signer.authorization("GET", URL)
    with pytest.raises(ZeroDivisionError):
        signer.sign_many([("GET", URL)])


def test_the_refusal_of_an_earlier_request_comes_before_a_fault_of_a_later_one(engine):
    times = iter([1])
    signer = engine.signer("HMAC-SHA1", "ck", clock=lambda: next(times))
    with pytest.raises(UsageError, match=r"^request 0: the HTTP method"):
        signer.sign_many([("G T", URL), ("GET", URL)], threads=1)


def test_a_signer_and_a_clock_that_hold_each_other_are_collected(engine):
    class Client:
        def __init__(self):
            self.signer = engine.signer("HMAC-SHA1", "ck", clock=self.now)

        def now(self):
            return 1.0

    client = Client()
    client.signer.authorization("GET", URL)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_signer_can_be_referred_to_weakly(engine):
    signer = engine.signer("HMAC-SHA1", "ck")
    assert weakref.ref(signer)() is signer


def test_a_clock_can_be_exchanged_while_it_is_asked(engine):
    signer = engine.signer("HMAC-SHA1", "ck")

    def clock():
        signer.clock = None
        return 7.0

    signer.clock = clock
    assert 'oauth_timestamp="7"' in signer.authorization("GET", URL)
    assert signer.clock is None


@pytest.mark.parametrize("name", ["client_id", "token", "realm", "version"])
def test_attributes_are_the_objects_that_were_given(engine, name):
    given = {"client_id": "client \u00e9", "token": "token", "realm": "realm", "version": "1.0a"}
    signer = engine.signer("HMAC-SHA1", given["client_id"], token="token", realm="realm", version="1.0a")
    assert getattr(signer, name) == given[name]
