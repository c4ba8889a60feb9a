"""A provider as the upper floors use it: frozen, plain, complete, every static variable filled in.

The registry compiles a definition into a :class:`Provider`; a client made without any TOML builds one from its
arguments. Defaults are the standard's, so that an empty table means "as the RFC says".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from typing import Protocol

    from oauthreg.messages import Pairs

    class TextTemplate(Protocol):
        """Text with placeholders that are only known at run time, such as ``{token:user_id}``."""

        @property
        def names(self) -> frozenset[str]:
            """The placeholders as written."""

        def render(self, documents: Documents) -> str | None:
            """The filled-in text; ``None`` if a value is missing.

            In a URL each value is percent-encoded; in a parameter, a header or a claim it stands as it is.
            """

    class ClaimsTemplate(Protocol):
        """The mapping from a provider's answers to standard claims."""

        @property
        def documents(self) -> Collection[str]:
            """The names of the documents that claims are taken from."""

        def render(self, documents: Documents) -> dict[str, Any]:
            """The claims that the documents give; absent ones are left out."""


Placement: TypeAlias = Literal["header", "query", "body"]
BodyFormat: TypeAlias = Literal["auto", "form", "json", "multipart", "query"]
AnswerFormat: TypeAlias = Literal["auto", "json", "jsonp", "form", "xml", "text", "jwt"]
OAuth1Flow: TypeAlias = Literal["three-legged", "two-legged", "xauth", "none"]
ExpiresKind: TypeAlias = Literal["relative_s", "relative_ms", "absolute_s", "absolute_ms", "iso8601", "none"]
Documents: TypeAlias = Mapping[str, Any]
"""Document name (``userinfo``, ``token``, ``callback``, the name of an identity request …) -> parsed document.

Templates also see ``client``, which holds ``client_id``.
"""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


Condition: TypeAlias = Callable[[Documents], bool]
"""Whether something holds for the documents at hand."""


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """How an answer that is an error although its status is good is told apart, and where it says why.

    ``holds(document, text)`` decides; ``error`` and ``description`` find the code and the text in the document.
    """

    holds: Callable[[Any, str], bool]
    error: Callable[[Any], str] = field(default=lambda _: "")
    description: Callable[[Any], str] = field(default=lambda _: "")


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """A signature over a request that is not OAuth's own.

    ``over`` is the signed text as ``(kind, text)``: ``text`` stands for itself, ``param`` names a parameter of the
    request, ``value`` is ``params`` (all of them, sorted, each as name, ``pair``, value, with ``joint`` between),
    ``body``, ``path``, ``timestamp``, ``client_id``, ``client_secret``, ``access_token`` or ``session_secret`` (the MD5
    of access token and client secret, in hexadecimal). ``key`` is that of an HMAC; RSA uses the private key. The
    parameters ``without`` are not signed. The signature goes into ``header`` or else ``parameter``, and the time into
    the place called ``timestamp`` beside it, unless that is empty.
    """

    algorithm: str
    over: tuple[tuple[Literal["text", "param", "value"], str], ...]
    key: Literal["client_secret", "access_token"] = "client_secret"
    pair: str = "="
    joint: str = ""
    without: tuple[str, ...] = ()
    encoding: Literal["hex", "hex-upper", "base64"] = "hex"
    parameter: str = ""
    header: str | None = None
    timestamp: str = ""
    timestamp_unit: Literal["s", "ms"] = "s"


TemplatePairs: TypeAlias = tuple[tuple[str, "str | TextTemplate"], ...]
"""Pairs whose values may depend on documents that are only known at run time."""


