"""A simulated provider without a network: a flow's requests go straight to the server's side."""

from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from oauthreg.legs import render_form
from oauthreg.messages import Flow, Pairs, Request, Response
from oauthreg.oauth1.flow import (
    access_token_flow,
    build_authorization_url,
    parse_authorization_response,
    request_token_flow,
)
from oauthreg.oauth1.placement import FORM, OAuth1Authentication
from oauthreg.provider import Placement, Provider
from oauthreg.signing import Signer
from oauthreg.simulator.oauth1 import OAuth1Server
from oauthreg.simulator.received import Credentials, Received, Served
from oauthreg.simulator.script import Script
from oauthreg.simulator.state import State
from oauthreg.token import OAuth1Token

ENDPOINTS = {
    "request_token": "https://api.example.com/oauth/request_token",
    "authorize": "https://api.example.com/oauth/authorize",
    "token": "https://api.example.com/oauth/access_token",
    "api_base": "https://api.example.com/1/",
}
SECRET = "a secret of the tests"
CREDENTIALS = Credentials("ck", SECRET)
CALLBACK = "https://app.example/cb?next=%2Fhome"
API = "https://api.example.com/1/things?a=1"


SILENT = Script()


class Counter:
    """Texts that differ and are the same in every run."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"text-{self.made}"


class World:
    """A client and a provider that talk without a network."""

    def __init__(self, clock: Any, script: Script = SILENT, *, auto_approve: bool = False, **changes: Any) -> None:
        self.provider = Provider(**{"name": "acme", "title": "Acme", "endpoints": ENDPOINTS, **changes})
        self.state = State(Counter())
        self.server = OAuth1Server(self.provider, script, CREDENTIALS, self.state, clock, auto_approve=auto_approve)
        self.clock = clock
        self.served: list[Served] = []

    def signer(self, **changes: Any) -> Signer:
        method = changes.pop("method", self.provider.oauth1.signature_methods[0])
        settings = self.provider.oauth1
        made = {"realm": settings.realm, "body_hash": settings.body_hash, "clock": self.clock}
        made["version"] = settings.version
        return Signer(method, "ck", changes.pop("client_secret", SECRET), **{**made, **changes})

    def serve(self, received: Received) -> Served:
        served = self.server.answer(received, self.server.step_of(received))
        self.served.append(served)
        return served

    def send(self, request: Request) -> Response:
        return self.serve(on_the_wire(request)).answer

    def run(self, flow: Flow[Any]) -> Any:
        response = None
        while True:
            try:
                request = flow.send(response)
            except StopIteration as stopped:
                return stopped.value
            assert isinstance(request, Request)
            response = self.send(request)

    def log_in(self, **changes: Any) -> OAuth1Token:
        """The access token of a whole login."""
        asked = self.run(request_token_flow(self.provider, self.signer(), callback=CALLBACK))
        url = asked.authorize_url or build_authorization_url(self.provider, asked.token, callback=CALLBACK)
        self.browse(url)
        came_back = self.browse(url, "approve").headers["location"]
        assert came_back.startswith(CALLBACK)
        answer = parse_authorization_response(came_back, self.provider.callback)
        assert answer.token == (asked.token if self.provider.oauth1.token_in_callback else None)
        signer = self.signer(token=asked.token, token_secret=asked.token_secret, **changes)
        return self.run(access_token_flow(self.provider, signer, verifier=answer.verifier))

    def call(
        self,
        token: OAuth1Token,
        *,
        url: str = API,
        method: str = "GET",
        headers: Pairs = (),
        form: Pairs | None = None,
        body: bytes | None = None,
        **changes: Any,
    ) -> Response:
        """A signed call of the API."""
        signer = self.signer(**{"token": token.token, "token_secret": token.token_secret, **changes})
        authenticator = OAuth1Authentication.of(self.provider.oauth1, signer, params=self.provider.api_params)
        return self.send(Request(method, url, headers, form=form, body=body, authenticator=authenticator))

    def ask(self, **changes: Any) -> Response:
        """The answer to a request for a request token that is changed before it is sent."""
        request = next(request_token_flow(self.provider, self.signer(), callback=CALLBACK))
        return self.send(replace(request, **changes))

    def signed_by(
        self, placement: Placement = "header", parameters: Pairs = (("oauth_callback", CALLBACK),), **changes: Any
    ) -> dict[str, Any]:
        """The change that lets such a request be signed in another way."""
        return {"authenticator": OAuth1Authentication(self.signer(**changes), placement, parameters)}

    def browse(self, url: str, decision: str | None = None) -> Response:
        if decision is None:
            return self.serve(Received("GET", url)).answer
        form = render_form([("decision", decision)]).encode()
        return self.serve(Received("POST", url, {"content-type": FORM}, form)).answer


def on_the_wire(request: Request) -> Received:
    body = render_form(request.form).encode() if request.form is not None else request.body
    headers = {name.lower(): value for name, value in request.headers}
    if request.form is not None:
        headers["content-type"] = FORM
    url = request.url
    if request.authenticator is not None:
        made = request.authenticator.authenticate(request.method, url, body, headers.get("content-type"))
        headers |= {name.lower(): value for name, value in made.headers}
        url, body = made.url or url, body if made.body is None else made.body
    return Received(request.method, url, headers, body or b"")


@pytest.fixture
def make_world(clock):
    def make(*arguments, **changes):
        return World(clock, *arguments, **changes)

    return make


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as opened:
        yield opened
