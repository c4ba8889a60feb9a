"""oauthlib's OAuth 1 server behind aiohttp.web: all seven signature methods, in header, query and body.

oauthlib is handed the request as it came over the wire; every decision about a signature is oauthlib's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import jwt  # noqa: F401 - oauthlib checks RSA signatures with it, and fails without it at the first one
from aiohttp import web
from oauthlib import oauth1

from .counterpart import CLIENTS, METHODS, TIMESTAMP_WINDOW, USER, Counterpart, serve_aiohttp


@contextmanager
def serve_oauthlib(rsa_public_key: str) -> Iterator[Counterpart]:
    """The running counterpart; ``rsa_public_key`` (PEM) is that of every client."""
    with serve_aiohttp(lambda: build_app(rsa_public_key)) as origin:
        yield Counterpart(f"oauthlib {version('oauthlib')}", origin)


def build_app(rsa_public_key: str) -> web.Application:
    """The application with a fresh memory."""
    server = _Server(_Validator(rsa_public_key))
    app = web.Application()
    app.router.add_route("*", "/request_token", server.request_token)
    app.router.add_get("/authorize", server.authorize)
    app.router.add_route("*", "/access_token", server.access_token)
    app.router.add_get("/userinfo", server.userinfo)
    app.router.add_route("*", "/echo{rest:.*}", server.echo)
    return app


class _Validator(oauth1.RequestValidator):
    """What oauthlib asks its host: keys, tokens, nonces."""

    enforce_ssl = False
    realms = ("api",)
    client_key_length = (1, 80)
    nonce_length = (6, 80)
    request_token_length = access_token_length = verifier_length = (6, 80)
    timestamp_lifetime = TIMESTAMP_WINDOW["oauthlib"]
    dummy_client = "nobody"
    dummy_request_token = dummy_access_token = "nothing"
    allowed_signature_methods = METHODS["oauthlib"]
    safe_characters = frozenset(map(chr, range(0x20, 0x2700)))

    def __init__(self, rsa_public_key: str) -> None:
        super().__init__()
        self.rsa_public_key = rsa_public_key
        self.request_tokens: dict[str, dict[str, Any]] = {}
        self.access_tokens: dict[str, dict[str, Any]] = {}
        self.nonces: set[tuple[Any, ...]] = set()

    def validate_client_key(self, client_key, request):
        return client_key in CLIENTS

    def get_client_secret(self, client_key, request):
        return CLIENTS[client_key].client_secret if client_key in CLIENTS else "nobody's"

    def get_rsa_key(self, client_key, request):
        return self.rsa_public_key

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        use = (client_key, timestamp, nonce, request_token, access_token)
        fresh = use not in self.nonces
        self.nonces.add(use)
        return fresh

    def get_default_realms(self, client_key, request):
        return list(self.realms)

    def get_realms(self, token, request):
        return list(self.realms)

    def validate_requested_realms(self, client_key, realms, request):
        return True

    def verify_realms(self, token, realms, request):
        return True

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True

    def validate_redirect_uri(self, client_key, redirect_uri, request):
        return redirect_uri == "oob" or redirect_uri.startswith("https://app.example/")

    def save_request_token(self, token, request):
        _harden(token, "oauth_token", request.client_key)
        _harden(token, "oauth_token_secret", request.client_key)
        self.request_tokens[token["oauth_token"]] = {
            "secret": token["oauth_token_secret"],
            "callback": request.redirect_uri,
            "client": request.client_key,
            "verifier": None,
        }

    def verify_request_token(self, token, request):
        return token in self.request_tokens

    def get_redirect_uri(self, token, request):
        return self.request_tokens[token]["callback"]

    def save_verifier(self, token, verifier, request):
        _harden(verifier, "oauth_verifier", self.request_tokens[token]["client"])
        self.request_tokens[token]["verifier"] = verifier["oauth_verifier"]

    def validate_request_token(self, client_key, token, request):
        return self.request_tokens.get(token, {}).get("client") == client_key

    def get_request_token_secret(self, client_key, token, request):
        return self.request_tokens.get(token, {}).get("secret", "nothing")

    def validate_verifier(self, client_key, token, verifier, request):
        expected = self.request_tokens.get(token, {}).get("verifier")
        return expected is not None and expected == verifier

    def invalidate_request_token(self, client_key, request_token, request):
        self.request_tokens.pop(request_token, None)

    def save_access_token(self, token, request):
        _harden(token, "oauth_token", request.client_key)
        _harden(token, "oauth_token_secret", request.client_key)
        self.access_tokens[token["oauth_token"]] = {"secret": token["oauth_token_secret"], "client": request.client_key}

    def validate_access_token(self, client_key, token, request):
        return self.access_tokens.get(token, {}).get("client") == client_key

    def get_access_token_secret(self, client_key, token, request):
        return self.access_tokens.get(token, {}).get("secret", "nothing")


def _harden(token: dict[str, str], name: str, client_key: str) -> None:
    token[name] += CLIENTS[client_key].suffix


class _Server:
    def __init__(self, validator: _Validator) -> None:
        self.validator = validator
        self.endpoint = oauth1.WebApplicationServer(validator)

    async def request_token(self, request: web.Request) -> web.Response:
        return _answer(*self.endpoint.create_request_token_response(**await _wire_form(request)))

    async def authorize(self, request: web.Request) -> web.Response:
        if request.query.get("deny"):
            callback = self.validator.get_redirect_uri(request.query["oauth_token"], request)
            refusal = urlencode({"denied": request.query["oauth_token"]})
            return web.Response(
                status=302, headers={"Location": f"{callback}{'&' if '?' in callback else '?'}{refusal}"}
            )
        return _answer(*self.endpoint.create_authorization_response(**await _wire_form(request), realms=["api"]))

    async def access_token(self, request: web.Request) -> web.Response:
        return _answer(*self.endpoint.create_access_token_response(**await _wire_form(request)))

    async def userinfo(self, request: web.Request) -> web.Response:
        refused = await self._refusal(request)
        return refused or web.json_response(USER)

    async def echo(self, request: web.Request) -> web.Response:
        refused = await self._refusal(request)
        return refused or web.json_response(
            {
                "method": request.method,
                "target": request.raw_path,
                "body": (await request.read()).decode("latin-1"),
                "content_type": request.headers.get("Content-Type", ""),
            }
        )

    async def _refusal(self, request: web.Request) -> web.Response | None:
        wire_form = await _wire_form(request)
        valid, _ = self.endpoint.validate_protected_resource_request(**wire_form, realms=["api"])
        return None if valid else web.json_response({"error": "refused"}, status=401)


async def _wire_form(request: web.Request) -> dict[str, Any]:
    """The arguments of oauthlib's endpoints; its documentation wants the body of a form only."""
    body = await request.read()
    form = request.content_type == "application/x-www-form-urlencoded"
    return {
        "uri": f"http://{request.host}{request.raw_path}",
        "http_method": request.method,
        "headers": dict(request.headers),
        "body": body.decode("latin-1") if form else None,
    }


def _answer(headers: dict[str, str], body: str | None, status: int) -> web.Response:
    return web.Response(status=status, headers=headers, text=body or "")
