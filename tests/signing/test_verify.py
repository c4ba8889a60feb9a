"""Received requests: what is accepted, and every reason to refuse (RFC 5849 section 3.2)."""

import hmac
import inspect
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from yarl import URL

import oauthreg
from oauthreg.errors import InvalidSignatureError, UsageError, VerificationError
from oauthreg.signing import SIGNATURE_METHODS, Signer
from oauthreg.signing.verify import SignedRequest, VerificationKeys, Verifier, parse_authorization, verify

FORM = "application/x-www-form-urlencoded"
URL_TEXT = "https://api.example.com:8443/r/a%2Fb?a=1&b=%C3%BC"
NOW = 1_700_000_000
SIGNED = (
    'OAuth oauth_consumer_key="ck", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1", oauth_nonce="nonce", '
    'oauth_signature="x"'
)
SECRETS = {"client_secret": "c&s", "token_secret": "t s"}
GIVEN = {**SECRETS, "signature_methods": tuple(SIGNATURE_METHODS)}
VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture
def sign(engine, clock, rsa_key):
    """Signs a request and gives it as a server receives it."""

    def sign(
        placement="header", *, method="POST", url=URL_TEXT, body="f=x+y", content_type=FORM,
        signature_method="HMAC-SHA1", parameters=(), **options,
    ):  # fmt: skip
        options = {"token": "tk", "clock": clock, "client_secret": SECRETS["client_secret"], "rsa_key": rsa_key.pem,
                   "token_secret": SECRETS["token_secret"]} | options  # fmt: skip
        signer = engine.signer(signature_method, "ck", **options)
        received = {"method": method, "url": url, "body": body, "content_type": content_type, "authorization": None}
        if placement == "header":
            received["authorization"] = signer.authorization(method, url, body, content_type, parameters=parameters)
            return received
        sent = signer.parameters(method, url, body, content_type, parameters=parameters)
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent)
        if placement == "query":
            return received | {"url": f"{url}{'&' if '?' in url else '?'}{text}"}
        return received | {"body": f"{body}&{text}" if body else text}

    return sign


@pytest.fixture(params=["verify", "Verifier"])
def check(request, engine):
    """Both doors: the function, and the object that keeps what is derived from the keys."""

    def by_function(received, **options):
        return verify(**received, **(GIVEN | options), engine=engine.name)

    def by_object(received, now=None, **options):
        return Verifier(**(GIVEN | options), engine=engine.name).verify(**received, now=now)

    return by_function if request.param == "verify" else by_object


@pytest.fixture
def refuse(check):
    """Refuses with that code."""

    def refuse(received, code, error=VerificationError, **options):
        with pytest.raises(VerificationError) as caught:
            check(received, **options)
        assert type(caught.value) is error
        assert caught.value.code == code
        return caught.value

    return refuse


def test_the_public_names():
    assert oauthreg.verify is verify
    assert oauthreg.SignedRequest is SignedRequest
    assert oauthreg.VerificationKeys is VerificationKeys
    assert oauthreg.Verifier is Verifier


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("signature_method", list(SIGNATURE_METHODS))
def test_what_was_signed_is_accepted(sign, check, rsa_key, placement, signature_method):
    received = sign(placement, signature_method=signature_method, parameters={"oauth_verifier": "v ü+"}, realm="r")
    proven = check(received, rsa_key=rsa_key.pem, now=NOW)
    assert (proven.client_id, proven.token, proven.signature_method) == ("ck", "tk", signature_method)
    assert (proven.placement, proven.realm) == (placement, "r" if placement == "header" else None)
    assert proven.parameters["oauth_verifier"] == "v ü+"
    assert proven.parameters["oauth_timestamp"] == str(NOW)
    assert set(proven.parameters) == {
        "oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_version", "oauth_timestamp",
        "oauth_nonce", "oauth_verifier", "oauth_signature",
    }  # fmt: skip


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("written", [str, lambda url: URL(url, encoded=True), URL])
def test_urls_of_every_kind(sign, check, placement, written):
    received = sign(placement, url="http://h.example/a/b;c?x=y+z&x")
    assert check(received | {"url": written(received["url"])})


@pytest.mark.parametrize("body", ["f=ü", "f=ü".encode(), bytearray("f=ü".encode())])
def test_bodies_of_every_kind(sign, check, body):
    assert check(sign(body="f=ü") | {"body": body})


def test_a_request_without_token_or_body(sign, check):
    proven = check(sign(method="GET", body=None, content_type=None, token=None), token_secret="t s")
    assert proven.token is None


def test_an_empty_token_counts_as_none_and_is_signed(sign, check):
    proven = check(sign(token=None, parameters={"oauth_token": ""}))
    assert (proven.token, proven.parameters["oauth_token"]) == (None, "")


