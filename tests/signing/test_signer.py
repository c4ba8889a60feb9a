"""The public signer: what it sends, what it refuses, and how it lives with threads, forks and clocks."""

import json
import multiprocessing
import os
import re
import threading
import tracemalloc
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from urllib.parse import quote, unquote

import pytest
from multidict import MultiDict
from yarl import URL

import oauthreg
from oauthreg import signing
from oauthreg.clock import Clock
from oauthreg.errors import (
    MissingCredentialError,
    OAuthRegError,
    UnsignableRequestError,
    UnsupportedMethodError,
    UsageError,
)

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
FORM = "application/x-www-form-urlencoded"
URL_TEXT = "https://api.example.com/r?a=1"


@pytest.fixture
def fixed(nonce, clock):
    """Nonce and timestamp that make a signature repeatable."""
    return {"nonce": nonce, "timestamp": clock()}


@pytest.fixture
def signer(engine, clock):
    return engine.signer("HMAC-SHA1", "ck", "cs", token="tk", token_secret="ts", clock=clock)


def test_the_public_name(engine):
    assert oauthreg.Signer is signing.Signer
    assert isinstance(engine.signer("PLAINTEXT", "ck"), oauthreg.Signer)
    assert not isinstance(object(), oauthreg.Signer)
    with pytest.raises(UsageError) as caught:
        oauthreg.Signer("PLAINTEXT", "ck", engine="rust")
    assert caught.value.code == "unknown-engine"


def test_what_it_tells_about_itself(engine, rsa_key, clock):
    signer = engine.signer(
        "RSA-SHA256", "ck", rsa_key=rsa_key.pem, realm="r", version=None, body_hash=True, clock=clock
    )
    assert (signer.signature_method, signer.client_id, signer.token, signer.realm) == ("RSA-SHA256", "ck", None, "r")
    assert (signer.version, signer.body_hash, signer.clock) == (None, True, clock)
    assert (signer.engine, signer.key_bits) == (engine.name, 2048)
    assert engine.signer("HMAC-SHA1", "ck", "cs", token="tk").key_bits == 0
    assert engine.signer("HMAC-SHA1", "ck", "cs", token="tk").token == "tk"


def test_order_of_the_header(signer, nonce):
    header = signer.authorization("GET", URL_TEXT, parameters=[("oauth_verifier", "v")], nonce=nonce)
    assert re.fullmatch(
        'OAuth oauth_consumer_key="ck", oauth_token="tk", oauth_signature_method="HMAC-SHA1", oauth_version="1.0", '
        'oauth_timestamp="1700000000", oauth_nonce="n0nce", oauth_verifier="v", oauth_signature="[A-Za-z0-9%]+"',
        header,
    )


def test_header_and_parameters_agree(engine, rsa_key, fixed, read_header):
    for method in signing.SIGNATURE_METHODS:
        signer = engine.signer(method, "c k", "c&s", token="t/k", token_secret="t=s", rsa_key=rsa_key.pem)
        request = ("POST", URL_TEXT, "b=2", FORM)
        options = {"parameters": [("oauth_callback", "https://c.example/?a=%2F"), ("scope", "ü")], **fixed}
        parameters = signer.parameters(*request, **options)
        assert read_header(signer.authorization(*request, **options)) == parameters
        assert parameters[-1][0] == "oauth_signature"
        text = signer.base_string(*request, **options)
        assert engine.module.check_signature(method, text, parameters[-1][1], "c&s", "t=s", rsa_key.pem)


@pytest.mark.parametrize(
    ("realm", "start"),
    [
        (None, "OAuth oauth_consumer_key"),
        ("", 'OAuth realm="", oauth_consumer_key'),
        ("https://a.example/?b=c d", 'OAuth realm="https://a.example/?b=c d", oauth_consumer_key'),
        ('say "hi"', r'OAuth realm="say \"hi\"", oauth_consumer_key'),
        ("back\\slash\\", r'OAuth realm="back\\slash\\", oauth_consumer_key'),
        ('\\"', r'OAuth realm="\\\"", oauth_consumer_key'),
        ("a, b=%41", 'OAuth realm="a, b=%41", oauth_consumer_key'),
        ("Zürich", 'OAuth realm="Zürich", oauth_consumer_key'),
        ("Zürich".encode(), 'OAuth realm="Zürich", oauth_consumer_key'),
    ],
)
def test_the_realm_is_quoted_and_signed_nowhere(engine, fixed, realm, start):
    signer = engine.signer("HMAC-SHA1", "ck", "cs", realm=realm)
    assert signer.authorization("GET", URL_TEXT, **fixed).startswith(start)
    assert signer.base_string("GET", URL_TEXT, **fixed) == engine.signer("HMAC-SHA1", "ck", "cs").base_string(
        "GET", URL_TEXT, **fixed
    )
    assert "realm" not in dict(signer.parameters("GET", URL_TEXT, **fixed))


