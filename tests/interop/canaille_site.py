"""canaille on a port of the system's choice; INTEROP says who is known to it. Its first line is its origin.

Runs with the interpreter of canaille's own environment.
"""

import json
import os
import socket

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc import provider
from werkzeug.security import gen_salt
from werkzeug.serving import WSGIRequestHandler, make_server

GIVEN = json.loads(os.environ["INTEROP"])


class _QuietHandler(WSGIRequestHandler):
    def log(self, *arguments):
        """Nothing: the tests tell what went wrong."""


def make_access_token(client, grant_type, user, scope):
    """As canaille makes those of a client without user.

    Its own ones for users have no `jti`: two of one second are the same, and its database refuses the second.
    """
    return gen_salt(48)


def build_app(host):
    provider.generate_access_token = make_access_token
    return create_app(
        {
            "SECRET_KEY": "interop",
            "SERVER_NAME": host,
            "PREFERRED_URL_SCHEME": "http",
            "SESSION_COOKIE_SECURE": False,
            "CANAILLE": {"DATABASE": "sql", "JAVASCRIPT": False, "HTMX": False, "LOGGING": {"version": 1}},
            "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{GIVEN['folder']}/canaille.sqlite"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [GIVEN["server_key"]], "TRUSTED_DOMAINS": ["trusted.example"]},
        }
    )


def register(client):
    is_code = "authorization_code" in client["grants"]
    registered = models.Client(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        client_name=client["client_id"],
        client_uri="https://trusted.example" if not is_code else "https://app.example",
        redirect_uris=[GIVEN["callback"]],
        grant_types=client["grants"],
        response_types=["code"] if is_code else [],
        token_endpoint_auth_method=client["client_auth"],
        scope=["openid", "profile", "email"],
        jwks=json.dumps(client["jwks"]) if client["jwks"] else None,
    )
    Backend.instance.save(registered)
    registered.audience = [registered]
    Backend.instance.save(registered)


def serve():
    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    app = build_app(host)
    with app.app_context(), app.backend.session():
        app.backend.install(app)
        user = GIVEN["user"]
        Backend.instance.save(
            models.User(
                user_name=user["sub"],
                formatted_name=user["name"],
                family_name="X",
                emails=[user["email"]],
                password=GIVEN["password"],
            )
        )
        for client in GIVEN["clients"]:
            register(client)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
    print(f"http://{host}", flush=True)  # noqa: T201 - the tests read it
    server.serve_forever()


if __name__ == "__main__":
    serve()
