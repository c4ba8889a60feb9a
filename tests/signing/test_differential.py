"""The two engines give the same value or the same refusal, and both do what a third reading of RFC 5849 says.

``OAUTHREG_DIFFERENTIAL_CASES`` is the number of requests of ``test_many_requests`` (20,000 without it).
"""

import base64
import hashlib
import hmac
import json
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st
from yarl import URL

from oauthreg.errors import OAuthRegError
from oauthreg.signing import SIGNATURE_METHODS

CASES = int(os.environ.get("OAUTHREG_DIFFERENTIAL_CASES", "20000"))
BATCH = 2_000
FORM = "application/x-www-form-urlencoded"


# -- the third reading: RFC 5849 section 3.4.1 in the plainest words, sharing nothing with the package --------------

BARE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
QUOTED = {octet: bytes([octet]) if octet in BARE else b"%%%02X" % octet for octet in range(256)}
A_LABELS = {"bücher.example": "xn--bcher-kva.example", "ÅÄÖ.example": "xn--4cab6c.example"}


@lru_cache(maxsize=20_000)
def oracle_quote(value: str | bytes) -> bytes:
    """Section 3.6."""
    octets = value.encode() if isinstance(value, str) else bytes(value)
    return b"".join([QUOTED[octet] for octet in octets])


@lru_cache(maxsize=20_000)
def oracle_decode(form: str | bytes) -> list[tuple[bytes, bytes]]:
    """Section 3.4.1.3.1: as HTML forms are decoded."""
    octets = form.encode() if isinstance(form, str) else bytes(form)
    pairs = [piece.split(b"=", 1) for piece in octets.split(b"&") if piece != b""]
    spaced = [[part.replace(b"+", b" ") for part in [*pair, b""][:2]] for pair in pairs]
    plain = [
        [re.sub(rb"%([0-9A-Fa-f][0-9A-Fa-f])", lambda m: bytes.fromhex(m[1].decode()), part) for part in pair]
        for pair in spaced
    ]
    return [(name, value) for name, value in plain]


@lru_cache(maxsize=64)
def oracle_uri(url: str) -> tuple[str, str]:
    """Section 3.4.1.2: the base string URI, and the query that does not belong to it."""
    scheme, rest = url.split("://", 1)
    target, _, query = rest.split("#", 1)[0].partition("?")
    authority, slash, path = target.partition("/")
    host, port = re.fullmatch(r"(\[.*\]|[^:]*)(?::([0-9]*))?", authority.split("@")[-1]).groups()
    host = A_LABELS.get(host, host).lower()
    if port and int(port) != {"http": 80, "https": 443}[scheme.lower()]:
        host = f"{host}:{int(port)}"
    sent = "".join(c if "!" <= c <= "~" else "".join(f"%{octet:02X}" for octet in c.encode()) for c in slash + path)
    return f"{scheme.lower()}://{host}{sent or '/'}", query


def oracle_base_string(method: str, url: str, protocol: list, body: Any, content_type: str | None) -> bytes:
    """Sections 3.4.1.1 and 3.4.1.3.2."""
    uri, query = oracle_uri(url)
    pairs = protocol + oracle_decode(query)
    if (content_type or "").split(";")[0].strip().lower() == FORM:
        pairs = pairs + oracle_decode(body or b"")
    quoted = sorted((oracle_quote(name), oracle_quote(value)) for name, value in pairs)
    text = b"&".join([name + b"=" + value for name, value in quoted if name != b"oauth_signature"])
    return b"&".join([oracle_quote(method.upper()), oracle_quote(uri), oracle_quote(text)])


def oracle_signature(signature_method: str, text: bytes, client_secret: str, token_secret: str) -> bytes:
    """Sections 3.4.2 and 3.4.4."""
    key = oracle_quote(client_secret) + b"&" + oracle_quote(token_secret)
    if signature_method == "PLAINTEXT":
        return key
    algorithm = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256, "HMAC-SHA512": hashlib.sha512}
    return base64.b64encode(hmac.new(key, text, algorithm[signature_method]).digest())