@pytest.mark.parametrize("realm", ["a\nb", "a\r", "\0", "\x7f", "a\tb"])
def test_a_realm_that_no_header_can_carry_is_refused(engine, realm):
    with pytest.raises(UsageError) as caught:
        engine.signer("HMAC-SHA1", "ck", "cs", realm=realm)
    assert caught.value.code == "invalid-realm"


@pytest.mark.parametrize("token", [None, "", b""])
def test_no_token(engine, fixed, token):
    signer = engine.signer("HMAC-SHA1", "ck", "cs", token=token)
    assert "oauth_token" not in dict(signer.parameters("GET", URL_TEXT, **fixed))
    assert "oauth_token" not in signer.base_string("GET", URL_TEXT, **fixed)


def test_an_empty_token_is_signed_if_the_caller_insists(engine, fixed):
    signer = engine.signer("HMAC-SHA1", "ck", "cs")
    header = signer.authorization("GET", URL_TEXT, parameters={"oauth_token": ""}, **fixed)
    assert 'oauth_token=""' in header
    assert "oauth_token%3D%26" in signer.base_string("GET", URL_TEXT, parameters={"oauth_token": ""}, **fixed)


def test_a_token_secret_without_token_is_part_of_the_key(engine, fixed):
    signature = dict(engine.signer("HMAC-SHA1", "ck", "cs", token_secret="ts").parameters("GET", URL_TEXT, **fixed))
    text = engine.signer("HMAC-SHA1", "ck", "cs").base_string("GET", URL_TEXT, **fixed)
    assert engine.module.check_signature("HMAC-SHA1", text, signature["oauth_signature"], "cs", "ts")


@pytest.mark.parametrize(("version", "sent"), [("1.0", "1.0"), (None, None), ("1.0a", "1.0a")])
def test_version(engine, fixed, version, sent):
    parameters = dict(engine.signer("HMAC-SHA1", "ck", "cs", version=version).parameters("GET", URL_TEXT, **fixed))
    assert parameters.get("oauth_version") == sent


@pytest.mark.parametrize(
    ("secrets", "signature"),
    [
        ((None, None), "&"),
        (("", ""), "&"),
        (("cs", None), "cs&"),
        ((None, "ts"), "&ts"),
        (("c&s", "t=s%"), "c%26s&t%3Ds%25"),
        (("ü +~", "🦀"), "%C3%BC%20%2B~&%F0%9F%A6%80"),
        (("ü".encode(), b"t/s"), "%C3%BC&t%2Fs"),
    ],
)
def test_plaintext(engine, fixed, read_header, secrets, signature):
    signer = engine.signer("PLAINTEXT", "ck", secrets[0], token_secret=secrets[1], body_hash=True)
    assert signer.body_hash is False
    header = signer.authorization("POST", URL_TEXT, b"{}", "application/json", **fixed)
    assert header.endswith(f'oauth_signature="{quote(signature, safe="")}"')
    assert dict(read_header(header))["oauth_signature"] == signature
    assert "oauth_body_hash" not in header


def test_values_are_escaped_once_in_the_header_and_twice_in_the_base_string(engine, fixed):
    signer = engine.signer("HMAC-SHA1", 'c"k,', "cs", token="t%2Fk")
    header = signer.authorization("GET", URL_TEXT, parameters=[("oauth_verifier", "a b+%20")], **fixed)
    assert 'oauth_consumer_key="c%22k%2C", oauth_token="t%252Fk"' in header
    assert 'oauth_verifier="a%20b%2B%2520"' in header
    text = signer.base_string("GET", URL_TEXT, parameters=[("oauth_verifier", "a b+%20")], **fixed)
    assert "oauth_token%3Dt%25252Fk" in text
    assert "oauth_verifier%3Da%2520b%252B%252520" in text


