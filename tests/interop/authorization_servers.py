"""The independent authorization servers of OAuth 2.0: how each one is started, and what it knows.

They run in processes of their own, on ports of the system's choice.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .authorization_server import PASSWORD, USER, AuthorizationServer, Keys, environment
from .glewlwyd_server import serve_glewlwyd
from .processes import serve_program

HERE = Path(__file__).parent
_NODE = 20
"""The first version of node that oidc-provider runs on."""


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


SERVERS: Mapping[str, Callable[[Keys, Path], AbstractContextManager[AuthorizationServer]]] = {
    "oidc-provider": serve_oidc_provider,
    "django-oauth-toolkit": serve_django_toolkit,
    "canaille": serve_canaille,
    "glewlwyd": serve_glewlwyd,
}
"""Name -> how it is started, in a folder of its own. Raises ``LookupError`` where it is missing."""

METHODS = {
    "oidc-provider": ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"),
    "django-oauth-toolkit": ("client_secret_basic", "client_secret_post", "none"),
    "canaille": ("client_secret_basic", "client_secret_post", "private_key_jwt", "none"),
    "glewlwyd": ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"),
}
"""Name -> the methods of client authentication that it knows."""