def test_the_vectors_are_accepted(engine, rsa_keys):
    cases = json.loads((VECTORS / "oauth1_signature_cases.json").read_text(encoding="utf-8"))["cases"]
    accepted = 0
    for case in cases:
        given, expected = case["input"], case["expected"]
        if "authorization_header" not in expected:
            continue
        assert verify(
            given["method"], given["url"], given.get("body"), given.get("body_content_type"),
            authorization=expected["authorization_header"], client_secret=given.get("consumer_secret"),
            token_secret=given.get("token_secret"), engine=engine.name, signature_methods=SIGNATURE_METHODS,
        ).client_id == given["consumer_key"]  # fmt: skip
        accepted += 1
    assert accepted == 5


@pytest.mark.parametrize("separator", [",", ", ", " ,", ",\t", ",\r\n ", ", , ", ",,"])
def test_every_separator(sign, check, separator):
    received = sign(realm="a, b=c")
    head, *rest = received["authorization"].replace("a, b=c", "a%2C").split(", ")
    assert check(received | {"authorization": separator.join([head, *rest])})


@pytest.mark.parametrize("scheme", ["OAuth ", "oauth ", "OAUTH\t", "OAuth  "])
def test_the_scheme_in_any_case(sign, check, scheme):
    received = sign()
    assert check(received | {"authorization": scheme + received["authorization"].removeprefix("OAuth ")})


@pytest.mark.parametrize("position", [0, 3, -1])
@pytest.mark.parametrize(
    ("written", "realm"),
    [('realm="x y"', "x y"), (r'Realm="a \"b\" \\ c, d"', 'a "b" \\ c, d'), ("realm=bare", "bare"), ('realm=""', "")],
)
def test_the_realm_may_stand_anywhere(sign, check, position, written, realm):
    received = sign()
    parts = received["authorization"].removeprefix("OAuth ").split(", ")
    parts.insert(position if position >= 0 else len(parts), written)
    assert check(received | {"authorization": "OAuth " + ", ".join(parts)}).realm == realm


def test_values_without_quotes_and_blanks_around_the_sign(sign, check):
    received = sign()
    bare = received["authorization"].replace('"', "")
    assert check(received | {"authorization": bare})
    assert check(received | {"authorization": received["authorization"].replace("=", " = ")})


def test_the_order_of_parameters_means_nothing(sign, check):
    received = sign(parameters={"oauth_verifier": "v"})
    parts = received["authorization"].removeprefix("OAuth ").split(", ")
    assert check(received | {"authorization": "OAuth " + ", ".join(reversed(parts))})


@pytest.mark.parametrize(
    "header",
    ["OAuth nonsense", 'OAuth a="b', 'OAuth a="b" c="d"', 'OAuth ="b"', 'OAuth a="b"c', 'OAuth "a"="b"'],
)
def test_a_broken_header(sign, refuse, header):
    error = refuse(sign() | {"authorization": header}, "malformed-header")
    assert error.hint


def test_parse_authorization():
    assert parse_authorization("Bearer abc") is None
    assert parse_authorization("OAuth2 a=b") is None
    assert parse_authorization("OAuth ") == (None, [])
    assert parse_authorization('OAuth oauth_signature="xxx", realm="some_realm"') == (
        "some_realm", [(b"oauth_signature", b"xxx")]
    )  # fmt: skip
    assert parse_authorization('OAuth a%20b="%C3%BC%2B+", a%20b="%FF"') == (
        None, [(b"a b", "ü++".encode()), (b"a b", b"\xff")]
    )  # fmt: skip


@pytest.mark.parametrize("authorization", [None, "", "Bearer x", "Basic eDp5", "OAuth", 'OAuth realm="x"'])
def test_a_request_that_is_not_signed(sign, refuse, authorization):
    error = refuse(sign() | {"authorization": authorization}, "not-signed")
    assert error.base_string is None