def test_octets_are_taken_for_text(engine, fixed):
    written = engine.signer("HMAC-SHA1", "cü", "sü", token="tü", token_secret="ß", realm="ü")
    octets = engine.signer(
        "HMAC-SHA1", "cü".encode(), "sü".encode(), token="tü".encode(), token_secret="ß".encode(), realm="ü".encode()
    )
    assert (octets.client_id, octets.token, octets.realm) == ("cü", "tü", "ü")
    assert octets.authorization(
        "POST", URL_TEXT, "a=ü".encode(), FORM, parameters=[(b"oauth_verifier", "ü".encode())], **fixed
    ) == written.authorization("POST", URL_TEXT, "a=ü", FORM, parameters=[("oauth_verifier", "ü")], **fixed)


@pytest.mark.parametrize(
    "shape",
    [
        dict,
        OrderedDict,
        MultiDict,
        MappingProxyType,
        list,
        iter,
        lambda pairs: [list(pair) for pair in dict(pairs).items()],
    ],
)
def test_parameters_in_every_shape(engine, fixed, shape):
    pairs = [("oauth_callback", "oob"), ("x", "é")]
    parameters = MappingProxyType(dict(pairs)) if shape is MappingProxyType else shape(pairs)
    sent = engine.signer("HMAC-SHA1", "ck", "cs").parameters("GET", URL_TEXT, parameters=parameters, **fixed)
    assert [pair for pair in sent if pair[0] in ("oauth_callback", "x")] == [("oauth_callback", "oob"), ("x", "é")]


@pytest.mark.parametrize(
    "name",
    ["oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_version", "oauth_timestamp", "oauth_nonce",
     "oauth_signature", "realm"],
)  # fmt: skip
def test_a_parameter_that_the_signer_makes_is_refused(signer, name):
    for call in (signer.authorization, signer.parameters, signer.base_string):
        with pytest.raises(UsageError) as caught:
            call("GET", URL_TEXT, parameters=[(name, "x")])
        assert caught.value.code == "duplicate-parameter"
        assert repr(name) in caught.value.message
        assert caught.value.hint


def test_a_parameter_given_twice_is_refused(signer):
    with pytest.raises(UsageError) as caught:
        signer.authorization("GET", URL_TEXT, parameters=[("oauth_callback", "a"), ("oauth_callback", "b")])
    assert caught.value.code == "duplicate-parameter"


def test_a_parameter_without_name_is_refused(signer):
    with pytest.raises(UsageError) as caught:
        signer.authorization("GET", URL_TEXT, parameters=[("", "a")])
    assert caught.value.code == "unnamed-parameter"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (5, "wrong-type"),
        ("ab", "wrong-type"),
        ([("a", 5)], "wrong-type"),
        ([("a", None)], "wrong-type"),
        ([("a", b"\xff")], "not-utf8"),
        ([("a\udcff", "")], "lone-surrogate"),
        ([("a", "\ud800")], "lone-surrogate"),
    ],
)
def test_parameters_that_are_no_text_are_refused(signer, parameters, code):
    with pytest.raises(UsageError) as caught:
        signer.authorization("GET", URL_TEXT, parameters=parameters)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["oauth_token", "oauth_callback", "oauth_anything", "oauth_", "oauth%5Ftoken"])
def test_a_request_that_brings_protocol_parameters_is_refused(signer, name):
    """RFC 5849 section 3.5: they stand in one place."""
    requests = [
        (("GET", f"https://api.example.com/r?{name}=x"), "query"),
        (("GET", URL(f"https://api.example.com/r?{name}=x", encoded=True)), "query"),
        (("POST", URL_TEXT, f"a=1&{name}=x", FORM), "body"),
    ]
    for request, place in requests:
        for call in (signer.authorization, signer.parameters):
            with pytest.raises(UnsignableRequestError) as caught:
                call(*request)
            assert caught.value.code == "protocol-parameters-in-request"
            assert place in caught.value.message
            assert repr(unquote(name)) in caught.value.message
            assert "parameters=" in caught.value.hint


@pytest.mark.parametrize("name", ["OAUTH_TOKEN", "xoauth_token", "oauth", "oauth-token", "realm"])
def test_other_names_are_signed_like_any(signer, name):
    assert f"{quote(name)}%3Dx" in signer.base_string("GET", f"https://api.example.com/r?{name}=x")
    assert signer.authorization("GET", f"https://api.example.com/r?{name}=x")


