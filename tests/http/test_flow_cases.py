"""Mistakes that clients of OAuth 1.0 made in public, each tried on these clients; the cases are in tests/vectors."""

import base64
import io
import json
import re
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from oauthreg.clock import Clock
from oauthreg.errors import (
    AccessDeniedError,
    InvalidKeyError,
    MalformedResponseError,
    OAuthError,
    UnsignableRequestError,
)
from oauthreg.http import AsyncOAuth1Client
from oauthreg.provider import CallbackSettings, OAuth1Settings, Provider
from oauthreg.signing.verify import parse_authorization

CASES = {
    case["id"]: SimpleNamespace(**case)
    for case in json.loads((Path(__file__).parents[1] / "vectors" / "oauth1_flow_cases.json").read_text("utf-8"))[
        "cases"
    ]
}


@dataclass
class Kit:
    """What a check needs: a client of the engine under test, servers, and the verifier."""

    session: Any
    engine: str
    server: Any
    make_server: Any
    login: Any
    verifier: Any
    reply: Any
    tls: Any

    def client(self, token=("token", "token&secret"), **options):
        return AsyncOAuth1Client(self.session, "client", "client secret", *token, **{"engine": self.engine, **options})

    def answer(self, response):
        """Lets the server give the answer of a case."""
        headers = ((("Location", response["location"]),) if "location" in response else ()) + (
            ("Date", formatdate(1390665118, usegmt=True)),
        )
        self.server.replies = [self.reply(response["status"], headers, response.get("body", "").encode())]


@pytest.fixture
def kit(session, engine, server, make_server, login, verifier, reply, tls):
    return Kit(session, engine.name, server, make_server, login, verifier, reply, tls)


async def send(context):
    async with context as response:
        assert response.status == 200


async def redirect_same_nonce(case, kit):
    location = urlsplit(case.input["response"]["location"])
    kit.answer({**case.input["response"], "location": f"{location.path}?{location.query}"})
    kit.server.answer = lambda _: kit.reply()
    await send(kit.client().get(f"{kit.server.url}/old"))
    first, second = kit.server.sent
    assert second.target == "/new?x=1"
    assert kit.verifier.check(first)["oauth_nonce"] != kit.verifier.check(second)["oauth_nonce"]
    assert first.header("Authorization") != second.header("Authorization")


async def redirect_https_downgrade(case, kit):
    secure = await kit.make_server(kit.tls.server)
    secure.replies = [kit.reply(case.input["response"]["status"], (("Location", f"{kit.server.url}/x"),))]
    kit.server.answer = lambda _: kit.reply()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=kit.tls.client)) as session:
        await send(replace(kit, session=session).client().get(f"{secure.url}/x"))
    replace(kit.verifier, scheme="https").check(secure.sent[0])
    assert kit.server.sent[0].places == {}


async def token_raw_url(case, kit):
    kit.answer(case.input["response"])
    assert await kit.client().fetch_request_token(kit.server.url) == case.expected


async def callback_confirmed_missing(case, kit):
    kit.answer(case.input["response"])
    with pytest.raises(MalformedResponseError, match="oauth_callback_confirmed"):
        await kit.client().fetch_request_token(kit.server.url)
    kit.answer(case.input["response"])
    lenient = kit.client(provider=Provider(oauth1=OAuth1Settings(confirm="lenient")))
    assert (await lenient.fetch_request_token(kit.server.url))["oauth_token"] == "a"


async def callback_confirmed_order(case, kit):
    kit.answer(case.input["response"])
    with pytest.raises(OAuthError) as caught:
        await kit.client().fetch_request_token(kit.server.url)
    assert (caught.value.status, caught.value.text) == (401, case.input["response"]["body"])


async def callback_not_in_access(case, kit):
    client = kit.client(redirect_uri="https://app.example.org/")
    await client.fetch_request_token(f"{kit.login.url}/request_token")
    await client.fetch_access_token(f"{kit.login.url}/access_token", "verifier of request1")
    protocol = kit.server.sent[1].protocol
    assert {"oauth_token", "oauth_verifier"} <= protocol.keys()
    assert "oauth_callback" not in protocol