def test_a_form_is_only_read_if_it_says_so(sign, refuse, check):
    received = sign("body")
    assert check(received | {"content_type": f"{FORM.upper()}; charset=utf-8"})
    refuse(received | {"content_type": "text/plain"}, "not-signed")
    refuse(received | {"content_type": None}, "not-signed")


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize(
    "secrets", [("wrong", "t s"), ("c&s", "wrong"), ("c&s", None), ("", "t s"), ("", ""), ("c%26s", "t%20s")]
)
@pytest.mark.parametrize("signature_method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
def test_a_wrong_secret(sign, refuse, placement, secrets, signature_method):
    received = sign(placement, signature_method=signature_method)
    error = refuse(
        received, "invalid-signature", InvalidSignatureError, client_secret=secrets[0], token_secret=secrets[1]
    )
    assert error.message == f"the {signature_method} signature does not match the request"
    assert error.hint
    assert error.base_string.startswith("POST&https%3A%2F%2Fapi.example.com%3A8443%2Fr%2Fa%252Fb&a%3D1%26b%3D")


@pytest.mark.parametrize("signature_method", ["HMAC-SHA1", "RSA-SHA256"])
@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("method", lambda _: "PUT"),
        ("url", lambda url: url.replace("api.example.com", "api.example.net")),
        ("url", lambda url: url.replace(":8443", "")),
        ("url", lambda url: url.replace("https", "http")),
        ("url", lambda url: url.replace("/r/", "/R/")),
        ("url", lambda url: url.replace("%2F", "%2f")),
        ("url", lambda url: url.replace("%2F", "/")),
        ("url", lambda url: url.replace("a=1", "a=2")),
        ("url", lambda url: url.replace("a=1", "A=1")),
        ("url", lambda url: url.replace("a=1", "a=1&a=1")),
        ("url", lambda url: url.replace("a=1&", "")),
        ("url", lambda url: url.replace("%BC", "%BD")),
        ("body", lambda body: body.replace("x+y", "x%2By")),
        ("body", lambda body: body.replace("f=x+y", "f=x+y&g=")),
        ("body", lambda body: body.replace("f=x+y", "")),
    ],
)  # fmt: skip
def test_a_request_that_was_changed(sign, refuse, rsa_key, signature_method, placement, part, change):
    received = sign(placement, signature_method=signature_method)
    changed = received | {part: change(received[part])}
    assert changed != received
    refuse(changed, "invalid-signature", InvalidSignatureError, rsa_key=rsa_key.pem)


@pytest.mark.parametrize(
    "change",
    [
        ("api.example.com", "API.Example.COM"),
        ("https://", "https://user:pass@"),
        ("https:", "HTTPS:"),
        ("%C3%BC", "%c3%bc"),
        ("a=1", "%61=%31"),
        ("?a=1&b=%C3%BC", "?b=%C3%BC&&a=1&"),
    ],
)
def test_what_only_looks_changed(sign, check, change):
    assert check(sign() | {"url": URL_TEXT.replace(*change)})


def test_a_fragment_is_not_covered(sign, check):
    assert check(sign() | {"url": f"{URL_TEXT}#fragment?x=y"})


@pytest.mark.parametrize(
    "name", ["oauth_nonce", "oauth_timestamp", "oauth_token", "oauth_consumer_key", "oauth_verifier"]
)
def test_a_protocol_parameter_that_was_changed(sign, refuse, name):
    received = sign(parameters={"oauth_verifier": "v"})
    assert f'{name}="' in received["authorization"]
    changed = received["authorization"].replace(f'{name}="', f'{name}="1')
    refuse(received | {"authorization": changed}, "invalid-signature", InvalidSignatureError)


def test_a_parameter_that_was_added_to_the_header(sign, refuse):
    received = sign()
    refuse(
        received | {"authorization": received["authorization"] + ', oauth_extra="1"'},
        "invalid-signature", InvalidSignatureError,
    )  # fmt: skip


@pytest.mark.parametrize("spelling", ["{}=", "{} ", " {}", "{}%0A", "x", "%C3%BC"])
def test_a_signature_in_another_spelling(sign, refuse, rsa_key, spelling):
    for method in ("HMAC-SHA1", "RSA-SHA1", "PLAINTEXT"):
        received = sign(signature_method=method)
        head, _, signature = received["authorization"].rpartition('oauth_signature="')
        changed = f'{head}oauth_signature="{spelling.format(signature[:-1])}"'
        refuse(received | {"authorization": changed}, "invalid-signature", InvalidSignatureError, rsa_key=rsa_key.pem)


@pytest.mark.parametrize(
    ("signed_for", "received_as", "hint"),
    [
        ({"url": "http://h.example/r?a=1"}, {"url": "https://h.example/r?a=1"}, "the client signed an http URL"),
        ({"url": "https://h.example/r?a=1"}, {"url": "http://h.example/r?a=1"}, "the client signed an https URL"),
        ({"url": "https://h.example/r"}, {"url": "https://h.example/r?a=1"}, "the client left the query out"),
        ({"content_type": None}, {"content_type": FORM}, "the client left the form out"),
        ({"method": "GET"}, {"method": "HEAD"}, "the client signed the method GET"),
        ({"method": "POST"}, {"method": "PUT"}, "the client signed the method POST"),
        ({"token_secret": None}, {}, "the client signed without the token secret"),
        ({"token_secret": "other"}, {}, "a key differs"),
        ({"url": "https://h.example/r"}, {"url": URL("http://h.example/r")}, "the client signed an https URL"),
    ],
)
def test_the_usual_causes_are_named(sign, refuse, signed_for, received_as, hint):
    received = sign(**signed_for) | received_as
    told = refuse(received, "invalid-signature", InvalidSignatureError, explain=True)
    untold = refuse(received, "invalid-signature", InvalidSignatureError)
    assert hint in told.hint
    assert "explain=True" in untold.hint
    assert told.base_string == untold.base_string