@dataclass(frozen=True, slots=True)
class Leg:
    """How one protocol request is sent.

    ``params`` are added to the query of a GET and to the body of any other method; ``query`` always to the URL.
    ``rename`` maps the standard's parameter names to the provider's; an empty value drops the parameter. ``body`` says
    how parameters travel: ``"auto"`` is the query of a GET or DELETE and the form of any other method, ``"query"``
    never a body. ``path_parameter`` names the one that travels as the last segment of the path instead. ``omit_empty``
    leaves parameters with an empty value out. ``sort_params``, ``fragment``, ``route`` (what stands after ``#`` before
    the parameters) and ``literal`` (parameters whose value is not percent-encoded) shape the URL of a page. ``sign``
    signs the request, and ``client_auth`` authenticates the client otherwise than elsewhere.
    """

    method: str = "POST"
    placement: Placement | None = None
    params: TemplatePairs = field(default=(), repr=False)
    query: TemplatePairs = field(default=(), repr=False)
    headers: TemplatePairs = field(default=(), repr=False)
    rename: Mapping[str, str] = field(default_factory=_nothing)
    body: BodyFormat = "auto"
    path_parameter: str | None = None
    omit_empty: bool = True
    sort_params: bool = False
    fragment: str = ""
    route: str | None = None
    literal: tuple[str, ...] = ()
    sign: RequestSignature | None = None
    client_auth: str | None = None


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """How an answer of a token endpoint is read: its format, root and renamed fields, and what counts as success.

    ``fields`` maps the standard's name to a function that finds the value in the parsed answer. ``success_status``
    names the statuses of an answer that is no error; without any, each of 200 to 299 is. ``expires_kind`` says what the
    expiry field holds; ``zero_is_expired`` takes a lifetime of 0 at its word (otherwise it is an unknown lifetime, as
    most servers that send it mean); ``default_expires_in`` (seconds, 0 for unknown) stands in for a missing one.
    ``midnight_in`` is the time zone (``"America/New_York"``) at whose next midnight a token ends at the latest; where
    the machine knows no such zone that end is unknown.

    Of OAuth 2: ``token_types`` maps a token type (in lower case) to how it is used.
    ``reuse_token``: a renewal that is answered without a token leaves the old one as it is.
    ``keep`` names fields outside the root that are kept with the token. ``error_map`` maps the provider's error codes
    to the standard's (``bad_refresh_token`` to ``invalid_grant``), and so the status (``400``) of an answer without a
    code. ``scope_separator`` splits a scope that is text.
    """

    format: AnswerFormat = "auto"
    root: Callable[[Any], Any] | None = None
    fields: Mapping[str, Callable[[Any], Any]] = field(default_factory=_nothing)
    success_status: tuple[int, ...] = ()
    error: ErrorRule | None = None
    expires_kind: ExpiresKind = "relative_s"
    zero_is_expired: bool = False
    default_expires_in: int = 0
    midnight_in: str | None = None
    default_token_type: str = "Bearer"  # noqa: S105 - a type, no secret
    token_types: Mapping[str, str] = field(default_factory=_nothing)
    error_map: Mapping[str, str] = field(default_factory=_nothing)
    reuse_token: bool = False
    keep: tuple[str, ...] = ()
    scope_separator: str = " "

    def is_success(self, status: int) -> bool:
        """Whether an answer with this status is no error."""
        return status in self.success_status if self.success_status else 200 <= status < 300