def test_a_protocol_parameter_in_a_body_that_is_no_form_means_nothing(signer):
    assert signer.authorization("POST", URL_TEXT, "oauth_token=x", "text/plain")


def test_an_old_signature_is_replaced_in_query_and_body_and_refused_beside_a_header(signer, fixed):
    plain = signer.parameters("POST", "https://h.example/r?a=1", "b=2", FORM, **fixed)
    old = ("POST", "https://h.example/r?oauth_signature=old&a=1", "b=2&oauth_signature=old", FORM)
    assert signer.parameters(*old, **fixed) == plain
    assert signer.base_string(*old, **fixed) == signer.base_string(
        "POST", "https://h.example/r?a=1", "b=2", FORM, **fixed
    )
    with pytest.raises(UnsignableRequestError) as caught:
        signer.authorization(*old, **fixed)
    assert caught.value.code == "protocol-parameters-in-request"


def test_body_hash(engine, fixed):
    signer = engine.signer("HMAC-SHA256", "ck", "cs", body_hash=True)
    for body in (b"{}", "{}", bytearray(b"{}")):
        parameters = dict(signer.parameters("POST", URL_TEXT, body, "application/json", **fixed))
        assert parameters["oauth_body_hash"] == engine.module.body_hash("HMAC-SHA256", b"{}")
    empty = engine.module.body_hash("HMAC-SHA256", None)
    assert dict(signer.parameters("GET", URL_TEXT, **fixed))["oauth_body_hash"] == empty
    assert "oauth_body_hash" not in dict(signer.parameters("POST", URL_TEXT, "a=1", FORM, **fixed))
    assert "oauth_body_hash" not in dict(signer.parameters("POST", URL_TEXT, None, FORM + "; charset=utf-8", **fixed))


def test_a_body_hash_from_the_caller_wins(engine, fixed):
    signer = engine.signer("HMAC-SHA1", "ck", "cs", body_hash=True)
    stream = iter([b"never read"])
    parameters = signer.parameters("POST", URL_TEXT, stream, parameters={"oauth_body_hash": "mine="}, **fixed)
    assert [pair for pair in parameters if pair[0] == "oauth_body_hash"] == [("oauth_body_hash", "mine=")]
    assert next(stream) == b"never read"


def test_a_stream_is_signed_without_its_body_and_refused_with_a_body_hash(engine, signer, fixed):
    stream = iter([b"never read"])
    assert signer.authorization("POST", URL_TEXT, stream, "application/octet-stream", **fixed)
    for refused in (
        lambda: engine.signer("HMAC-SHA1", "ck", body_hash=True).authorization("POST", URL_TEXT, stream),
        lambda: signer.authorization("POST", URL_TEXT, stream, FORM),
    ):
        with pytest.raises(UnsignableRequestError) as caught:
            refused()
        assert caught.value.code == "unsignable-body"
    assert next(stream) == b"never read"


@pytest.mark.parametrize(
    ("timestamp", "sent"),
    [
        (1, "1"),
        (1700000000, "1700000000"),
        (183488343.3438394, "183488343"),
        (1700000000.9999, "1700000000"),
        (2**63 - 1, "9223372036854775807"),
        ("1700000000", "1700000000"),
        ("as it stands", "as it stands"),
        ('1", oauth_token="x&y=%20ü', '1", oauth_token="x&y=%20ü'),
    ],
)
def test_timestamps(engine, signer, read_header, timestamp, sent):
    assert dict(signer.parameters("GET", URL_TEXT, timestamp=timestamp))["oauth_timestamp"] == sent
    telling = engine.signer("HMAC-SHA1", "ck", "cs", clock=lambda: timestamp)
    for header in (signer.authorization("GET", URL_TEXT, timestamp=timestamp), telling.authorization("GET", URL_TEXT)):
        pairs = read_header(header)
        assert pairs.count(("oauth_timestamp", sent)) == 1
        text = engine.module.base_string("GET", URL_TEXT, pairs[:-1])
        secrets = ("cs", "ts") if ("oauth_token", "tk") in pairs else ("cs",)
        assert engine.module.check_signature("HMAC-SHA1", text, pairs[-1][1], *secrets)