@pytest.mark.parametrize(("explain", "most"), [(False, 1), (True, 7)])
def test_the_causes_are_looked_for_where_somebody_wants_to_know(monkeypatch, engine, sign, refuse, explain, most):
    """Whoever sends garbage costs a server no more than the request's own signature, made once more."""
    made = []
    genuine = engine.module.check_signature
    monkeypatch.setattr(engine.module, "check_signature", lambda *given: made.append(given) or genuine(*given))
    error = refuse(sign(), "invalid-signature", InvalidSignatureError, client_secret="x", explain=explain)
    assert len(made) == most
    assert not [value for value in vars(error).values() if "t s" in str(value)], "no secret lives on in an error"


def test_the_base_string_is_what_was_signed_here(engine, sign, refuse):
    received = sign("query")
    error = refuse(received, "invalid-signature", InvalidSignatureError, client_secret="x")
    assert error.base_string == engine.module.base_string("POST", received["url"], (), received["body"], FORM)


@pytest.mark.parametrize(
    "places", [("header", "query"), ("header", "body"), ("query", "body"), ("header", "query", "body")]
)
def test_protocol_parameters_in_two_places(sign, refuse, places):
    received = sign(places[0])
    for place in places[1:]:
        if place == "query":
            received["url"] += "&oauth_verifier=x"
        else:
            received["body"] += "&oauth_verifier=x"
    error = refuse(received, "parameters-in-two-places")
    assert all(place in error.message for place in places)


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("name", ["oauth_nonce", "oauth_signature", "oauth_token", "oauth_version"])
def test_a_protocol_parameter_that_stands_twice(sign, refuse, placement, name):
    received = sign(placement)
    part, addition = {
        "header": ("authorization", f', {name}="x"'), "query": ("url", f"&{name}=x"), "body": ("body", f"&{name}=x")
    }[placement]  # fmt: skip
    assert repr(name) in refuse(received | {part: received[part] + addition}, "duplicate-parameter").message


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize(
    "name", ["oauth_consumer_key", "oauth_signature_method", "oauth_signature", "oauth_timestamp", "oauth_nonce"]
)
def test_a_protocol_parameter_that_is_missing_or_empty(sign, refuse, placement, name):
    received = sign(placement)
    part = {"header": "authorization", "query": "url", "body": "body"}[placement]
    missing = refuse(received | {part: received[part].replace(f"{name}=", f"x{name}=")}, "missing-parameter")
    assert name in missing.message
    head, _, rest = received[part].partition(f"{name}=")
    end = ", " if placement == "header" else "&"
    empty = (
        head
        + f"{name}="
        + ('""' if placement == "header" else "")
        + (end + rest.partition(end)[2] if end in rest else "")
    )
    assert name in refuse(received | {part: empty}, "missing-parameter").message


@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_plaintext_needs_neither_nonce_nor_timestamp(check, placement):
    pairs = {"oauth_consumer_key": "ck", "oauth_signature_method": "PLAINTEXT", "oauth_signature": "c%26s&t%20s"}
    escaped = {name: quote(value, safe="") for name, value in pairs.items()}
    received = {"method": "POST", "url": "https://h.example/", "body": "", "content_type": FORM, "authorization": None}
    form = "&".join(f"{name}={value}" for name, value in escaped.items())
    received |= {
        "header": {"authorization": "OAuth " + ",".join(f'{name}="{value}"' for name, value in escaped.items())},
        "query": {"url": f"https://h.example/?{form}"},
        "body": {"body": form},
    }[placement]
    assert check(received, now=NOW).signature_method == "PLAINTEXT"


def test_plaintext_is_accepted_where_it_is_named_alone(engine, sign):
    received, keys = sign(signature_method="PLAINTEXT"), {**SECRETS, "engine": engine.name}
    for check in (lambda: verify(**received, **keys), lambda: Verifier(**keys).verify(**received)):
        with pytest.raises(VerificationError) as caught:
            check()
        assert caught.value.code == "refused-signature-method"
        assert "PLAINTEXT" not in caught.value.hint
    assert verify(**received, **keys, signature_methods=["PLAINTEXT"])


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        ("https://h.example", True),
        ("HTTPS://h.example", True),
        ("http://h.example", False),
        ("HTTP://h.example:443", False),
        ("http://127.0.0.1.example", False),
        ("http://10.0.0.1", False),
        ("http://localhost:8080", True),
        ("http://LocalHost", True),
        ("http://127.0.0.9", True),
        ("http://[::1]:80", True),
        ("http://[::2]", False),
    ],
)
@pytest.mark.parametrize("written", [str, URL])
def test_plaintext_goes_through_tls_or_stays_on_the_machine(sign, check, refuse, placement, origin, accepted, written):
    received = sign(placement, url=f"{origin}/r", signature_method="PLAINTEXT")
    received["url"] = written(received["url"])
    if accepted:
        assert check(received, now=NOW)
    else:
        error = refuse(received, "refused-signature-method", now=NOW)
        assert error.message == "the signature method is not accepted without TLS: PLAINTEXT"
        assert "proxy" in error.hint
    assert check(sign(placement, url=f"{origin}/r"), now=NOW), "whose secrets nobody sees"


