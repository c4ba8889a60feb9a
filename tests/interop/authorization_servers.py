"""Independent authorization servers of OAuth 2.0: who is known to them, how they are started, how a user logs in there.

Every one of them knows the same user and the same clients, as far as it knows their grants. They run in processes of
their own, on ports of the system's choice.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from joserfc.jwk import ECKey, RSAKey

from .browser import Browser
from .processes import serve_program

HERE = Path(__file__).parent
CALLBACK = "https://app.example/callback"
USER = {"sub": "zoe", "name": "Zoë Ünïcode", "email": "zoe@example.org"}
PASSWORD = "Pässword & more"
SECRET = "s3cr:et&+%"
"""Basic wants it form-encoded, or it is another one on the server's side (RFC 6749 section 2.3.1)."""
LONG_SECRET = "s3cr:et&+%" * 4
"""Of 32 octets at least, as an HMAC key must be."""

_LOGIN = ("authorization_code", "refresh_token")
_NODE = 20
"""The first version of node that oidc-provider runs on."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A client that the servers know; the first of its ``grants`` is what it is for."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str = "client_secret_basic"
    grants: tuple[str, ...] = _LOGIN
    scopes: tuple[str, ...] = ("openid", "profile", "email")


REGISTRATIONS = {
    "client_secret_basic": Registration("basic/client+1", SECRET),
    "client_secret_post": Registration("post-client", SECRET, "client_secret_post"),
    "client_secret_jwt": Registration("hmac-client", LONG_SECRET, "client_secret_jwt"),
    "private_key_jwt": Registration("key-client", client_auth="private_key_jwt"),
    "none": Registration("public-client", client_auth="none"),
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
    """The clients' key (ES256) and the servers' (RS256)."""

    client: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "client", "use": "sig"}))
    server: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "server", "use": "sig"}))


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """A running server.

    ``names_itself``: the callback says the ``issuer``. ``extra`` are further parameters of the authorization request,
    ``offline`` is the scope that a refresh token takes, if any; ``assertion_audience`` whom a client's assertion must
    name, if not the issuer. ``answers`` is what the user fills in, ``pressed`` the button that agrees, ``refusal`` or
    ``refusal_link`` the one that does not.
    """

    name: str
    origin: str
    endpoints: Mapping[str, str]
    issuer: str
    names_itself: bool = True
    extra: Mapping[str, str] = field(default_factory=dict)
    offline: tuple[str, ...] = ()
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
            *(["[client_assertion]", f'algorithm = "{algorithm}"'] if algorithm else []),
            *([f'audience = "{self.assertion_audience}"'] if algorithm and self.assertion_audience else []),
            "[authorize.params]",
            *(f'{name} = "{value}"' for name, value in self.extra.items()),
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


def environment(keys: Keys, folder: Path, *, grants: tuple[str, ...]) -> dict[str, str]:
    """The environment of a server's process; it is told of the clients whose grants it knows."""
    clients = [
        {
            **asdict(client),
            "grants": [_GRANT_TYPES.get(name, name) for name in client.grants],
            "jwks": {"keys": [keys.client.as_dict(private=False)]} if client.client_auth == "private_key_jwt" else None,
        }
        for client in REGISTRATIONS.values()
        if client.grants[0] in grants
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


@contextmanager
def serve_oidc_provider(keys: Keys, folder: Path) -> Iterator[AuthorizationServer]:
    """npm's oidc-provider, with the login pages that it has for development."""
    node, number = _find_node()
    told = environment(keys, folder, grants=("authorization_code", "client_credentials", "device_code"))
    with serve_program([node, "--no-warnings", str(HERE / "oidc_provider.mjs")], told) as origin:
        yield AuthorizationServer(
            f"oidc-provider {number}",
            origin,
            {
                "authorize": "auth",
                "token": "token",
                "device": "device/auth",
                "revoke": "token/revocation",
                "introspect": "token/introspection",
                "userinfo": "me",
            },
            origin,
            extra={"prompt": "consent"},  # without it there is no offline access
            offline=("offline_access",),
            answers={"login": USER["sub"], "password": PASSWORD},
            refusal_link="/abort",
        )


@contextmanager
def serve_django_toolkit(keys: Keys, folder: Path) -> Iterator[AuthorizationServer]:
    """django-oauth-toolkit with its consent page, and Django's login."""
    try:
        number = version("django-oauth-toolkit")
    except PackageNotFoundError:
        raise LookupError("no Python package django-oauth-toolkit") from None
    told = environment(keys, folder, grants=("authorization_code", "client_credentials", "password"))
    with serve_program([sys.executable, str(HERE / "django_site.py")], told) as origin:
        yield AuthorizationServer(
            f"django-oauth-toolkit {number}",
            origin,
            {
                "authorize": "o/authorize/",
                "token": "o/token/",
                "revoke": "o/revoke_token/",
                "introspect": "o/introspect/",
                "userinfo": "o/userinfo/",
            },
            f"{origin}/o",
            names_itself=False,
            answers={"username": USER["sub"], "password": PASSWORD},
            pressed=("allow", "Authorize"),
        )


@contextmanager
def serve_canaille(keys: Keys, folder: Path) -> Iterator[AuthorizationServer]:
    """canaille with its pages for login and consent, from an environment of its own beside the interpreter's."""
    home = Path(sys.prefix) / "canaille"
    python, found = home / "bin" / "python", next(home.glob("lib/*/site-packages/canaille-*.dist-info"), None)
    if found is None or not python.exists():
        raise LookupError(f"no canaille in {home.name!r} beside the interpreter's packages")
    told = environment(keys, folder, grants=("authorization_code", "client_credentials", "password", "jwt_bearer"))
    with serve_program([str(python), str(HERE / "canaille_site.py")], told) as origin:
        yield AuthorizationServer(
            found.stem.replace("-", " "),
            origin,
            {
                "authorize": "oauth/authorize",
                "token": "oauth/token",
                "revoke": "oauth/revoke",
                "introspect": "oauth/introspect",
                "userinfo": "oauth/userinfo",
            },
            origin,
            answers={"login": USER["sub"], "password": PASSWORD},
            pressed=("answer", "accept"),
            refusal=("answer", "deny"),
            assertion_audience=f"{origin}/oauth/token",
        )


def _find_node() -> tuple[str, str]:
    """The program and the version of oidc-provider. Raises ``LookupError`` that says what is missing."""
    program = shutil.which("node")
    if program is None:
        raise LookupError("no `node`")
    package = Path(sys.prefix) / "node_modules" / "oidc-provider" / "package.json"
    if not package.exists():
        raise LookupError("its npm package is missing")
    node = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    if int(node.removeprefix("v").partition(".")[0]) < _NODE:
        raise LookupError(f"node {node.strip()} is too old: it needs {_NODE}")
    return program, json.loads(package.read_text())["version"]


METHODS = {
    "oidc-provider": ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"),
    "django-oauth-toolkit": ("client_secret_basic", "client_secret_post", "none"),
    "canaille": ("client_secret_basic", "client_secret_post", "private_key_jwt", "none"),
}
"""Name -> the methods of client authentication that it knows of ours."""

SERVERS: Mapping[str, Callable[[Keys, Path], AbstractContextManager[AuthorizationServer]]] = {
    "oidc-provider": serve_oidc_provider,
    "django-oauth-toolkit": serve_django_toolkit,
    "canaille": serve_canaille,
}
"""Name -> how it is started, in a folder of its own. Raises ``LookupError`` where it is missing."""