# -- comparing -------------------------------------------------------------------------------------------------------


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The value, or what a refusal says; any error outside the tree fails the test."""
    try:
        return call(*arguments, **options)
    except OAuthRegError as error:
        return type(error), error.message, error.code, error.hint


def assert_alike(engines, name: str, *arguments: Any, **options: Any) -> Any:
    outcomes = [outcome(getattr(engine.module, name), *arguments, **options) for engine in engines]
    assert all(found == outcomes[0] for found in outcomes)
    return outcomes[0]


ANY_TEXT = st.text(st.characters(exclude_categories=()))
PIECES = st.sampled_from(
    ["a", "b", "=", "&", "+", ";", "%", "%2", "%zz", "%41", "%7e", "%7E", "%c3%a9", "%C3%A9", "%E9", "%00", "%0A",
    "%25", "%2B", "%26", "%3D", " ", "é", "ß", "日", "🦀", "e\u0301", "\u2028", "\x00", "\t", "\r\n", "\x7f", "\x80",
    "'", '"', "\\", "[", "]", "/", "?", ":", "@", "!", "*", "(", ")", ",", "~", "-", ".", "_", "oauth_signature",
    "oauth_token", "oauth_", "realm", "A" * 300, "%20" * 50, "\ud800", "\udcff"]
)  # fmt: skip
DEBRIS = st.lists(PIECES, max_size=12).map("".join)
TEXT = DEBRIS | ANY_TEXT
OCTETS = st.binary(max_size=60) | DEBRIS.map(lambda text: text.encode("utf-8", "surrogatepass"))
NO_TEXT = st.sampled_from([None, 5, 1.5, ["a"], {"a": "b"}, object()])
VALUE = TEXT | OCTETS | OCTETS.map(bytearray) | OCTETS.map(memoryview) | NO_TEXT
METHOD = st.sampled_from(["GET", "post", "M-SEARCH", "~!", "", "G T", "GÉT", None, b"GET"]) | TEXT
CONTENT_TYPE = st.sampled_from(
    [None, FORM, FORM.upper(), f" {FORM} ; charset=latin-1", f"{FORM};", f"{FORM}x", "text/plain", "", 5, b"x",
     "APPLICATION/X-WWW-FORM-URLENCODED\t;", f"\n{FORM}", f"{FORM}\u00a0"]
) | TEXT  # fmt: skip
BODY = st.none() | VALUE
SCHEME = st.sampled_from(["http", "https", "HTTP", "hTTps", "ftp", "", "1http", "h\u0131ttp"])
USER = st.just("") | st.sampled_from(["user@", "us@er:p@ss@", "@", "a:b@", "é@", "\ud800@"])
HOST = st.sampled_from(
    ["example.com", "EXAMPLE.com", "example.com.", "h..", ".", "[::1]", "[2001:DB8::A]", "[fe80::1%25en0]",
    "[::ffff:1.2.3.4]", "[v1.a:b]", "[]", "[::1", "::1", "192.0.2.1", "bücher.example", "BU\u0308CHER.example",
    "faß.de", "日本語。jp", "a_ü.de", "xn--bcher-kva.example", "ex%41mple.com", "a b", "a\\b", "", "_x", "a,b;c=d",
    "\u0130.com", "ü" * 80 + ".com", "ü b", "\udcff.com", "\uff11\uff12.com", "☃.net", "a.-ü.com", "\u200d.com"]
) | DEBRIS  # fmt: skip
PORT = st.just("") | st.sampled_from(
    [":", ":80", ":443", ":8080", ":0", ":00080", ":65535", ":65536", ":-1", ":8o", ":\uff18\uff10", ":" + "9" * 30,
     ":" + "0" * 30, ": 80"]
)  # fmt: skip
PATH = (
    st.just("")
    | st.sampled_from(["/", "//", "/a;b=c", "/a/../b", "/%zz%41%7e", "/é b", "/\ud800"])
    | DEBRIS.map("/".__add__)
)
QUERY = st.just("") | DEBRIS.map("?".__add__)
FRAGMENT = st.just("") | DEBRIS.map("#".__add__)
URL_TEXT = st.tuples(SCHEME, st.just("://"), USER, HOST, PORT, PATH, QUERY, FRAGMENT).map("".join) | TEXT
PAIR = st.tuples(TEXT | OCTETS, TEXT | OCTETS)
PAIRS = (
    st.lists(PAIR, max_size=5)
    | st.lists(PAIR, max_size=3).map(dict)
    | st.lists(
        st.tuples(st.sampled_from(["oauth_callback", "oauth_verifier", "oauth_nonce", "realm", "x"]), DEBRIS),
        max_size=3,
    )
    | st.sampled_from([None, (), 5, "ab", [("a",)], [("a", "b", "c")], [("a", 5)], [("", "x")], [["a", "b"]]])
)
NONCE = st.sampled_from([None, "n0nce", "a+b/c==", "", 5]) | TEXT
TIMESTAMP = st.sampled_from(
    [None, 1, 1700000000, 1700000000.9, 0, -1, 0.5, 2**63 - 1, 2**63, float("nan"), float("inf"), "1", "x", "", b"1",
    []]
) | st.integers() | st.floats()  # fmt: skip
SECRET = st.none() | TEXT | OCTETS | st.sampled_from(["", b"", 5])


@st.composite
def urls(draw) -> Any:
    """A URL as text, as a ``yarl.URL`` in both readings, or something else."""
    text = draw(URL_TEXT)
    kind = draw(st.sampled_from(["text", "text", "as written", "requoted", "other"]))
    if kind == "other":
        return draw(st.sampled_from([None, 5, b"http://h/", URL("/relative"), URL("")]))
    if kind == "text":
        return text
    try:
        url = URL(text, encoded=kind == "as written")
        str(url)  # hypothesis shows it; a port that is read too late has its own test
    except (ValueError, TypeError):
        assume(condition=False)
    return url


@pytest.mark.parametrize("name", ["escape", "unescape", "parse_parameters"])
@given(value=VALUE)
def test_one_value(twins, name, value):
    assert_alike(twins, name, value)


@given(pairs=PAIRS.filter(lambda pairs: pairs is not None) | st.none())
def test_normalize_parameters(twins, pairs):
    assert_alike(twins, "normalize_parameters", pairs)


@given(url=urls())
def test_base_uri(twins, url):
    assert_alike(twins, "base_uri", url)


@given(host=HOST | TEXT)
def test_host_a_label(twins, host):
    assert_alike(twins, "host_a_label", host)


@given(method=METHOD, url=urls(), pairs=PAIRS, body=BODY, content_type=CONTENT_TYPE)
def test_base_string(twins, method, url, pairs, body, content_type):
    assert_alike(twins, "base_string", method, url, pairs, body, content_type)


@given(method=st.sampled_from([*SIGNATURE_METHODS, "x", "hmac-sha1", None]) | TEXT, body=BODY)
def test_body_hash(twins, method, body):
    assert_alike(twins, "body_hash", method, body)


@given(method=st.sampled_from([*SIGNATURE_METHODS, "x", None]), text=TEXT | NO_TEXT, secrets=st.tuples(SECRET, SECRET))
def test_sign_and_check(twins, rsa_keys, method, text, secrets):
    key = rsa_keys["test-pkcs1-9d50b038"].pem
    signature = assert_alike(twins, "sign_base_string", method, text, *secrets, key)
    if isinstance(signature, str):
        assert assert_alike(twins, "check_signature", method, text, signature, *secrets, key) is True


@given(
    method=st.sampled_from([*SIGNATURE_METHODS, "x"]),
    text=TEXT,
    signature=TEXT | st.binary().map(lambda octets: base64.b64encode(octets).decode()) | NO_TEXT,
    secrets=st.tuples(SECRET, SECRET),
    with_key=st.booleans(),
)
def test_check_any_signature(twins, rsa_keys, method, text, signature, secrets, with_key):
    key = rsa_keys["test-pkcs1-9d50b038"].pem if with_key else None
    assert_alike(twins, "check_signature", method, text, signature, *secrets, key)


@given(
    hash_name=st.sampled_from(["sha1", "sha256", "sha512", "md5", ""]), key=st.binary(max_size=300), message=st.binary()
)
def test_hmac(twins, hash_name, key, message):
    assert_alike(twins, "hmac", hash_name, key, message)


@given(
    hash_name=st.sampled_from(["sha1", "sha256", "sha512"]),
    key=st.sampled_from(["test-pkcs1-9d50b038", "test-pkcs8-c88364f2", "test-pkcs8-f728f55f"]),
    message=st.binary(),
    damage=st.integers(-1, 127),
)
def test_rsa(twins, rsa_keys, hash_name, key, message, damage):
    signature = bytearray(assert_alike(twins, "rsa_sign", hash_name, rsa_keys[key].pem, message))
    if damage >= 0:
        signature[damage] ^= 1
    verdict = assert_alike(twins, "rsa_verify", hash_name, rsa_keys[key].pem, message, bytes(signature))
    assert verdict is (damage < 0)


@st.composite
def signers(draw) -> tuple[tuple[Any, ...], dict[str, Any]]:
    options = {
        "token": draw(st.sampled_from([None, "tk", "", b"t\xff"]) | TEXT),
        "token_secret": draw(SECRET),
        "realm": draw(st.sampled_from([None, "", 'a "b" \\', "é", "a\nb", 5]) | TEXT),
        "version": draw(st.sampled_from(["1.0", None, "", "é", 1.0])),
        "body_hash": draw(st.booleans()),
    }
    method = draw(st.sampled_from([*SIGNATURE_METHODS] * 3 + ["x", "hmac-sha1", None]))
    return (method, draw(st.just("ck") | TEXT | NO_TEXT), draw(SECRET)), options


@given(
    signer=signers(),
    request=st.tuples(METHOD, urls(), BODY, CONTENT_TYPE) | st.tuples(st.just("POST"), urls(), OCTETS, st.just(FORM)),
    pairs=PAIRS,
    nonce=NONCE,
    timestamp=TIMESTAMP,
)
def test_signer(twins, rsa_keys, signer, request, pairs, nonce, timestamp):
    arguments, options = signer
    key, clock = rsa_keys["test-pkcs1-9d50b038"].pem, lambda: 1_700_000_000.5
    made = [outcome(engine.signer, *arguments, **options, rsa_key=key, clock=clock) for engine in twins]
    if isinstance(made[1], tuple):
        assert made[0] == made[1]
        return
    native, pure = made
    assert repr(native).replace("native", "pure") == repr(pure)
    for name in ("client_id", "token", "realm", "version", "body_hash", "signature_method", "key_bits"):
        assert getattr(native, name) == getattr(pure, name)
    given = {"parameters": pairs, "nonce": "n" if nonce is None else nonce, "timestamp": timestamp}
    for name in ("authorization", "parameters", "base_string"):
        assert outcome(getattr(native, name), *request, **given) == outcome(getattr(pure, name), *request, **given)
    for own, given_nonce in ((native, pure), (pure, native)):
        made_up = {"parameters": pairs, "timestamp": timestamp}
        header = outcome(own.authorization, *request, **made_up)
        if isinstance(header, str):
            sent = re.search('oauth_nonce="([0-9a-f]{32})"', header)[1]
            assert header == given_nonce.authorization(*request, nonce=sent, **made_up)
    batch = [("GET", "http://h/"), request]
    batches = [outcome(signer.sign_many, batch) for signer in made]
    if isinstance(batches[1], tuple):
        assert batches[0] == batches[1]
    else:
        for row, header in zip(batch, batches[0], strict=True):
            assert header == pure.authorization(*row, nonce=re.search('oauth_nonce="([0-9a-f]{32})"', header)[1])


# -- many requests ---------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "a-b", "a.b", "a0", "A", "", "é", "日本", "x y", "x+y", "x%20y", "a[]", "realm", "%61", "c@",
         "%c3%a9", "%E9", "%00", "oauth", "status", "include_entities", "q", "!", "~", "*", "'"]  # fmt: skip
VALUES = ["", "1", "2", "10", "a=b", "x y", "x+y", "x%20y", "%2B", "%2b", "%7e", "~", "%zz", "100%", "%", "%%41",
          "é", "%C3%A9", "%c3%a9", "%E9", "🦀", "e\u0301", "Ladies%20+%20Gentlemen", "[1,2]", '{"a":1}',
          "https://c.example/cb?d=%2F", "\t", "\r\n", "\x00", "\x7f", "'()*!", "%2525", "A" * 200, "%E5%86%99" * 4,
          ";", ";b=2", "?", "/"]  # fmt: skip
SEPARATORS = ["&"] * 12 + ["&&", ";"]
HOSTS = ["example.com", "API.Example.com", "localhost", "192.0.2.1", "[::1]", "[2001:DB8::A]",
         "xn--bcher-kva.example", "h", "under_score.example", "example.com.", *A_LABELS]  # fmt: skip
PORTS = [""] * 6 + [":", ":80", ":443", ":8080", ":0", ":00443", ":65535"]
USERS = [""] * 9 + ["u:p@", "u@x:p@"]
SEGMENTS = ["", "a", "r%20v", "X", "1.1", "%7Eu", "~u", "a;b=1", "..", ".", "%2f", "%zz", "é", "x y", "a+b", "a:b@c",
            "(!$&'*)", "日本語", "\x7f", "%00", "[x]", "\\", '"<>"', "^`{|}"]  # fmt: skip
CONTENT_TYPES = [FORM] * 4 + [f"{FORM}; charset=utf-8", FORM.upper(), f"{FORM};charset=ISO-8859-1", None, "",
                 "application/json", "text/plain", f"{FORM}x"]  # fmt: skip
METHODS = ["GET"] * 4 + ["POST"] * 4 + ["put", "DELETE", "patch", "m-search", "~^|`"]
WRONG = [("method", ""), ("method", "G T"), ("method", "GÉT"), ("url", "nowhere"), ("url", "http://h:99999/"),
         ("url", "ftp://h/"), ("url", "http://a b/"), ("url", "http://h/\ud800"), ("url", "http://h/?\udcff"),
         ("url", "http:///p?s=1"), ("body", "\ud800"), ("body", {"a": "b"}), ("content_type", 5),
         ("url", None)]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    method: Any
    url: Any
    body: Any
    content_type: Any


class Requests:
    """Draws requests; equal seeds draw equal ones."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.queries = [self.form(self.random.choice) for _ in range(700)]
        self.paths = ["", "/"] + [
            "/" + "/".join(self.random.choices(SEGMENTS, k=self.random.randint(1, 4))) for _ in range(300)
        ]
        self.roots = [
            f"{self.random.choice(['http', 'https', 'HTTPS'])}://{self.random.choice(USERS)}{host}{port}"
            for host in HOSTS
            for port in PORTS
        ]

    def form(self, choice) -> str:
        pairs = [
            f"{choice(NAMES)}{choice(['=', '=', '=', ''])}{choice(VALUES)}"
            for _ in range(self.random.choice([0, 1, 1, 2, 2, 3, 6]))
        ]
        if self.random.random() < 0.03:
            pairs.append(choice(["oauth_signature=x", "oauth_token=y", "oauth%5Fnonce=z", "oauth_signature"]))
        return "".join(part for pair in pairs for part in (pair, choice(SEPARATORS)))

    def draw(self) -> Request:
        draw = self.random
        query = draw.choice(self.queries)
        url = f"{draw.choice(self.roots)}{draw.choice(self.paths)}{'?' if query else ''}{query}"
        if draw.random() < 0.05:
            url += "#" + draw.choice(["", "f?a=b", "/p"])
        body = None
        if draw.random() < 0.6:
            body = draw.choice(self.queries)
            if draw.random() < 0.5:
                body = body.encode() + draw.choice([b"", b"&\xff=\xfe", b"&r=\xe9"])
        return Request(draw.choice(METHODS), url, body, draw.choice(CONTENT_TYPES))

    def text(self) -> str:
        return "".join(
            self.random.choices(
                ["a", "B", "9", "-", "%", "%41", "+", "&", "=", " ", "é", "日", "🦀", "/", '"', "\\"], k=6
            )
        )