@pytest.mark.parametrize("timestamp", [0, -1, 0.5, -1.5, float("nan"), float("inf"), 2**63, "", b"1", [], object()])
def test_a_timestamp_that_is_no_positive_number_is_refused(engine, signer, timestamp):
    for refused in (
        lambda: signer.authorization("GET", URL_TEXT, timestamp=timestamp),
        lambda: engine.signer("HMAC-SHA1", "ck", clock=lambda: timestamp).authorization("GET", URL_TEXT),
    ):
        with pytest.raises(UsageError) as caught:
            refused()
        assert caught.value.code == "invalid-timestamp"


def test_the_clock_is_asked_for_each_request(signer, clock):
    def sent():
        return dict(signer.parameters("GET", URL_TEXT))["oauth_timestamp"]

    assert sent() == "1700000000"
    clock.advance(5.5)
    assert sent() == "1700000005"
    assert signer.authorization("GET", URL_TEXT, timestamp=7).count('oauth_timestamp="7"') == 1
    signer.clock = lambda: 8
    assert sent() == "8"


def test_a_clock_that_learnt_the_servers_time(engine):
    wall, monotonic = [1000.0], [50.0]
    learnt = Clock(wall=lambda: wall[0], monotonic=lambda: monotonic[0])
    signer = engine.signer("HMAC-SHA1", "ck", "cs", clock=learnt)

    def sent():
        return dict(signer.parameters("GET", URL_TEXT))["oauth_timestamp"]

    assert sent() == "1000"
    learnt.learn(5000)
    wall[0], monotonic[0] = 1.0, 60.0
    assert sent() == "5010"


def test_without_a_clock_the_systems_is_read(engine):
    before = int(Clock()())
    sent = int(dict(engine.signer("HMAC-SHA1", "ck").parameters("GET", URL_TEXT))["oauth_timestamp"])
    assert before <= sent <= Clock()()


@pytest.mark.parametrize(("nonce", "code"), [("", "invalid-nonce"), (5, "wrong-type"), ("\ud800", "lone-surrogate")])
def test_a_nonce_that_cannot_be_sent_is_refused(signer, nonce, code):
    with pytest.raises(UsageError) as caught:
        signer.authorization("GET", URL_TEXT, nonce=nonce)
    assert caught.value.code == code


def test_nonces_are_plain_and_never_repeat(signer, engine, read_header):
    requests = [("GET", URL_TEXT)] * 2500
    nonces = [dict(read_header(header))["oauth_nonce"] for header in signer.sign_many(requests)]
    nonces += [dict(signer.parameters("GET", URL_TEXT))["oauth_nonce"] for _ in range(2500)]
    nonces += [dict(read_header(signer.authorization("GET", URL_TEXT)))["oauth_nonce"] for _ in range(2500)]
    nonces += [engine.module.make_nonce() for _ in range(2500)]
    assert len(set(nonces)) == 10_000
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)


def test_every_bit_of_a_nonce_varies(engine):
    nonces = [int(engine.module.make_nonce(), 16) for _ in range(256)]
    seen_set, seen_clear = 0, 0
    for nonce in nonces:
        seen_set |= nonce
        seen_clear |= ~nonce
    assert seen_set & seen_clear & (2**128 - 1) == 2**128 - 1


def nonces_in_forks(engine, signer, forks: int) -> list[list[str]]:
    """What each forked process draws: through the function and through the signer."""
    drawn = []
    for _ in range(forks):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                nonces = [engine.module.make_nonce() for _ in range(50)]
                nonces += [dict(signer.parameters("GET", URL_TEXT))["oauth_nonce"] for _ in range(50)]
                with os.fdopen(writer, "w") as pipe:
                    json.dump(nonces, pipe)
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            drawn.append(json.load(pipe))
        os.waitpid(child, 0)
    return drawn


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_draw_different_nonces(engine, signer):
    engine.module.make_nonce()
    drawn = nonces_in_forks(engine, signer, 3)
    own = [engine.module.make_nonce() for _ in range(100)]
    assert len({nonce for nonces in [*drawn, own] for nonce in nonces}) == 400


