"""What the independent authorization servers have in common: their user, their clients, and how a user logs in.

Every one of them knows the same clients, as far as it knows their grants.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from .browser import Browser

CALLBACK = "https://app.example/callback"
USER = {"sub": "zoe", "name": "Zoë Ünïcode", "email": "zoe@example.org"}
PASSWORD = "Pässword & more"
SECRET = "s3cr:et&+%"
"""Basic wants it form-encoded, or it is another one on the server's side (RFC 6749 section 2.3.1)."""
LONG_SECRET = "s3cr:et&+%" * 4
"""Of 32 octets at least, as an HMAC key must be."""

_LOGIN = ("authorization_code", "refresh_token")


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that the servers know; the first of its ``grants`` is what it is for.

    The tokens of one that ``is_bound`` are bound to a key (DPoP), who asks for ``signed_userinfo`` is told who the user
    is in a JWT, who ``signs_requests`` must sign authorization requests (ES256) and is answered in a JWT, and
    ``encryption`` is with what JWTs are encrypted, by servers that know that.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str = "client_secret_basic"
    grants: tuple[str, ...] = _LOGIN
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    is_bound: bool = False
    signed_userinfo: bool = False
    signs_requests: bool = False
    encryption: str | None = None


REGISTRATIONS = {
    "client_secret_basic": Registration("basic/client+1", SECRET),
    "client_secret_post": Registration("post-client", SECRET, "client_secret_post"),
    "client_secret_jwt": Registration("hmac-client", LONG_SECRET, "client_secret_jwt"),
    "private_key_jwt": Registration("key-client", client_auth="private_key_jwt"),
    "none": Registration("public-client", client_auth="none"),
    "none, bound": Registration("bound-public-client", client_auth="none", is_bound=True),
    "private_key_jwt, bound": Registration("bound-key-client", client_auth="private_key_jwt", is_bound=True),
    "signed userinfo": Registration("careful-client", SECRET, signed_userinfo=True),
    "encrypted, RSA": Registration("closed-client", SECRET, signed_userinfo=True, encryption="RSA-OAEP-256"),
    "encrypted, EC": Registration("curved-client", SECRET, signed_userinfo=True, encryption="ECDH-ES+A128KW"),
    "signed messages": Registration("signing-client", client_auth="private_key_jwt", signs_requests=True),
    "client_credentials": Registration("machine-client", SECRET, grants=("client_credentials",), scopes=()),
    "password": Registration("trusted-client", SECRET, grants=("password", "refresh_token")),
    "device_code": Registration("device-client", client_auth="none", grants=("device_code", "refresh_token")),
    "jwt_bearer": Registration("robot-client", SECRET, grants=("jwt_bearer",)),
}
_ALGORITHMS = {"client_secret_jwt": "HS256", "private_key_jwt": "ES256"}
_GRANT_TYPES = {
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "jwt_bearer": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """The clients' keys (ES256, and those to which JWTs are encrypted) and the servers' (RS256)."""

    client: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "client", "use": "sig"}))
    closed: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "closed", "use": "enc"}))
    curved: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "curved", "use": "enc"}))
    server: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "server", "use": "sig"}))


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """A running server.

    ``issuer`` is in the callback if it ``names_itself``. ``basic_encoding`` is ``raw`` where Basic is not decoded.
    ``errors``: its own error codes, or statuses without one, and what they mean. ``extra`` are further parameters of
    the authorization request, ``offline`` is the scope that a refresh token takes, ``own`` that of a client without
    user. ``assertion_audience`` is whom a client's assertion must name, if not the issuer. ``answers`` is what the user
    fills in, ``pressed`` the button that agrees, ``refusal`` or ``refusal_link`` the one that does not.
    """

    name: str
    origin: str
    endpoints: Mapping[str, str]
    issuer: str
    names_itself: bool = True
    basic_encoding: str = "form"
    errors: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    offline: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    pressed: tuple[str, str] | None = None
    refusal: tuple[str, str] | None = None
    refusal_link: str = ""
    assertion_audience: str | None = None

    def url(self, endpoint: str) -> str:
        """The complete URL of an endpoint."""
        return f"{self.origin}/{self.endpoints[endpoint]}"

    def definition(self, client: Registration) -> str:
        """The server as a provider, in TOML."""
        scopes = [*client.scopes, *(self.offline if "refresh_token" in client.grants else ())]
        scopes += self.own if client.grants[0] == "client_credentials" else ()
        algorithm = _ALGORITHMS.get(client.client_auth)
        lines = [
            "schema = 1",
            f'title = "{self.name}"',
            'protocol = "oauth2"',
            "[endpoints]",
            *(f'{name} = "{self.url(name)}"' for name in self.endpoints),
            "[oauth2]",
            f"grants = {json.dumps(client.grants)}",
            f'client_auth = "{client.client_auth}"',
            f'issuer = "{self.issuer}"',
            f"issuer_in_callback = {json.dumps(self.names_itself)}",
            f'basic_encoding = "{self.basic_encoding}"',
            *(['dpop = "required"'] if client.is_bound else []),
            *(["[client_assertion]", f'algorithm = "{algorithm}"'] if algorithm else []),
            *([f'audience = "{self.assertion_audience}"'] if algorithm and self.assertion_audience else []),
            "[authorize.params]",
            *(f'{name} = "{value}"' for name, value in self.extra.items()),
            "[token.response.error_map]",
            *(f'{own} = "{error}"' for own, error in self.errors.items()),
            "[scopes]",
            f"default = {json.dumps(scopes)}",
            "[claims]",
            *(f'{name} = "{name}"' for name in USER),
        ]
        return "\n".join(lines)

    async def approve(self, browser: Browser, url: str, *, deny: bool = False) -> str:
        """What the user's browser brings back from the login page: the callback URL."""
        pressed = self.refusal if deny else self.pressed
        answers = {**self.answers, **(dict([pressed]) if pressed else {})}
        return await browser.visit(url, answers, until=CALLBACK, follow=self.refusal_link if deny else "")


def _public_keys(client: Registration, keys: Keys) -> dict[str, Any] | None:
    """What the servers know of a client's keys."""
    known = [keys.client] if client.client_auth == "private_key_jwt" else []
    known += [keys.closed, keys.curved] if client.encryption else []
    return {"keys": [key.as_dict(private=False) for key in known]} if known else None


def registrations(grants: tuple[str, ...]) -> list[Registration]:
    """The clients that are for one of these grants."""
    return [client for client in REGISTRATIONS.values() if client.grants[0] in grants]


def environment(keys: Keys, folder: Path, *, grants: tuple[str, ...]) -> dict[str, str]:
    """The environment of a server's process; it is told of the clients for these grants."""
    clients = [
        {
            **asdict(client),
            "grants": [_GRANT_TYPES.get(name, name) for name in client.grants],
            "jwks": _public_keys(client, keys),
        }
        for client in registrations(grants)
    ]
    given = {
        "callback": CALLBACK,
        "clients": clients,
        "user": USER,
        "password": PASSWORD,
        "folder": str(folder),
        "server_key": keys.server.as_dict(private=True),
        "server_pem": keys.server.as_pem(private=True).decode(),
    }
    return {
        "PATH": os.environ.get("PATH", ""),
        "NODE_PATH": str(Path(sys.prefix) / "node_modules"),
        "INTEROP": json.dumps(given),
    }
