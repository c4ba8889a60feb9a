"""Starts glewlwyd, Debian's authorization server in C, and tells it over its administration API who it should know.

Its pages are a program for browsers; what that program asks the server is asked here as well.
"""

import gzip
import json
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import HTTPCookieProcessor, Request, build_opener

from .authorization_server import CALLBACK, PASSWORD, USER, AuthorizationServer, Keys, Registration, registrations
from .browser import Browser
from .logins import parse_query
from .processes import serve_program, wait_until_open

DOCUMENTS = Path("/usr/share/doc/glewlwyd")
GRANTS = ("authorization_code", "client_credentials", "password")
_ADMINISTRATOR = {"username": "admin", "password": "password"}
_AUTHORIZATIONS = {"authorization_code": "code"}
"""Grant -> what a client's ``authorization_type`` calls it, if something else."""


class Glewlwyd(AuthorizationServer):
    """A server whose login is two calls and no form."""

    async def approve(self, browser: Browser, url: str, *, deny: bool = False) -> str:
        """What the user's browser brings back from the login page: the callback URL."""
        asked = parse_query(url)
        client_id = quote(asked["client_id"], safe="")
        await browser.call("POST", f"{self.origin}/api/auth/", {"username": USER["sub"], "password": PASSWORD})
        granted = {"scope": "" if deny else asked["scope"]}
        await browser.call("PUT", f"{self.origin}/api/auth/grant/{client_id}/", granted)
        return await browser.visit(f"{url}&g_continue", {}, until=CALLBACK)


@contextmanager
def serve_glewlwyd(keys: Keys, folder: Path) -> Iterator[AuthorizationServer]:
    """The running server, with its database and configuration in ``folder``."""
    program = shutil.which("glewlwyd")
    if program is None or not (DOCUMENTS / "database").exists():
        raise LookupError("no `glewlwyd`, or not its documents, which hold its tables")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    _make_database(folder / "glewlwyd.sqlite")
    configuration = folder / "glewlwyd.conf"
    configuration.write_text(_configuration(folder / "glewlwyd.sqlite"))
    command = [program, "-c", str(configuration)]
    with serve_program(command, {}, origin=r"started on port.* external URL: (http://\S+)$") as origin:
        wait_until_open(origin)
        _introduce(origin, keys)
        yield Glewlwyd(
            f"glewlwyd {version.split()[0]}",
            origin,
            {
                "authorize": "api/oidc/auth",
                "token": "api/oidc/token",
                "revoke": "api/oidc/revoke",
                "introspect": "api/oidc/introspect",
                "userinfo": "api/oidc/userinfo",
            },
            origin,
            basic_encoding="raw",
            errors={
                "400": "invalid_grant",
                "403": "invalid_client",
                "invalid_code": "invalid_grant",
                "unauthorized_client": "invalid_client",
            },
            own=("profile",),
            assertion_audience=f"{origin}/api/oidc/token",
        )


def _make_database(path: Path) -> None:
    tables = gzip.decompress((DOCUMENTS / "database" / "init.sqlite3.sql.gz").read_bytes()).decode()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(tables)


def _configuration(database: Path) -> str:
    """The configuration that the package shows, on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    changes = {
        "port": f"port={port}",
        "bind_address": 'bind_address="127.0.0.1"',  # it serves the whole network otherwise
        "external_url": f'external_url="http://127.0.0.1:{port}"',
        "cookie_domain": "",  # an address can be none
        "cookie_secure": "cookie_secure=0",
        "path": f'path="{database}"',
    }
    text = gzip.decompress((DOCUMENTS / "glewlwyd.conf.sample.gz").read_bytes()).decode()
    for name, line in changes.items():
        text, found = re.subn(rf"(?m)^[ #]*{name} *=.*$", line, text, count=1)
        assert found, f"the configuration says nothing of {name}"
    return text


def _introduce(origin: str, keys: Keys) -> None:
    """Make the plugin for OpenID Connect, the user, the scopes and the clients."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def call(path: str, body: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        with opener.open(Request(f"{origin}/api/{path}", json.dumps(body).encode(), headers, method="POST")):
            pass

    call("auth/", _ADMINISTRATOR)
    call("mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": _plugin(origin, keys)})
    for scope in ("profile", "email"):
        call("scope/", {"name": scope, "display_name": scope, "password_required": True, "scheme": {}})
    user = {"username": USER["sub"], "name": USER["name"], "email": USER["email"], "password": PASSWORD}
    call("user/?source=database", {**user, "scope": ["openid", "profile", "email", "g_profile"], "enabled": True})
    for client in registrations(GRANTS):
        call("client/?source=database", _client(client, keys))


def _plugin(origin: str, keys: Keys) -> dict[str, Any]:
    return {
        "iss": origin,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": keys.server.as_pem(private=True).decode(),
        "cert": keys.server.as_pem(private=False).decode(),
        "access-token-duration": 600,
        "refresh-token-duration": 3600,
        "code-duration": 60,
        "refresh-token-rolling": True,
        "refresh-token-one-use": "always",
        "allow-non-oidc": True,
        "auth-type-code-enabled": True,
        "auth-type-code-revoke-replayed": True,
        "auth-type-token-enabled": False,
        "auth-type-id-token-enabled": True,
        "auth-type-none-enabled": False,
        "auth-type-password-enabled": True,
        "auth-type-client-enabled": True,
        "auth-type-refresh-enabled": True,
        "auth-type-device-enabled": False,
        "pkce-allowed": True,
        "pkce-required": True,
        "pkce-method-plain-allowed": False,
        "introspection-revocation-allowed": True,
        "introspection-revocation-allow-target-client": True,
        "request-parameter-allow": True,
        "request-maximum-exp": 3600,
        "client-jwks-parameter": "jwks",
        "subject-type": "public",
        "oauth-as-iss-id": True,
        "oauth-dpop-allowed": True,
        "oauth-dpop-iat-duration": 30,
        "name-claim": "mandatory",
        "email-claim": "mandatory",
        "claims": [],
        "scope": [],
        "additional-parameters": [],
    }


def _client(client: Registration, keys: Keys) -> dict[str, Any]:
    told = {
        "client_id": client.client_id,
        "name": client.client_id,
        "confidential": client.client_auth != "none",
        "redirect_uri": [CALLBACK],
        "authorization_type": [_AUTHORIZATIONS.get(grant, grant) for grant in client.grants],
        "token_endpoint_auth_method": [client.client_auth],
        "scope": ["profile", "email"] if client.grants == ("client_credentials",) else [],
        "enabled": True,
    }
    if client.client_secret is not None:
        told["client_secret"] = client.client_secret
    if client.client_auth == "private_key_jwt":
        told["jwks"] = {"keys": [keys.client.as_dict(private=False)]}
    return told