@pytest.mark.parametrize("given", [{}, {"oauth_nonce": "n"}, {"oauth_timestamp": str(NOW)}, {"oauth_nonce": ""}])
@pytest.mark.parametrize("separator", [", ", ","])
def test_a_nonce_that_plaintext_does_without_is_not_asked_for(check, refuse, given, separator):
    asked = []

    def is_new(request):
        asked.append((request.parameters["oauth_timestamp"], request.parameters["oauth_nonce"]))
        return len(asked) == 1

    def received(pairs):
        pairs = {"oauth_consumer_key": "ck", "oauth_signature_method": "PLAINTEXT", **pairs}
        pairs["oauth_signature"] = quote("c%26s&t%20s", safe="")
        header = "OAuth " + separator.join(f'{name}="{value}"' for name, value in pairs.items())
        return {"method": "POST", "url": "https://h.example/", "authorization": header}

    for _ in range(2):
        assert check(received(given), now=NOW, is_new_nonce=is_new)
    assert asked == []
    whole = received({"oauth_nonce": "n", "oauth_timestamp": str(NOW)})
    assert check(whole, now=NOW, is_new_nonce=is_new)
    refuse(whole, "nonce-used", now=NOW, is_new_nonce=is_new)
    assert asked == [(str(NOW), "n")] * 2


@pytest.mark.parametrize(
    ("version", "accepted"), [(None, True), ("1.0", True), ("1.0a", False), ("2.0", False), ("1", False)]
)
def test_version(sign, check, refuse, version, accepted):
    received = sign(version=version)
    if accepted:
        assert check(received)
    else:
        refuse(received, "unsupported-version")


def test_a_method_that_is_unknown_or_not_accepted(sign, refuse, check):
    received = sign()
    for name in ("HMAC-MD5", "hmac-sha1", "none", "HMAC-SHA256"):
        changed = received["authorization"].replace('"HMAC-SHA1"', f'"{name}"')
        error = refuse(
            received | {"authorization": changed}, "refused-signature-method", signature_methods=["HMAC-SHA1"]
        )
        assert repr(name) in error.message
        assert error.hint == "accepted: HMAC-SHA1"
    refuse(received, "refused-signature-method", signature_methods=["HMAC-SHA256", "RSA-SHA1"])
    refuse(received, "refused-signature-method", signature_methods=[])
    assert check(received, signature_methods={"HMAC-SHA1"})
    changed = received["authorization"].replace('"HMAC-SHA1"', '"HMAC-MD5"')
    refuse(received | {"authorization": changed}, "refused-signature-method", signature_methods=["HMAC-MD5"])


@pytest.mark.parametrize("timestamp", ["0", "-1", "1.5", "x", "1 ", "\uff11", "1" * 19, "+1", "0x1"])
def test_a_timestamp_that_is_no_number(sign, refuse, timestamp):
    received = sign()
    changed = received["authorization"].replace(str(NOW), quote(timestamp))
    refuse(received | {"authorization": changed}, "invalid-timestamp")


@pytest.mark.parametrize(("off", "window", "accepted"), [
    (0, 300, True), (300, 300, True), (-300, 300, True), (301, 300, False), (-301, 300, False), (0.5, 0, False),
    (10, 9, False),
])  # fmt: skip
def test_the_window_of_time(sign, check, refuse, off, window, accepted):
    received = sign()
    if accepted:
        assert check(received, now=NOW + off, window=window)
    else:
        error = refuse(received, "timestamp-out-of-window", now=NOW + off, window=window)
        assert ("old" if off > 0 else "ahead") in error.message
        assert str(window) in error.hint


def test_without_a_time_any_timestamp_is_accepted(sign, check, clock):
    clock.now = 1.0
    assert check(sign()).parameters["oauth_timestamp"] == "1"
    with pytest.raises(VerificationError):
        check(sign(), now=NOW)