@dataclass(frozen=True, slots=True)
class OAuth1Settings:
    """What of OAuth 1.0a a provider does differently.

    ``signature_methods``: those that it accepts, the default first. ``realm_from`` makes the realm of each request's
    own URL (without its query) or origin. ``callback``: the leg that carries ``oauth_callback``; with ``"oob"`` there
    is none, and the user is shown a code. ``token_in_callback``: whether the callback names the request token.
    ``verifier`` of ``"none"`` belongs to OAuth 1.0 without the "a"; ``verifier_placement`` is where it stands if not
    among the protocol parameters. ``confirm``: whether
    ``oauth_callback_confirmed=true`` is demanded. ``flows``: how an access token comes about, the usual way first
    (``"xauth"``: by the user's password, ``"none"``: it is pasted, or there is none at all). ``send_empty_token``: a
    request without a token says so. ``send_nonce`` and ``send_timestamp``: whether they are sent with ``PLAINTEXT``,
    which needs neither. ``nonce_length``: how many characters a nonce has, where that matters. ``signed_scheme`` and
    ``signed_host`` are those of the URL in the base string, for servers that do not know how they are reached.
    ``authorize_url_from`` finds a ready-made authorization URL in the request-token answer. ``bearer`` names the field
    of the token answer that calls carry in place of a signature.

    Spec: RFC 5849 sections 2 and 3.
    """

    signature_methods: tuple[str, ...] = ("HMAC-SHA1",)
    placement: Placement = "header"
    realm: str | None = None
    realm_from: Literal["url", "origin"] | None = None
    callback: Literal["request", "authorize", "both", "oob", "none"] = "request"
    token_in_callback: bool = True
    verifier: Literal["required", "none"] = "required"
    verifier_placement: Literal["query", "body"] | None = None
    confirm: Literal["strict", "lenient"] = "strict"
    flows: tuple[OAuth1Flow, ...] = ("three-legged",)
    body_hash: bool = False
    version: str | None = "1.0"
    send_nonce: bool = True
    send_timestamp: bool = True
    nonce_length: int | None = None
    send_empty_token: bool = False
    signed_scheme: Literal["http", "https"] | None = None
    signed_host: str | None = None
    session_handle: bool = False
    authorize_url_from: Callable[[Any], Any] | None = None
    bearer: str | None = None


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """How a JWT assertion of a provider is made: for the JWT bearer grant, or as client authentication.

    ``claims`` and ``header`` are added to the standard ones; a value may be a template over ``client`` and
    ``assertion`` (``issuer``, ``subject``, ``audience``, ``scope``), and an absent value leaves its claim out. A
    ``scope`` among the claims stays out of the form. ``lifetime`` is in seconds and the default; ``max_lifetime`` is
    the most that a caller may ask for (``None``: the same). ``backdate``: by how many seconds ``iat`` lies in the past,
    for servers whose clock is late. ``audience`` of ``None`` is the token endpoint; for client authentication the
    issuer of the provider, if it is known. ``self_signed``: the assertion itself is the access token, and no token
    endpoint is asked unless it speaks for somebody else (``subject``).

    Spec: RFC 7523; RFC 7521 section 4.
    """

    algorithm: str = "RS256"
    typ: str = "JWT"
    claims: Mapping[str, Any | TextTemplate] = field(default_factory=_nothing, repr=False)
    header: Mapping[str, Any | TextTemplate] = field(default_factory=_nothing, repr=False)
    lifetime: int = 3600
    max_lifetime: int | None = None
    backdate: int = 0
    audience: str | TextTemplate | None = field(default=None, repr=False)
    self_signed: bool = False


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """What of OAuth 2.0 a provider does differently.

    ``grants``: those that it knows, the first being what a client without user uses by default. ``pkce``:
    ``"unsupported"`` alone switches it off. ``client_auth``: the method of client authentication; ``None`` means
    ``secret_auth`` with a secret and ``none`` without. ``client_auth_name``: the header or parameter of the
    methods ``header`` and ``query``. ``basic_encoding``: whether the two parts of Basic are form-encoded first.
    ``require_par``: an authorization request must be pushed first. ``strict_scope``: a login that is granted less than
    was asked for is refused. ``refresh_scope``: the scope is sent again on renewal, as ``refresh_redirect_uri`` says of
    the redirection URI. ``refresh_repeatable``: a renewal whose answer was lost may be sent once more. ``nonce`` of
    ``"auto"``: a login has one where an ID token is asked for. ``refresh_with`` and ``revoke_first`` say which token is
    sent to be renewed or given up. ``redirect_uri_is_name``: the provider has names for redirection URIs, and no URI is
    expected. ``client_assertion`` shapes ``private_key_jwt``, ``client_secret_jwt`` and ``signed_secret``.
    ``request_object_algorithm``: what authorization requests are signed with, which are not signed without.
    ``leeway``: seconds before its expiry at which a token is renewed. ``dpop``: whether tokens are bound to a key of
    the client (``"required"``: no other token is accepted; ``"supported"``: where the client is given a key), which
    signs with one of ``dpop_algorithms`` (none: with any).

    ``issuer`` is compared character by character; ``issuer_aliases`` are other spellings that the provider itself uses,
    ``issuer_template`` is for providers with an issuer for each tenant: text with claims of the ID token in braces.
    ``trusted_audiences`` may stand in an ID token beside the client. ``id_token_algorithms`` are those by which its
    header may say that it is signed (none named: RS256 if the server publishes keys, else any), ``id_token_leeway`` is
    in seconds, ``id_token_encryption`` names the algorithms with one of which it must be encrypted (none named: it need
    not be). ``mtls_endpoints`` are the aliases of endpoints for clients with a certificate: all of them with
    ``tls_client_auth``, the token endpoint alone where only the tokens are bound to the certificate
    (``certificate_bound``); ``require_mtls_endpoints`` makes a missing one an error.

    Spec: RFC 6749; RFC 7636; RFC 8705; RFC 9101; RFC 9207; RFC 9449; RFC 9700.
    """

    grants: tuple[str, ...] = ("authorization_code", "refresh_token")
    pkce: Literal["required", "supported", "unknown", "unsupported"] = "supported"
    pkce_method: Literal["S256", "plain"] = "S256"
    pkce_encoding: Literal["base64url", "hex"] = "base64url"
    client_auth: str | None = None
    secret_auth: str = "client_secret_basic"  # noqa: S105 - the name of a method
    client_auth_name: str = ""
    basic_encoding: Literal["form", "raw"] = "form"
    send_client_id: bool = False
    state: bool = True
    nonce: Literal["auto", "always", "never"] = "auto"
    response_type: str = "code"
    response_mode: str = ""
    request_object_algorithm: str | None = None
    issuer: str | None = None
    issuer_aliases: tuple[str, ...] = ()
    issuer_template: str | None = None
    issuer_in_callback: bool = False
    trusted_audiences: tuple[str, ...] = ()
    id_token_algorithms: tuple[str, ...] = ()
    id_token_leeway: int = 60
    id_token_encryption: tuple[str, ...] = ()
    require_par: bool = False
    strict_scope: bool = False
    refresh_scope: bool = False
    refresh_with: Literal["refresh_token", "access_token"] = "refresh_token"
    revoke_first: Literal["refresh_token", "access_token"] = "refresh_token"
    redirect_uri_is_name: bool = False
    refresh_redirect_uri: bool = False
    refresh_repeatable: bool = False
    client_assertion: AssertionSettings = field(
        default_factory=lambda: AssertionSettings(typ="client-authentication+jwt", lifetime=60, max_lifetime=600)
    )
    assertion: AssertionSettings = field(default_factory=AssertionSettings)
    mtls_endpoints: Mapping[str, str] = field(default_factory=_nothing, repr=False)
    require_mtls_endpoints: bool = False
    certificate_bound: bool = False
    dpop: Literal["required", "supported", "unsupported"] = "unsupported"
    dpop_algorithms: tuple[str, ...] = ()
    leeway: int = 60


