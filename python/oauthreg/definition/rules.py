"""What must hold between the tables of a definition: each rule is one function of the table at the end."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set as AbstractSet
from datetime import date, time
from functools import cache
from itertools import islice
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from oauthreg.claims import (
    STANDARD_CLAIMS,
    ClaimsSyntaxError,
    Position,
    TemplateSyntaxError,
    parse_claims,
    parse_condition,
    parse_document_text,
    positions,
)
from oauthreg.claims.paths import Path
from oauthreg.claims.problems import listed
from oauthreg.claims.templates import Constant, Format
from oauthreg.definition import texts, variables
from oauthreg.definition.diagnostics import Finding, Target, render_path
from oauthreg.definition.parameters import known_parameters, made_parameters
from oauthreg.definition.requests import (
    LEGS,
    REALMS_OF_REQUESTS,
    VERIFIED,
    claims_of,
    documents_named,
    documents_of,
    leg_documents,
    source_of,
    told_at,
)
from oauthreg.definition.suggestions import hint, suggestion
from oauthreg.errors import quoted

if TYPE_CHECKING:
    from typing import TypeAlias

    from pydantic import BaseModel

    from oauthreg.claims.templates import Alternative, ClaimsTemplate
    from oauthreg.definition.model import Definition, Endpoints, MTLSEndpoints, TokenLeg, TokenPlacementTable, Userinfo
    from oauthreg.definition.spans import KeyPath

    _KeysOfTable: TypeAlias = tuple[KeyPath, BaseModel, tuple[str, ...]]

SECRETS = ("client_secret", "private_key", "passphrase", "dpop_key", "decryption_key")
"""Credentials that never go into a text of a definition."""

_OAUTH1_TABLES = ("oauth1", "request_token")
_OAUTH2_TABLES = (
    "oauth2",
    "assertion",
    "client_assertion",
    "device",
    "introspect",
    "end_session",
    "app_token",
    "proof",
)
_OAUTH2_ENDPOINTS = ("device", "par", "introspect", "end_session", "discovery", "jwks", "registration")
_OAUTH2_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "api": ("sign",),
        "callback": ("forward", "code", "json", "signature"),
        "exchange": ("renews",),
        "identity": ("id_token",),
        "scopes": ("in_token_request",),
    }
)
"""Table -> its keys that do nothing for OAuth 1.0."""
_OAUTH2_LEG_KEYS = ("sign", "client_auth", "body", "path_parameter")
_OAUTH2_ANSWER_KEYS = (
    "default_token_type",
    "token_types",
    "error_map",
    "reuse_token",
    "keep",
    "scope_separator",
)
_LOGIN_KEYS = (
    "callback",
    "token_in_callback",
    "verifier",
    "verifier_placement",
    "confirm",
    "flow",
    "session_handle",
    "authorize_url_from",
    "bearer",
)
"""Keys of ``[oauth1]`` that do nothing for an OAuth 2.0 client that proves itself by a signature."""
_LIFETIME_KEYS = ("expires_kind", "zero_is_expired", "default_expires_in", "midnight_in")
_OF_A_TOKEN = (*_LIFETIME_KEYS, "default_token_type", "token_types", "reuse_token", "scope_separator")
_IDLE_ANSWER_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "request_token": _OF_A_TOKEN,
        "device": _OF_A_TOKEN,
        "introspect": _OF_A_TOKEN,
        "revoke": (*_OF_A_TOKEN, "root", "fields", "keep"),
        "app_token": (*_LIFETIME_KEYS, "reuse_token", "scope_separator"),
    }
)
"""Leg -> what its answer, from which no token is read and kept, has no use for."""
_ERROR_CODES = (
    "access_denied",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "insufficient_scope",
    "insufficient_user_authentication",
    "interaction_required",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "use_dpop_nonce",
)
"""What the standards call the errors of endpoints that answer a client.