def test_nonces_are_asked_for_last_and_only_if_the_signature_is_right(sign, check, refuse):
    seen: set[tuple[str, str]] = set()

    def is_new(request: SignedRequest) -> bool:
        key = (request.client_id, request.parameters["oauth_nonce"])
        return key not in seen and not seen.add(key)

    received = sign()
    refuse(received, "invalid-signature", InvalidSignatureError, client_secret="x", is_new_nonce=is_new)
    refuse(received, "timestamp-out-of-window", now=0, is_new_nonce=is_new)
    assert seen == set()
    assert check(received, is_new_nonce=is_new)
    refuse(received, "nonce-used", is_new_nonce=is_new)
    assert check(sign(), is_new_nonce=is_new)
    assert len(seen) == 2


def test_keys_by_lookup(sign, check, refuse):
    asked = []

    def lookup(request: SignedRequest) -> VerificationKeys:
        asked.append((request.client_id, request.token))
        return VerificationKeys("c&s", "t s")

    assert check(sign(), client_secret=None, token_secret=None, lookup=lookup)
    assert asked == [("ck", "tk")]
    refuse(sign(), "invalid-signature", InvalidSignatureError, lookup=lambda _: VerificationKeys("c&s"))

    def unknown(request: SignedRequest) -> VerificationKeys:
        raise VerificationError("the client is not known", code="unknown-client")

    refuse(sign(), "unknown-client", lookup=unknown)


@pytest.fixture(params=["usual form", "another form"])
def received(request, sign):
    """A request that an engine reads by itself, and one that it leaves alone."""
    signed = sign()
    if request.param == "another form":
        signed["authorization"] = signed["authorization"].replace(", ", "\t,")
    return signed


async def wait_for(answer):
    return answer


@pytest.fixture
def misuse(check):
    """Refuses as a mistake of the server, with that code."""

    def misuse(received, code, **options):
        with pytest.raises(UsageError) as caught:
            check(received, **options)
        assert caught.value.code == code
        return caught.value

    return misuse


@pytest.mark.parametrize("answer", [1, 0, None, "", "yes", object(), True.__and__])
def test_nothing_but_true_and_false_answers_for_a_nonce(received, check, refuse, misuse, answer):
    error = misuse(received, "wrong-type", is_new_nonce=lambda _: answer)
    assert error.message == f"`is_new_nonce` must return `True` or `False`: {type(answer).__name__}"
    assert not error.hint
    assert check(received, is_new_nonce=lambda _: True)
    refuse(received, "nonce-used", is_new_nonce=lambda _: False)


@pytest.mark.parametrize("name", ["is_new_nonce", "lookup"])
@pytest.mark.parametrize("answer", [True, False, None, VerificationKeys(**SECRETS)])
def test_a_callback_that_would_have_to_be_awaited_accepts_nothing(received, misuse, name, answer):
    made = []
    error = misuse(received, "wrong-type", **{name: lambda _: made.append(wait_for(answer)) or made[-1]})
    assert error.message.startswith(f"`{name}` must return ")
    assert "without `await`" in error.hint
    assert [inspect.getcoroutinestate(coroutine) for coroutine in made] == ["CORO_CLOSED"]


def test_who_is_not_known_is_refused(received, refuse):
    error = refuse(received, "unknown-client", lookup=lambda _: None)
    assert error.message == "no keys are known for this client and its token"
    refuse(received, "unknown-client", lookup=lambda _: None, client_secret=None, token_secret=None)


@pytest.mark.parametrize("answer", [False, "c&s", {"client_secret": "c&s"}, ("c&s", "t s"), object()])
def test_what_is_no_keys_is_a_mistake(received, misuse, answer):
    error = misuse(received, "wrong-type", lookup=lambda _: answer)
    assert error.message == f"`lookup` must return `VerificationKeys` or `None`: {type(answer).__name__}"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        *(({"body_hash": value}, "unknown-body-hash") for value in (True, False, None, 1, "Required", b"required", "")),
        *(
            ({"signature_methods": value}, "wrong-type")
            for value in ("HMAC-SHA1", "XHMAC-SHA1Y", b"HMAC-SHA1", None, 5)
        ),
        *(({"signature_methods": value}, "wrong-type") for value in ([b"HMAC-SHA1"], ["HMAC-SHA1", None], [5])),
        *(({"window": value}, "wrong-type") for value in (None, "300", b"300", timedelta(300), [300], 1j)),
        *(({"window": value}, "not-finite") for value in (float("nan"), float("inf"), float("-inf"), 10**400)),
        *(({"now": value}, "wrong-type") for value in ("x", str(NOW), datetime.fromtimestamp(NOW, UTC), [], 1j)),
        *(({"now": value}, "not-finite") for value in (float("nan"), float("inf"), float("-inf"), 10**400)),
        *(({"lookup": value}, "wrong-type") for value in (5, "lookup", VerificationKeys(**SECRETS))),
        *(({"is_new_nonce": value}, "wrong-type") for value in (5, True, {"nonce"})),
    ],
)
def test_an_argument_that_says_nothing_is_a_mistake_whatever_the_request(sign, received, misuse, options, code):
    (name,) = options
    for request in (received, sign("query"), received | {"url": f"{URL_TEXT}&oauth_x=1"}, {**received, "body": "x"}):
        error = misuse(request, code, **options)
        assert f"`{name}`" in error.message
    misuse({"method": "GET", "url": "https://h.example/"}, code, **options)


