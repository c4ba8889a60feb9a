"""Authlib's OAuth 1 server in Flask, as its documentation sets it up: HMAC-SHA1, RSA-SHA1 and PLAINTEXT.

Authlib itself reads the request from Flask, with what Flask does to it: that is how it runs in the wild.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from authlib.integrations.flask_oauth1 import AuthorizationServer, ResourceProtector
from authlib.oauth1 import ClientMixin, TemporaryCredential, TokenCredentialMixin
from authlib.oauth1.errors import OAuth1Error
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from .counterpart import CLIENTS, METHODS, USER, Counterpart

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@contextmanager
def serve_authlib(rsa_public_key: str) -> Iterator[Counterpart]:
    """The running counterpart; ``rsa_public_key`` (PEM) is that of every client."""
    with _serve(build_app(rsa_public_key)) as origin:
        yield Counterpart(f"Authlib {version('Authlib')}", origin)


class _QuietHandler(WSGIRequestHandler):
    def log(self, *arguments: Any) -> None:
        """Nothing: the tests tell what went wrong."""


@contextmanager
def _serve(app: Flask) -> Iterator[str]:
    """The origin of the application, which werkzeug's server runs in a thread."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, name="Flask counterpart")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
    assert not thread.is_alive()


@dataclass
class _Client(ClientMixin):
    client_id: str
    rsa_public_key: str

    def get_default_redirect_uri(self):
        return "https://app.example/default"

    def get_client_secret(self):
        return CLIENTS[self.client_id].client_secret

    def get_rsa_public_key(self):
        return self.rsa_public_key


@dataclass
class _Token(TokenCredentialMixin):
    oauth_token: str
    oauth_token_secret: str
    client_id: str

    def get_oauth_token(self):
        return self.oauth_token

    def get_oauth_token_secret(self):
        return self.oauth_token_secret


class _Memory:
    """What Authlib asks its host: clients, credentials, nonces."""

    def __init__(self, rsa_public_key: str) -> None:
        self.rsa_public_key = rsa_public_key
        self.pending: dict[str, TemporaryCredential] = {}
        self.tokens: dict[str, _Token] = {}
        self.nonces: set[tuple[Any, ...]] = set()

    def query_client(self, client_id):
        return _Client(client_id, self.rsa_public_key) if client_id in CLIENTS else None

    def query_token(self, client_id, oauth_token):
        token = self.tokens.get(oauth_token)
        return token if token is not None and token.client_id == client_id else None

    def exists_nonce(self, nonce, timestamp, client_id, oauth_token):
        use = (nonce, timestamp, client_id, oauth_token)
        used = use in self.nonces
        self.nonces.add(use)
        return used

    def create_temporary_credential(self, token, client_id, redirect_uri):
        fields = {name: _harden(value, client_id) for name, value in token.items()}
        credential = TemporaryCredential(fields, client_id=client_id, oauth_callback=redirect_uri)
        self.pending[credential["oauth_token"]] = credential
        return credential

    def delete_temporary_credential(self, oauth_token):
        self.pending.pop(oauth_token, None)

    def create_authorization_verifier(self, credential, grant_user, verifier):
        credential["oauth_verifier"] = verifier

    def create_token_credential(self, token, temporary_credential):
        client_id = temporary_credential["client_id"]
        fields = {name: _harden(value, client_id) for name, value in token.items()}
        made = _Token(client_id=client_id, **fields)
        self.tokens[made.oauth_token] = made
        return made


def _harden(value: str, client_id: str) -> str:
    return value + CLIENTS[client_id].suffix


def build_app(rsa_public_key: str) -> Flask:
    """The application with a fresh memory."""
    memory = _Memory(rsa_public_key)
    app = Flask("authlib counterpart")
    app.config["OAUTH1_SUPPORTED_SIGNATURE_METHODS"] = list(METHODS["authlib"])
    server = AuthorizationServer(app, query_client=memory.query_client)
    server.register_hook("exists_nonce", memory.exists_nonce)
    server.register_hook("create_temporary_credential", memory.create_temporary_credential)
    server.register_hook("get_temporary_credential", memory.pending.get)
    server.register_hook("delete_temporary_credential", memory.delete_temporary_credential)
    server.register_hook("create_authorization_verifier", memory.create_authorization_verifier)
    server.register_hook("create_token_credential", memory.create_token_credential)
    require_oauth = ResourceProtector(
        app, query_client=memory.query_client, query_token=memory.query_token, exists_nonce=memory.exists_nonce
    )

    @app.before_request
    def keep_body() -> None:
        """Read the body before Authlib parses it as a form, so that the echo still has it."""
        request.get_data(cache=True)

    @app.errorhandler(ValueError)
    def fail(error: ValueError) -> Response:
        """Answer what Flask would, without writing a traceback each time that Authlib refuses a URL."""
        return Response(str(error), status=500)

    @app.post("/request_token")
    def request_token():
        return server.create_temporary_credentials_response()

    @app.get("/authorize")
    def authorize():
        try:
            server.check_authorization_request()
        except OAuth1Error as error:
            return Response(error.error, status=400)
        return server.create_authorization_response(grant_user=None if request.args.get("deny") else USER)

    @app.post("/access_token")
    def access_token():
        return server.create_token_response()

    @app.get("/userinfo")
    @require_oauth()
    def userinfo():
        return jsonify(USER)

    @app.route("/echo", methods=VERBS, defaults={"rest": ""})
    @app.route("/echo/<path:rest>", methods=VERBS)
    @require_oauth()
    def echo(rest):
        return jsonify(
            method=request.method,
            target=request.environ["RAW_URI"],
            body=request.get_data().decode("latin-1"),
            content_type=request.headers.get("Content-Type", ""),
        )

    return app