def draw_nonces(engine_name: str, count: int) -> list[str]:
    module = signing.load_engine(engine_name)
    return [module.make_nonce() for _ in range(count)]


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_worker_processes_draw_different_nonces(engine):
    draw_nonces(engine.name, 1)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def work():
        queue.put(draw_nonces(engine.name, 100))

    workers = [context.Process(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    drawn = [nonce for _ in workers for nonce in queue.get()]
    for worker in workers:
        worker.join()
    assert len({*drawn, *draw_nonces(engine.name, 100)}) == 400


BATCH = [
    ("GET", URL_TEXT),
    ("POST", "https://api.example.com/é", "a=1&b=ü", FORM),
    ["PUT", URL("https://api.example.com/x?y=z"), b"{}", "application/json"],
    ("DELETE", "http://[::1]:8080/", None, None),
    ("POST", URL_TEXT, b"\xff"),
]


@pytest.mark.parametrize("method", list(signing.SIGNATURE_METHODS))
@pytest.mark.parametrize("threads", [None, 1, 2, 7])
def test_a_batch_keeps_its_order(engine, rsa_key, clock, read_header, method, threads):
    signer = engine.signer(method, "ck", "cs", rsa_key=rsa_key.pem, body_hash=True, clock=clock)
    batch = BATCH * 3
    headers = signer.sign_many(iter(batch), threads=threads)
    assert len(headers) == len(batch)
    for request, header in zip(batch, headers, strict=True):
        nonce = dict(read_header(header))["oauth_nonce"]
        assert header == signer.authorization(*request, nonce=nonce)


LONG_BATCH = [(*row[:1], f"https://api.example.com/{number}?b=c", *row[2:]) for number, row in enumerate(BATCH * 1000)]


@pytest.mark.parametrize("threads", [None, 2, 7])
def test_a_long_batch_keeps_its_order(engine, clock, read_header, threads):
    signer = engine.signer("HMAC-SHA1", "ck", "cs", body_hash=True, clock=clock)
    headers = signer.sign_many(LONG_BATCH, threads=threads)
    nonces = [dict(read_header(header))["oauth_nonce"] for header in headers]
    assert len(set(nonces)) == len(LONG_BATCH)
    for request, header, nonce in zip(LONG_BATCH, headers, nonces, strict=True):
        assert header == signer.authorization(*request, nonce=nonce)


@FORKS
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_batch_does_with_the_threads_that_there_are(engine, rsa_key):
    import resource

    signer = engine.signer("RSA-SHA1", "ck", rsa_key=rsa_key.pem)
    signer.sign_many([("GET", URL_TEXT)] * 2, threads=2)
    child = os.fork()
    if child == 0:
        outcome = 1
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            if os.geteuid() == 0:  # whom the limit does not bind
                os.setuid(65534)
            with pytest.raises(RuntimeError):
                threading.Thread(target=int).start()
            outcome = len(signer.sign_many([("GET", URL_TEXT)] * 64, threads=8)) - 64
        finally:
            os._exit(outcome)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not tell processors")
@pytest.mark.parametrize("is_pinned", [False, True])
def test_a_batch_leaves_its_caller_all_processors(engine, is_pinned):
    signer = engine.signer("HMAC-SHA1", "ck", "cs")

    def sign():
        if is_pinned:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        before = os.sched_getaffinity(0)
        assert len(signer.sign_many(LONG_BATCH, threads=3)) == len(LONG_BATCH)
        return before, os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as caller:
        before, after = caller.submit(sign).result()
    assert before == after


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize(
    "fault", [("GET", "ftp://a/"), ("G T", URL_TEXT), ("GET", 5), ("GET", "https://a:b/"), ("POST", URL_TEXT, 5, FORM)]
)
@pytest.mark.parametrize("later", [("GET", "ftp://b/"), ("GET", 7)])
def test_the_first_refusal_of_a_long_batch_is_told(engine, threads, fault, later):
    signer = engine.signer("HMAC-SHA1", "ck", "cs")
    batch = list(LONG_BATCH)
    batch[3_000], batch[3_001], batch[4_500] = fault, later, later
    with pytest.raises(OAuthRegError, match=r"^request 3000: "):
        signer.sign_many(batch, threads=threads)


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("place", [1, 4_999])
def test_what_is_no_request_is_told_before_any_refusal(engine, threads, kind, place):
    signer = engine.signer("HMAC-SHA1", "ck", "cs")
    batch = list(LONG_BATCH)
    batch[0], batch[place] = ("GET", "nowhere"), "GET"
    with pytest.raises(UsageError, match=rf"^request {place}: ") as caught:
        signer.sign_many(kind(batch), threads=threads)
    assert caught.value.code == "wrong-type"


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_the_callers_iterable_is_told_before_any_refusal(engine, threads):
    def requests():
        yield from [("GET", "nowhere"), *LONG_BATCH]
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        engine.signer("HMAC-SHA1", "ck", "cs").sign_many(requests(), threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_what_it_was_when_it_was_given(engine, threads):
    batch = list(LONG_BATCH)

    def clock():
        del batch[100:]
        batch[0] = "no request"
        return 1_700_000_000

    signer = engine.signer("HMAC-SHA1", "ck", "cs", clock=clock)
    assert len(signer.sign_many(batch, threads=threads)) == len(LONG_BATCH)
    assert len(batch) == 100


def test_an_empty_batch(signer):
    assert signer.sign_many([]) == []


@pytest.mark.parametrize("threads", [None, 1, 3])
@pytest.mark.parametrize("method", ["HMAC-SHA1", "RSA-SHA1"])
def test_the_refusal_of_a_batch_names_the_first_request_that_caused_it(engine, rsa_key, method, threads):
    signer = engine.signer(method, "ck", "cs", rsa_key=rsa_key.pem)
    batch = [("GET", URL_TEXT), ("GET", "nowhere"), ("G T", URL_TEXT), ("GET", URL_TEXT)]
    with pytest.raises(UsageError) as caught:
        signer.sign_many(batch, threads=threads)
    with pytest.raises(UsageError) as alone:
        signer.authorization(*batch[1])
    assert caught.value.message == f"request 1: {alone.value.message}"
    assert (caught.value.code, caught.value.hint) == (alone.value.code, alone.value.hint)


@pytest.mark.parametrize("row", [(), ("GET",), ("GET", URL_TEXT, None, None, None), "GET", None, 5, {"method": "GET"}])
def test_a_row_of_another_shape_is_refused(signer, row):
    with pytest.raises(UsageError) as caught:
        signer.sign_many([("GET", URL_TEXT), row])
    assert caught.value.code == "wrong-type"
    assert caught.value.message.startswith("request 1: ")


def test_what_is_no_batch_is_refused(signer):
    with pytest.raises(UsageError) as caught:
        signer.sign_many(5)
    assert caught.value.code == "wrong-type"


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_a_number_of_threads_that_cannot_work_is_refused(signer, threads):
    with pytest.raises(UsageError) as caught:
        signer.sign_many([("GET", URL_TEXT)], threads=threads)
    assert caught.value.code == "invalid-threads"


def test_an_error_of_the_callers_iterable_passes(signer):
    def requests():
        yield ("GET", URL_TEXT)
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        signer.sign_many(requests())


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "RSA-SHA1"])
def test_one_signer_in_eight_threads(engine, rsa_key, fixed, method):
    signer = engine.signer(method, "ck", "cs", token="tk", token_secret="ts", rsa_key=rsa_key.pem)
    urls = [f"https://api.example.com/{number}?n={number}" for number in range(50)]
    alone = [signer.authorization("GET", url, **fixed) for url in urls]
    together = threading.Barrier(8)

    def sign_all(_) -> list[str]:
        together.wait()
        return [signer.authorization("GET", url, **fixed) for url in urls]

    with ThreadPoolExecutor(8) as pool:
        assert all(signed == alone for signed in pool.map(sign_all, range(8)))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "code"),
    [
        (("HMAC-MD5", "ck"), {}, UnsupportedMethodError, "unknown-signature-method"),
        (("", "ck"), {}, UnsupportedMethodError, "unknown-signature-method"),
        ((None, "ck"), {}, UnsupportedMethodError, "unknown-signature-method"),
        ((["HMAC-SHA1"], "ck"), {}, UnsupportedMethodError, "unknown-signature-method"),
        (("HMAC-SHA1", ""), {}, MissingCredentialError, "missing-client-id"),
        (("HMAC-SHA1", b""), {}, MissingCredentialError, "missing-client-id"),
        (("HMAC-SHA1", None), {}, UsageError, "wrong-type"),
        (("HMAC-SHA1", 5), {}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "ck"), {"clock": 1_700_000_000}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "c\ud800"), {}, UsageError, "lone-surrogate"),
        (("HMAC-SHA1", b"c\xff"), {}, UsageError, "not-utf8"),
        (("HMAC-SHA1", "ck", 5), {}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "ck", "\udcff"), {}, UsageError, "lone-surrogate"),
        (("HMAC-SHA1", "ck", b"\xff"), {}, UsageError, "not-utf8"),
        (("HMAC-SHA1", "ck"), {"token": 5}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "ck"), {"token": "\ud800"}, UsageError, "lone-surrogate"),
        (("HMAC-SHA1", "ck"), {"token_secret": 5}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "ck"), {"token_secret": b"\xff"}, UsageError, "not-utf8"),
        (("HMAC-SHA1", "ck"), {"realm": 5}, UsageError, "wrong-type"),
        (("HMAC-SHA1", "ck"), {"version": 1.0}, UsageError, "wrong-type"),
        (("RSA-SHA1", "ck"), {}, MissingCredentialError, "missing-key"),
        (("RSA-SHA256", "ck", "secret"), {}, MissingCredentialError, "missing-key"),
    ],
)
def test_a_signer_that_cannot_be_made(engine, arguments, options, error, code):
    with pytest.raises(OAuthRegError) as caught:
        engine.signer(*arguments, **options)
    assert type(caught.value) is error
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["hmac-sha1", "HMAC_SHA1", "HMAC-SHA-1", "hmac-sha256", "rsa-sha512", "plaintext"])
def test_a_misspelt_method_gets_a_suggestion(engine, name):
    with pytest.raises(UnsupportedMethodError) as caught:
        engine.signer(name, "ck")
    assert caught.value.hint.startswith("did you mean `")
    assert ", ".join(signing.SIGNATURE_METHODS) in caught.value.message


