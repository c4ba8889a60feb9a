"""Our signers beside independent ones in Python, PHP, Perl, Ruby, C and JavaScript, on clean and on awkward requests.

The yardstick is RFC 5849's text, written out once more below. Peers that leave it are named with the reason; a peer
that changes its mind fails its test, so that the table stays true.
"""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from .signers import FORM, PEERS, Peer, SignedRequest


def _request(method: str, url: str, form: str = "", **changes: str) -> SignedRequest:
    return SignedRequest(method, url, form, "key", "secret", "token", "token-secret", "1", "nonce")._replace(**changes)


PUBLISHED = {
    # OAuth Core 1.0a, appendix A.5.
    "photo": (
        SignedRequest(
            "GET",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            "",
            "dpf43f3p2l4k3l03",
            "kd94hf93k423kf44",
            "nnch734d00sl2jdk",
            "pfkkdhi9sl3r4s00",
            "1191242096",
            "kllo9940pd9333jh",
        ),
        "tR3+Ty81lMeYAr/Fid0kMTYa/WM=",
    ),
    # The guide "Creating a signature" of Twitter's documentation.
    "status": (
        SignedRequest(
            "POST",
            "https://api.twitter.com/1.1/statuses/update.json?include_entities=true",
            "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
            "xvz1evFS4wEEPTGEFPHBog",
            "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
            "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
            "1318622958",
            "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        ),
        "hCtSmYh+iHYCEqBWrE7C7hYmtUk=",
    ),
}

CORE = {
    **{name: request for name, (request, _) in PUBLISHED.items()},
    "no-token": _request("GET", "http://example.com/r?a=1", token="", token_secret=""),
    "form": _request("POST", "http://example.com/r", "b=2&a=1+%26"),
    "query-and-form": _request("POST", "https://example.com/r?c=3", "b=2&a=1"),
    "put": _request("PUT", "https://example.com/r?a=1"),
    "other-port": _request("GET", "http://example.com:8080/r?a=1"),
    "escaped-slash": _request("GET", "http://example.com/a%2Fb?c=1"),
    "reserved-credentials": _request(
        "GET", "http://example.com/r?a=1", client_id="k&y", client_secret="s&%é ", token="t/1", token_secret="u+"
    ),
}
"""No implementation may differ here, ours or theirs."""

AWKWARD = {
    "upper-case-host": _request("GET", "http://EXAMPLE.com/r?a=1"),
    "port-80": _request("GET", "http://example.com:80/r?a=1"),
    "port-443": _request("GET", "https://example.com:443/r?a=1"),
    "empty-path": _request("GET", "http://example.com?a=1"),
    "dot-segments": _request("GET", "http://example.com/a/../b?c=1"),
    "path-parameters": _request("GET", "http://example.com/a;b=1/c?d=1"),
    "escaped-tilde-in-path": _request("GET", "http://example.com/%7Ea?b=1"),
    "non-ascii-path": _request("GET", "http://example.com/%C3%BC/%E2%98%83?a=1"),
    "repeated-names": _request("GET", "http://example.com/r?a=2&a=1"),
    "repeated-names-in-form": _request("POST", "http://example.com/r", "a=2&a=1"),
    "name-in-query-and-form": _request("POST", "http://example.com/r?a=2", "a=1"),
    "empty-value": _request("GET", "http://example.com/r?a=&b=1"),
    "no-equals-sign": _request("GET", "http://example.com/r?a&b=1"),
    "plus-sign": _request("GET", "http://example.com/r?q=a+b%2Bc"),
    "escaped-unreserved": _request("GET", "http://example.com/r?q=%7E%41"),
    "brackets": _request("GET", "http://example.com/r?a%5B%5D=1&a%5Bb%5D=2"),
    "non-ascii-value": _request("GET", "http://example.com/r?q=%E2%98%83"),
    "non-ascii-form": _request("POST", "http://example.com/r", "q=%E2%98%83+%C3%BC"),
    "non-ascii-name-order": _request("POST", "http://example.com/r", "%C3%BC=1&z=2"),
    "astral-name-order": _request("POST", "http://example.com/r", "%F0%9F%98%80=1&%EF%BC%A1=2"),
    "digits-order": _request("POST", "http://example.com/r", "a10=1&a9=2&a=3"),
    "punctuation-order": _request("POST", "http://example.com/r", "a.b=1&a-b=2&a=3"),
}

REQUESTS = CORE | AWKWARD

_HOST = "leaves the host's case as it is"
_PORT = "leaves the default port in the base URI"
_PATH = "makes no slash of an empty path (RFC 5849 section 3.4.1.2)"
_MAP = "takes parameters as a map, in which a name stands once"
_SORTS_NAMES = "sorts names before encoding them"
_SORTS_JOINED = "sorts `name=value`, so that `-`, `.` and digits come before the end of a name"

DIVERGENCES: dict[str, dict[str, str]] = {
    "php-oauth": {
        "empty-path": "refuses a URL without a path",
        "repeated-names": _MAP,
        "repeated-names-in-form": _MAP,
        "name-in-query-and-form": _MAP,
        "non-ascii-name-order": _SORTS_NAMES,
        "astral-name-order": _SORTS_NAMES,
    },
    "Net::OAuth": {
        "upper-case-host": _HOST,
        "port-80": _PORT,
        "port-443": _PORT,
        "empty-path": _PATH,
        "repeated-names": _MAP,
        "repeated-names-in-form": _MAP,
        "name-in-query-and-form": _MAP,
        "non-ascii-value": "reads the octets of a query as Latin-1",
        "digits-order": _SORTS_JOINED,
        "punctuation-order": _SORTS_JOINED,
    },
    "ruby-oauth": {
        "non-ascii-name-order": _SORTS_NAMES,
        "astral-name-order": _SORTS_NAMES,
    },
    "liboauth": {
        "upper-case-host": _HOST,
        "port-443": "leaves port 443 in the base URI, and drops only port 80",
    },
    "npm oauth": {
        "repeated-names": "makes `a[0]` and `a[1]` of names that a query repeats",
        "name-in-query-and-form": _MAP,
    },
    "npm oauth-1.0a": {
        "upper-case-host": _HOST,
        "port-80": _PORT,
        "port-443": _PORT,
        "empty-path": _PATH,
        "name-in-query-and-form": _MAP,
        "plus-sign": "takes `+` in a query literally",
        "brackets": "does not decode the names of a query",
    },
    "npm oauth-signature": {
        "empty-path": _PATH,
        "escaped-tilde-in-path": "decodes unreserved characters in the path",
    },
}
"""Peer -> request -> how it leaves the RFC there."""


def reference_signature(request: SignedRequest) -> str:
    """RFC 5849 section 3.4, on its own."""
    parts = urlsplit(request.url)
    port = parts.port if parts.port != {"http": 80, "https": 443}[parts.scheme] else None
    uri = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path or '/'}"
    pairs = parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(request.form, keep_blank_values=True)
    pairs += [
        ("oauth_consumer_key", request.client_id),
        ("oauth_nonce", request.nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", request.timestamp),
        ("oauth_version", "1.0"),
    ]
    if request.token:
        pairs.append(("oauth_token", request.token))
    encoded = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in pairs)
    normalized = "&".join(f"{name}={value}" for name, value in encoded)
    text = "&".join(quote(part, safe="-._~") for part in (request.method, uri, normalized))
    key = f"{quote(request.client_secret, safe='-._~')}&{quote(request.token_secret, safe='-._~')}"
    return b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha1)).decode()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_yardstick_gives_the_published_signatures(name):
    request, published = PUBLISHED[name]

    assert reference_signature(request) == published


@pytest.mark.parametrize("name", REQUESTS)
def test_both_engines_sign_as_the_rfc_says(name, engine):
    request = REQUESTS[name]
    signer = engine.signer(
        "HMAC-SHA1", request.client_id, request.client_secret, token=request.token, token_secret=request.token_secret
    )

    parameters = signer.parameters(
        request.method,
        request.url,
        request.form or None,
        FORM if request.form else None,
        nonce=request.nonce,
        timestamp=request.timestamp,
    )

    assert dict(parameters)["oauth_signature"] == reference_signature(request)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_sign_alike_but_for_what_is_named(peer: Peer, panel):
    signatures = panel(peer)(list(REQUESTS.values()))

    differing = {
        name
        for (name, request), signature in zip(REQUESTS.items(), signatures, strict=True)
        if signature != reference_signature(request)
    }
    assert differing == set(DIVERGENCES.get(peer.name, {}))


def test_no_divergence_is_granted_on_core_requests():
    assert {name for named in DIVERGENCES.values() for name in named} <= set(AWKWARD)