def test_a_time_that_says_nothing_is_a_mistake_for_whoever_sends_none(check, misuse):
    header = 'OAuth oauth_consumer_key="ck", oauth_signature_method="PLAINTEXT", oauth_signature="c%2526s%26t%2520s"'
    received = {"method": "GET", "url": "https://h.example/", "authorization": header}
    plaintext = {"signature_methods": ["PLAINTEXT"]}
    assert check(received, **plaintext, now=NOW)
    for now in (float("nan"), float("inf"), "x"):
        misuse(received, "wrong-type" if now == "x" else "not-finite", **plaintext, now=now)


@pytest.mark.parametrize("kind", [tuple, list, set, dict.fromkeys, iter])
def test_signature_methods_of_every_kind(received, check, refuse, kind):
    assert check(received, signature_methods=kind(["RSA-SHA1", "HMAC-SHA1"]))
    refuse(received, "refused-signature-method", signature_methods=kind(["RSA-SHA1"]))


def test_times_of_every_kind(received, check, refuse):
    for now in (NOW, float(NOW), Decimal(NOW), Fraction(NOW)):
        for window in (0, 0.5, Decimal("0.5"), Fraction(1, 2)):
            assert check(received, now=now, window=window)
            refuse(received, "timestamp-out-of-window", now=now + 1, window=window)


JSON = {"body": '{"ü": 1}', "content_type": "application/json"}


@pytest.mark.parametrize("signature_method", ["HMAC-SHA1", "HMAC-SHA256", "RSA-SHA512"])
def test_body_hash(sign, check, refuse, rsa_key, signature_method):
    received = sign(**JSON, body_hash=True, signature_method=signature_method)
    for wanted in ("optional", "required"):
        assert check(received, body_hash=wanted, rsa_key=rsa_key.pem)
        error = refuse(received | {"body": '{"ü": 2}'}, "body-hash-mismatch", body_hash=wanted, rsa_key=rsa_key.pem)
        assert error.hint
    assert check(received | {"body": JSON["body"].encode()}, rsa_key=rsa_key.pem)
    refuse(received | {"body": None}, "body-hash-mismatch", rsa_key=rsa_key.pem)


def test_a_body_hash_that_is_missing(sign, check, refuse):
    received = sign(**JSON)
    assert check(received)
    refuse(received, "body-hash-missing", body_hash="required")
    assert check(sign(), body_hash="required"), "a form is covered by the signature itself"


def test_a_body_hash_that_was_changed(sign, refuse):
    received = sign(**JSON, body_hash=True)
    changed = received["authorization"].replace('body_hash="', 'body_hash="x')
    refuse(received | {"authorization": changed}, "body-hash-mismatch")


def test_plaintext_proves_no_body(sign, check, refuse):
    received = sign(**JSON, signature_method="PLAINTEXT", parameters={"oauth_body_hash": "x"})
    assert check(received)
    refuse(received, "body-hash-missing", body_hash="required")
    refuse(sign(**JSON, signature_method="PLAINTEXT"), "body-hash-missing", body_hash="required")


def test_a_form_with_a_body_hash(sign, refuse):
    refuse(sign(parameters={"oauth_body_hash": "x"}), "body-hash-with-form")


