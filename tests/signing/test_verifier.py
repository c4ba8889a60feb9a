"""What an engine accepts by itself is what the check step by step accepts, down to the last attribute."""

import gc
import random
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from yarl import URL

from oauthreg.errors import InvalidSignatureError, OAuthRegError, VerificationError
from oauthreg.signing import SIGNATURE_METHODS
from oauthreg.signing.verify import SignedRequest, VerificationKeys, Verifier, _checked_options, _decide

FORM = "application/x-www-form-urlencoded"
NOW = 1_700_000_000
SECRETS = ("c&s", "t s")
REQUESTS = [
    ("GET", "https://api.example.com/r?a=1&b=%C3%BC", None, None),
    ("POST", "http://api.example.com:8080/r", b"f=x+y&g=%2F", FORM),
    ("PUT", "https://api.example.com/r%2Fs", b'{"a": 1}', "application/json"),
]
NO_WORDS = "the engine leaves it alone"
SETTLED = {"signature_methods": tuple(SIGNATURE_METHODS), "body_hash": "optional", "window": 300}
ATTRIBUTES = ("client_id", "token", "signature_method", "placement", "realm", "parameters")


def leave(*_):
    raise AssertionError(NO_WORDS)


@pytest.fixture
def make(engine):
    """An engine's own verifier; ``decide`` is called with what the engine leaves alone."""

    def make(decide, secrets=SECRETS, rsa_key=None, lookup=None, is_new_nonce=None, **options):
        settled = _checked_options(lookup, is_new_nonce, **(SETTLED | options))
        return engine.module.Verifier(*secrets, rsa_key, lookup, *settled, is_new_nonce, decide)

    return make


@pytest.fixture
def sign(engine, clock, rsa_key):
    """Signs a request and gives the arguments of ``Verifier.verify``."""

    def sign(request, placement="header", signature_method="HMAC-SHA1", parameters=(), **options):
        method, url, body, content_type = request
        options = {"token": "tk", "body_hash": content_type != FORM and body is not None} | options
        signer = engine.signer(
            signature_method, "c k", SECRETS[0], token_secret=SECRETS[1], rsa_key=rsa_key.pem, clock=clock, **options
        )
        if placement == "header":
            header = signer.authorization(*request, parameters=parameters)
            return {"method": method, "url": url, "body": body, "content_type": content_type, "authorization": header}
        sent = signer.parameters(*request, parameters=parameters)
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent)
        if placement == "query":
            url = f"{url}{'&' if '?' in url else '?'}{text}"
        else:
            body = body + b"&" + text.encode()
        return {"method": method, "url": url, "body": body, "content_type": content_type, "authorization": None}

    return sign


def parts(request) -> dict:
    return {name: getattr(request, name) for name in ATTRIBUTES}


def outcome(call, *arguments, **options):
    """The whole answer, or all that a refusal says."""
    try:
        return parts(call(*arguments, **options))
    except OAuthRegError as error:
        return type(error), error.message, error.code, error.hint, getattr(error, "base_string", None)


PLACES = [
    (place, request)
    for request in REQUESTS
    for place in ("header", "query", "body")
    if place != "body" or request[3] == FORM
]


@pytest.mark.parametrize("signature_method", list(SIGNATURE_METHODS))
@pytest.mark.parametrize(("placement", "request_"), PLACES)
def test_the_usual_forms_need_no_second_look(make, sign, rsa_key, placement, request_, signature_method):
    if signature_method == "PLAINTEXT":  # in clear text it would not be usual
        request_ = (request_[0], request_[1].replace("http:", "https:"), *request_[2:])
    received = sign(request_, placement, signature_method, {"oauth_callback": "http://c/?a=b"})
    for options in ({}, {"lookup": lambda _: VerificationKeys(*SECRETS, rsa_key.pem), "secrets": (None, None)}):
        verifier = make(leave, rsa_key=rsa_key.pem, **options)
        for _ in range(2):  # what is derived from the keys is made once and used again
            proven = verifier.verify(**received, now=NOW)
            assert (proven.client_id, proven.token, proven.placement) == ("c k", "tk", placement)
            assert proven.parameters["oauth_callback"] == "http://c/?a=b"