async def oauth_problem(case, kit):
    kit.answer(case.input["response"])
    with pytest.raises(OAuthError) as caught:
        await kit.client().fetch_request_token(kit.server.url)
    assert {"error": caught.value.error, "status": caught.value.status} == case.expected


async def oauth_problem_list(case, kit):
    kit.answer(case.input["response"])
    with pytest.raises(OAuthError) as caught:
        await kit.client().fetch_request_token(kit.server.url)
    found = {"error": caught.value.error, "status": caught.value.status, "absent": caught.value.parameters["absent"]}
    assert found == case.expected


async def clock_skew(case, kit):
    kit.answer(case.input["response"])
    with pytest.raises(OAuthError) as caught:
        await kit.client(clock=lambda: 1390665118).fetch_request_token(kit.server.url)
    assert caught.value.text == case.input["response"]["body"]
    kit.answer(case.input["response"])
    client = kit.client(clock=Clock(wall=lambda: 1390643508, monotonic=lambda: 0.0))
    await client.fetch_request_token(f"{kit.login.url}/request_token")
    assert client.clock.offset == 21610
    assert kit.server.sent[-1].protocol["oauth_timestamp"] == "1390665118"


async def timestamp_float(case, kit):
    kit.server.answer = lambda _: kit.reply()
    await send(kit.client(clock=lambda: case.input["clock"]).get(kit.server.url))
    assert kit.server.sent[0].protocol["oauth_timestamp"] == case.expected["oauth_timestamp"]


async def nonce_per_request(case, kit):
    auth = kit.client(clock=lambda: 1390665118.0).auth
    made = [auth.authenticate("GET", "https://api.example.com/", None, None) for _ in range(case.input["requests"])]
    nonces = {re.search(r'oauth_nonce="([^"]+)"', credential.headers[0][1])[1] for credential in made}
    assert len(nonces) == case.input["requests"]


async def nonce_alnum(case, kit):
    kit.server.answer = lambda _: kit.reply()
    await send(kit.client().get(kit.server.url))
    pattern = re.search(r"\^.*\$", case.expected)[0]
    assert re.match(pattern, kit.server.sent[0].protocol["oauth_nonce"])


async def streaming_body(case, kit):
    taken = []

    async def pieces():
        for piece in (b"a=1", b"&b=2"):
            taken.append(piece)
            yield piece

    kit.server.answer = lambda _: kit.reply()
    await send(kit.client().request(case.input["method"], kit.server.url, data=pieces()))
    (sent,) = kit.server.sent
    assert (sent.body, sent.header("Content-Type")) == (b"a=1&b=2", case.input["content_type"])
    assert taken == [b"a=1", b"&b=2"]
    kit.verifier.check(sent)
    with pytest.raises(UnsignableRequestError):
        await kit.client(body_hash=True).post(kit.server.url, data=pieces())
    assert len(taken) == 2


async def flickr_upload(case, kit):
    title = case.input["multipart"]["title"]

    def upload():
        data = aiohttp.FormData()
        data.add_field("title", title)
        data.add_field("photo", io.BytesIO(b"\x00\xff"))
        return data

    kit.server.answer = lambda _: kit.reply()
    await send(kit.client().post(kit.server.url, data=upload()))
    await send(kit.client().post(kit.server.url, data=upload(), signed_parameters=[("title", title)]))
    plain, covered = kit.server.sent
    kit.verifier.check(plain)
    replace(kit.verifier, extra=(("title", title),)).check(covered)
    assert "title" not in covered.header("Authorization")


async def query_transmission_dup(case, kit):
    kit.server.answer = lambda _: kit.reply()
    url = urlsplit(case.input["url"])
    await send(kit.client(signature_type="QUERY").get(f"{kit.server.url}{url.path}?{url.query}"))
    (sent,) = kit.server.sent
    assert sent.target.startswith(f"{url.path}?{url.query}&oauth_")
    assert sent.target.count("DUPLICATE") == 1
    kit.verifier.check(sent)