@pytest.fixture(scope="module")
def certificate(rsa_key) -> str:
    key = serialization.load_pem_private_key(rsa_key.pem.encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("signature_method", ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"])
def test_rsa_needs_the_public_key_alone(sign, check, refuse, rsa_key, rsa_keys, certificate, signature_method):
    key = serialization.load_pem_private_key(rsa_key.pem.encode(), None).public_key()
    public = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    received = sign(signature_method=signature_method)
    for source in (public, public.decode(), key, certificate):
        assert check(received, rsa_key=source, client_secret=None, token_secret=None)
    refuse(received, "invalid-signature", InvalidSignatureError, rsa_key=rsa_keys["test-pkcs8-11084ed5"].pem)
    refuse(received, "refused-signature-method")


@pytest.mark.parametrize("signature_method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
@pytest.mark.parametrize("token_secret", [None, "", SECRETS["token_secret"]])
class TestSecretsThatAreNotThere:
    """Nobody's signature: anybody can make one with an empty secret."""

    @pytest.mark.parametrize("placement", ["header", "query", "body"])
    @pytest.mark.parametrize("lookup", [False, True])
    def test_without_a_secret_no_signature_with_one_is_taken(
        self, sign, refuse, rsa_key, signature_method, token_secret, placement, lookup
    ):
        received = sign(placement, signature_method=signature_method, client_secret="", token_secret=token_secret)
        for rsa in (rsa_key.pem, None):
            for client_secret in (None, *([""] if rsa else [])):
                known = {"client_secret": client_secret, "token_secret": token_secret, "rsa_key": rsa}
                if lookup:
                    keys = VerificationKeys(**known)
                    known = {"lookup": lambda _, keys=keys: keys}
                error = refuse(received, "refused-signature-method", now=NOW, **known)
                assert signature_method in error.message
                assert error.hint

    def test_an_empty_one_is_that_of_a_client_without_any(self, sign, check, signature_method, token_secret):
        received = sign(signature_method=signature_method, client_secret="", token_secret=token_secret)
        assert check(received, client_secret="", token_secret=token_secret)
        assert check(received, lookup=lambda _: VerificationKeys("", token_secret))

    def test_a_public_key_does_not_stand_in_for_one(self, sign, refuse, rsa_key, signature_method, token_secret):
        """As in the attack on other signature formats."""
        received = sign(signature_method=signature_method, client_secret=rsa_key.pem, token_secret=token_secret)
        known = {"client_secret": None, "token_secret": token_secret, "rsa_key": rsa_key.pem}
        refuse(received, "refused-signature-method", **known)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"authorization": SIGNED.replace("nonce", "n\udcff")}, "lone-surrogate"),
        ({"url": "https://h.example/\udcff"}, "lone-surrogate"),
        ({"url": "https://h.example/?\udcff"}, "lone-surrogate"),
        ({"body": "\udcff", "content_type": FORM}, "lone-surrogate"),
        ({"url": 'https://h"x.example/'}, "invalid-url"),
        ({"url": "https://h.example:99999/"}, "invalid-url"),
        ({"url": URL("https://h.example:99999/", encoded=True)}, "invalid-url"),
        ({"method": "G T"}, "invalid-method"),
        ({"method": ""}, "invalid-method"),
    ],
)
def test_what_a_client_can_do_is_its_own_fault(refuse, change, code):
    """A server that catches ``VerificationError`` answers no request with an error of its own."""
    received = {"method": "GET", "url": "https://h.example/", "authorization": SIGNED}
    refuse(received | change, code)


@pytest.mark.parametrize("change", [{"authorization": b"OAuth a"}, {"url": 1}, {"body": 1, "content_type": FORM}])
def test_what_only_the_server_can_do_is_another_error(check, change):
    with pytest.raises(UsageError) as caught:
        check({"method": "GET", "url": "https://h.example/", "authorization": SIGNED} | change)
    assert caught.value.code == "wrong-type"


def test_a_request_with_more_parameters_than_anybody_sends(engine, refuse):
    """Each of them is looked at once: a hundred thousand names compared with each other would take minutes."""
    names = "&".join([f"oauth_{number}" for number in range(100_000)])
    refuse({"method": "POST", "url": "https://h.example/", "body": names, "content_type": FORM}, "missing-parameter")
    refuse({"method": "POST", "url": f"https://h.example/?{names}"}, "missing-parameter")


def test_a_header_of_white_space_is_read_once(refuse):
    header = f'OAuth a={" " * 200_000}"'
    refuse({"method": "POST", "url": "https://h.example/", "authorization": header}, "malformed-header")


def test_what_is_left_of_a_header_is_not_copied_for_each_parameter():
    """Which would take minutes."""
    header = f'OAuth {"a=," * 40_000}b="{"x" * 20_000_000}"'
    _, pairs = parse_authorization(header)
    assert len(pairs) == 40_001


@pytest.mark.parametrize("url", ["/r", "nowhere", "ftp://h.example/"])
def test_a_url_that_names_no_server(sign, check, url):
    with pytest.raises(UsageError) as caught:
        check(sign() | {"url": url})
    assert caught.value.code == "invalid-url"


def test_signatures_are_compared_in_constant_time(monkeypatch):
    """By ``hmac.compare_digest``; what the native engine calls cannot be watched from here."""
    compared = []
    genuine = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or genuine(a, b))
    for method in ("HMAC-SHA1", "PLAINTEXT"):
        signer = Signer(method, "ck", "cs", body_hash=True, engine="pure")
        header = signer.authorization("POST", "https://h.example/", "{}", "text/json")
        compared.clear()
        verify(
            "POST", "https://h.example/", "{}", "text/json", authorization=header, client_secret="cs", engine="pure",
            signature_methods=[method],
        )  # fmt: skip
        assert len(compared) == {"HMAC-SHA1": 2, "PLAINTEXT": 1}[method]
        assert all(computed == claimed for computed, claimed in compared)