Spec: RFC 6749 section 5.2; RFC 6750 section 3.1; RFC 7009 section 2.2.1; RFC 8628 section 3.5; RFC 8693 section 2.2.2;
RFC 9449 sections 5 and 8; RFC 9470 section 3; OpenID Connect Core section 3.1.2.6.
"""
_SIGNED_METHODS = ("client_secret_jwt", "private_key_jwt", "signed_secret")
_ASSERTION_FIELDS = ("issuer", "subject", "audience", "scope")
"""What a claim of an assertion may repeat."""

_MADE_MEMBERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "claims": {"aud": "`audience`", "exp": "`lifetime`", "iat": "`backdate`", "jti": "nothing: it is random"},
        "header": {"alg": "`algorithm`", "typ": "`typ`"},
    }
)
"""What the client makes itself of an assertion, and what to write instead."""

_MADE_PARAMETERS = frozenset(
    ("grant_type", "code", "code_verifier", "refresh_token", "client_secret", "redirect_uri", "client_assertion")
)
_GRANT_LEGS = ("token", "refresh")
_PAGES = ("authorize", "end_session")
_TABLES_OF_ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in (*_PAGES, *LEGS) if name not in ("app_token", "exchange")},
        "par": "authorize",
    }
)
"""Endpoint -> the table that says what is sent there."""
_CREDENTIALS_SENT = frozenset(
    ("assertion", "client_assertion", "code", "code_verifier", "id_token_hint", "refresh_token", "token")
)
"""Parameters whose values are not shown; of other secrets the names tell."""
_WRITTEN_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "response_type": "`response_type` in `[oauth2]` says it",
        "response_mode": "`response_mode` in `[oauth2]` says it",
        "scope": "`[scopes]` says which there are",
    }
)
"""Parameter that the client makes of what stands elsewhere -> where."""
_WITHOUT_PKCE = 'where there is no PKCE, write `pkce = "unsupported"` in `[oauth2]`'
_NEEDED_PARAMETERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "authorize": {
            "state": "where the server does not give it back, write `state = false` in `[oauth2]`",
            "code_challenge": _WITHOUT_PKCE,
            "nonce": 'where there is none, write `nonce = "never"` in `[oauth2]`',
        },
        "token": {"code_verifier": _WITHOUT_PKCE},
    }
)
"""Leg -> the parameters by which a login is checked -> what to do where the provider does not know them."""
_TABLES_OF_LOGINS = ("token", "callback", "id_token")
"""Documents that are made of parameters, fields or claims."""
_RESERVED_DOCUMENTS = ("userinfo", "token", "app_token", "callback", "id_token", "form", "client", "claims")

_PROTOCOL_PARAMETERS = frozenset(
    f"oauth_{name}"
    for name in (
        "body_hash",
        "callback",
        "consumer_key",
        "nonce",
        "session_handle",
        "signature",
        "signature_method",
        "timestamp",
        "token",
        "verifier",
        "version",
    )
)
_FIELDS_OF_TOKENS = frozenset(
    (
        "access_token",
        "dpop_jkt",
        "expires_at",
        "expires_in",
        "id_token",
        "oauth_token",
        "oauth_token_secret",
        "refresh_expires_at",
        "refresh_token",
        "scope",
        "token_type",
    )
)
_PASSING_FIELDS = _FIELDS_OF_TOKENS - {"oauth_token"}
"""Fields that are others in the next token; one of OAuth 1.0 may stand for its user for good."""
_MOST_OWN_CLAIMS = 256
_WORDS = tuple(f"{name}_verified" for name in VERIFIED)
_NONE: frozenset[str] = frozenset()
_BEFORE_IDENTITY = ("token", "callback", "id_token")
_NEEDED_BY_GRANTS = (("authorize", "authorization_code"), ("token", None), ("device", "device_code"))
"""Endpoint -> the grant that cannot do without it, or ``None`` for all."""
_NEEDED_ENDPOINTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"three-legged": ("request_token", "authorize", "token"), "two-legged": ("token",), "xauth": ("token",), "none": ()}
)
"""Flow -> the endpoints that it cannot do without."""

_PLACED_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_NEEDED_BY_LOGINS = ("request_token", "authorize", "token")

_LEG_TEXTS = ("params", "query", "headers")
_ASSERTION_TEXTS = ("audience", "claims", "header")
_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "oauth1": ("realm",),
        "oauth2": ("issuer", "issuer_aliases", "trusted_audiences", "issuer_template"),
        "assertion": _ASSERTION_TEXTS,
        "client_assertion": _ASSERTION_TEXTS,
        "authorize": ("params",),
        "end_session": ("params",),
        "api": ("headers", "params"),
        "scopes": ("default", "required"),
        **dict.fromkeys(LEGS, _LEG_TEXTS),
        "app_token": ("url", *_LEG_TEXTS),
        "exchange": ("url", *_LEG_TEXTS),
    }
)
"""Table -> its keys with texts that may hold placeholders; what tells who the user is apart."""
_DOCUMENTS_OF_TEXTS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("oauth2", "issuer_template"): ("id_token",),
        **{(table, key): ("assertion",) for table in ("assertion", "client_assertion") for key in _MADE_MEMBERS},
        ("app_token", "url"): (),
        ("exchange", "url"): (),
    }
)
"""Table and key -> the documents that its texts know, where they are not those of a leg."""


class _Subject:
    """A definition, and the names that its file gives: also those whose tables are at fault."""

    __slots__ = (
        "bound",
        "credentials",
        "definition",
        "documents",
        "endpoints",
        "names",
        "says_protocol",
        "shape",
        "variables",
    )

    def __init__(self, definition: Definition, shape: Mapping[str, Any]) -> None:
        self.definition = definition
        self.shape = shape
        self.variables = _keys(shape.get("variables"))
        self.bound = frozenset(_bound(shape["variables"])) if self.variables else _NONE
        self.credentials = _keys(shape.get("credentials")) | {"client_id"}
        self.endpoints = _keys(shape.get("endpoints"))
        requests = _rows(shape, "identity", "request") if "identity" in shape else ()
        self.documents = documents_named(
            str(shape.get("protocol")),
            self.endpoints,
            [row.get("name") for row in requests if isinstance(row, Mapping)],
        )
        self.says_protocol = shape.get("protocol") in ("oauth1", "oauth2", "oidc")
        self.names = self.variables | self.credentials
        """What a placeholder may name."""


def check(definition: Definition, shape: Mapping[str, Any]) -> Iterator[Finding]:
    """All that does not fit together. ``shape`` is the data, with what could not become part of the definition."""
    subject = _Subject(definition, shape)
    for rule in RULES:
        yield from rule(subject)


def templates_of(definition: Definition) -> Iterator[str]:
    """Every text of a definition that may hold placeholders, the claims apart."""
    for endpoints in (definition.endpoints, *(one.endpoints for one in definition.environments.values())):
        yield from (url for _, url in endpoints if url is not None)
    yield from (url for _, url in definition.oauth2.mtls_endpoints if url is not None)
    yield from definition.api.origins
    yield from (request.url for request in definition.identity.request)
    yield from (text for _, text, _ in _every_text(definition))


def keys_written(table: BaseModel) -> AbstractSet[str]:
    """The keys that stand in a table, as a file writes them."""
    written, aliases = table.model_fields_set, _aliases(type(table))
    return {aliases.get(name, name) for name in written} if written and aliases else written


@cache
def _aliases(table: type[BaseModel]) -> Mapping[str, str]:
    """The keys that are no names in Python, by their attributes."""
    return {name: field.alias for name, field in table.model_fields.items() if field.alias}


def _keys(table: object) -> frozenset[str]:
    return frozenset(table) if table and isinstance(table, Mapping) else _NONE


def _bound(tables: object) -> Iterator[str]:
    """The variables whose values are bound by a pattern or by a kind, if only by one that is at fault."""
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping) and ("pattern" in table or table.get("kind", "opaque") not in ("opaque", "url")):
            yield name


def _rows(shape: Mapping[str, Any], *path: str) -> list[Any]:
    value: Any = shape
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return list(value) if isinstance(value, (list, tuple)) else []


# --- variables ----------------------------------------------------------------------------------------------------


def _variables(subject: _Subject) -> Iterator[Finding]:
    for name, variable in subject.definition.variables.items():
        path: KeyPath = ("variables", name)
        if name in SECRETS or name in subject.credentials:
            yield Finding(path, f"a variable with the name of a credential: {quoted(name)}", at="key")
        if variable.from_ is None:
            for key in sorted(variable.model_fields_set & {"lower", "replace"}):
                yield Finding((*path, key), f"`{key}` without `from`", "it makes one variable from another", at="key")
        elif told_at(variable) is not None:
            yield from _told(subject, name)
        else:
            yield from _derivation(subject, name)
        if variable.default is not None:
            wrong = variables.fault(variable, variable.default)
            if wrong:
                yield Finding((*path, "default"), wrong)


def _unused(subject: _Subject) -> Iterator[Finding]:
    """Variables that are asked of everybody, and of which nothing is made."""
    declared = subject.definition.variables
    if not declared:
        return
    # What is at fault is no part of the definition, and may use them as well.
    tables = {key: table for key, table in subject.shape.items() if key not in ("variables", "example")}
    placed = {name for text in _all_texts(tables) for name in _PLACED_NAME.findall(text)}
    if not placed <= subject.names:
        return  # one that is misspelt may be meant, and is told of
    used = placed | {source_of(variable) for variable in declared.values()}
    for name in declared:
        if name not in used:
            yield Finding(
                ("variables", name),
                f"nothing uses this variable: {quoted(name)}",
                f"write `{{{name}}}` where its value belongs, or leave it out",
                at="key",
            )


def _all_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _all_texts(item)


def _derivation(subject: _Subject, name: str) -> Iterator[Finding]:
    variable = subject.definition.variables[name]
    source = subject.definition.variables.get(source_of(variable) or "")
    path: KeyPath = ("variables", name)
    if variable.default is not None:
        yield Finding(
            (*path, "default"), "`default` beside `from`", "the value comes from the other variable", at="key"
        )
    if variable.from_ not in subject.variables:
        yield Finding(
            (*path, "from"),
            f"unknown variable: {quoted(variable.from_)}",
            hint(str(variable.from_), sorted(subject.variables - {name})) or "add it to `[variables]`",
        )
    elif source is not None and source_of(source) is not None:
        yield Finding(
            (*path, "from"),
            f"a variable that comes from another itself: {quoted(variable.from_)}",
            f"name `{source.from_}`",
        )


def _told(subject: _Subject, name: str) -> Iterator[Finding]:
    """What holds for a variable whose value a login tells: others choose it, and until then there must be one."""
    variable = subject.definition.variables[name]
    path: KeyPath = ("variables", name, "from")
    if subject.definition.protocol == "oauth1":
        yield Finding(path, "`from` a document in a definition of oauth1", 'it belongs to `protocol = "oauth2"`')
    if variable.pattern is None:
        yield Finding(path, "a value that a login tells, and no `pattern`", "the pattern bounds who gets credentials")
    if variable.default is None:
        yield Finding(path, "a value that a login tells, and no `default`", "the value until then")


def _environments(subject: _Subject) -> Iterator[Finding]:
    for name, environment in subject.definition.environments.items():
        yield from _left_out(subject, name)
        for key, value in environment.variables.items():
            path: KeyPath = ("environments", name, "variables", key)
            variable = subject.definition.variables.get(key)
            if key not in subject.variables:
                yield Finding(path, f"unknown variable: {quoted(key)}", hint(key, sorted(subject.variables)), at="key")
            elif variable is not None and source_of(variable) is not None:
                yield Finding(
                    path,
                    f"a variable that comes from another: {quoted(key)}",
                    f"set `{source_of(variable)}`",
                    at="key",
                )
            elif variable is not None:
                wrong = variables.fault(variable, value)
                if wrong:
                    yield Finding(path, wrong)


def _left_out(subject: _Subject, name: str) -> Iterator[Finding]:
    """Endpoints that an environment is said not to have."""
    environment = subject.definition.environments[name]
    for index, endpoint in enumerate(environment.without):
        path: KeyPath = ("environments", name, "without", index)
        if endpoint not in subject.endpoints:
            yield Finding(path, f"unknown endpoint: {quoted(endpoint)}", hint(endpoint, sorted(subject.endpoints)))
        elif endpoint in keys_written(environment.endpoints):
            yield Finding(path, f"an endpoint that the environment has: {quoted(endpoint)}", "write one of both")
        elif endpoint in _NEEDED_BY_LOGINS:
            yield Finding(path, f"no login does without it: {quoted(endpoint)}")


# --- templates ----------------------------------------------------------------------------------------------------


def _urls(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    for path, endpoints in _endpoint_tables(definition):
        yield from _urls_of(subject, endpoints, path)
    if "oauth2" in definition.model_fields_set:
        yield from _urls_of(subject, definition.oauth2.mtls_endpoints, ("oauth2", "mtls_endpoints"))
    for index, url in enumerate(definition.api.origins):
        yield from _url(subject, url, ("api", "origins", index))
    earlier = [name for name in subject.documents if name in {"userinfo", "token", "callback", "id_token"}]
    for index, request in enumerate(definition.identity.request):
        yield from _url(subject, request.url, ("identity", "request", index, "url"), earlier)
        earlier.append(request.name)


def _urls_of(subject: _Subject, endpoints: Endpoints | MTLSEndpoints, path: KeyPath) -> Iterator[Finding]:
    if not endpoints.model_fields_set:
        return
    for name, url in vars(endpoints).items():
        if url is not None and "{" in url:
            yield from _url(subject, url, (*path, name))


def _url(subject: _Subject, url: str, path: KeyPath, documents: Collection[str] = ()) -> Iterator[Finding]:
    found = list(_placeholders(subject, url, path, documents))
    yield from found
    if found:
        return
    for name, position in positions(texts.pieces(url)):
        wrong, advice = _misplaced(subject, name, position)
        if wrong:
            yield Finding(path, f"{wrong}: {quoted(name)}", advice, part=f"{{{name}}}")


def _misplaced(subject: _Subject, name: str, position: Position) -> tuple[str, str]:
    """Why a placeholder must not stand where it does in a URL, and what to do; both empty if it may."""
    if name in subject.variables:
        return _misplaced_variable(subject, name, position)
    if position not in {"start", "authority"}:
        return "", ""
    if name in subject.names:
        return "a credential in a host", "use a variable"
    return "an answer would decide the host", "write the host, or a variable"


def _misplaced_variable(subject: _Subject, name: str, position: Position) -> tuple[str, str]:
    table = f"`[variables.{name}]`"
    variable = subject.definition.variables.get(name)
    if variable is None:
        return "", ""
    if not variable.required and variable.default is None:
        return "a variable that may have no value", f"give {table} a `default`"
    if position == "start" and variable.kind != "url":
        return "a URL begins with a variable that is no URL", f'add `kind = "url"` to {table}'
    if position != "start" and variable.kind == "url":
        return "a URL within a URL", "a variable of the kind `url` is the beginning of a URL"
    if position == "authority" and not _is_bound(subject, name):
        return "a variable in a host needs a pattern", f"add `pattern` to {table}"
    return "", ""


def _is_bound(subject: _Subject, name: str) -> bool:
    """Whether the values of a variable, or of the one that it comes from, are bound by a pattern or by a kind."""
    source = source_of(subject.definition.variables[name])
    return name in subject.bound or source in subject.bound


def _texts(subject: _Subject) -> Iterator[Finding]:
    for path, text, documents in _every_text(subject.definition):
        if "{" in text or "}" in text:  # as in few
            yield from _placeholders(subject, text, path, documents)


def _every_text(definition: Definition) -> Iterator[tuple[KeyPath, str, tuple[str, ...]]]:
    """All templates that are no URL, and the documents that each of them knows."""
    for name, keys in _TEXTS.items():
        if name in definition.model_fields_set:
            table, known = getattr(definition, name), leg_documents(definition, name)
            for key in keys:
                yield from _texts_in((name, key), getattr(table, key), _DOCUMENTS_OF_TEXTS.get((name, key), known))
    for name, environment in definition.environments.items():
        yield from _texts_in(("environments", name, "issuer"), environment.issuer)
    for path, request, documents in _requests(definition):
        for key in ("params", "headers"):
            yield from _texts_in((*path, key), getattr(request, key), documents)
        yield from ((at, text, documents) for at, text in _json_texts((*path, "json"), request.json_))
        for key in ("audience", "issuer") if request.jwt is not None else ():
            yield from _texts_in((*path, "jwt", key), getattr(request.jwt, key))


def _texts_in(
    path: KeyPath, value: Any, documents: tuple[str, ...] = ()
) -> Iterator[tuple[KeyPath, str, tuple[str, ...]]]:
    """The texts of a key: its value, or those in its value."""
    if isinstance(value, str):
        if path != ("oauth1", "realm") or value not in REALMS_OF_REQUESTS:
            yield path, value, documents
    elif value:
        for key, text in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(text, str):
                yield (*path, key), text, documents


def _members(definition: Definition) -> Iterator[tuple[KeyPath, Any]]:
    """The claims and the members of headers of both assertions."""
    for table in ("assertion", "client_assertion"):
        if table in definition.model_fields_set:
            for key in _MADE_MEMBERS:
                for name, value in getattr(getattr(definition, table), key).items():
                    yield (table, key, name), value


def _bodies(subject: _Subject) -> Iterator[Finding]:
    for path, request, _ in _requests(subject.definition):
        yield from _no_json((*path, "json"), request.json_)


def _no_json(path: KeyPath, value: Any) -> Iterator[Finding]:
    """Values that TOML has and JSON does not. Spec: RFC 8259 sections 3 and 6."""
    if isinstance(value, (date, time)):
        yield Finding(path, f"a date or time, which JSON has not: {value.isoformat()}", "text stands in quotes")
    elif isinstance(value, float) and not isfinite(value):
        yield Finding(path, f"a number that JSON has not: {value}")
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _no_json((*path, key), item)


def _json_texts(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    """The texts within a JSON body that are one placeholder."""
    if isinstance(value, str):
        if texts.only_placeholder(value):
            yield path, value
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _json_texts((*path, key), item)


def _requests(definition: Definition) -> Iterator[tuple[KeyPath, Userinfo, tuple[str, ...]]]:
    """The requests that tell who the user is, and the documents that are there before each."""
    if definition.model_fields_set.isdisjoint(("userinfo", "identity")):
        return
    known = [name for name in documents_of(definition) if name in _BEFORE_IDENTITY]
    yield ("userinfo",), definition.userinfo, tuple(known)
    if "userinfo" in definition.endpoints.model_fields_set:
        known.append("userinfo")
    for index, request in enumerate(definition.identity.request):
        yield ("identity", "request", index), request, tuple(known)
        known.append(request.name)


def _placeholders(subject: _Subject, text: str, path: KeyPath, documents: Collection[str] = ()) -> Iterator[Finding]:
    """Placeholders that name nothing, a secret, or a document where there is none."""
    if "{" not in text and "}" not in text:  # as nearly all texts
        return
    for piece in texts.pieces(text):
        if isinstance(piece, str) or (piece.expression in subject.names and piece.expression not in SECRETS):
            continue
        name, part = piece.expression, f"{{{piece.expression}}}"
        if name in SECRETS:
            yield Finding(path, f"a secret is never put into a text: {quoted(name)}", part=part)
        elif ":" not in name:
            advice = (
                _of_document(subject, name, documents)
                or _of_request(path, part)
                or hint(name, sorted(subject.names))
                or "add it to `[variables]`"
            )
            yield Finding(path, f"unknown variable: {quoted(name)}", advice, part=part)
        elif not documents:
            advice = "legs know what came before them, and identity requests what earlier ones gave"
            yield Finding(path, f"no document is known here: {quoted(name)}", advice, part=part)
        else:
            try:
                parse_document_text(part, documents=documents)
            except TemplateSyntaxError as error:
                yield Finding(path, error.problems[0].message, error.problems[0].hint, part=part)
            else:
                yield from _unknown_member(name, path, part)


def _of_document(subject: _Subject, name: str, documents: Collection[str]) -> str:
    """Which document a name without one may be meant of."""
    document, _, rest = name.partition(".")
    if rest and document in documents:
        return f"write `{{{document}:{rest}}}`"
    if "id_token" in documents and _has_issuer(subject.definition):
        return f"for a claim of the ID token, write `{{id_token:{name}}}`"
    return ""


def _has_issuer(definition: Definition) -> bool:
    """Whether an ID token can come: it is told whose it is."""
    settings = definition.oauth2
    return definition.protocol == "oidc" or bool(settings.issuer or settings.issuer_template)


def _of_request(path: KeyPath, part: str) -> str:
    is_realm = path == ("oauth1", "realm") and part in REALMS_OF_REQUESTS
    return f'the request\'s own stands alone: `realm = "{part}"`' if is_realm else ""


def _unknown_member(name: str, path: KeyPath, part: str) -> Iterator[Finding]:
    """A name that a document of the client's own making does not have."""
    document, _, key = name.partition(":")
    if document == "assertion" and key not in _ASSERTION_FIELDS:
        yield Finding(path, f"unknown part of an assertion: {quoted(key)}", hint(key, _ASSERTION_FIELDS), part=part)
    if path == ("oauth2", "issuer_template") and not key.isidentifier():
        yield Finding(path, f"not the name of a claim: {quoted(key)}", "as in `{id_token:tid}`", part=part)