def as_vector(request: Request, seed: str, found: dict[str, Any]) -> str:
    """A failing request in the form of a vector, to be kept in tests/vectors."""
    fields = {name: getattr(request, name) for name in ("method", "url", "body", "content_type")}
    return json.dumps(
        {"id": "", "kind": "sign", "seed": seed, **fields, "found": found}, ensure_ascii=False, indent=1, default=repr
    )


class Batch:
    """Signs requests with one signer of each engine and compares: the engines with each other, both with the oracle."""

    DOORS = ("authorization", "authorization", "parameters", "signer.base_string", "module.base_string")

    def __init__(self, engines, rsa_keys, seed: str) -> None:
        self.seed = seed
        self.requests = Requests(seed)
        self.random = draw = self.requests.random
        self.method = draw.choices([*SIGNATURE_METHODS], weights=[20, 20, 10, 1, 1, 1, 10])[0]
        self.secrets = (self.requests.text(), self.requests.text())
        self.body_hash = self.method != "PLAINTEXT" and draw.random() < 0.3
        client_id, token = self.requests.text(), draw.choice([None, self.requests.text()])
        realm, version = draw.choice([None, "", self.requests.text()]), draw.choice(["1.0", None])
        self.protocol = [("oauth_consumer_key", client_id), ("oauth_signature_method", self.method)]
        self.protocol += [("oauth_token", token)] if token else []
        self.protocol += [("oauth_version", version)] if version else []
        nonce, extras = self.requests.text(), [("oauth_callback", self.requests.text())] * draw.randint(0, 1)
        self.protocol += [("oauth_timestamp", "1700000000"), ("oauth_nonce", nonce), *extras]
        self.options = {"parameters": extras, "nonce": nonce, "timestamp": 1_700_000_000}
        self.modules = [engine.module for engine in engines]
        self.signers = [
            engine.signer(
                self.method, client_id, self.secrets[0], token=token, token_secret=self.secrets[1], realm=realm,
                version=version, body_hash=self.body_hash, rsa_key=rsa_keys["test-pkcs1-9d50b038"].pem,
            )
            for engine in engines
        ]  # fmt: skip

    def compare(self, request: Request, door: str, protocol: list | None = None) -> Any:
        """What the engines answer through one door; fails the test where two differ."""
        given = (request.method, request.url, request.body, request.content_type)
        if door == "module.base_string":
            arguments = (*given[:2], protocol or self.protocol, *given[2:])
            found = [outcome(module.base_string, *arguments) for module in self.modules]
        else:
            name = door.removeprefix("signer.")
            found = [outcome(getattr(signer, name), *given, **self.options) for signer in self.signers]
        if any(answer != found[0] for answer in found):
            pytest.fail(as_vector(request, self.seed, {"door": door, "answers": found}))
        return found[0]

    def compare_with_oracle(self, request: Request) -> None:
        """For a request that is known to be right."""
        door = self.random.choice(self.DOORS)
        form = (request.content_type or "").split(";")[0].strip().lower() == FORM
        protocol = self.protocol
        if self.body_hash and not form:
            digest = hashlib.new(SIGNATURE_METHODS[self.method][1], oracle_octets(request.body)).digest()
            protocol = [*protocol, ("oauth_body_hash", base64.b64encode(digest).decode())]
        text = oracle_base_string(request.method, request.url, protocol, request.body, request.content_type)
        written = request
        if self.random.random() < 0.2 and not re.search(r"[\t\r\n]|\.com\.", request.url):
            written = replace(request, url=URL(request.url, encoded=True))
        answer = self.compare(written, door, protocol)
        if door.endswith("base_string"):
            expected, right = text.decode(), answer == text.decode()
        elif self.brings_protocol_parameters(request, door, form):
            expected, right = "a refusal", answer[2] == "protocol-parameters-in-request"
        elif self.method.startswith("RSA"):
            return
        else:
            expected = oracle_signature(self.method, text, *self.secrets).decode()
            quoted = f', oauth_signature="{oracle_quote(expected).decode()}"'
            right = answer.endswith(quoted) if door == "authorization" else answer[-1] == ("oauth_signature", expected)
        if not right:
            pytest.fail(as_vector(request, self.seed, {"door": door, "expected": expected, "answer": answer}))

    def brings_protocol_parameters(self, request: Request, door: str, form: bool) -> bool:
        """Section 3.5; an old signature may be replaced in query and body."""
        brought = oracle_decode(oracle_uri(request.url)[1]) + (oracle_decode(request.body or b"") if form else [])
        replaced = {b"oauth_signature"} if door == "parameters" else set()
        return any(name.startswith(b"oauth_") and name not in replaced for name, _ in brought)


def oracle_octets(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e", "f", "g", "h"])
def test_each_engine_agrees_with_the_third_reading(engine, rsa_keys, seed):
    batch = Batch([engine], rsa_keys, seed)
    for _ in range(50):
        batch.compare_with_oracle(batch.requests.draw())


def test_many_requests(engines, rsa_keys, capsys):
    signed = refused = 0
    while signed + refused < CASES:
        batch = Batch(engines, rsa_keys, f"batch {signed + refused}")
        for _ in range(min(BATCH, CASES - signed - refused)):
            request = batch.requests.draw()
            if batch.random.random() < 0.05:
                batch.compare(replace(request, **dict([batch.random.choice(WRONG)])), batch.random.choice(batch.DOORS))
                refused += 1
            else:
                batch.compare_with_oracle(request)
                signed += 1
    names = " and ".join(engine.name for engine in engines)
    with capsys.disabled():
        print(f"\ndifferential: {signed:,} requests signed as the oracle does and {refused:,} refused alike by {names}")  # noqa: T201
