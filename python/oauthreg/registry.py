"""From a name to a ready client: definitions found and compiled, credentials looked up.

::

    registry = Registry()
    client = registry.client("acme", session)  # OAUTHREG_ACME_CLIENT_ID, OAUTHREG_ACME_CLIENT_SECRET
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast, overload

from oauthreg.definition import (
    Loader,
    SettledDefinition,
    check_usable,
    compile_definition,
    credentials_in_texts,
    required_credentials,
)
from oauthreg.definition.names import checked_name
from oauthreg.errors import MissingCredentialError, UnsupportedMethodError, UsageError

if TYPE_CHECKING:
    import asyncio

    from oauthreg.definition import Definition
    from oauthreg.http import AsyncAssertionClient, AsyncOAuth1Client, AsyncOAuth2Client, ClientSession
    from oauthreg.http.finished_logins import FinishedLogins
    from oauthreg.http.token_life import TokenLives
    from oauthreg.provider import Provider
    from oauthreg.stores import MemoryStore, TokenStore
    from oauthreg.token import OAuth1Token

    Client: TypeAlias = AsyncOAuth1Client | AsyncOAuth2Client

CredentialSource: TypeAlias = Mapping[str, Mapping[str, Any]] | Callable[[str], Mapping[str, Any] | None]
"""Provider name -> its credentials by name (``client_id``, ``client_secret``, ``private_key`` …), or a function."""

_log = logging.getLogger("oauthreg")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_OWN_CREDENTIALS = ("client_id", "client_secret", "private_key", "passphrase")
_KEYS = ("private_key", "dpop_key", "decryption_key")
_LARGEST_FILE = 64 * 1024
"""Octets of a file that holds a credential."""
_MOST_PROVIDERS = 1024
"""Compiled providers that are kept for each definition: one for every set of variables."""


class Registry:
    """Knows providers by name and makes clients for them.

    Definitions come from the bundled files, the user's folder, the folders of ``OAUTHREG_PATH``, then ``paths``
    (folders or single files); later ones win by name, and only what is asked for is read.

    A credential is looked for among the arguments of ``client``, then in ``credentials``, then in ``environ`` as
    ``OAUTHREG_<NAME>_<CREDENTIAL>``, or in the file that ``OAUTHREG_<NAME>_<CREDENTIAL>_FILE`` names; ``<NAME>`` is in
    capitals with ``_`` for ``-``. Variables of the definition are found in ``environ`` in the same way.

    ``store`` keeps the tokens of accounts, and those of OAuth 2.0 that belong to a client itself; without one they last
    as long as the registry. Its clients share tokens and renewals, and a renewal whose session is closed in the middle
    loses the login. So the order matters: enter the registry after their session (``async with ClientSession() as
    session, Registry() as registry``), or call ``aclose`` before it is closed.

    Raises ``UsageError`` for a path that does not exist.
    """

    def __init__(
        self,
        *,
        paths: Iterable[str | os.PathLike[str]] = (),
        credentials: CredentialSource | None = None,
        store: TokenStore | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._store = store
        self._own_store: MemoryStore | None = None
        self._renewals: set[asyncio.Task[OAuth1Token]] = set()
        self._lives: TokenLives | None = None
        self._loader = Loader(paths, environ=environ)
        self._credentials = _checked_source(credentials)
        self._environ = environ
        self._known: dict[str, _Known] = {}

    @overload
    def client(
        self, name: str, session: ClientSession, *, grant_type: Literal["jwt_bearer"], **options: Any
    ) -> AsyncAssertionClient: ...

    @overload
    def client(
        self,
        name: str,
        session: ClientSession,
        *,
        account: str | None = None,
        token: Any = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        variables: Mapping[str, str] = _NOTHING,
        environment: str | None = None,
        provider: Provider | None = None,
        allow_insecure_http: bool = False,
        grant_type: str | None = None,
        **overrides: Any,
    ) -> Client: ...

    def client(
        self,
        name: str,
        session: ClientSession,
        *,
        account: str | None = None,
        token: Any = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        variables: Mapping[str, str] = _NOTHING,
        environment: str | None = None,
        provider: Provider | None = None,
        allow_insecure_http: bool = False,
        grant_type: str | None = None,
        **overrides: Any,
    ) -> Client | AsyncAssertionClient:
        """A client for the provider of that name or alias; nothing is sent.

        ``variables`` are those of the definition, ``environment`` the name of one of its environments (which wins over
        variables in ``environ``). ``private_key`` and other credentials of the definition may be given by name.
        ``token`` is a token in any form that the client takes; ``account`` names whose token it is in the store.
        ``provider`` takes the place of the compiled one. All other ``overrides`` go to the client's constructor.

        The client is one for ``grant_type``, by default the first of the definition's grants (OAuth 2.0): for
        ``jwt_bearer`` an ``AsyncAssertionClient``, whose ``subject=`` is who it acts for. Type checkers know so where
        ``grant_type`` is written.

        Raises ``UnknownProviderError``, other ``DefinitionError`` for a file that cannot be used,
        ``MissingCredentialError``, ``UnsupportedMethodError``, ``UsageError``, ``MissingTokenError`` for a ``token``
        that is none, and ``TypeError`` for an override that the client does not know.
        """
        known = self._find(name)
        if not known.is_warned:
            known.warn()
        if account is not None:
            overrides["account"] = account
        prepared = known.prepared
        asked = (
            client_id,
            client_secret,
            variables,
            environment,
            allow_insecure_http,
            grant_type,
            self._from_source(known),
            known.environ.values(),
        )
        is_special = provider is not None or not known.deciding.isdisjoint(overrides)
        if prepared is None or is_special or prepared.asked != asked:
            prepared = self._prepare(known, asked, overrides, provider)
        if redirect_uri is not None:
            if prepared.is_impersonal:
                raise _no_login(known.name)
            overrides["redirect_uri"] = redirect_uri
        if known.is_oauth1:
            overrides.setdefault("store", self._begin_store if self._store is None else self._store)
            overrides.setdefault("renewals", self._renewals)
            overrides.setdefault("finished", self._begin_finished)
        elif "lives" not in overrides:
            overrides["lives"] = self._lives or self._begin_lives
        client: Client | AsyncAssertionClient = prepared.make(session, token=token, **prepared.arguments, **overrides)
        return client

    def _prepare(
        self, known: _Known, asked: tuple[Any, ...], overrides: dict[str, Any], provider: Provider | None
    ) -> _Prepared:
        """Everything that clients asked for in the same way have in common; what decides it leaves ``overrides``."""
        client_id, client_secret, variables, environment, allow_insecure_http, grant_type, source, _ = asked
        _check_types(variables, environment=environment, grant_type=grant_type)
        given = {"client_id": client_id, "client_secret": client_secret, "private_key": overrides.pop("rsa_key", None)}
        given |= {key: overrides.pop(key) for key in known.credentials if key in overrides}
        method = _checked_method(known.definition, overrides.get("signature_method"))
        grant = None if known.is_oauth1 else _chosen_grant(known.definition, grant_type)
        is_plain = provider is None and not given.keys() - {"client_id", "client_secret", "private_key"}
        is_plain = is_plain and given["private_key"] is None and "signature_method" not in overrides
        if provider is None:
            check_usable(known.definition)
        credentials = self._look_up(known, known.wanted(method), given, source)
        missing = [key for key in known.required(method, grant) if key not in credentials]
        if missing:
            raise _missing(known, missing, asked=self._credentials is not None)
        if provider is None:
            provider = self._compile(known, variables, environment, credentials, allow_insecure_http)
        arguments = {"client_id": credentials["client_id"], "client_secret": credentials.get("client_secret")}
        arguments |= _more_arguments(grant, credentials)
        if "dpop_key" in arguments:
            from oauthreg.http.token_client import read_dpop_key

            # An object, loaded once for all clients that are asked for in the same way.
            arguments["dpop_key"] = read_dpop_key(arguments["dpop_key"], provider)
        if "decryption_key" in arguments:
            from oauthreg.jwe import DecryptionKeys

            arguments["decryption_key"] = DecryptionKeys.of(arguments["decryption_key"])
        if grant_type is not None and (known.is_oauth1 or not _is_jwt_bearer(grant_type)):
            arguments["grant_type"] = grant_type
        prepared = _Prepared(_client_class(grant), {**arguments, "provider": provider}, _copied(asked))
        if is_plain and not known.environ.has_files:
            known.prepared = prepared
        return prepared

    @property
    def lives(self) -> TokenLives:
        """The tokens that the clients of this registry share; any client may be made with ``lives=``."""
        if self._lives is None:
            from oauthreg.http.token_life import TokenLives

            self._lives = TokenLives(self._store)
        return self._lives

    def _begin_store(self) -> TokenStore:
        """What clients of OAuth 1.0 call with their first account; tokens of OAuth 2.0 have their lives."""
        if self._own_store is None:
            from oauthreg.stores import MemoryStore

            self._own_store = MemoryStore()
        return self._own_store

    def _begin_finished(self) -> FinishedLogins:
        """What clients of OAuth 1.0 call when a login ends."""
        return self.lives.finished

    def _begin_lives(self) -> TokenLives:
        """What clients call with their first token: until then nothing of ``token_life`` is needed."""
        return self.lives

    async def aclose(self) -> None:
        """Return when no client of this registry renews or saves a token any more."""
        if self._lives is not None:
            await self._lives.aclose()
        if self._renewals:
            from oauthreg.http.renewals import own_tasks, wait_for_all

            await wait_for_all(self._renewals, own=own_tasks.get())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def provider(
        self,
        name: str,
        *,
        variables: Mapping[str, str] = _NOTHING,
        environment: str | None = None,
        allow_insecure_http: bool = False,
    ) -> Provider:
        """The provider as clients use it; texts that name a credential have it if it is found.

        Raises ``UnknownProviderError``, other ``DefinitionError``, and ``UsageError``.
        """
        _check_types(variables, environment=environment)
        known = self._find(name)
        credentials = self._look_up(known, known.in_texts, _NOTHING, self._from_source(known))
        return self._compile(known, variables, environment, credentials, allow_insecure_http)

    def names(self) -> tuple[str, ...]:
        """The names of all definitions, sorted."""
        return self._loader.names()

    def definition(self, name: str) -> Definition:
        """The definition of a name or alias. Raises ``UnknownProviderError`` and other ``DefinitionError``."""
        known = self._find(name)
        if known.whole is None:
            known.whole = self._loader.load(name)
        return known.whole

    def add(self, source: Definition | str | os.PathLike[str], name: str | None = None) -> Definition:
        """Put a definition before all others of its name: TOML text, the path of a file, or a loaded definition.

        Text has no name of its own, so ``name`` is needed there. Raises ``DefinitionError`` if it cannot be used, and
        ``UsageError`` for what is no definition.
        """
        chosen = name or _own_name(source)
        content = self._loader.read(Path(source)) if isinstance(source, os.PathLike) else source
        definition = self._loader.add(chosen, content)
        self._known.clear()
        return definition

    def reload(self) -> None:
        """Look for files anew and forget what was read, also of what servers publish.

        What was added stays, and so do clients already made.
        """
        self._loader.reload()
        self._known.clear()
        if self._lives is not None:
            self._lives.published.clear()

    def _find(self, name: str) -> _Known:
        known = self._known.get(checked_name(name))
        if known is None:
            known = self._known[name] = _Known(self._loader.settle(name), self._environ)
        return known

    def _compile(
        self,
        known: _Known,
        variables: Mapping[str, str],
        environment: str | None,
        credentials: Mapping[str, Any],
        allow_insecure_http: bool,
    ) -> Provider:
        values = {**self._variables(known, environment), **variables}
        in_texts = {key: credentials[key] for key in known.in_texts if key in credentials}
        key = (environment, allow_insecure_http, *map(str, values.items()), *map(str, in_texts.items()))
        provider = known.providers.get(key)
        if provider is None:
            provider = compile_definition(
                known.definition,
                variables=values,
                environment=environment,
                credentials=in_texts,
                allow_insecure_http=allow_insecure_http,
            )
            if len(known.providers) >= _MOST_PROVIDERS:
                known.providers.clear()
            known.providers[key] = provider
        return provider

    def _variables(self, known: _Known, environment: str | None) -> dict[str, str]:
        """The variables in ``environ``, without those that the environment sets."""
        chosen = known.definition.environments.get(environment or "")
        names = [name for name in known.variables if chosen is None or name not in chosen.variables]
        found = {name: self._environ.get(f"{known.prefix}{name.upper()}") for name in names}
        return {name: value for name, value in found.items() if value}

    def _look_up(
        self, known: _Known, names: Iterable[str], given: Mapping[str, Any], source: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The credentials of those names that are there, each from the first place that has it."""
        found = {name: self._found(known, name, given, source) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _found(self, known: _Known, name: str, given: Mapping[str, Any], source: Mapping[str, Any]) -> Any:
        if given.get(name) is not None:
            return given[name]
        return source.get(name) or self._from_environ(f"{known.prefix}{name.upper()}", name)

    def _from_source(self, known: _Known) -> Mapping[str, Any]:
        name, source = known.name, self._credentials
        if not source:
            return _NOTHING
        values = source(name) if callable(source) else source.get(name)
        if values is None:
            return _NOTHING
        if type(values) is not dict and not isinstance(values, Mapping):
            raise UsageError(
                f"`credentials` gave no mapping for {name!r}: {type(values).__name__}",
                code="invalid-credentials",
                hint='it maps names to values, as in `{"client_id": …, "client_secret": …}`',
            )
        for key in values:
            if key not in known.credentials:
                from oauthreg.definition import hint

                raise UsageError(
                    f"`credentials` gave an unknown one for {name!r}: {key!r}",
                    code="invalid-credentials",
                    hint=hint(str(key), known.credentials),
                )
        return values

    def _from_environ(self, variable: str, name: str) -> str | bytes | None:
        value = self._environ.get(variable)
        if value:
            return value
        path = self._environ.get(f"{variable}_FILE")
        return _read_secret(Path(path), f"{variable}_FILE", is_key=name in _KEYS) if path else None


class _Known:
    """A definition that was asked for, what every client of it needs to know, and the providers made of it.

    ``prepared`` is what the last client was made of: most applications ask for the same one again and again.
    """

    __slots__ = (
        "credentials",
        "deciding",
        "definition",
        "environ",
        "in_texts",
        "is_oauth1",
        "is_warned",
        "name",
        "prefix",
        "prepared",
        "providers",
        "variables",
        "whole",
    )

    def __init__(self, definition: Definition | SettledDefinition, environ: Mapping[str, str]) -> None:
        # What comes from the cache has the attributes of a whole one.
        self.definition = cast("Definition", definition)
        self.whole = None if isinstance(definition, SettledDefinition) else definition
        self.is_oauth1 = definition.protocol == "oauth1"
        self.name = definition.name
        self.prefix = variable_prefix(self.name)
        further = (
            *(["dpop_key"] if not self.is_oauth1 and self.definition.oauth2.dpop != "unsupported" else ()),
            *(["decryption_key"] if self._may_encrypt else ()),
        )
        self.credentials = tuple(dict.fromkeys((*_OWN_CREDENTIALS, *further, *definition.credentials)))
        self.variables = tuple(name for name, variable in definition.variables.items() if variable.from_ is None)
        self.is_warned = False
        if isinstance(definition, SettledDefinition):
            self.in_texts = definition.in_braces(("client_id", *definition.credentials))
        else:
            self.in_texts = credentials_in_texts(definition)
        self.providers: dict[tuple[Any, ...], Provider] = {}
        self.deciding = frozenset((*self.credentials, "rsa_key", "signature_method"))
        self.environ = _Variables(environ, self.prefix, self.credentials, self.variables)
        self.prepared: _Prepared | None = None

    @property
    def _may_encrypt(self) -> bool:
        """Whether ID tokens may come encrypted."""
        return self.definition.protocol == "oidc" or bool(self.definition.identity.id_token.encryption)

    def warn(self) -> None:
        """Log that the provider has an end, if it comes near."""
        self.is_warned = True
        lifecycle = self.definition.lifecycle
        if not lifecycle.model_fields_set:
            return
        from oauthreg.definition import render_warning

        ends = render_warning(lifecycle, _today())
        if ends:
            _log.warning("%s: %s", self.name, ends)

    def required(self, method: str, grant: str | None) -> tuple[str, ...]:
        """The credentials without which a client cannot be."""
        return required_credentials(self.definition, method, grant=grant)

    def wanted(self, method: str) -> tuple[str, ...]:
        """The credentials that a client takes if they are there."""
        needs_key = method.startswith("RSA") or self.definition.protocol != "oauth1"
        return tuple(name for name in self.credentials if needs_key or name not in {"private_key", "passphrase"})


class _Variables:
    """The variables of the environment that matter to one definition, read together to see whether one changed.

    ``os.environ`` encodes and decodes with every look; what it holds underneath is compared as it is.
    """

    __slots__ = ("_files", "_get", "_names")

    def __init__(
        self, environ: Mapping[str, str], prefix: str, credentials: Iterable[str], variables: Iterable[str]
    ) -> None:
        raw = getattr(environ, "_data", None) if environ is os.environ else None
        encode = os.environ.encodekey if isinstance(raw, dict) else str
        own = [f"{prefix}{name.upper()}" for name in credentials]
        self._get: Callable[[Any], Any] = raw.get if isinstance(raw, dict) else environ.get
        self._files = [encode(f"{name}_FILE") for name in own]
        self._names = [encode(name) for name in (*own, *(f"{prefix}{name.upper()}" for name in variables))]
        self._names += self._files

    def values(self) -> list[Any]:
        """The value of each, ``None`` for one that is not there; only good for comparison."""
        return list(map(self._get, self._names))

    @property
    def has_files(self) -> bool:
        """Whether a credential stands in a file, which may change unseen."""
        return any(map(self._get, self._files))


class _Prepared:
    """What clients that are asked for in the same way are made of."""

    __slots__ = ("arguments", "asked", "is_impersonal", "make")

    def __init__(self, make: Callable[..., Any], arguments: dict[str, Any], asked: tuple[Any, ...]) -> None:
        self.make = make
        self.arguments = arguments
        self.asked = asked
        self.is_impersonal = "key" in arguments


def _client_class(grant: str | None) -> Callable[..., Any]:
    # Whoever only reads definitions does not pay for aiohttp.
    from oauthreg import http

    if grant is None:
        return http.AsyncOAuth1Client
    return http.AsyncAssertionClient if grant == "jwt_bearer" else http.AsyncOAuth2Client


def variable_prefix(name: str) -> str:
    """How the environment variables of a provider begin."""
    return f"OAUTHREG_{name.upper().replace('-', '_')}_"


def _more_arguments(grant: str | None, credentials: Mapping[str, Any]) -> dict[str, Any]:
    """The credentials beside ``client_id`` and ``client_secret`` as the client for a grant takes them."""
    key, passphrase = credentials.get("private_key"), credentials.get("passphrase")
    if grant is None:
        return {"rsa_key": key, "passphrase": passphrase}
    own = {name: value for name, value in credentials.items() if name not in (*_OWN_CREDENTIALS, *_KEYS)}
    taken = ("dpop_key",) if grant == "jwt_bearer" else ("dpop_key", "decryption_key")
    further = {name: credentials[name] for name in taken if name in credentials}
    if grant == "jwt_bearer":
        key = credentials.get("client_secret") if key is None else key
        return {"key": key, "passphrase": passphrase, "credentials": own, **further}
    return {"private_key": key, "passphrase": passphrase, "credentials": own, **further}


def _copied(asked: tuple[Any, ...]) -> tuple[Any, ...]:
    """What was asked for as it is now: its mappings belong to the caller, who may change them."""
    client_id, client_secret, variables, environment, allow_insecure_http, grant_type, source, environ = asked
    own = dict(variables), environment, allow_insecure_http, grant_type, dict(source), environ
    return client_id, client_secret, *own


def _checked_source(credentials: CredentialSource | None) -> CredentialSource | None:
    if credentials is None or callable(credentials) or isinstance(credentials, Mapping):
        return credentials
    raise UsageError(
        f"`credentials` is neither a mapping nor a function: {type(credentials).__name__}",
        code="invalid-credentials",
        hint='as in `{"acme": {"client_id": …, "client_secret": …}}`',
    )


def _check_types(variables: object, **named: object) -> None:
    if not isinstance(variables, Mapping):
        raise UsageError(
            f"`variables` is no mapping: {type(variables).__name__}",
            code="invalid-variable",
            hint='it maps names to values, as in `{"host": …}`',
        )
    for name, value in named.items():
        if value is not None and not isinstance(value, str):
            raise UsageError(f"`{name}` is no text: {type(value).__name__}", code="invalid-argument")


def _today() -> date:
    return datetime.now(UTC).date()


def _own_name(source: Definition | str | os.PathLike[str]) -> str:
    if isinstance(source, os.PathLike):
        return Path(source).stem
    from oauthreg.definition.sources import check_source

    check_source(source)
    if not isinstance(source, str) and source.name:
        return source.name
    raise UsageError(
        "a definition without a name",
        code="missing-name",
        hint="pass `name=`; to read a file, pass a `pathlib.Path`",
    )


def _checked_method(definition: Definition, method: str | None) -> str:
    accepted = definition.oauth1.signature
    if method is not None and method not in accepted:
        from oauthreg.definition import hint

        raise UnsupportedMethodError(
            f"{definition.name!r} does not accept the signature method: {method!r}", hint=hint(str(method), accepted)
        )
    return method or accepted[0]


def _chosen_grant(definition: Definition, given: str | None) -> str:
    """The grant that a client is for, by its name; a grant type of the provider's own is one of its first grant."""
    first = definition.oauth2.grants[0]
    if given is None:
        return first
    from oauthreg.oauth2 import GRANT_TYPES

    by_type = {value: name for name, value in GRANT_TYPES.items()}
    return given if given in GRANT_TYPES else by_type.get(given, first)


def _is_jwt_bearer(grant_type: str) -> bool:
    from oauthreg.oauth2 import GRANT_TYPES

    return grant_type in ("jwt_bearer", GRANT_TYPES["jwt_bearer"])


def _missing(known: _Known, names: list[str], *, asked: bool) -> MissingCredentialError:
    variables = [f"{known.prefix}{name.upper()}" for name in names]
    tried = [
        "the arguments",
        *(["`credentials=`"] if asked else []),
        *variables,
        *(f"{one}_FILE" for one in variables),
    ]
    titles = {name: known.definition.credentials[name].title for name in names if name in known.definition.credentials}
    named = " and ".join(f"`{name}`" + (f" ({titles[name]})" if titles.get(name) else "") for name in names)
    return MissingCredentialError(
        f"{known.name!r} needs {named}", hint=f"looked in {', '.join(tried[:-1])} and {tried[-1]}"
    )


def _read_secret(path: Path, variable: str, *, is_key: bool) -> str | bytes:
    """A credential in a file: octets of a key, or text without the line break at its end."""
    try:
        with path.open("rb") as stream:
            octets = stream.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a value may hold what no name of a file can
        reason = getattr(error, "strerror", None) or "it cannot be read"
        raise _unreadable(variable, reason) from None
    if not 0 < len(octets) <= _LARGEST_FILE:
        raise _unreadable(variable, f"it has {len(octets) or 'no'} octets")
    if is_key:
        return octets
    try:
        return octets.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _unreadable(variable, "it is no UTF-8") from None


def _unreadable(variable: str, reason: str) -> MissingCredentialError:
    return MissingCredentialError(
        f"cannot use the file that `{variable}` names: {reason}",
        code="unreadable-credential",
        hint="the variable holds the path of a file with the credential alone",
    )


def _no_login(name: str) -> UsageError:
    return UsageError(
        f"nobody logs in by an assertion, so {name!r} takes no `redirect_uri`",
        code="no-login",
        hint='for a login pass `grant_type="authorization_code"`, where the provider has it',
    )