def test_rsa_ignores_the_secrets(engine, rsa_key, fixed):
    plain = engine.signer("RSA-SHA1", "ck", rsa_key=rsa_key.pem)
    secret = engine.signer("RSA-SHA1", "ck", "cs", token_secret="ts", rsa_key=rsa_key.pem)
    assert plain.authorization("GET", URL_TEXT, **fixed) == secret.authorization("GET", URL_TEXT, **fixed)


def test_a_key_is_ignored_by_the_other_methods(engine, fixed):
    signer = engine.signer("HMAC-SHA1", "ck", "cs", rsa_key="no key at all")
    assert signer.authorization("GET", URL_TEXT, **fixed)


def test_a_url_object_and_its_text_are_signed_alike(signer, fixed):
    for text in (URL_TEXT, "http://[::1]:8080/a%2Fb;c?d=%2B&e", "https://h.example", "http://u:p@h.example:80/?a=é#f"):
        url = URL(text)
        assert signer.authorization("GET", url, **fixed) == signer.authorization("GET", str(url), **fixed)


def test_what_was_signed_is_not_kept(engine):
    """A process that signs ever new and long requests does not grow: what is remembered is little and has bounds."""
    signer = engine.signer("HMAC-SHA1", "ck", "cs")
    tracemalloc.start()
    try:
        for number in range(1_200):
            signer.authorization(f"M{number}", f"https://h{number}.example/{number}?{number}")
            signer.authorization("POST", f"https://h/{number}" + "p" * 10_000, b"b" * 1_000, FORM)
            if number == 600:
                first = tracemalloc.get_traced_memory()[0]
        assert first < 1_000_000
        assert tracemalloc.get_traced_memory()[0] - first < 100_000
    finally:
        tracemalloc.stop()


class Telling:
    """A clock that says whether it is the system's."""

    def __init__(self, is_system):
        self.is_system = is_system

    def __call__(self):
        return 1_700_000_000.9


def timestamps_of(signer):
    """Alone and in a batch."""
    parameters = dict(signer.parameters("GET", "https://api.example.com/"))
    [header] = signer.sign_many([("GET", "https://api.example.com/")])
    return [int(parameters["oauth_timestamp"]), int(header.partition('oauth_timestamp="')[2].partition('"')[0])]


def test_a_clock_that_is_the_systems_is_not_asked(engine):
    clock = Telling(is_system=True)
    signer = engine.signer("HMAC-SHA1", "ck", clock=clock)
    assert signer.clock is clock
    assert min(timestamps_of(signer)) > 1_750_000_000
    clock.is_system = False
    assert timestamps_of(signer) == [1_700_000_000, 1_700_000_000]
    signer.clock = Telling(is_system=True)
    assert min(timestamps_of(signer)) > 1_750_000_000
    signer.clock = lambda: 1_600_000_000
    assert timestamps_of(signer) == [1_600_000_000, 1_600_000_000]
