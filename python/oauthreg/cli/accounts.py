"""Whose tokens the command line has: where it keeps them, and ``oauthreg accounts``, which lists them."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import MissingTokenError, TokenStoreError, UsageError

if TYPE_CHECKING:
    from oauthreg.provider import Provider
    from oauthreg.stores import SealedStore, TokenKey

STORE, SEALING_KEY = "OAUTHREG_STORE", "OAUTHREG_SEALING_KEY"
"""The variables that name another file, and that hold another key; ``…_FILE`` names the key's file."""

_SERVERS = ".servers"
"""How the name of the file ends that says with which environment and variables each account logged in.

It is sealed as tokens are: whoever could change it would choose where they are sent.
"""
_DEFINED: Mapping[str, Any] = {"environment": None, "variables": {}}

Made = TypeVar("Made", bound=Callable[..., Any])

_EXAMPLES = (
    ("oauthreg accounts", "who is logged in, and until when"),
    ("oauthreg accounts --json", "the same for programs"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="List the accounts that are logged in.")
@json_option
def command(*, as_json: bool) -> None:
    """List the accounts that are logged in, and when their tokens end.

    Tokens are sealed in a file of the user's data folder (OAUTHREG_STORE names another one), with a key in the user's
    folder of settings (OAUTHREG_SEALING_KEY or OAUTHREG_SEALING_KEY_FILE).
    """
    import asyncio

    rows = asyncio.run(_listed(open_store()))
    if as_json:
        echo_json(rows)
    elif rows:
        echo_table(("provider", "account", "server", "ends", "renewable"), [tuple(row.values()) for row in rows])
    else:
        note("nobody is logged in; `oauthreg login NAME` logs in")


async def _listed(store: "SealedStore") -> list[dict[str, str]]:
    with using_store():
        keys = [key async for key in store.token_keys()]
        return [await _row(store, key) for key in sorted(keys, key=lambda key: (key.provider, key.account, key.server))]


async def _row(store: "SealedStore", key: "TokenKey") -> dict[str, str]:
    from oauthreg.token import OAuth2Token

    ends, renewable = "unknown", "no"
    try:
        found = await store.load(key)
        token = OAuth2Token(found[0] if found else {})
        if token.expires_at is not None:
            ends = datetime.fromtimestamp(token.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        renewable = "yes" if {"refresh_token", "oauth_session_handle"} & token.keys() else "no"
    except TokenStoreError as error:
        ends, renewable = f"unreadable: {error.code}", f"oauthreg logout {key.provider} --forget"
    except (ValueError, OverflowError, OSError):
        ends = "never"
    server = urlsplit(key.server).netloc
    account = key.account or "(the client)"
    return {"provider": key.provider, "account": account, "server": server, "ends": ends, "renewable": renewable}


@contextmanager
def using_store() -> Iterator[None]:
    """Whatever a file that is no store raises is a ``TokenStoreError``."""
    import sqlite3

    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise TokenStoreError(
            f"the tokens cannot be read or written: {error}",
            code="unusable-store",
            hint=f"{STORE} names their file; without it, it is in the user's data folder",
        ) from error


def open_store() -> "SealedStore":
    """The store of the command line; its key is made when there is none."""
    return _open_store("")


def _open_store(suffix: str) -> "SealedStore":
    from oauthreg.definition.folders import user_data_folder
    from oauthreg.stores import SealedStore, SQLiteStore

    path = os.environ.get(STORE) or user_data_folder() / "tokens.db"
    return SealedStore(SQLiteStore(f"{path}{suffix}"), _sealing_key())


async def remember_server(key: "TokenKey", chosen: Mapping[str, Any]) -> None:
    """Keep the environment and the variables of a login, for the key of its token; nothing where there were none."""
    servers = _open_store(_SERVERS)
    with using_store():
        await servers.delete(key)
        if any(chosen.values()):
            await servers.save(key, chosen, seen_version=None)


async def _server_of(name: str, store: "SealedStore", account: str | None) -> Mapping[str, Any]:
    """The environment and the variables of an account's login, where the command names none.

    Where some account logged in to the definition's own server, that one. Raises ``UsageError`` where accounts logged
    in to several others, and ``TokenStoreError`` where what was kept of their servers opens for none.
    """
    from oauthreg.definition import Loader

    provider, servers = Loader(environ=os.environ).settle(name).name, _open_store(_SERVERS)
    with using_store():
        keys = [key async for key in store.token_keys(provider=provider, account=account) if key.account]
        kept = [await _remembered(servers, key) for key in keys]
    found = [server for server in kept if not isinstance(server, TokenStoreError)]
    if kept and not found:
        raise next(error for error in kept if isinstance(error, TokenStoreError))
    if not found or _DEFINED in found:
        return _DEFINED
    if any(other != found[0] for other in found):
        names = ", ".join(sorted({key.account for key in keys}))
        raise UsageError(
            f"accounts are logged in to several servers of {provider}: {names}",
            code="several-servers",
            hint="say which one: `--account`, `--environment`, `--variable`",
        )
    return found[0]


async def _remembered(servers: "SealedStore", key: "TokenKey") -> Mapping[str, Any] | TokenStoreError:
    """The server of one login, or why what was kept of it does not open."""
    try:
        found = await servers.load(key)
    except TokenStoreError as error:
        return error
    return found[0] if found else _DEFINED


def _sealing_key() -> str:
    from oauthreg.definition.folders import user_config_folder
    from oauthreg.sealing import new_sealing_key

    if SEALING_KEY in os.environ:
        return os.environ[SEALING_KEY].strip()
    path = Path(os.environ.get(f"{SEALING_KEY}_FILE") or user_config_folder() / "sealing-key")
    with suppress(FileNotFoundError):
        return path.read_text("ascii", "replace").strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{new_sealing_key()}\n")
        with suppress(FileExistsError):  # another process was faster, and its key is whole
            path.hardlink_to(written)
            note(f"tokens are sealed with a new key, {path}: keep it apart from their backups")
    finally:
        written.unlink(missing_ok=True)
    return path.read_text("ascii", "replace").strip()


def client_options(make: Made) -> Made:
    """The options of commands that make a client: for whom, and for which server of the provider."""
    options = (
        click.option("--account", help="Whose token: a name of your own. Needed where several are logged in."),
        click.option(
            "--environment",
            help="One of the definition's environments, such as its sandbox. What is said at a login is remembered.",
        ),
        click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="One of its variables."),
    )
    for option in reversed(options):
        make = option(make)
    return make


def parse_variables(given: tuple[str, ...]) -> dict[str, str]:
    """Variables as they are given: ``host=api.example.com``. Raises ``UsageError``."""
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(
                f"no variable: {name!r}", code="invalid-variable", hint="as in `--variable host=a.example`"
            )
    return {name: value for name, _, value in pairs}


@asynccontextmanager
async def client_of(
    name: str, *, account: str | None, environment: str | None, variables: tuple[str, ...]
) -> AsyncIterator[tuple[Any, str | None]]:
    """A client with the token of an account, and that account, while a command needs it. Raises as ``account_of``.

    Where neither environment nor variables are given, they are those of the account's login.
    """
    from aiohttp import ClientSession

    from oauthreg.registry import Registry

    store, given = open_store(), {"environment": environment, "variables": parse_variables(variables)}
    chosen: Any = given if any(given.values()) else await _server_of(name, store, account)
    async with ClientSession() as session, Registry(store=store, environ=os.environ) as registry:
        client: Any = registry.client(name, session, **chosen)
        with using_store():
            whose = await account_of(client, store, account)
        yield client if whose is None else registry.client(name, session, account=whose, **chosen), whose


async def account_of(client: Any, store: "SealedStore", asked: str | None) -> str | None:
    """The account whose token a command uses: the one that is asked for, or the only one at the client's server.

    ``None`` where the client has tokens of its own or needs none. Raises ``MissingTokenError`` and ``UsageError``.
    """
    provider = client.provider
    keys = [key async for key in store.token_keys(provider=provider.name) if key.account]
    server = client.token_key("").server
    accounts = sorted({key.account for key in keys if key.server == server})
    elsewhere = sorted({f"{key.account} at {key.server}" for key in keys if key.server != server})
    if asked is not None and asked not in accounts:
        raise _nobody(provider.name, accounts, elsewhere, asked)
    if asked is None and len(accounts) > 1:
        raise UsageError(
            f"several accounts are logged in to {provider.name}: {', '.join(accounts)}",
            code="several-accounts",
            hint="say which one: `--account NAME`",
        )
    if asked is None and not accounts and _needs_login(provider):
        raise _nobody(provider.name, accounts, elsewhere)
    return asked or next(iter(accounts), None)


def _needs_login(provider: "Provider") -> bool:
    """Whether calls are made for a user, who has to log in first."""
    if provider.protocol == "oauth1":
        return provider.oauth1.flows[0] != "none"
    return provider.oauth2.grants[0] not in ("client_credentials", "jwt_bearer")


def _nobody(name: str, accounts: list[str], elsewhere: list[str], asked: str = "") -> MissingTokenError:
    whom = f" as {asked!r}" if asked else ""
    known = f"; logged in are {', '.join(accounts + elsewhere)}" if accounts or elsewhere else ""
    login = f"oauthreg login {name}{f' --account {asked}' if asked else ''}"
    return MissingTokenError(
        f"nobody is logged in to {name}{whom}{known}",
        code="not-logged-in",
        hint=f"{login}, or say which server: `--environment`, `--variable`" if elsewhere else login,
    )
