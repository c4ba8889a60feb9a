"""From a definition to a provider: variables and credentials filled in, defaults in place.

Nothing here needs the model's classes: what was found good in an earlier process comes without them (``settled``).
Paths are parsed when they are first followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from oauthreg.definition.requests import (
    REALMS_OF_REQUESTS,
    claims_of,
    documents_of,
    leg_documents,
    legs_of,
    signatures_of,
    source_of,
    told_at,
)
from oauthreg.errors import CallbackError, UsageError, quoted
from oauthreg.origins import Origin, is_loopback, parse_origin
from oauthreg.provider import (
    AssertionSettings,
    CallbackSettings,
    CallbackSignature,
    Condition,
    Documents,
    ErrorRule,
    Exchange,
    IdentityRequest,
    JWTRules,
    Leg,
    OAuth1Settings,
    OAuth2Settings,
    Provider,
    RequestProof,
    RequestSignature,
    Scopes,
    ServerTime,
    TemplatePairs,
    TokenAnswer,
    TokenPlacement,
)
from oauthreg.records import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from oauthreg.claims import ClaimsTemplate, DocumentText, Path, TextTemplate, Variable as Placed
    from oauthreg.claims.placeholders import Placeholder
    from oauthreg.definition import model
    from oauthreg.messages import Pairs

_NOTHING: Mapping[str, str] = {}
_WITHOUT_CREDENTIALS = ("authorize", "end_session", "discovery", "jwks", "registration", "server_time")
"""Endpoints to which no client sends a token or a signature."""
_MOST_LOCATIONS = 64
_NOT = "not "
_STANDARD_ANSWER = TokenAnswer()
_STANDARD_TIME = ServerTime()


def compile_definition(
    definition: model.Definition,
    *,
    variables: Mapping[str, str] = _NOTHING,
    environment: str | None = None,
    credentials: Mapping[str, str] = _NOTHING,
    allow_insecure_http: bool = False,
) -> Provider:
    """The provider that a definition describes.

    ``variables`` win over those of the ``environment``, which win over defaults. ``credentials`` fill the texts that
    name one (see ``credentials_in_texts``); a parameter that lacks its credential is left out.
    ``allow_insecure_http`` lets a variable be an ``http`` URL off this machine.

    Raises ``UsageError``: ``unknown-environment``, ``unknown-variable``, ``missing-variable``, ``invalid-variable``,
    ``invalid-credential``, ``insecure-url``, ``provider-retired``, ``provider-unsupported``.
    """
    check_usable(definition)
    _check_texts(definition, credentials)
    chosen = _environment(definition, environment)
    values = {**_values(definition, chosen, variables), **credentials}
    secrets = tuple(value for name, value in credentials.items() if name != "client_id")
    provider = _Compiler(definition, chosen, values, secrets, allow_insecure_http).provider()
    told = {name: variable for name, variable in definition.variables.items() if told_at(variable) is not None}
    if not told:
        return provider

    def compile_with(found: Mapping[str, str]) -> Provider:
        again = {**values, **found}
        return _Compiler(definition, chosen, again, secrets, allow_insecure_http).provider()

    return replace(provider, locate=_Locator(provider, told, compile_with))


def required_credentials(
    definition: model.Definition, signature_method: str | None = None, *, grant: str | None = None
) -> tuple[str, ...]:
    """The credentials without which there can be no client: ``client_id`` and what it is proven with.

    ``signature_method`` (OAuth 1.0) and ``grant`` (OAuth 2.0) are the definition's first unless given.
    """
    if definition.protocol != "oauth1":
        named = {"client_id": True, **_secrets_of(definition.oauth2.client_auth)}
        if (grant or definition.oauth2.grants[0]) == "jwt_bearer":
            shared = definition.assertion.algorithm.startswith("HS")
            named["client_secret" if shared else "private_key"] = True
        named |= dict.fromkeys(_secrets_of_requests(definition), True)
        if (algorithm := definition.oauth2.request_object_algorithm) is not None:
            named["client_secret" if algorithm.startswith("HS") else "private_key"] = True
        named["decryption_key"] = bool(definition.identity.id_token.encryption) and grant != "jwt_bearer"
        named |= {name: credential.required for name, credential in definition.credentials.items()}
        return tuple(name for name, is_required in named.items() if is_required)
    from oauthreg.signing import SIGNATURE_METHODS

    method = signature_method or definition.oauth1.signature[0]
    row = SIGNATURE_METHODS.get(method)
    secret = "private_key" if row and row[0] == "rsa" else "client_secret"
    named = {"client_id": True, secret: True}
    named |= {name: credential.required for name, credential in definition.credentials.items()}
    return tuple(name for name, is_required in named.items() if is_required)


def _secrets_of(client_auth: str | None) -> dict[str, bool]:
    """The secret that a method of client authentication needs; without a method a client may be public."""
    if client_auth in ("private_key_jwt", "signed_secret"):
        return {"private_key": True}
    return {"client_secret": client_auth not in (None, "none", "tls_client_auth")}


def _secrets_of_requests(definition: model.Definition) -> Iterator[str]:
    """The secrets that are needed beside those of client authentication."""
    if definition.app_token is not None:
        yield "client_secret"
    for leg in legs_of(definition):
        yield from (name for name, is_required in _secrets_of(leg.client_auth or "none").items() if is_required)
    for table in signatures_of(definition):
        if table.algorithm.startswith("rsa"):
            yield "private_key"
        keyed = table.algorithm.startswith("hmac") and table.key == "client_secret"
        if keyed or "{client_secret}" in table.over or "{session_secret}" in table.over:
            yield "client_secret"


def credentials_in_texts(definition: model.Definition) -> frozenset[str]:
    """The credentials that the definition puts into URLs, parameters and headers: never a secret of the protocol."""
    from oauthreg.claims.placeholders import Placeholder
    from oauthreg.definition import texts
    from oauthreg.definition.rules import templates_of

    named = {"client_id", *definition.credentials}
    return frozenset(
        piece.expression
        for text in templates_of(definition)
        for piece in texts.pieces(text)
        if isinstance(piece, Placeholder) and piece.expression in named
    )


def check_usable(definition: model.Definition) -> None:
    """Raises ``UsageError`` where there can be no client.

    Its code is ``provider-retired`` or ``provider-unsupported``.
    """
    ended = definition.lifecycle.replaced_by
    instead = f"use `{ended}`" if ended else ""
    why = f": {definition.reason}" if definition.reason else ""
    if definition.status == "dead":
        raise UsageError(f"the provider {quoted(definition.name)} is gone{why}", code="provider-retired", hint=instead)
    if definition.status == "unsupported":
        raise UsageError(
            f"a definition cannot express what {quoted(definition.name)} needs{why}",
            code="provider-unsupported",
            hint=instead,
        )


def _environment(definition: model.Definition, name: str | None) -> model.Environment | None:
    if name is None:
        return None
    if name not in definition.environments:
        from oauthreg.definition.suggestions import hint

        raise UsageError(
            f"{quoted(definition.name)} has no environment {quoted(name)}",
            code="unknown-environment",
            hint=hint(name, definition.environments) or "it has none",
        )
    return definition.environments[name]


def _values(
    definition: model.Definition, environment: model.Environment | None, given: Mapping[str, str]
) -> dict[str, str]:
    """The value of each variable that has one, checked."""
    for name in given:
        if name not in definition.variables or source_of(definition.variables[name]) is not None:
            from oauthreg.definition.suggestions import hint

            settable = [key for key, variable in definition.variables.items() if source_of(variable) is None]
            raise UsageError(
                f"{quoted(definition.name)} takes no variable {quoted(name)}",
                code="unknown-variable",
                hint=hint(str(name), settable) or "it takes none",
            )
    values: dict[str, str] = {}
    chosen = environment.variables if environment else _NOTHING
    for name, variable in definition.variables.items():
        value = chosen.get(name, variable.default)
        if name in given:
            values[name] = _fitting(definition, name, given[name])
        elif value is not None:
            values[name] = value  # what stands in the file was checked with it
        elif source_of(variable) is None and variable.required:
            raise UsageError(
                f"{quoted(definition.name)} needs the variable `{name}`"
                + (f", {variable.title}" if variable.title else ""),
                code="missing-variable",
                hint=f'pass `variables={{"{name}": …}}`',
            )
    for name, variable in definition.variables.items():
        source = source_of(variable)
        if source in values:
            from oauthreg.definition.variables import derived

            values[name] = _fitting(definition, name, derived(variable, values[source]))
    return values


def _fitting(definition: model.Definition, name: str, value: object) -> str:
    from oauthreg.definition.variables import fault

    wrong = fault(definition.variables[name], value) if isinstance(value, str) else f"not text: {quoted(value)}"
    if wrong:
        raise UsageError(f"the variable `{name}` of {quoted(definition.name)} is {wrong}", code="invalid-variable")
    return str(value)


def _check_texts(definition: model.Definition, credentials: Mapping[str, object]) -> None:
    """Raises ``UsageError`` for what can stand in no text: it would be sent empty, or break a header."""
    for name, value in credentials.items():
        if not isinstance(value, str):
            wrong, advice = f"no text: {type(value).__name__}", "text stands in quotes"
        elif any(letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in value):
            wrong, advice = "no text that a request can carry", "it has a control character or no UTF-8"
        else:
            continue
        raise UsageError(
            f"the credential `{name}` of {quoted(definition.name)} is {wrong}", code="invalid-credential", hint=advice
        )


class _Compiler:
    """Holds what every part of the work needs: the definition and the values."""

    def __init__(
        self,
        definition: model.Definition,
        environment: model.Environment | None,
        values: Mapping[str, str],
        secrets: tuple[str, ...],
        allow_insecure_http: bool,
    ) -> None:
        self.definition = definition
        self.environment = environment
        self.values = values
        self.secrets = secrets
        self.allow_insecure_http = allow_insecure_http
        self.documents = documents_of(definition)
        self.origins: dict[str, Origin] = {}

    def provider(self) -> Provider:
        definition = self.definition
        endpoints = {name: self.url(text) for name, text in self._endpoints()}
        if definition.protocol == "oidc" and (issuer := self._issuer()):
            endpoints.setdefault("discovery", self._secure(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        claims = claims_of(definition)
        identity = tuple(self._identity(endpoints.get("userinfo")))
        signed = definition.callback.signature
        base = _TokenBase.of(definition.api)
        return Provider(
            name=definition.name,
            title=definition.title,
            protocol=definition.protocol,
            status=definition.status,
            docs=definition.docs,
            endpoints=endpoints,
            origins=frozenset(self._origins(endpoints, identity)),
            oauth1=self._oauth1(),
            oauth2=self._oauth2(),
            scopes=Scopes(
                default=self._texts(definition.scopes.default or self._usual_scopes),
                separator=definition.scopes.separator,
                parameter=definition.scopes.parameter,
                leg=definition.scopes.leg,
                required=self._texts(definition.scopes.required),
                offline=definition.scopes.offline,
                in_token_request=definition.scopes.in_token_request,
            ),
            request_token=self._leg("request_token", definition.request_token),
            authorize=self._page(definition.authorize),
            token=self._leg("token", definition.token),
            refresh=None if definition.refresh is None else self._leg("refresh", definition.refresh),
            device=self._leg("device", definition.device),
            end_session=self._page(definition.end_session),
            revoke=self._leg("revoke", definition.revoke),
            introspect=self._leg("introspect", definition.introspect),
            app_token=self._app_token(definition.app_token),
            exchange=self._exchange(definition.exchange),
            token_placement=TokenPlacement(**dict(definition.token_placement)),
            proof=RequestProof(definition.proof.parameter) if definition.proof else None,
            api_base=base,
            api_origins=() if base is None else (base,),
            request_token_answer=_answer(definition.request_token),
            token_answer=_answer(definition.token),
            refresh_answer=_refresh_answer(definition),
            device_answer=_answer(definition.device),
            revoke_answer=_answer(definition.revoke),
            introspect_answer=_answer(definition.introspect),
            callback=CallbackSettings(
                denied=tuple(_denial(text) for text in definition.callback.denied if not text.startswith(_NOT)),
                denied_without=tuple(
                    text.removeprefix(_NOT) for text in definition.callback.denied if text.startswith(_NOT)
                ),
                errors=definition.callback.errors,
                keep=tuple(dict.fromkeys((*definition.callback.keep, *_told_by_callback(definition)))),
                forward=definition.callback.forward,
                code=definition.callback.code,
                json=definition.callback.json_,
                signature=CallbackSignature(signed.parameter) if signed else None,
            ),
            server_time=_server_time(definition),
            identity=identity,
            claims=_Claims(claims, self.documents) if claims else None,
            api_headers=self.pairs(definition.api.headers),
            api_params=self.pairs(definition.api.params),
            api_signature=_signature(definition.api.sign),
            api_error=error_rule(definition.api.error),
            secrets=self.secrets,
            allow_insecure_http=self.allow_insecure_http,
        )

    def _endpoints(self) -> Iterable[tuple[str, str]]:
        environment = self.environment
        chosen, without = (environment.endpoints, environment.without) if environment else (None, ())
        for name, known in self.definition.endpoints:
            text = getattr(chosen, name, None) or known
            if text is not None and name not in without:
                yield name, text

    def url(self, text: str) -> str:
        """A URL with its variables filled in, each value encoded for its position."""
        if not _is_template(text):
            return self._secure(text)
        from oauthreg.claims import parse_text_template

        return self._secure(self._fill(parse_text_template(text)).render({}))

    def document_url(self, text: str) -> str | DocumentText:
        """A URL that may still need documents when it is used."""
        if not _is_template(text):
            return self._secure(text)
        from oauthreg.claims import DocumentText, parse_url_template

        template, stand_ins = parse_url_template(text, names=self.values)
        filled = self._fill(template)
        if not stand_ins:
            return self._secure(filled.render({}))
        url = DocumentText(filled, stand_ins, self.documents)
        self._secure(_before_documents(url))
        return url

    def _fill(self, template: TextTemplate) -> TextTemplate:
        return template.fill({**self.values, **self._beginning(template)}, encode=self._encode)

    def _beginning(self, template: TextTemplate) -> Mapping[str, str]:
        """The value of a variable that is the beginning of a URL: its own last slash would be one too many."""
        first, *rest = template.parts
        return {} if isinstance(first, str) or not rest else {first.name: self.values[first.name].rstrip("/")}

    def _secure(self, url: str) -> str:
        scheme, host, _ = self._origin(url)
        if scheme == "http" and not is_loopback(host) and not self.allow_insecure_http:
            raise UsageError(
                f"{quoted(self.definition.name)} would be reached without TLS: 'http://{host}'",
                code="insecure-url",
                hint="give an `https` URL, or pass `allow_insecure_http=True`",
            )
        return url

    def _origin(self, url: str) -> Origin:
        origin = self.origins.get(url)
        if origin is None:
            origin = self.origins[url] = parse_origin(url)
        return origin

    def _encode(self, value: str, placed: Placed) -> str:
        from oauthreg.claims import encode_for_url

        encoded = encode_for_url(value, placed)
        if encoded is None:
            raise UsageError(
                f"the variable `{placed.name}` of {quoted(self.definition.name)} fits into no URL: {quoted(value)}",
                code="invalid-variable",
            )
        return encoded

    def pairs(self, table: Mapping[str, str]) -> Pairs:
        """Parameters or headers with their variables filled in; one that needs an absent value is left out."""
        if not table:
            return ()
        found = ((name, self.text(value)) for name, value in table.items())
        return tuple((name, value) for name, value in found if value is not None)

    def text(self, text: str) -> str | None:
        """A text with its variables filled in as they are; ``None`` if one has no value."""
        if not _is_template(text):
            return text
        from oauthreg.claims import parse_text_template

        template = parse_text_template(text)
        return template.render(self.values) if template.names <= self.values.keys() else None

    def _oauth1(self) -> OAuth1Settings:
        table = self.definition.oauth1
        realm_from = REALMS_OF_REQUESTS.get(table.realm or "")
        return OAuth1Settings(
            signature_methods=table.signature,
            placement=table.placement,
            realm=None if table.realm is None or realm_from else self.text(table.realm),
            realm_from=realm_from,
            callback=table.callback,
            token_in_callback=table.token_in_callback,
            verifier=table.verifier,
            verifier_placement=table.verifier_placement,
            confirm=table.confirm,
            flows=table.flow,
            body_hash=table.body_hash,
            version="1.0" if table.send_version else None,
            send_nonce=table.send_nonce,
            send_timestamp=table.send_timestamp,
            nonce_length=table.nonce_length,
            send_empty_token=table.send_empty_token,
            signed_scheme=table.signed_scheme,
            signed_host=table.signed_host,
            session_handle=table.session_handle,
            authorize_url_from=_finder(table.authorize_url_from),
            bearer=table.bearer,
        )

    def _oauth2(self) -> OAuth2Settings:
        table, id_token = self.definition.oauth2, self.definition.identity.id_token
        return OAuth2Settings(
            grants=table.grants,
            pkce=table.pkce,
            pkce_method=table.pkce_method,
            pkce_encoding=table.pkce_encoding,
            client_auth=table.client_auth,
            client_auth_name=table.client_auth_name or "",
            basic_encoding=table.basic_encoding,
            send_client_id=table.send_client_id,
            state=table.state,
            nonce=table.nonce,
            response_type=table.response_type,
            response_mode=table.response_mode,
            request_object_algorithm=table.request_object_algorithm,
            issuer=self._issuer(),
            issuer_in_callback=table.issuer_in_callback,
            refresh_scope=table.refresh_scope,
            refresh_with=table.refresh_with,
            revoke_first=table.revoke_first,
            redirect_uri_is_name=table.redirect_uri_is_name,
            refresh_redirect_uri=table.refresh_redirect_uri,
            refresh_repeatable=table.refresh_repeatable,
            issuer_aliases=self._texts(table.issuer_aliases),
            issuer_template=None if table.issuer_template is None else self._issuer_template(table.issuer_template),
            trusted_audiences=self._texts(table.trusted_audiences),
            id_token_algorithms=id_token.algorithms,
            id_token_leeway=id_token.leeway,
            id_token_encryption=id_token.encryption,
            require_par=table.require_par,
            strict_scope=table.strict_scope,
            client_assertion=self._assertion(self.definition.client_assertion),
            assertion=replace(
                self._assertion(self.definition.assertion),
                max_lifetime=self.definition.assertion.max_lifetime,
                self_signed=self.definition.assertion.self_signed,
            ),
            mtls_endpoints={
                name: self.url(getattr(table.mtls_endpoints, name)) for name in table.mtls_endpoints.model_fields_set
            },
            require_mtls_endpoints=table.require_mtls_endpoints,
            certificate_bound=table.certificate_bound,
            dpop=table.dpop,
            dpop_algorithms=tuple(table.dpop_algorithms),
            leeway=table.leeway,
        )

    def _texts(self, given: Iterable[str]) -> tuple[str, ...]:
        return tuple(text for text in map(self.text, given) if text is not None)

    def _issuer(self) -> str | None:
        other = self.environment.issuer if self.environment else None
        issuer = self.definition.oauth2.issuer if other is None else other
        return self.text(issuer) if issuer else None

    @property
    def _usual_scopes(self) -> tuple[str, ...]:
        """What a login asks for where the definition does not say. Spec: OpenID Connect Core 1.0 section 5.4."""
        return ("openid", "profile", "email") if self.definition.protocol == "oidc" else ()

    def _issuer_template(self, text: str) -> str:
        """The template as an ID token's claims fill it, everything else filled in."""
        parts = self._parts(text, ("id_token",))
        filled = (part or "" if part is None or isinstance(part, str) else _claim_of(part) for part in parts)
        return "".join(filled)

    def _assertion(self, table: model.ClientAssertion) -> AssertionSettings:
        return AssertionSettings(
            algorithm=table.algorithm,
            typ=table.typ,
            claims=self._members(table.claims),
            header=self._members(table.header),
            lifetime=table.lifetime,
            backdate=table.backdate,
            audience=None if table.audience is None else self.text(table.audience),
        )

    def _members(self, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """Claims or members of a header; one that needs an absent value is left out."""
        found = {
            name: self._document_value(value, ("assertion",)) if isinstance(value, str) else value
            for name, value in table.items()
        }
        return {name: value for name, value in found.items() if value is not None}

    def _document_value(self, text: str, documents: Collection[str]) -> str | _DocumentValue | None:
        """A text with its variables filled in as they are, which may still need documents when it is used."""
        if not _is_template(text):
            return text
        parts = self._parts(text, documents)
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        literal = [part for part in known if isinstance(part, str)]
        return "".join(literal) if len(literal) == len(known) else _DocumentValue(tuple(known))

    def _parts(self, text: str, documents: Collection[str]) -> list[str | Path | None]:
        from oauthreg.definition import texts

        return [self._part(piece, documents) for piece in texts.pieces(text)]

    def _part(self, piece: str | Placeholder, documents: Collection[str]) -> str | Path | None:
        if isinstance(piece, str):
            return piece
        if ":" in piece.expression:
            return _path(piece.expression, documents)
        return self.values.get(piece.expression)

    def _page(self, table: model.PageLeg) -> Leg:
        return Leg(
            method="GET",
            params=self.pairs(table.params),
            rename=table.rename,
            omit_empty=table.omit_empty,
            sort_params=table.sort_params,
            fragment=table.fragment,
            route=table.route,
            literal=table.literal,
        )

    def _exchange(self, table: model.ExchangeTable | None) -> Exchange | None:
        if table is None:
            return None
        return Exchange(self.url(table.url), self._leg("exchange", table), _answer(table), renews=table.renews)

    def _app_token(self, table: model.AppTokenTable | None) -> Exchange | None:
        return None if table is None else Exchange(self.url(table.url), self._leg("app_token", table), _answer(table))

    def _leg(self, name: str, leg: model.TokenLeg) -> Leg:
        documents = leg_documents(self.definition, name)
        return Leg(
            method=leg.method,
            body=leg.body,
            path_parameter=leg.path_parameter,
            placement=leg.placement,
            params=self._document_pairs(leg.params, documents),
            query=self._document_pairs(leg.query, documents),
            headers=self._document_pairs(leg.headers, documents),
            rename=leg.rename,
            sign=_signature(leg.sign),
            client_auth=leg.client_auth,
        )

    def _document_pairs(self, table: Mapping[str, str], documents: Collection[str]) -> TemplatePairs:
        """Parameters or headers that may need documents; one that needs an absent variable is left out."""
        found = ((name, self._document_value(text, documents)) for name, text in table.items())
        return tuple((name, value) for name, value in found if value is not None)

    def _identity(self, userinfo: str | None) -> Iterator[IdentityRequest]:
        if userinfo is not None:
            table = self.definition.userinfo
            yield self._request("userinfo", _with_query(userinfo, self._query(table)), table)
        for request in self.definition.identity.request:
            added = _with_query("", self._query(request))[1:]
            joint = "&" if "?" in request.url else "?"
            yield replace(
                self._request(
                    request.name, self.document_url(f"{request.url}{joint}{added}" if added else request.url), request
                ),
                when=self._condition(request.when),
                optional=request.optional,
            )

    def _condition(self, text: str | None) -> Condition | None:
        if not text:
            return None
        known = self.documents

        def holds(documents: Documents) -> bool:
            from oauthreg.claims import parse_condition

            return parse_condition(text, documents=known).holds(documents)

        return holds

    def _query(self, table: model.Userinfo) -> Pairs:
        """The parameters of a GET that need no document."""
        params = self._document_pairs(table.params, self.documents) if table.method == "GET" else ()
        return tuple((name, value) for name, value in params if isinstance(value, str))

    def _request(self, name: str, url: str | DocumentText, table: model.Userinfo) -> IdentityRequest:
        params = self._document_pairs(table.params, self.documents)
        placement = table.token_placement
        return IdentityRequest(
            name=name,
            url=url,
            method="GET" if table.graphql is None and table.method == "GET" else "POST",
            query=tuple(pair for pair in params if not isinstance(pair[1], str)) if table.method == "GET" else (),
            headers=self._document_pairs(table.headers, self.documents),
            form=() if table.method == "GET" else params,
            json=self._json(table.json_) if table.graphql is None else {"query": table.graphql},
            token_placement=None if placement is None else TokenPlacement(**dict(placement)),
            format=table.format,
            jwt=self._jwt(table.jwt),
            error=error_rule(table.error),
        )

    def _json(self, value: Any) -> Any:
        """A JSON body, its placeholders filled in or, where they need documents, made templates."""
        match value:
            case None:
                return None
            case str():
                from oauthreg.definition import texts

                return self._document_value(value, self.documents) if texts.only_placeholder(value) else value
            case Mapping():
                made = {name: self._json(item) for name, item in value.items()}
                return {name: item for name, item in made.items() if item is not None}
            case list():
                return [self._json(item) for item in value]
        return value

    def _origins(self, endpoints: Mapping[str, str], identity: Iterable[IdentityRequest]) -> Iterator[Origin]:
        """Where credentials go: every endpoint but the user's pages and what is public, identity requests, the rest."""
        for name, url in endpoints.items():
            if name not in _WITHOUT_CREDENTIALS:
                yield self._origin(url)
        for request in identity:
            yield self._origin(_before_documents(request.url))
        for text in self.definition.api.origins:
            yield self._origin(self.url(text))

    def _jwt(self, table: model.JWT | None) -> JWTRules | None:
        if table is None:
            return None
        return JWTRules(
            algorithms=table.algorithms,
            audience=None if table.audience is None else self.text(table.audience),
            issuer=None if table.issuer is None else self.text(table.issuer),
            nonce=table.nonce,
            leeway=table.leeway,
        )


class _Claims:
    """The claims of a definition, which are parsed when somebody asks who logged in."""

    def __init__(self, table: Mapping[str, Any], documents: Collection[str]) -> None:
        self._table = table
        self._known = documents

    @cached_property
    def _template(self) -> ClaimsTemplate:
        from oauthreg.claims import parse_claims

        return parse_claims(self._table, documents=self._known)

    @property
    def documents(self) -> frozenset[str]:
        return self._template.documents

    def render(self, documents: Documents) -> dict[str, Any]:
        return self._template.render(documents)


def _with_query(url: str, pairs: Pairs) -> str:
    if not pairs:
        return url
    from oauthreg.legs import append_query

    return append_query(url, pairs)


def _path(text: str, documents: Collection[str] = ()) -> Path:
    from oauthreg.claims import parse_path

    return parse_path(text, documents=documents)


def _claim_of(path: Path) -> str:
    """A claim of the ID token as a template names it."""
    return f"{{{path.text.partition(':')[2]}}}"


def _is_template(text: str) -> bool:
    """Whether a text has placeholders, or braces that stand for themselves."""
    return "{" in text or "}" in text


@dataclass(frozen=True, slots=True)
class _DocumentValue:
    """Text with paths into documents for a parameter or a claim: values stand in it as they are."""

    parts: tuple[str | Path, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(part.text for part in self.parts if not isinstance(part, str))

    def render(self, documents: Documents) -> str | None:
        from oauthreg.claims.casts import as_text

        found = [part if isinstance(part, str) else as_text(part.find(documents)) for part in self.parts]
        return None if None in found else "".join(piece for piece in found if piece is not None)


@dataclass(frozen=True, slots=True)
class _TokenBase:
    """The base of the API as the token answer gives it (a URL or a host), if it matches the definition's pattern."""

    find: Callable[[Any], Any]
    pattern: str
    names: frozenset[str] = frozenset({"token"})

    @classmethod
    def of(cls, table: model.API) -> _TokenBase | None:
        if table.base_from is None or table.base_pattern is None:
            return None
        return cls(_found_at(table.base_from), table.base_pattern)

    def render(self, documents: Documents) -> str | None:
        from oauthreg.claims.casts import as_text
        from oauthreg.definition import texts

        found = as_text(self.find(documents.get("token") or {}))
        if found is None or not texts.matches(self.pattern, found):
            return None
        found = found if "://" in found else f"https://{found}"
        return found if found.endswith("/") else f"{found}/"


class _Locator:
    """Finds the servers that a login tells of: what differs when the definition is compiled with other values."""

    def __init__(
        self, own: Provider, told: Mapping[str, model.Variable], compile_with: Callable[[Mapping[str, str]], Provider]
    ) -> None:
        from oauthreg.definition.texts import LOGIN_DOCUMENTS

        self._own = own
        self._told = {
            name: (variable, _path(told_at(variable) or "", LOGIN_DOCUMENTS)) for name, variable in told.items()
        }
        self._compile_with = lru_cache(maxsize=_MOST_LOCATIONS)(lambda found: compile_with(dict(found)))

    def __call__(self, provider: Provider, documents: Documents) -> Provider:
        """Raises ``CallbackError`` for a value that the definition does not allow."""
        found = tuple(self._found(documents))
        if not found:
            return provider
        other = self._compile_with(found)
        endpoints = {name: url for name, url in other.endpoints.items() if url != self._own.endpoints.get(name)}
        return replace(
            provider,
            endpoints={**provider.endpoints, **endpoints},
            origins=provider.origins | other.origins,
            identity=other.identity,
            api_headers=other.api_headers,
            api_params=other.api_params,
        )

    def _found(self, documents: Documents) -> Iterator[tuple[str, str]]:
        from oauthreg.claims.casts import as_text
        from oauthreg.definition.variables import derived, fault

        for name, (variable, path) in self._told.items():
            told = as_text(path.find(documents))
            if told is None:
                continue
            value = derived(variable, told)
            if fault(variable, value):
                raise CallbackError(
                    f"the login names a server that the definition does not allow: `{path.text}`",
                    code="foreign-server",
                    hint=f"compare it with the `pattern` of `[variables.{name}]`",
                )
            yield name, value


def _before_documents(url: Any) -> str:
    """The beginning of a URL (text, or a ``DocumentText``) that is known before any document; it holds the host."""
    first = url if isinstance(url, str) else url.template.parts[0]
    return first if isinstance(first, str) else ""


def _answer(leg: model.TokenLeg) -> TokenAnswer:
    return _token_answer(leg.response, leg.error) if _has_answer(leg) else _STANDARD_ANSWER


def _has_answer(leg: model.TokenLeg) -> bool:
    return bool(leg.model_fields_set & {"response", "error"})


def _token_answer(table: model.AnswerTable, error: model.ErrorTable | None) -> TokenAnswer:
    return TokenAnswer(
        format=table.format,
        root=_finder(table.root),
        fields={name: _field_finder(path, table.root) for name, path in table.fields.items()},
        success_status=table.success_status,
        error=error_rule(error),
        expires_kind=table.expires_kind,
        zero_is_expired=table.zero_is_expired,
        default_expires_in=table.default_expires_in,
        midnight_in=table.midnight_in,
        default_token_type=table.default_token_type,
        reuse_token=table.reuse_token,
        token_types=table.token_types,
        error_map=table.error_map,
        keep=table.keep,
        scope_separator=table.scope_separator,
    )


def _server_time(definition: model.Definition) -> ServerTime:
    if "server_time" not in definition.model_fields_set:
        return _STANDARD_TIME
    table = definition.server_time
    # Of a number alone nothing tells in which format it is.
    written_as = "text" if (table.format, table.path) == ("auto", None) else table.format
    return ServerTime(written_as, _finder(table.path), table.kind)


def _told_by_callback(definition: model.Definition) -> Iterator[str]:
    """The parameters of the callback that must stay with the token, since they say where its servers are."""
    for variable in definition.variables.values():
        document, _, path = (told_at(variable) or "").partition(":")
        if document == "callback":
            yield path


def _refresh_answer(definition: model.Definition) -> TokenAnswer | None:
    """How a renewal's answer is read if it differs: what ``[refresh]`` does not say is as in ``[token]``."""
    own, token = definition.refresh, definition.token
    if own is None or not _has_answer(own):
        return None
    response = own.response if "response" in own.model_fields_set else token.response
    return _token_answer(response, own.error or token.error)


def _signature(table: model.SignTable | None) -> RequestSignature | None:
    if table is None:
        return None
    from oauthreg.definition.texts import pieces

    return RequestSignature(
        algorithm=table.algorithm,
        over=tuple(map(_signed_part, pieces(table.over))),
        key=table.key,
        pair=table.pair,
        joint=table.joint,
        without=table.without,
        encoding=table.encoding,
        parameter=table.parameter or "",
        header=table.header,
        timestamp=table.timestamp or "",
        timestamp_unit=table.timestamp_unit,
    )


def _signed_part(piece: str | Placeholder) -> tuple[Literal["text", "param", "value"], str]:
    if isinstance(piece, str):
        return "text", piece
    kind, colon, name = piece.expression.partition(":")
    return ("param", name) if colon else ("value", kind)


def _denial(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def error_rule(table: model.ErrorTable | None) -> ErrorRule | None:
    """How an answer is told to be an error, if a table says so."""
    if table is None:
        return None
    holds = _holds(table.when) if table.when else _is_there(table.code)
    return ErrorRule(holds, _text_finder(table.code), _text_finder(table.description))


def _finder(path: str | None) -> Callable[[Any], Any] | None:
    return _found_at(path) if path else None


def _found_at(path: str) -> Callable[[Any], Any]:
    """What finds the value at a path, which is parsed with the first answer and remembered."""
    return lambda document: _path(path).find_in(document)


def _field_finder(path: str, root: str | None) -> Callable[[Any], Any]:
    """What finds a field of an answer: at its root or, where that has none, in the whole answer."""
    find = _found_at(path)
    if root is None:
        return find
    at_root = _found_at(root)

    def find_field(document: Any) -> Any:
        value = find(at_root(document))
        return find(document) if value is None else value

    return find_field


def _text_finder(path: str | None) -> Callable[[Any], str]:
    if path is None:
        return lambda _: ""

    def find(document: Any) -> str:
        from oauthreg.claims.casts import as_text

        return as_text(_path(path).find_in(document)) or ""

    return find


def _holds(when: model.When) -> Callable[[Any, str], bool]:
    """The test on an answer's document and text."""
    prefix = when.text_prefix
    if prefix is not None:
        return lambda _, text: text.lstrip().startswith(prefix)
    find, test = _found_at(when.path or "."), _test(when)
    return lambda document, _: test(find(document))


def _is_there(path: str | None) -> Callable[[Any, str], bool]:
    find = _found_at(path or ".")
    return lambda document, _: find(document) is not None


def _test(when: model.When) -> Callable[[Any], bool]:
    """The test on one value, which is ``None`` where there is none."""
    if when.present is not None:
        return lambda value: (value is not None) is when.present
    if when.not_in is not None:
        unlisted = when.not_in
        return lambda value: value is not None and not _is_one_of(value, unlisted)
    listed = (when.equals,) if when.is_in is None else when.is_in
    return lambda value: _is_one_of(value, listed)


def _is_one_of(value: Any, listed: Iterable[Any]) -> bool:
    """Whether a value is listed; a boolean and a number are never the same."""
    return any(value == item and isinstance(value, bool) is isinstance(item, bool) for item in listed)