@dataclass(frozen=True, slots=True)
class TokenPlacement:
    """How an API call carries the access token: a header with a prefix, a query or form parameter, or not at all.

    Spec: RFC 6750 section 2.
    """

    kind: Literal["header", "query", "body", "none"] = "header"
    name: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class RequestProof:
    """A parameter that proves possession of the client secret on each API call: an HMAC over the access token.

    ``name`` is the query parameter; the digest is SHA-256 in hexadecimal.
    """

    name: str


@dataclass(frozen=True, slots=True)
class CallbackSignature:
    """A signature over the parameters of the callback: HMAC-SHA256 in hexadecimal with the client secret as key.

    ``parameter`` carries it and is left out of the signed text, which is the sorted query.
    """

    parameter: str = "hmac"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A second step: after the token endpoint its token is exchanged for the one to keep, or before it one is fetched.

    ``params`` are templates over ``token`` and ``client``; ``renews`` says that the same step also renews the token.
    """

    url: str = field(repr=False)
    leg: Leg
    answer: TokenAnswer
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Scopes:
    """The scopes asked for by default, how they are joined, under which parameter and on which leg they go.

    ``required`` are always asked for, ``offline`` (the scope for a refresh token) beside the default ones: no answer
    lists that one. ``in_token_request`` repeats them at the token endpoint.
    """

    default: tuple[str, ...] = ()
    separator: str = " "
    parameter: str = "scope"
    leg: Literal["authorize", "request_token"] = "authorize"
    required: tuple[str, ...] = ()
    offline: str = ""
    in_token_request: bool = False


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How the authorization response is read.

    ``denied`` holds ``(parameter, value)`` pairs that mean refusal, ``None`` standing for any value;
    ``denied_without`` names parameters whose absence does. ``errors`` names parameters that carry an error code.
    ``keep`` names parameters that are kept with the token, ``forward`` those that are sent on to the token endpoint.
    ``code`` is the name of
    the authorization code, ``json`` names parameters that hold JSON, ``signature`` how the callback is proven.
    """

    denied: tuple[tuple[str, str | None], ...] = ()
    denied_without: tuple[str, ...] = ()
    errors: tuple[str, ...] = ("oauth_problem", "error")
    keep: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    code: str = "code"
    json: tuple[str, ...] = ()
    signature: CallbackSignature | None = None