async def signature_escaped_header(case, kit):
    assert case.expected == f'oauth_signature="{quote(case.input["signature"], safe="")}"'
    kit.server.answer = lambda _: kit.reply()
    for _ in range(20):
        await send(kit.client().get(kit.server.url))
    for sent in kit.server.sent:
        escaped = re.search(r'oauth_signature="([^"]*)"', sent.header("Authorization"))[1]
        assert escaped == quote(sent.protocol["oauth_signature"], safe="")
        assert len(base64.b64decode(sent.protocol["oauth_signature"], validate=True)) == 20


async def header_leading_comma(case, kit):
    kit.server.answer = lambda _: kit.reply()
    await send(kit.client(realm=case.input["realm"]).get(kit.server.url))
    assert re.fullmatch(r'OAuth oauth_\w+="[^"]*"(, oauth_\w+="[^"]*")*', kit.server.sent[0].header("Authorization"))


async def header_no_space(case, kit):
    refusal = (("WWW-Authenticate", 'OAuth realm="x",oauth_problem="nonce_used",oauth_problem_advice="again"'),)
    kit.server.replies = [kit.reply(401, refusal, b"")]
    with pytest.raises(OAuthError) as caught:
        await kit.client().fetch_request_token(kit.server.url)
    assert (caught.value.error, caught.value.description) == ("nonce_used", "again")


async def header_first_param(case, kit):
    realm, pairs = parse_authorization(case.input["header"])
    assert {name.decode(): value.decode() for name, value in pairs} | {"realm": realm} == case.expected


async def callback_parse_unicode(case, kit):
    assert kit.client(token=()).parse_authorization_response(case.input["callback_url"]) == case.expected


async def callback_without_verifier(case, kit):
    provider = Provider(
        endpoints={"request_token": f"{kit.login.url}/request_token", "authorize": kit.login.url},
        callback=CallbackSettings(denied=(("denied", None),)),
    )
    for client in (kit.client(token=(), provider=provider), kit.client(token=())):
        with pytest.raises(AccessDeniedError):
            client.parse_authorization_response(case.input["callback_url"])
    client = kit.client(token=(), provider=provider)
    pending = await client.start()
    with pytest.raises(AccessDeniedError, match="the user refused"):
        await client.finish(pending, case.input["callback_url"])
    assert len(kit.server.sent) == 1


async def token_types(case, kit):
    client = kit.client(verifier="v")
    kit.server.replies = [kit.reply(body=case.input["response_bytes"].encode())]
    assert await client.fetch_access_token(kit.server.url) == {"oauth_token": "8e90", "oauth_token_secret": "f64a"}
    client.token = {"oauth_token": b"8e90", "oauth_token_secret": b"f64a"}
    assert client.token["oauth_token"] == "8e90"
    kit.server.answer = lambda _: kit.reply()
    await send(client.get(kit.server.url))
    replace(kit.verifier, token_secret="f64a").check(kit.server.sent[1], "8e90")


async def rsa_passphrase(case, kit):
    key = rsa.generate_private_key(65537, 2048)
    passphrase = case.input["passphrase"].replace("\\n", "\n")
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.strip().encode()),
    )
    kit.server.answer = lambda _: kit.reply()
    options = {"signature_method": "RSA-SHA1", "rsa_key": encrypted}
    await send(kit.client(**options, passphrase=passphrase).get(kit.server.url))
    kit.verifier.check(kit.server.sent[0], public_key=key.public_key())
    with pytest.raises(InvalidKeyError) as caught:
        await kit.client(**options).get(kit.server.url)
    assert caught.value.code == "passphrase-missing"


@pytest.mark.parametrize("name", CASES)
async def test_the_clients_do_not_repeat(name, kit):
    await globals()[name.replace("-", "_")](CASES[name], kit)