# --- OAuth 1 ------------------------------------------------------------------------------------------------------


def _protocol(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    yield from _idle_answers(definition)
    yield from _without_endpoint(subject)
    if not subject.says_protocol:
        return
    if definition.protocol != "oauth1":
        signs = definition.oauth2.client_auth == "oauth1"
        for table in _OAUTH1_TABLES:
            if table in definition.model_fields_set and not (signs and table == "oauth1"):
                yield Finding(
                    (table,),
                    f"`[{table}]` in a definition of {definition.protocol}",
                    'it belongs to `protocol = "oauth1"`',
                    at="key",
                )
        yield from _foreign(_oauth1_keys(definition), definition.protocol, "oauth1")
        yield from _oauth2(subject)
        return
    for table in _OAUTH2_TABLES:
        if table in definition.model_fields_set:
            yield Finding(
                (table,), f"`[{table}]` in a definition of oauth1", 'it belongs to `protocol = "oauth2"`', at="key"
            )
    yield from _foreign(_oauth2_keys(definition), "oauth1", "oauth2")
    if definition.status in {"dead", "unsupported"}:
        return
    yield from _oauth1(subject)
    yield from _api_base(definition)


def _oauth1(subject: _Subject) -> Iterator[Finding]:
    definition, settings = subject.definition, subject.definition.oauth1
    for flow in settings.flow:
        missing = [
            name
            for name in _NEEDED_ENDPOINTS[flow]
            if name not in subject.endpoints and not (name == "authorize" and settings.authorize_url_from)
        ]
        if missing:
            article = "an" if flow == "xauth" else "a"
            yield Finding(
                ("endpoints", missing[0]),
                f"missing in `[endpoints]`: {listed(missing)}, which {article} {flow} login needs",
                'where there is no login, write `flow = "none"` in `[oauth1]`',
                at="table",
            )
            break
    if "token_placement" in definition.model_fields_set and settings.bearer is None:
        yield Finding(
            ("token_placement",),
            "`[token_placement]` in a definition of oauth1 whose calls are signed",
            "where they carry a field of the token answer instead, name it as `bearer` in `[oauth1]`",
            at="key",
        )
    if "refresh" in definition.model_fields_set and not ("refresh" in subject.endpoints or settings.session_handle):
        yield Finding(
            ("refresh",), "`[refresh]`, and nothing renews a token", "add `refresh` to `[endpoints]`", at="key"
        )


def _oauth2_keys(definition: Definition) -> Iterator[_KeysOfTable]:
    """Shared tables, and their keys that do nothing for OAuth 1.0."""
    for name, keys in _OAUTH2_KEYS.items():
        if name in definition.model_fields_set:
            yield (name,), getattr(definition, name), keys
    for path, endpoints in _endpoint_tables(definition):
        yield path, endpoints, _OAUTH2_ENDPOINTS
    for name, environment in definition.environments.items():
        yield ("environments", name), environment, ("issuer",)
    for path, request, _ in _requests(definition):
        yield path, request, ("token_placement",)
    for name, leg in _written_legs(definition):
        yield (name,), leg, _OAUTH2_LEG_KEYS
        if name != "exchange":  # its answer is one of OAuth 2.0
            yield (name, "response"), leg.response, _OAUTH2_ANSWER_KEYS


def _oauth1_keys(definition: Definition) -> Iterator[_KeysOfTable]:
    """Shared tables, and their keys that do nothing for OAuth 2.0."""
    yield ("scopes",), definition.scopes, ("leg",)
    for path, endpoints in _endpoint_tables(definition):
        yield path, endpoints, ("request_token",)
    for name, leg in _written_legs(definition):
        yield (name,), leg, ("placement",)
    for path, request, _ in _requests(definition):
        if request.jwt is not None:
            yield (*path, "jwt"), request.jwt, ("nonce",)
    if definition.oauth2.client_auth == "oauth1":
        yield ("oauth1",), definition.oauth1, _LOGIN_KEYS


def _foreign(tables: Iterable[_KeysOfTable], protocol: str, other: str) -> Iterator[Finding]:
    """Those of the keys that are written, and that only the other protocol knows."""
    for path, table, keys in tables:
        for key in _written_of(table, keys):
            yield Finding(
                (*path, key),
                f"`{key}` in a definition of {protocol}",
                f'it belongs to `protocol = "{other}"`',
                at="key",
            )


def _endpoint_tables(definition: Definition) -> Iterator[tuple[KeyPath, Endpoints]]:
    yield ("endpoints",), definition.endpoints
    for name, environment in definition.environments.items():
        yield ("environments", name, "endpoints"), environment.endpoints


def _written_legs(definition: Definition) -> list[tuple[str, TokenLeg]]:
    written = definition.model_fields_set
    return [(name, getattr(definition, name)) for name in LEGS if name in written]


def _written_of(table: BaseModel, keys: tuple[str, ...]) -> list[str]:
    """Those of the keys that stand in a table, sorted."""
    written = keys_written(table)
    return [] if written.isdisjoint(keys) else sorted(written & {*keys})


def _idle_answers(definition: Definition) -> Iterator[Finding]:
    for name, leg in _written_legs(definition):
        for key in _written_of(leg.response, _IDLE_ANSWER_KEYS.get(name, ())):
            yield Finding(
                (name, "response", key),
                f"`{key}` says something of a token, and none is kept of this answer",
                "it belongs to `[token.response]`",
                at="key",
            )


def _error_codes(subject: _Subject) -> Iterator[Finding]:
    """Codes that are meant to be the standard's: an error with another one is none of those that a client knows."""
    for name, leg in _written_legs(subject.definition):
        for given, code in leg.response.error_map.items():
            meant = suggestion(code, _ERROR_CODES, edits=1)
            if meant not in (None, code):
                yield Finding(
                    (name, "response", "error_map", given),
                    f"nearly an error code of the standard: {quoted(code)}",
                    f"did you mean `{meant}`?",
                )


def _without_endpoint(subject: _Subject) -> Iterator[Finding]:
    """Tables that say how a request is sent which is never made."""
    definition = subject.definition
    for name in ("device", "revoke", "introspect", "end_session", "server_time"):
        if name not in definition.model_fields_set or name in subject.endpoints:
            continue
        if not any(name in one.endpoints.model_fields_set for one in definition.environments.values()):
            yield Finding((name,), f"`[{name}]` without `{name}` in `[endpoints]`", "add the URL there", at="key")


def _issuer(path: KeyPath, text: str) -> Iterator[Finding]:
    """What can be no issuer. Spec: OpenID Connect Discovery 1.0 section 3; RFC 8414 section 2."""
    if "/.well-known/" in text:
        yield Finding(path, "the place of the metadata, and no issuer", "write what stands before `/.well-known/`")
    elif text and "{" not in text:
        try:
            texts.check_url(text)
        except texts.Refused as refused:
            yield Finding(path, refused.message, refused.hint or "an issuer is an `https` URL")
            return
        if set("?#@") & set(text):
            yield Finding(path, "an issuer has no query, no fragment and no user", "write what is in its metadata")


def _openid(subject: _Subject) -> Iterator[Finding]:
    """What OpenID Connect cannot do without."""
    definition, settings = subject.definition, subject.definition.oauth2
    if definition.protocol != "oidc":
        return
    if not settings.issuer and not settings.issuer_template:
        yield Finding(
            ("oauth2", "issuer"),
            "missing key in `[oauth2]`: `issuer`",
            "without it nobody can tell whose ID token it is (OpenID Connect Core section 3.1.3.7)",
            at="table",
        )
    for path, text in (
        (("oauth2", "issuer"), settings.issuer),
        *((("environments", name, "issuer"), one.issuer) for name, one in definition.environments.items()),
    ):
        yield from _issuer(path, text or "")
    asked = (*definition.scopes.default, *definition.scopes.required)
    if definition.scopes.default and "openid" not in asked:
        yield Finding(
            ("scopes", "default"),
            "no `openid` among the scopes of a login: no ID token would come",
            "add it; if logins are not to bring one, the protocol is `oauth2`",
        )


def _oauth2(subject: _Subject) -> Iterator[Finding]:
    definition, settings = subject.definition, subject.definition.oauth2
    if definition.status in {"dead", "unsupported"}:
        return
    needed = [name for name, grant in _NEEDED_BY_GRANTS if grant is None or grant in settings.grants]
    missing = [name for name in needed if name not in subject.endpoints]
    is_published = definition.protocol == "oidc" and (
        "discovery" in subject.endpoints or settings.issuer is not None or settings.issuer_template is None
    )
    yield from _openid(subject)
    if missing and not is_published:
        yield Finding(
            ("endpoints", missing[0]),
            f"missing in `[endpoints]`: {listed(missing)}, which the grants need",
            "`grants` in `[oauth2]` says which there are",
            at="table",
        )
    if settings.client_auth in ("header", "query") and not settings.client_auth_name:
        yield Finding(
            ("oauth2", "client_auth"), f"{quoted(settings.client_auth)} needs `client_auth_name`", "name the parameter"
        )
    yield from _leg_authentication(definition)
    if settings.client_auth == "none" and settings.pkce == "unsupported":
        yield Finding(
            ("oauth2", "pkce"), "a public client without PKCE", "RFC 9700 section 2.1.1: such a login can be stolen"
        )
    if settings.issuer_in_callback and settings.issuer is None:
        yield Finding(("oauth2", "issuer_in_callback"), "`issuer_in_callback` without `issuer`", "add it", at="key")
    if settings.require_par and "par" not in subject.endpoints and not is_published:
        yield Finding(
            ("oauth2", "require_par"),
            "there is no `par` in `[endpoints]`",
            "write where authorization requests are pushed",
        )
    if not settings.state and settings.pkce == "unsupported":
        yield Finding(
            ("oauth2", "state"),
            "a login without `state` and without PKCE",
            "anybody could end it (RFC 6749 section 10.12)",
        )
    if settings.require_mtls_endpoints and not settings.mtls_endpoints.model_fields_set:
        yield Finding(
            ("oauth2", "require_mtls_endpoints"),
            "there are no `mtls_endpoints`",
            "write the URLs under `[oauth2.mtls_endpoints]`",
            at="key",
        )
    yield from _dpop(definition)
    yield from _signed_messages(subject)
    yield from _api_base(definition)
    yield from _made_parameters(definition)
    yield from _assertions(definition)


def _signed_messages(subject: _Subject) -> Iterator[Finding]:
    """What request objects and signed callbacks cannot do without."""
    from oauthreg.oauth2 import is_signed_mode

    settings = subject.definition.oauth2
    if settings.request_object_algorithm is not None and settings.issuer is None:
        yield Finding(
            ("oauth2", "request_object_algorithm"),
            "`request_object_algorithm` without `issuer`",
            "add it: a request object names whom it is for (RFC 9101 section 4)",
            at="key",
        )
    if settings.response_mode.startswith("fragment"):
        yield Finding(
            ("oauth2", "response_mode"),
            f"a fragment stays with the browser: {quoted(settings.response_mode)}",
            "write `query.jwt` or `form_post.jwt` for callbacks that are signed, `form_post` for others, or nothing",
        )
    elif is_signed_mode(settings.response_mode):
        checks = subject.definition.identity.id_token.algorithms
        if settings.issuer is None:
            yield Finding(
                ("oauth2", "response_mode"),
                "signed callbacks without `issuer`",
                "add it: nobody could tell whose they are",
                at="key",
            )
        if not {"jwks", "discovery"} & subject.endpoints and subject.definition.protocol != "oidc" and not checks:
            yield Finding(
                ("oauth2", "response_mode"),
                "signed callbacks without `jwks` or `discovery` in `[endpoints]`",
                "add one: they tell what the provider signs with",
                at="key",
            )


def _dpop(definition: Definition) -> Iterator[Finding]:
    settings = definition.oauth2
    if settings.dpop_algorithms and settings.dpop == "unsupported":
        yield Finding(
            ("oauth2", "dpop_algorithms"),
            "`dpop_algorithms` without `dpop`",
            'write `dpop = "supported"` or `"required"`',
            at="key",
        )
    if settings.dpop == "required" and "token_placement" in definition.model_fields_set:
        yield Finding(
            ("token_placement",),
            "`[token_placement]` where every token is bound to a key",
            "such a token goes into the header `Authorization` (RFC 9449 section 7.1)",
            at="key",
        )


def _leg_authentication(definition: Definition) -> Iterator[Finding]:
    settings = definition.oauth2
    for name, leg in _written_legs(definition):
        if leg.client_auth in ("header", "query") and not settings.client_auth_name:
            yield Finding(
                (name, "client_auth"),
                f"{quoted(leg.client_auth)} needs `client_auth_name` in `[oauth2]`",
                "name the parameter",
            )
    for name in ("app_token", "exchange"):
        leg = getattr(definition, name)
        if leg is not None and leg.client_auth is not None:
            yield Finding(
                (name, "client_auth"),
                f"`client_auth` in `[{name}]`",
                "it sends `client_id` and `client_secret`: use `rename` and `headers`",
                at="key",
            )
    if settings.refresh_with == "access_token":
        if definition.refresh is None:
            yield Finding(
                ("oauth2", "refresh_with"), "`refresh_with` without `[refresh]`", "say there how it is sent", at="key"
            )
    elif definition.refresh is not None and "refresh_token" not in settings.grants:
        yield Finding(
            ("refresh",),
            "`[refresh]`, and nothing renews a token",
            "add `refresh_token` to `grants`; if the access token renews itself, write `refresh_with`",
            at="key",
        )


def _assertions(definition: Definition) -> Iterator[Finding]:
    written, method = definition.model_fields_set, definition.oauth2.client_auth
    if "assertion" in written and "jwt_bearer" not in definition.oauth2.grants:
        yield Finding(("assertion",), "`[assertion]` without its grant", "add `jwt_bearer` to `grants`", at="key")
    if "client_assertion" in written and method not in _SIGNED_METHODS:
        yield Finding(
            ("client_assertion",),
            "`[client_assertion]` without a method that uses it",
            f"write `client_auth` in `[oauth2]`: {listed(_SIGNED_METHODS)}",
            at="key",
        )
    yield from _signing(definition)
    longest = definition.assertion.max_lifetime
    if longest is not None and longest < definition.assertion.lifetime:
        yield Finding(("assertion", "max_lifetime"), f"less than `lifetime`: {longest}", "it is the upper bound")
    for path, _ in _members(definition):
        instead = _MADE_MEMBERS[str(path[1])].get(str(path[2]))
        if instead is not None:
            yield Finding(path, f"the client makes it itself: {quoted(path[2])}", f"write {instead}", at="key")


def _signing(definition: Definition) -> Iterator[Finding]:
    """Whether what a client proves itself with can be signed with what it has."""
    table, method = definition.client_assertion, definition.oauth2.client_auth
    if "algorithm" not in table.model_fields_set or method not in _SIGNED_METHODS:
        return
    has_secret = method == "client_secret_jwt"
    if table.algorithm.startswith("HS") is not has_secret:
        yield Finding(
            ("client_assertion", "algorithm"),
            f"`{method}` does not sign with {quoted(table.algorithm)}",
            "it signs with the secret: HS256, HS384 or HS512"
            if has_secret
            else "it signs with a private key, as in `ES256`",
        )


def _api_base(definition: Definition) -> Iterator[Finding]:
    if (definition.api.base_from is None) is not (definition.api.base_pattern is None):
        key = "base_from" if definition.api.base_from else "base_pattern"
        yield Finding(
            ("api", key), "`base_from` and `base_pattern` go together", "the pattern bounds the host", at="key"
        )


def _made_parameters(definition: Definition) -> Iterator[Finding]:
    yield from _forwarded(definition)
    for name, leg in _written_legs(definition):
        made = _names_sent(definition, name)
        for key in ("params", "query"):
            for parameter in getattr(leg, key):
                is_told_elsewhere = key == "params" and parameter in leg.rename.values()  # by `_renamed`
                own_words = parameter == "grant_type" and (name == "refresh" or _has_one_grant(definition))
                if parameter not in made or is_told_elsewhere or (own_words and key == "params"):
                    continue
                yield Finding(
                    (name, key, parameter),
                    f"a parameter that the {'grant' if name in _GRANT_LEGS else 'client'} makes itself: "
                    f"{quoted(parameter)}",
                    _of_made_parameter(definition, name, key, parameter),
                    at="key",
                    mask=parameter in _CREDENTIALS_SENT,
                )


def _names_sent(definition: Definition, name: str) -> set[str]:
    """What a leg sends by names that mean nothing else, as it is called there."""
    leg = getattr(definition, name) or definition.token
    if definition.protocol == "oauth1" and name != "authorize":
        return {*_PROTOCOL_PARAMETERS}
    made = _MADE_PARAMETERS if name in _GRANT_LEGS else made_parameters(definition, name)
    if name not in _PAGES:
        made -= {"client_id"}  # where clients prove themselves otherwise, some servers want it in the URL
    secret = {"client_secret"} if definition.protocol != "oauth1" else set()
    return {own for standard in made if (own := leg.rename.get(standard, standard))} | secret


def _of_made_parameter(definition: Definition, name: str, key: str, parameter: str) -> str:
    if parameter == "client_secret":
        return "no secret stands in a file: clients are given theirs"
    if key != "params":
        return "it would be sent twice"
    if name in _GRANT_LEGS:
        return _of_grant_type(definition) if parameter == "grant_type" else ""
    return "what stands here would replace it"


def _in_queries(subject: _Subject) -> Iterator[Finding]:
    """Parameters in the query of an endpoint that its requests have already. Spec: RFC 6749 section 3.1 and 3.2."""
    definition = subject.definition
    for name, path, url in _urls_of_legs(definition):
        sent = _names_sent(definition, name)
        for piece in url.partition("?")[2].split("&"):
            written, mark, _ = piece.partition("=")
            parameter = unquote_plus(written)
            if parameter in sent:
                yield Finding(
                    path,
                    f"a parameter that the client makes itself: {quoted(parameter)}",
                    _of_made_parameter(definition, name, "query", parameter),
                    part=f"{written}{mark}",
                    mask=parameter in _CREDENTIALS_SENT,
                )


def _urls_of_legs(definition: Definition) -> Iterator[tuple[str, KeyPath, str]]:
    """The URLs with a query to which requests go, and the table that says how."""
    tables: Iterable[tuple[KeyPath, BaseModel]] = (
        *_endpoint_tables(definition),
        (("oauth2", "mtls_endpoints"), definition.oauth2.mtls_endpoints),
    )
    for path, table in tables:
        for name in table.model_fields_set:
            url = getattr(table, name)
            if url is not None and "?" in url and name in _TABLES_OF_ENDPOINTS:
                yield _TABLES_OF_ENDPOINTS[name], (*path, name), url
    for name in ("app_token", "exchange"):
        leg = getattr(definition, name)
        if leg is not None and "?" in leg.url:
            yield name, (name, "url"), leg.url


def _of_grant_type(definition: Definition) -> str:
    """What to do about a name of a grant that more than one grant would send."""
    if len(_grants_of_tokens(definition)) == 1:
        return "renewals would send it, too: say in a `[refresh]` table how those are sent"
    return "one grant alone may have a name of its own"


def _replaced(subject: _Subject) -> Iterator[Finding]:
    """Parameters of a page that would stand in place of the client's own."""
    definition = subject.definition
    for name in _PAGES:
        leg = getattr(definition, name)
        if name not in definition.model_fields_set or not leg.params:
            continue
        made = {leg.rename.get(standard, standard): standard for standard in made_parameters(definition, name)}
        for parameter in leg.params:
            if parameter in made and parameter not in leg.rename.values():  # of those `_renamed` tells
                yield Finding(
                    (name, "params", parameter),
                    f"a parameter that the client makes itself: {quoted(parameter)}",
                    _WRITTEN_ELSEWHERE.get(made[parameter], "what stands here would replace it"),
                    at="key",
                )


def _has_one_grant(definition: Definition) -> bool:
    """Whether all that `[token]` sends is one grant, so that it may have a name of its own."""
    renews_there = "refresh_token" in definition.oauth2.grants and definition.refresh is None
    return len(_grants_of_tokens(definition)) == 1 and not renews_there


def _grants_of_tokens(definition: Definition) -> list[str]:
    """The grants that give a first token."""
    return [grant for grant in definition.oauth2.grants if grant != "refresh_token"]


def _forwarded(definition: Definition) -> Iterator[Finding]:
    for index, parameter in enumerate(definition.callback.forward):
        path: KeyPath = ("callback", "forward", index)
        if parameter in _MADE_PARAMETERS or parameter == definition.callback.code:
            yield Finding(path, f"a parameter that the grant makes itself: {quoted(parameter)}")
        elif parameter in definition.token.params:
            yield Finding(
                path, f"`[token.params]` has a parameter of this name: {quoted(parameter)}", "write one of them"
            )


def _renamed(subject: _Subject) -> Iterator[Finding]:
    """Names that a leg gives twice, of which one value would be lost, to nothing, or to what no login does without."""
    definition = subject.definition
    for name in (*_PAGES, *LEGS):
        if name not in definition.model_fields_set or not (leg := getattr(definition, name)).rename:
            continue
        known, made = known_parameters(definition, name), made_parameters(definition, name)
        # Where the code goes to another request, its verifier does so, too.
        needed = {} if leg.rename.get("code") == "" else _NEEDED_PARAMETERS.get(name, {})
        taken: dict[str, str] = {}
        for standard, own in leg.rename.items():
            path: KeyPath = (name, "rename", standard)
            if standard not in known:
                yield Finding(
                    path,
                    f"no request of `[{name}]` has this parameter: {quoted(standard)}",
                    hint(standard, known),
                    at="key",
                )
            elif not own and standard in needed and standard in made:
                yield Finding(path, f"no login does without it: {quoted(standard)}", needed[standard], at="key")
            elif own in made and leg.rename.get(own, own) == own != standard:
                yield Finding(path, f"a parameter of this name is sent already: {quoted(own)}", "it would be lost")
            elif own in taken:
                yield Finding(path, f"two parameters of one name: {quoted(own)}", f"`{taken[own]}` has it already")
            elif own and own in leg.params and own != standard:
                yield Finding(path, f"`params` has a parameter of this name: {quoted(own)}", "write one of them")
            if own:
                taken[own] = standard


def _in_paths(subject: _Subject) -> Iterator[Finding]:
    """Parameters that are to end a path, and that no request has."""
    definition = subject.definition
    for name, leg in _written_legs(definition) if definition.protocol != "oauth1" else ():
        parameter = leg.path_parameter
        if parameter is None or parameter in leg.params or parameter in leg.rename.values():
            continue
        known = sorted({*known_parameters(definition, name), *leg.params})
        path: KeyPath = (name, "path_parameter")
        if parameter not in known:
            yield Finding(
                path, f"no request of `[{name}]` has this parameter: {quoted(parameter)}", hint(parameter, known)
            )
        elif leg.rename.get(parameter) == "":
            yield Finding(path, f"`rename` drops this parameter: {quoted(parameter)}", "leave it out there")


def _callback(subject: _Subject) -> Iterator[Finding]:
    """Nothing of a token may come from the browser, whose user can edit it; nor can one parameter say two things."""
    definition, callback = subject.definition, subject.definition.callback
    state = (definition.authorize.rename.get("state", "state"),) if definition.oauth2.state else ()
    if "code" in callback.model_fields_set and callback.code in (*state, "iss", *callback.errors):
        yield Finding(
            ("callback", "code"),
            f"a parameter that says something else: {quoted(callback.code)}",
            "name the one with the authorization code",
        )
    for index, name in enumerate(subject.definition.callback.keep):
        if name in _FIELDS_OF_TOKENS:
            yield Finding(
                ("callback", "keep", index),
                f"a field of the token itself: {quoted(name)}",
                "it comes from the token endpoint alone; what the user can edit must not replace it",
            )


def _legs(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    for name, leg in _written_legs(definition):
        if leg.method == "GET" and leg.body in ("form", "json", "multipart"):
            yield Finding((name, "body"), "a `GET` has no body", 'write `method = "POST"`, or leave `body` out')
    if definition.protocol != "oauth1":
        return
    names = ("request_token", "token", "refresh", "revoke", "exchange")
    legs: list[tuple[str, TokenLeg]] = [(name, leg) for name in names if (leg := getattr(definition, name)) is not None]
    yield from _protocol_parameters(definition)
    for name, leg in legs:
        yield from _made_by_the_signature(name, leg)
        if leg.method == "GET" and (leg.placement or definition.oauth1.placement) == "body":
            at: KeyPath = (name, "placement") if leg.placement else (name, "method")
            yield Finding(at, "a `GET` has no body for the protocol parameters", 'write `placement = "query"`')
    if definition.oauth1.realm is not None and "header" not in _placements(definition, *(leg for _, leg in legs)):
        yield Finding(
            ("oauth1", "realm"), "`realm` stands in a header, and no request has one (RFC 5849 section 3.5.1)", at="key"
        )


def _protocol_parameters(definition: Definition) -> Iterator[Finding]:
    """Whether what is said of single protocol parameters can be done."""
    settings = definition.oauth1
    for key in ("send_nonce", "send_timestamp"):
        if not getattr(settings, key) and settings.signature != ("PLAINTEXT",):
            yield Finding(
                ("oauth1", key),
                "only PLAINTEXT does without it (RFC 5849 section 3.1)",
                'write `signature = "PLAINTEXT"` alone',
            )
    where: KeyPath = ("oauth1", "verifier_placement")
    if settings.verifier_placement is not None and settings.verifier == "none":
        yield Finding(where, "a place for a verifier, and there is none", at="key")
    elif settings.verifier_placement == "body" and definition.token.method == "GET":
        yield Finding(where, "a `GET` has no body for the verifier", 'write `verifier_placement = "query"`')


def _made_by_the_signature(name: str, leg: TokenLeg) -> Iterator[Finding]:
    for key in ("params", "query"):
        for parameter in getattr(leg, key):
            if parameter in _PROTOCOL_PARAMETERS:
                yield Finding(
                    (name, key, parameter),
                    f"a parameter that the signature makes itself: {quoted(parameter)}",
                    at="key",
                )
    for header in leg.headers:
        if header.lower() == "authorization":
            yield Finding(
                (name, "headers", header), f"a header that the client makes itself: {quoted(header)}", at="key"
            )


def _placements(definition: Definition, *legs: TokenLeg) -> set[str]:
    return {definition.oauth1.placement, *(leg.placement for leg in legs if leg.placement)}


# --- headers ------------------------------------------------------------------------------------------------------


def _header_names(subject: _Subject) -> Iterator[Finding]:
    """Names that may be those of parameters, and are those of headers here. Spec: RFC 9110 section 5.1."""
    for path, name in _named_headers(subject.definition):
        try:
            texts.check_leg_header_name(name)
        except texts.Refused as refused:
            yield Finding(path, refused.message, refused.hint)


def _named_headers(definition: Definition) -> Iterator[tuple[KeyPath, str]]:
    placements: list[tuple[KeyPath, TokenPlacementTable | None]] = [
        ((), definition.token_placement),
        *((path, one.token_placement) for path, one, _ in _requests(definition)),
    ]
    for path, placement in placements:
        if placement is not None and placement.kind == "header":
            yield (*path, "token_placement", "name"), placement.name
    legs, settings = _written_legs(definition), definition.oauth2
    if settings.client_auth_name and "header" in (settings.client_auth, *(leg.client_auth for _, leg in legs)):
        yield ("oauth2", "client_auth_name"), settings.client_auth_name
    for table, sign in (("api", definition.api.sign), *((name, leg.sign) for name, leg in legs)):
        if sign is not None and sign.header and sign.timestamp:
            yield (table, "sign", "timestamp"), sign.timestamp


# --- identity -----------------------------------------------------------------------------------------------------


def _identity(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    if "userinfo" in definition.model_fields_set and "userinfo" not in subject.endpoints:
        yield Finding(("userinfo",), "`[userinfo]` without `userinfo` in `[endpoints]`", "add the URL there", at="key")
    yield from _tokens_in_bodies(subject)
    known = [name for name in subject.documents if name in {"userinfo", "token", "callback", "id_token"}]
    for index, request in enumerate(definition.identity.request):
        path: KeyPath = ("identity", "request", index)
        if request.name in _RESERVED_DOCUMENTS:
            yield Finding(
                (*path, "name"),
                f"a name with a meaning of its own: {quoted(request.name)}",
                f"taken: {listed(_RESERVED_DOCUMENTS)}",
            )
        elif request.name in known:
            yield Finding((*path, "name"), f"two requests of one name: {quoted(request.name)}")
        if request.when is not None:
            try:
                parse_condition(request.when, documents=known)
            except TemplateSyntaxError as error:
                yield Finding((*path, "when"), error.problems[0].message, error.problems[0].hint)
        known.append(request.name)


def _tokens_in_bodies(subject: _Subject) -> Iterator[Finding]:
    """Identity requests whose body cannot carry the token."""
    definition = subject.definition
    requests: list[tuple[KeyPath, Userinfo]] = [
        (("identity", "request", index), request) for index, request in enumerate(definition.identity.request)
    ]
    if "userinfo" in subject.documents:
        requests.insert(0, (("userinfo",), definition.userinfo))
    for path, request in requests:
        placement = request.token_placement or definition.token_placement
        if placement.kind != "body" or (request.method == "POST" and request.json_ is None):
            continue
        is_own = request.token_placement is not None
        yield Finding(
            (*(path if is_own else ()), "token_placement", "kind"),
            f"the form of a `POST` carries the token, and `{render_path(path)}` sends none",
            'write `method = "POST"` there' if is_own else 'write `method = "POST"` or another `token_placement` there',
        )


def _claims(subject: _Subject) -> Iterator[Finding]:
    claims = subject.definition.claims
    if not claims:
        return
    if "sub" not in claims and subject.definition.protocol != "oidc":
        yield Finding(
            ("claims", "sub"),
            "missing key in `[claims]`: `sub`",
            "the one claim that names the user for good",
            at="table",
        )
    own = (name for name in claims if name not in STANDARD_CLAIMS)
    for name in islice(own, _MOST_OWN_CLAIMS):
        meant = suggestion(name, STANDARD_CLAIMS.keys() - claims.keys(), edits=1)
        if meant:
            yield Finding(
                ("claims", name), f"almost a standard claim: {quoted(name)}", f"did you mean `{meant}`?", at="key"
            )
    try:
        template = parse_claims(claims_of(subject.definition), documents=subject.documents)
        definition = subject.definition
        if "id_token" in template.documents and not _has_issuer(definition):
            yield Finding(
                ("oauth2", "issuer"),
                "claims of an ID token, and no `issuer` in `[oauth2]`",
                "without it nobody can tell whose ID token it is (OpenID Connect Core section 3.1.3.7)",
                at="table",
            )
        is_read = definition.protocol == "oidc" or "id_token" in template.documents
        if "id_token" in definition.identity.model_fields_set and not is_read:
            yield Finding(
                ("identity", "id_token"), "no claim is taken from the ID token", "write `id_token:sub`", at="key"
            )
        yield from _for_good(template)
        if definition.callback.signature is None and "sub" in claims and "callback" in template.documents:
            yield from _told_by_the_browser(parse_claims({"sub": claims["sub"]}, documents=subject.documents).documents)
    except ClaimsSyntaxError as error:
        for problem in error.problems:
            at: Target = "key" if problem.message.startswith("unknown key") else "value"
            yield Finding(("claims", *problem.key_path), problem.message, problem.hint, at=at)


def _for_good(template: ClaimsTemplate) -> Iterator[Finding]:
    """Claims that say the same of everybody, and a user whose name is part of a token."""
    for name, alternatives in zip(template.names, template.claims, strict=True):
        if name == "sub":
            for source in _sources(alternatives):
                if isinstance(source, Constant):
                    yield Finding(
                        ("claims", "sub"), "all users would be one: a constant", "take it from what tells them apart"
                    )
                elif source.document == "token" and source.text.removeprefix("token:") in _PASSING_FIELDS:
                    yield Finding(
                        ("claims", "sub"),
                        f"a field of the token itself: {quoted(source.text)}",
                        "another token has another, and the user stays the same",
                        part=source.text,
                    )
        elif name in _WORDS and any(
            isinstance(one.source, Constant) and one.source.value is not False and one.condition is None
            for one in alternatives
        ):
            yield Finding(
                ("claims", name),
                "a constant would say it of every user",
                'it needs a condition, as in `{ value = true, if = "confirmed_at" }`',
            )


def _sources(alternatives: Iterable[Alternative]) -> Iterator[Constant | Path]:
    """All that a claim may come from."""
    for alternative in alternatives:
        yield from _sources(alternative.otherwise)
        source = alternative.source
        if isinstance(source, Format):
            yield from (
                part if isinstance(part, Path) else part.path for part in source.parts if not isinstance(part, str)
            )
        elif isinstance(source, (Constant, Path)):
            yield source


def _told_by_the_browser(documents: Collection[str]) -> Iterator[Finding]:
    if "callback" in documents:
        yield Finding(
            ("claims", "sub"),
            "who the user is would be taken from the callback, which the user can edit",
            "take it from an answer of the provider, or say in `[callback]` how the callback is signed",
        )


def _examples(subject: _Subject) -> Iterator[Finding]:
    for index, example in enumerate(subject.definition.example):
        path: KeyPath = ("example", index)
        for name, document in example.documents.items():
            yield from _no_json((*path, name), document)
            if name in _TABLES_OF_LOGINS and not isinstance(document, Mapping):
                yield Finding(
                    (*path, name), f"a document that is always a table: {quoted(name)}", f"as in `{name} = {{ … }}`"
                )
            if name not in subject.documents:
                yield Finding(
                    (*path, name),
                    f"unknown document: {quoted(name)}",
                    hint(name, [*subject.documents, "claims"]),
                    at="key",
                )
        if "claims" not in example.model_fields_set:
            yield Finding(
                (*path, "claims"),
                "missing key in `[[example]]`: `claims`",
                "what `[claims]` must make of the documents",
                at="table",
            )
        elif not claims_of(subject.definition):
            yield Finding((*path, "claims"), "claims are expected and there is no `[claims]`", at="key")


# --- scopes -------------------------------------------------------------------------------------------------------


def _scopes(subject: _Subject) -> Iterator[Finding]:
    """Scopes that are none, or several in one."""
    scopes = subject.definition.scopes
    for key in sorted(scopes.model_fields_set & {"default", "required"}):
        for index, scope in enumerate(getattr(scopes, key)):
            if not scope:
                yield Finding(("scopes", key, index), "an empty scope")
            elif any(scopes.separator in piece for piece in texts.pieces(scope) if isinstance(piece, str)):
                yield Finding(
                    ("scopes", key, index),
                    f"a scope with the separator in it: {quoted(scope)}",
                    "each scope is an item of the list",
                )


# --- identity of the provider -------------------------------------------------------------------------------------


def _status(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    if definition.status == "unsupported" and not definition.reason:
        yield Finding(
            ("reason",), "missing key: `reason`, which `unsupported` needs", "why there can be no client", at="table"
        )
    if definition.without and definition.extends is None:
        yield Finding(("without",), "`without`, and nothing is taken over", "it goes with `extends`", at="key")
    if definition.lifecycle.retired is not None and definition.status != "dead":
        yield Finding(
            ("lifecycle", "retired"),
            f"retired, and the status is {quoted(definition.status)}",
            'write `status = "dead"`',
        )


RULES = (
    _status,
    _protocol,
    _variables,
    _unused,
    _environments,
    _urls,
    _texts,
    _bodies,
    _replaced,
    _in_queries,
    _renamed,
    _in_paths,
    _legs,
    _error_codes,
    _header_names,
    _callback,
    _scopes,
    _identity,
    _claims,
    _examples,
)
"""All rules, in no order that matters: findings are sorted by place."""