@dataclass(frozen=True, slots=True)
class ServerTime:
    """How the answer of the endpoint ``server_time`` is read: ``find`` leads to the time, else it is the whole answer.

    ``kind`` says what stands there: seconds or milliseconds since 1970, or a date.
    """

    format: AnswerFormat = "text"
    find: Callable[[Any], Any] | None = None
    kind: Literal["absolute_s", "absolute_ms", "iso8601"] = "absolute_s"


@dataclass(frozen=True, slots=True)
class JWTRules:
    """What must hold for an answer that is a JWT: allowed algorithms, audience, issuer, leeway in seconds.

    The key is the client secret; an audience that is the client itself is a template. ``nonce`` demands that the
    ``nonce`` claim equals the request's ``oauth_nonce``.
    """

    algorithms: tuple[str, ...] = ("HS256",)
    audience: str | TextTemplate | None = None
    issuer: str | None = None
    nonce: bool = False
    leeway: int = 60


@dataclass(frozen=True, slots=True)
class IdentityRequest:
    """One request that tells who the user is; ``name`` is the document that its answer becomes.

    ``url`` is text when nothing in it depends on earlier answers; ``query``, which does, is added to it. Texts within
    ``json`` may be templates as well. ``token_placement`` is the provider's unless given. ``when`` must hold for the
    request to be made; a failing ``optional`` one is passed over.
    """

    name: str
    url: str | TextTemplate = field(repr=False)
    method: str = "GET"
    query: TemplatePairs = field(default=(), repr=False)
    headers: TemplatePairs = field(default=(), repr=False)
    form: TemplatePairs = field(default=(), repr=False)
    json: Any = field(default=None, repr=False)
    token_placement: TokenPlacement | None = None
    format: AnswerFormat = "auto"
    jwt: JWTRules | None = None
    when: Condition | None = None
    optional: bool = False
    error: ErrorRule | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, ready to be used.

    ``endpoints`` maps the names of the definition (``request_token``, ``authorize``, ``token``, ``userinfo``,
    ``api_base``, ``revoke`` …) to complete URLs; a missing one is absent. ``origins`` are the origins that may receive
    credentials, as ``(scheme, host, port)`` in lower case with the effective port. ``api_headers`` and ``api_params``
    (of the query) go with every API call unless the caller sets them. ``app_token`` fetches a token of the application
    itself before that of a user, whose request knows it as the document ``app_token``. ``refresh_answer`` is that of
    the token endpoint unless given. ``secrets`` are credentials that stand in URLs, parameters or headers of all these.
    ``locate`` gives a provider the servers that the documents of a login tell of. ``from_metadata`` are the endpoints
    that only the server's metadata tell.
    """

    name: str = "custom"
    title: str = ""
    protocol: Literal["oauth1", "oauth2", "oidc"] = "oauth1"
    status: str = "alive"
    docs: str = ""
    endpoints: Mapping[str, str] = field(default_factory=_nothing, repr=False)
    origins: frozenset[tuple[str, str, int]] = frozenset()
    oauth1: OAuth1Settings = field(default_factory=OAuth1Settings)
    oauth2: OAuth2Settings = field(default_factory=OAuth2Settings)
    scopes: Scopes = field(default_factory=Scopes)
    request_token: Leg = field(default_factory=Leg)
    authorize: Leg = field(default_factory=lambda: Leg(method="GET"))
    token: Leg = field(default_factory=Leg)
    refresh: Leg | None = None
    revoke: Leg = field(default_factory=Leg)
    introspect: Leg = field(default_factory=Leg)
    device: Leg = field(default_factory=Leg)
    end_session: Leg = field(default_factory=lambda: Leg(method="GET"))
    app_token: Exchange | None = None
    exchange: Exchange | None = None
    token_placement: TokenPlacement = field(default_factory=TokenPlacement)
    proof: RequestProof | None = None
    api_base: str | TextTemplate | None = None
    api_origins: tuple[str | TextTemplate, ...] = ()
    request_token_answer: TokenAnswer = field(default_factory=TokenAnswer)
    token_answer: TokenAnswer = field(default_factory=TokenAnswer)
    refresh_answer: TokenAnswer | None = None
    device_answer: TokenAnswer = field(default_factory=TokenAnswer)
    revoke_answer: TokenAnswer = field(default_factory=TokenAnswer)
    introspect_answer: TokenAnswer = field(default_factory=TokenAnswer)
    callback: CallbackSettings = field(default_factory=CallbackSettings)
    server_time: ServerTime = field(default_factory=ServerTime)
    identity: tuple[IdentityRequest, ...] = ()
    claims: ClaimsTemplate | None = None
    api_headers: Pairs = field(default=(), repr=False)
    api_params: Pairs = field(default=(), repr=False)
    api_signature: RequestSignature | None = None
    api_error: ErrorRule | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    allow_insecure_http: bool = False
    locate: Callable[[Provider, Documents], Provider] | None = field(default=None, repr=False)
    from_metadata: frozenset[str] = frozenset()

    @property
    def identity_documents(self) -> tuple[str, ...]:
        """The documents that the claims are taken from, sorted."""
        return () if self.claims is None else tuple(sorted(self.claims.documents))

    def located(self, documents: Documents) -> Provider:
        """The provider with the servers that the documents of a login tell of; itself where none does.

        Raises ``CallbackError`` for a server that the definition does not allow.
        """
        return self if self.locate is None else self.locate(self, documents)

    def located_for(self, token: Mapping[str, Any]) -> Provider:
        """The provider with the servers that a login told of, as its token remembers them."""
        return self.located(self.documents_of(token))

    def documents_of(self, token: Mapping[str, Any]) -> dict[str, Any]:
        """What a token tells of its login: itself as ``token``, and what was kept of the ``callback``."""
        return {"token": token, "callback": {name: token[name] for name in self.callback.keep if name in token}}
