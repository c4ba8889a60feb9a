"""A login by every bundled OAuth 2.0 definition, answered with the documents of its first example: no network."""

import base64
import hmac
import json
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import pytest

from oauthreg.definition import Loader, compile_definition, required_credentials
from oauthreg.identity import identity_flow
from oauthreg.messages import Response
from oauthreg.oauth2.bearer import BearerAuthentication
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.login import build_login, login_flow
from oauthreg.simulator.inventions import invent_variables

NOW = 1_735_689_600
SECRET = b"not-a-secret"
LOADER = Loader([Path(__file__).parents[2] / "providers"], environ={})
NAMES = sorted(
    name
    for name in LOADER.names()
    if (found := LOADER.load(name)).claims
    and found.protocol == "oauth2"
    and found.oauth2.client_auth != "signed_secret"
    and "authorization_code" in found.oauth2.grants
)


def answer(document, form=""):
    text = json.dumps(document)
    body = f"callback({text});" if form == "jsonp" else text
    return Response(200, {"content-type": "application/json"}, body.encode())


def signed(callback, provider):
    """The callback with its signature, where the provider signs it."""
    if provider.callback.signature is None:
        return callback
    text = "&".join(sorted(f"{name}={value}" for name, value in callback.items()))
    return callback | {provider.callback.signature.parameter: hmac.digest(SECRET, text.encode(), "sha256").hex()}


def ran(flow, answers):
    """The result of a flow and its requests, each answered with the next document or with the last one."""
    requests, left = [], list(answers)
    try:
        request = next(flow)
        while True:
            requests.append(request)
            request = flow.send(left.pop(0) if len(left) > 1 else left[0])
    except StopIteration as stop:
        return stop.value, requests


def id_token(claims, pending, issuer):
    filled = {"sub": "1", **claims, "aud": "app", "iat": NOW, "exp": NOW + 300, "nonce": pending.values.get("nonce")}
    filled["iss"] = claims.get("iss", issuer)
    parts = [{"alg": "HS256"}, filled, {}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_login_gives_the_claims_of_the_example(name):
    definition = LOADER.load(name)
    documents = dict(definition.example[0].documents)
    credentials = {key: f"the-{key}" for key in required_credentials(definition)} | {"client_id": "app"}
    provider = compile_definition(definition, variables=invent_variables(definition), credentials=credentials)
    client = ClientIdentity(
        "app", lambda: NOW, lambda: "id", SECRET.decode(), credentials=MappingProxyType(credentials)
    )
    pending = build_login(provider, "app", redirect_uri="https://app.example/callback", now=NOW)
    assert parse_qs(urlsplit(pending.url).query)["state"] == [pending.values["state"]]

    token = {"token_type": "bearer", "expires_in": 3600, **documents.get("token", {}), "access_token": "at"}
    if "id_token" in documents:
        token["id_token"] = id_token(documents["id_token"], pending, provider.oauth2.issuer)
    for key in reversed((definition.token.response.root or "").split(".")):
        token = {key: token} if key else token
    brought = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in documents.get("callback", {}).items()
    }
    callback = {provider.callback.code: "c0de", "state": pending.values["state"], **brought}
    made, requests = ran(login_flow(provider, client, pending, signed(callback, provider)), [answer(token)])
    assert made.access_token == "at"
    assert requests[0].url.startswith(provider.endpoints["token"])

    kept = {key: made[key] for key in provider.callback.keep if key in made}
    known = {"token": dict(made), "callback": kept, "id_token": documents.get("id_token", {})}
    flow = identity_flow(
        provider,
        lambda _: BearerAuthentication(made.access_token, provider.token_placement),
        known,
        make_nonce=lambda: "n",
        now=lambda: NOW,
        client_id="app",
        client_secret=SECRET.decode(),
    )
    answers = [answer(documents[request.name], request.format) for request in provider.identity]
    if answers:
        known, _ = ran(flow, answers)
    assert provider.claims.render(known) == dict(definition.example[0].claims)