def test_one_verifier_serves_all_signature_methods(make, sign, rsa_key):
    verifier = make(leave, rsa_key=rsa_key.pem)
    for signature_method in [*SIGNATURE_METHODS] * 2:
        received = sign(REQUESTS[0], signature_method=signature_method)
        assert verifier.verify(**received).signature_method == signature_method


HEADER_EDITS = [
    ("OAuth ", "oauth "), ("OAuth ", "OAuth\t"), ("OAuth ", "Bearer "), ("OAuth ", "OAuth"), (", ", ","), (", ", " , "),
    (", ", ",\t"), (", ", "\n,"), (", ", ", , "), ('"', ""), ("=", " ="), ("=", "= "), ('", ', '",'), ("%2B", "%2b"),
    ("%3D", "="), ("%2F", "/"), ("%", "%25"), ("%20", "+"), ("%20", " "), ("oauth_token=", "oauth_tok%65n="),
    ("oauth_token", "x"), ("oauth_token", "xoauth_token"), ("oauth_token", "oauth_nonce"), ("oauth_token", "realm"),
    ("oauth_token", "Realm"), ('oauth_token="tk"', 'oauth_token=""'),
    ('oauth_token="tk"', 'realm="a \\"b\\"", oauth_token="tk"'), ('oauth_token="tk"', 'realm="r", oauth_token="tk"'),
    ('oauth_token="tk"', 'realm="r", REALM="s", oauth_token="tk"'),
    ('oauth_token="tk"', 'realm="\u00fc", oauth_token="tk"'), ('"tk"', '"tk'), ('"tk"', '"\u00fc"'), ('"tk"', '"%FF"'),
    ('"tk"', '"t\\k"'), ('"tk"', '"tk" x'), ("oauth_version", "oauth_versio"), ('"1.0"', '"1.0a"'),
    ('"1.0"', '"1%2E0"'), (f'"{NOW}"', '"0"'), (f'"{NOW}"', f'"0{NOW}"'), (f'"{NOW}"', f'"{NOW - 301}"'),
    (f'"{NOW}"', '""'), (f'"{NOW}"', '"\uff11"'), ("HMAC-SHA1", "HMAC-SHA256"), ("HMAC-SHA1", "hmac-sha1"),
    ("HMAC-SHA1", "HMAC%2DSHA1"), ("HMAC-SHA1", "PLAINTEXT"), ("HMAC-SHA1", "RSA-SHA1"),
    ("oauth_signature=", "oauth_signatur="), ("oauth_body_hash", "oauth_body_has"),
]  # fmt: skip
URL_EDITS = [
    ("https", "HTTPS"), ("https", "http"), ("example", "EXAMPLE"), ("api", "user:pass@api"), (".com", ".com:443"),
    (".com", ".com:99999"), ("api.example.com", ""), ("/r", "/R"), ("/r", "/r#x"), ("?a=1", "?a=1&a=1"),
    ("?a=1", "?&&a=1"), ("a=1", "%61=%31"), ("%C3%BC", "%c3%bc"), ("%C3%BC", "\u00fc"), ("%C3%BC", "\ud800"),
    ("?", "?oauth_token=tk&"), ("?", "?%6Fauth_x=1&"), ("?", "?oauth%5Ftoken=1&"), ("?", "?oauth_=&"),
    ("oauth_", "%6fauth_"), ("oauth_nonce", "oauth_non%63e"),
    ("oauth_signature=", "oauth_signature=x&oauth_signature="), ("c%20k", "c+k"), ("%2B", "%2b"), ("%3D", "="),
    ("oauth_version=1.0", "oauth_version=1.0&oauth_\u00fc=%FF"), ("tk", ""),
    ("oauth_version=1.0", "oauth_%FF=1&oauth_%FE=2"), ("api.example.com", "b\u00fccher.example"), (str(NOW), "x"),
    ("oauth_", "oauth_+"),
]  # fmt: skip
BODY_EDITS = [
    (b"f=", b"F="), (b"+", b"%20"), (b"%2F", b"%2f"), (b"{", b"["), (b"f=", b"oauth_x=1&f="),
    (b"f=", b"%6fauth_x=1&f="), (b"f=", b"\xff=&f="), (b"oauth_", b"oauth%5F"), (b"%3D", b"="), (b"tk", b"\xff"),
    (b"oauth_version=1.0", b"oauth_version=1.0&oauth_\xff=1"),
]  # fmt: skip
OTHER = {
    "method": ["get", "GET", "POST", "", "G T", b"GET", None],
    "content_type": [None, FORM, FORM.upper() + "; charset=utf-8", "text/plain", 5],
    "body": [
        None,
        "",
        b"",
        0,
        [],
        "\ud800",
        "f=x+y&g=%2F",
        bytearray(b"f=x+y&g=%2F"),
        {"a": "b"},
        memoryview(b'{"a": 1}'),
    ],
    "url": [None, "", "nowhere", "ftp://api.example.com/r", URL(REQUESTS[0][1]), URL(REQUESTS[0][1], encoded=True)],
    "authorization": [None, "", "Basic eDp5", "OAuth", "OAuth ", 'OAuth realm="x"', "OAuth ,", 'OAuth x="y"'],
    "now": [
        None,
        NOW,
        NOW + 0.5,
        NOW + 300,
        NOW + 300.5,
        NOW - 301,
        float(NOW - 300),
        float("nan"),
        float("inf"),
        2**70,
        True,
        10**400,
        Decimal(NOW),
        Decimal("sNaN"),
        str(NOW),
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
}
SETTINGS = {
    "signature_methods": [("HMAC-SHA1",), {"RSA-SHA256", "PLAINTEXT"}, [], ["x"], dict.fromkeys(SIGNATURE_METHODS)],
    "body_hash": ["required", "optional"],
    "window": [0, 300.5, 2**70, -1, Decimal("0.5")],
    "secrets": [
        ("c&s", None),
        (None, None),
        (b"c&s", b"t s"),
        ("c&s", "t\ud800"),
        (5, "t s"),
        ("", "t s"),
        ("c&s", b"\xff"),
    ],
    "rsa_key": [None, "x", b"x", 5],
}


def change(draw, received, settings):
    """One request or setting altered in one way."""
    part = draw.choice(["authorization", "authorization", "url", "url", "body", "other", "setting"])
    if part == "setting":
        name = draw.choice(list(SETTINGS))
        settings[name] = draw.choice(SETTINGS[name])
    elif part == "other":
        name = draw.choice(list(OTHER))
        received[name] = draw.choice(OTHER[name])
    else:
        edits = {"authorization": HEADER_EDITS, "url": URL_EDITS, "body": BODY_EDITS}[part]
        if isinstance(received[part], bytes if part == "body" else str):
            old, new = draw.choice(edits)
            received[part] = received[part].replace(old, new, draw.choice([1, -1]))


@pytest.mark.parametrize("seed", range(8))
def test_many_requests_that_were_changed(engine, make, sign, rsa_key, seed):
    """By what the engine accepts, with a lookup and without, and by every word of what it refuses."""
    draw, accepted, refused = random.Random(seed), 0, 0
    signed = [
        (signature_method, sign(request, place, signature_method, parameters, **options))
        for place, request in PLACES
        for signature_method in ("HMAC-SHA1", "HMAC-SHA512", "RSA-SHA256", "PLAINTEXT")
        for parameters, options in [
            ((), {}),
            ({"oauth_verifier": "v \u00fc+/="}, {"realm": "r", "version": None}),
            ((), {"token": None}),
        ]
    ]
    for _ in range(800):
        _, received = draw.choice(signed)
        received, settings = received | {"now": NOW}, {"rsa_key": rsa_key.pem}
        for _ in range(draw.choice([0, 1, 1, 1, 2])):
            change(draw, received, settings)
        keys = VerificationKeys(*settings.get("secrets", SECRETS), settings["rsa_key"])
        asked = []

        def lookup(request, keys=keys, asked=asked):
            asked.append(parts(request))
            return keys

        given = tuple(received[name] for name in ("method", "url", "body", "content_type", "authorization"))
        chosen = {name: settings.get(name, value) for name, value in SETTLED.items()}
        methods, needs_body_hash, window = _checked_options(None, None, **chosen)
        told = (methods, needs_body_hash, received["now"], window, None)
        slow = []
        for engine_or_lookup in (None, lookup):
            secrets = None if engine_or_lookup else (keys.client_secret, keys.token_secret, keys.rsa_key)
            slow.append(outcome(_decide, (engine.name, *given), secrets, engine_or_lookup, *told))
        times_asked, asked[:] = len(asked), []
        for expected, looking in zip(slow, (None, lookup), strict=True):
            verifier = make(_decide, lookup=looking, **settings)
            for _ in range(2):
                asked.clear()
                found = outcome(verifier.verify, *given[:4], authorization=given[4], now=received["now"])
                assert found == expected, (received, settings)
                assert len(asked) == (times_asked if looking else 0), (received, settings)
                assert all(known == found for known in asked if isinstance(found, dict))
        accepted += isinstance(slow[0], dict)
        refused += not isinstance(slow[0], dict)
    assert min(accepted, refused) > 200


def test_a_header_is_read_anew_whichever_came_before(engine, make):
    """Of headers that differ in a nonce, a timestamp or a signature only, each has its own outcome."""
    request = REQUESTS[0]
    right = [
        signer.authorization(*request, nonce=nonce, timestamp=timestamp)
        for signer in (engine.signer("HMAC-SHA1", client_id, SECRETS[0], token_secret=SECRETS[1]) for client_id in "ab")
        for nonce in ("n1", "n2", "n34", "n+", "n 2", 'n"', "\u00fc")
        for timestamp in (NOW, NOW + 1)
    ]
    wrong = [one.rpartition(", ")[0] + ", " + other.rpartition(", ")[2] for one in right[:3] for other in right[3:5]]
    moved = ["OAuth " + ", ".join(reversed(header.removeprefix("OAuth ").split(", "))) for header in right[:4]]
    broken = [
        right[0] + '"',
        right[0][:-1],
        right[1].replace("n1", "n\n"),
        right[0].replace('"n1"', '"n1", oauth_x="1"'),
    ]
    headers = right + wrong + moved + broken
    told = (None, tuple(SIGNATURE_METHODS), False, None, 300.0, None)
    expected = [outcome(_decide, (engine.name, *request, header), (*SECRETS, None), *told) for header in headers]
    verifier = make(_decide)
    for one in headers:
        for other, answer in zip(headers, expected, strict=True):
            outcome(verifier.verify, *request, authorization=one)
            assert outcome(verifier.verify, *request, authorization=other) == answer, (one, other)
    accepted = [isinstance(answer, dict) for answer in expected]
    assert accepted == [True] * len(right) + [False] * len(wrong) + [True] * len(moved) + [False] * len(broken)


def test_a_later_change_of_what_was_given_changes_nothing(make, sign):
    accepted, received = ["HMAC-SHA1"], sign(REQUESTS[0])
    verifier = make(leave, signature_methods=accepted)
    accepted[0] = "RSA-SHA1"
    assert verifier.verify(**received)
    with pytest.raises(VerificationError, match="not accepted"):
        make(_decide, signature_methods=accepted).verify(**received)


def test_a_lookup_is_asked_once_and_its_errors_are_its_own(make, sign):
    asked = []

    def unknown(request):
        asked.append(request.client_id)
        raise VerificationError("the client is not known", code="unknown-client")

    received = sign(REQUESTS[0])
    with pytest.raises(VerificationError, match="the client is not known"):
        make(_decide, lookup=unknown).verify(**received)
    assert asked == ["c k"]
    with pytest.raises(ZeroDivisionError):
        make(_decide, lookup=lambda _: 1 / 0).verify(**received)


def test_what_a_lookup_does_not_know_is_checked_with_nothing_else(make, sign):
    """Neither with the keys beside it, nor with empty ones."""
    for secrets in (SECRETS, (None, None)):
        with pytest.raises(VerificationError) as caught:
            make(_decide, secrets=secrets, lookup=lambda _: None).verify(**sign(REQUESTS[0]))
        assert caught.value.code == "unknown-client"
    with pytest.raises(InvalidSignatureError):
        make(_decide, lookup=lambda _: VerificationKeys("c&s")).verify(**sign(REQUESTS[0]))


def test_what_a_lookup_gave_for_one_client_is_not_used_for_another(engine, make):
    verifier = make(_decide, lookup=lambda request: VerificationKeys(f"secret of {request.client_id}"))
    for _ in range(2):
        for client_id in ("a", "b"):
            for owner in ("a", "b", "c"):
                header = engine.signer("HMAC-SHA1", client_id, f"secret of {owner}").authorization(*REQUESTS[0])
                found = outcome(verifier.verify, *REQUESTS[0], authorization=header)
                assert isinstance(found, dict) is (client_id == owner)


@pytest.mark.parametrize("places", [("header", "query"), ("header", "body"), ("query", "body")])
def test_parameters_in_two_places_are_refused_though_the_signature_covers_all(engine, make, places):
    pairs = [("oauth_consumer_key", "ck"), ("oauth_nonce", "n"), ("oauth_signature_method", "HMAC-SHA1")]
    pairs += [("oauth_timestamp", str(NOW)), ("oauth_x", "y")]
    text = engine.module.base_string("POST", "https://h.example/", pairs)
    pairs.append(("oauth_signature", quote(engine.module.sign_base_string("HMAC-SHA1", text, *SECRETS), safe="")))
    for alone in range(len(pairs) + 1):
        shares = [pairs[:alone] + pairs[alone + 1 :], pairs[alone : alone + 1]]
        for first, second in (shares, shares[::-1]):
            sent = dict(zip(places, (first, second), strict=True))
            header = ", ".join(f'{name}="{value}"' for name, value in sent.get("header", []))
            query, body = ("&".join(map("=".join, sent.get(place, []))) for place in ("query", "body"))
            found = outcome(
                make(_decide).verify, "POST", f"https://h.example/?{query}", body, FORM,
                authorization=f"OAuth {header}" if header else None,
            )  # fmt: skip
            if first and second:
                assert found[2] == "parameters-in-two-places"
            else:
                assert found["client_id"] == "ck"


@pytest.mark.parametrize("header", [lambda header: header, lambda header: header.replace(", ", "\t,")])
def test_the_nonce_is_asked_for_last(make, sign, header):
    seen = []
    verifier = make(_decide, is_new_nonce=lambda request: seen.append(parts(request)) or len(seen) == 1)
    received = sign(REQUESTS[1])
    received["authorization"] = header(received["authorization"])
    with pytest.raises(InvalidSignatureError) as different:
        verifier.verify(**received | {"method": "PUT"})
    assert seen == []
    assert parts(verifier.verify(**received)) == seen[0]
    with pytest.raises(VerificationError) as caught:
        verifier.verify(**received)
    assert caught.value.code == "nonce-used"
    assert caught.value.base_string == different.value.base_string.replace("PUT", "POST", 1)


def test_a_request_within_a_lookup(make, sign):
    """The buffers of one check are not those of another."""
    other = make(leave)

    def lookup(_):
        assert other.verify(**sign(REQUESTS[1])).client_id == "c k"
        return VerificationKeys(*SECRETS)

    is_new_nonce = lambda _: other.verify(**sign(REQUESTS[2], "query")) is not None  # noqa: E731 - no name is needed
    assert make(leave, lookup=lookup, is_new_nonce=is_new_nonce).verify(**sign(REQUESTS[0]))


def test_what_a_signed_request_is(make, sign):
    received = sign(REQUESTS[0], realm="a b")
    found, again = (make(leave).verify(**received) for _ in range(2))
    written = SignedRequest("c k", "tk", "HMAC-SHA1", "header", "a b", dict(found.parameters))
    assert isinstance(found, SignedRequest)
    assert found == again == written == found
    assert found != make(leave).verify(**sign(REQUESTS[0]))
    assert found != ("c k", "tk", "HMAC-SHA1", "header", "a b", found.parameters)
    assert repr(found) == repr(written)
    assert (
        repr(found) == "SignedRequest(client_id='c k', signature_method='HMAC-SHA1', placement='header', realm='a b')"
    )
    with pytest.raises(TypeError):
        hash(found)
    for name in ATTRIBUTES:
        with pytest.raises(AttributeError):
            setattr(found, name, "x")
    with pytest.raises(TypeError):
        found.parameters["oauth_token"] = "x"
    assert found.parameters is found.parameters
    match found:
        case SignedRequest(client_id, "tk", placement=placement):
            assert (client_id, placement) == ("c k", "header")
        case _:
            raise AssertionError(found)


def test_a_verifier_and_a_lookup_that_hold_each_other_are_collected(engine):
    class Server:
        def __init__(self):
            self.verifier = Verifier(lookup=self.keys, engine=engine.name)

        def keys(self, _):
            return VerificationKeys(*SECRETS)

    server = Server()
    gone = weakref.ref(server)
    assert weakref.ref(server.verifier)() is server.verifier
    assert isinstance(server.verifier, Verifier)
    assert repr(server.verifier) == f"<Verifier engine={engine.name!r}>"
    assert server.verifier.engine == engine.name
    del server
    gc.collect()
    assert gone() is None
