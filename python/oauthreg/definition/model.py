"""What a definition may say: the schema as frozen models, one class a table.

Every key has a description and the standard's default, so that a file says only what differs. Here stands what can be
told from one value alone; what must hold between tables stands in ``rules``.

Unknown keys are errors. URLs stay plain text: URL types rewrite what they parse, and signatures cover every character.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from oauthreg.claims.problems import listed
from oauthreg.definition import texts
from oauthreg.definition.lifecycle import render_warning
from oauthreg.provider import AnswerFormat, BodyFormat, ExpiresKind, OAuth1Flow, Placement

Protocol: TypeAlias = Literal["oauth1", "oauth2", "oidc"]
Status: TypeAlias = Literal["alive", "self-hosted", "unknown", "dead", "unsupported"]
VariableKind: TypeAlias = Literal["opaque", "label", "host", "url"]
Method: TypeAlias = Literal["GET", "POST"]
Algorithm: TypeAlias = Literal["HS256", "HS384", "HS512"]

Title: TypeAlias = Annotated[str, AfterValidator(texts.check_title)]
Name: TypeAlias = Annotated[str, AfterValidator(texts.check_name)]
Schema: TypeAlias = Annotated[int, AfterValidator(texts.check_schema)]
ProviderName: TypeAlias = Annotated[str, AfterValidator(texts.check_provider_name)]
Link: TypeAlias = Annotated[str, AfterValidator(texts.check_link)]
URL: TypeAlias = Annotated[str, AfterValidator(texts.check_url)]
BaseURL: TypeAlias = Annotated[str, AfterValidator(texts.check_base_url)]
Host: TypeAlias = Annotated[str, AfterValidator(texts.check_host)]
TimeZone: TypeAlias = Annotated[str, AfterValidator(texts.check_time_zone)]
KeyPath: TypeAlias = Annotated[str, AfterValidator(texts.check_key_path)]
Origin: TypeAlias = Annotated[str, AfterValidator(texts.check_origin)]
Pattern: TypeAlias = Annotated[str, AfterValidator(texts.check_pattern)]
Template: TypeAlias = Annotated[str, AfterValidator(texts.check_template)]
VariableSource: TypeAlias = Annotated[str, AfterValidator(texts.check_variable_source)]
Route: TypeAlias = Annotated[str, AfterValidator(texts.check_route)]
HeaderName: TypeAlias = Annotated[str, AfterValidator(texts.check_header_name)]
LegHeaderName: TypeAlias = Annotated[str, AfterValidator(texts.check_leg_header_name)]
HeaderValue: TypeAlias = Annotated[str, AfterValidator(texts.check_header)]
HeaderText: TypeAlias = Annotated[str, AfterValidator(texts.check_header_text)]
ParameterName: TypeAlias = Annotated[str, AfterValidator(texts.check_parameter_name)]
ResponseType: TypeAlias = Annotated[str, AfterValidator(texts.check_response_type)]
Grant: TypeAlias = Annotated[str, AfterValidator(texts.check_grant)]
ClientAuth: TypeAlias = Annotated[str, AfterValidator(texts.check_client_auth)]
EncryptionAlgorithm: TypeAlias = Annotated[str, AfterValidator(texts.check_encryption_algorithm)]
SigningAlgorithm: TypeAlias = Annotated[str, AfterValidator(texts.check_signing_algorithm)]
DPoPAlgorithm: TypeAlias = Literal[
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"
]
SignatureMethod: TypeAlias = Annotated[str, AfterValidator(texts.check_signature_method)]
TokenField: TypeAlias = Annotated[str, AfterValidator(texts.check_token_field)]
AnswerPath: TypeAlias = Annotated[str, AfterValidator(texts.check_path)]
SignedText: TypeAlias = Annotated[str, AfterValidator(texts.check_signed_text)]
Denial: TypeAlias = Annotated[str, AfterValidator(texts.check_denial)]
Plain: TypeAlias = Annotated[Any, AfterValidator(texts.check_plain)]
Member: TypeAlias = Annotated[Any, AfterValidator(texts.check_member)]

Item = TypeVar("Item")
Whole = TypeVar("Whole", bound=BaseModel)
Listed: TypeAlias = Annotated[tuple[Item, ...], Field(strict=False)]
"""A TOML list, kept as a tuple."""
Parameters: TypeAlias = dict[ParameterName, Template]
Headers: TypeAlias = dict[HeaderName, HeaderValue]
Members: TypeAlias = dict[ParameterName, Member]
Status2xx: TypeAlias = Annotated[int, Field(ge=200, le=299)]
Document: TypeAlias = Any
"""An answer as it is parsed: a table, a list or text."""


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _always(table: type[Whole]) -> Callable[[], Whole]:
    """The table without any key as a default: made once, since it is frozen."""
    return cache(table.model_construct)


class Table(BaseModel):
    """A table of a definition: frozen, strict, without unknown keys."""

    # One validator is built, that of the whole file: those of its tables are part of it.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), defer_build=True)


class Variable(Table):
    """``[variables.NAME]``: a part of a URL or parameter that differs between users of one provider."""

    title: Title = Field(default="", description="what it is, for the person who must give it")
    default: str | None = Field(
        default=None, description="the value if none is given; without one, a value is required"
    )
    required: bool = Field(
        default=True, description="`false`: parameters that need the variable are left out when it has no value"
    )
    kind: VariableKind = Field(
        default="opaque",
        description="`label` (one part of a host name), `host` (with a port, perhaps), `url` or `opaque`",
    )
    pattern: Pattern | None = Field(default=None, description="what a whole value must match; needed in a host")
    from_: VariableSource | None = Field(
        default=None,
        alias="from",
        description="the variable of which this one is another spelling, or where a login tells the value, which "
        "`pattern` then bounds: `callback:NAME` or `token:PATH`",
    )
    lower: bool = Field(default=False, description="with `from`: in lower case")
    replace: dict[str, str] = Field(
        default_factory=dict, description="with `from`: pieces of text and what they become"
    )


class Credential(Table):
    """``[credentials.NAME]``: a secret beside ``client_id`` and ``client_secret``, or a word on one of those."""

    title: Title = Field(default="", description="what it is, for the person who must give it")
    required: bool = Field(default=True, description="whether there can be no client without it")


class Endpoints(Table):
    """``[endpoints]``: complete URLs, which may hold variables."""

    request_token: URL | None = Field(default=None, description="where a login begins (RFC 5849 section 2.1)")
    authorize: URL | None = Field(default=None, description="where the user is sent")
    token: URL | None = Field(default=None, description="where the access token is fetched")
    refresh: URL | None = Field(default=None, description="where a token is renewed, if not at `token`")
    device: URL | None = Field(default=None, description="where a device login begins (RFC 8628 section 3.1)")
    par: URL | None = Field(default=None, description="where an authorization request is pushed first (RFC 9126)")
    revoke: URL | None = Field(default=None, description="where a token is given up")
    introspect: URL | None = Field(default=None, description="what the server says of a token (RFC 7662)")
    end_session: URL | None = Field(
        default=None, description="where the user is sent to end their session there (RP-Initiated Logout 1.0)"
    )
    discovery: URL | None = Field(
        default=None,
        description="the document in which the server tells of itself (RFC 8414, OpenID Connect Discovery)",
    )
    jwks: URL | None = Field(default=None, description="the server's public keys (RFC 7517)")
    registration: URL | None = Field(default=None, description="where clients are registered (RFC 7591)")
    server_time: URL | None = Field(
        default=None, description="what time the server has; asked where it refuses a timestamp"
    )
    userinfo: URL | None = Field(default=None, description="who the user is; its answer is the document `userinfo`")
    api_base: BaseURL | None = Field(default=None, description="what relative URLs are resolved against; ends with `/`")


class Environment(Table):
    """``[environments.NAME]``: what another installation of the provider, such as a sandbox, has different."""

    title: Title = Field(default="", description="what it is")
    variables: dict[Name, str] = Field(default_factory=dict, description="other values of variables")
    endpoints: Endpoints = Field(
        default_factory=_always(Endpoints), description="other URLs, by the names of `[endpoints]`"
    )
    without: Listed[Name] = Field(default=(), description="names of `[endpoints]` that are not there")
    issuer: Template | None = Field(
        default=None, description="another issuer than that in `[oauth2]`; empty where none is known"
    )


class OAuth1(Table):
    """``[oauth1]``: what of RFC 5849 the provider does differently."""

    signature: Annotated[Listed[SignatureMethod], BeforeValidator(_one_or_more)] = Field(
        default=("HMAC-SHA1",),
        min_length=1,
        description="the signature method, or a list of those accepted, the default first",
    )
    placement: Placement = Field(
        default="header", description="where the protocol parameters go: `header`, `query`, `body`"
    )
    realm: Template | None = Field(
        default=None,
        description="the realm of the header, which may hold variables; `{url}` and `{origin}` alone are the request's",
    )
    callback: Literal["request", "authorize", "both", "oob", "none"] = Field(
        default="request",
        description="the leg that carries `oauth_callback`; `authorize` is OAuth 1.0; `oob`: a code is shown",
    )
    token_in_callback: bool = Field(
        default=True, description="whether the callback says which request token it is about"
    )
    verifier: Literal["required", "none"] = Field(
        default="required", description="`none` is OAuth 1.0, which has no verifier"
    )
    verifier_placement: Literal["query", "body"] | None = Field(
        default=None, description="where `oauth_verifier` goes, if not where the other protocol parameters go"
    )
    confirm: Literal["strict", "lenient"] = Field(
        default="strict", description="`lenient`: the server need not answer `oauth_callback_confirmed=true`"
    )
    flow: Annotated[Listed[OAuth1Flow], BeforeValidator(_one_or_more)] = Field(
        default=("three-legged",),
        min_length=1,
        description="how a token comes about, or a list of such ways; `two-legged`: without a user, `xauth`: by the "
        "user's password, `none`: it is pasted, or there is none",
    )
    body_hash: bool = Field(
        default=False, description="whether bodies that are no form are covered by `oauth_body_hash`"
    )
    send_version: bool = Field(default=True, description="whether `oauth_version` is sent")
    send_nonce: bool = Field(
        default=True, description="whether `oauth_nonce` is sent; only PLAINTEXT does without (RFC 5849 section 3.1)"
    )
    send_timestamp: bool = Field(
        default=True, description="whether `oauth_timestamp` is sent; only PLAINTEXT does without"
    )
    nonce_length: int | None = Field(
        default=None, ge=8, le=128, description="how many characters a nonce has, where 32 are too few or too many"
    )
    send_empty_token: bool = Field(
        default=False, description="whether `oauth_token` is sent, and signed, when there is no token"
    )
    signed_scheme: Literal["http", "https"] | None = Field(
        default=None, description="the scheme of the URL that is signed, where it is not that of the request"
    )
    signed_host: Host | None = Field(
        default=None, description="the host of the URL that is signed, where it is not that of the request"
    )
    session_handle: bool = Field(default=False, description="whether a token is renewed by its `oauth_session_handle`")
    authorize_url_from: AnswerPath | None = Field(
        default=None, description="where the request-token answer holds a ready-made authorization URL"
    )
    bearer: TokenField | None = Field(
        default=None,
        description="the field of the token answer that calls carry unsigned, as `[token_placement]` says",
    )


class MTLSEndpoints(Table):
    """``[oauth2.mtls_endpoints]``: other URLs for clients that show a certificate (RFC 8705 section 5)."""

    token: URL | None = Field(default=None, description="in place of `token` in `[endpoints]`")
    refresh: URL | None = Field(default=None, description="in place of `refresh`")
    device: URL | None = Field(default=None, description="in place of `device`")
    par: URL | None = Field(default=None, description="in place of `par`")
    revoke: URL | None = Field(default=None, description="in place of `revoke`")
    introspect: URL | None = Field(default=None, description="in place of `introspect`")


class OAuth2(Table):
    """``[oauth2]``: what of RFC 6749 the provider does differently."""

    grants: Listed[Grant] = Field(
        default=("authorization_code", "refresh_token"), min_length=1, description="the grants that it knows"
    )
    pkce: Literal["required", "supported", "unknown", "unsupported"] = Field(
        default="supported",
        description="`unsupported` alone switches it off (RFC 7636); `unknown`: no source says whether it is read",
    )
    pkce_method: Literal["S256", "plain"] = Field(default="S256", description="how the challenge is made")
    pkce_encoding: Literal["base64url", "hex"] = Field(default="base64url", description="how the challenge is written")
    client_auth: ClientAuth | None = Field(
        default=None,
        description="client authentication; by default `client_secret_basic` with a secret and `none` without",
    )
    client_auth_name: ParameterName | None = Field(
        default=None, description="the header of `header`, or the parameter of `query`"
    )
    basic_encoding: Literal["form", "raw"] = Field(
        default="form", description="`raw`: the server does not decode the two parts of Basic (RFC 6749 section 2.3.1)"
    )
    send_client_id: bool = Field(default=False, description="whether `client_id` stands in the body beside Basic")
    state: bool = Field(
        default=True, description="`false` for a server that does not give `state` back; PKCE must protect such a login"
    )
    nonce: Literal["auto", "always", "never"] = Field(
        default="auto", description="whether a login has a `nonce`; `auto`: where an ID token is asked for"
    )
    response_type: ResponseType = Field(default="code", min_length=1, description="the response type")
    response_mode: str = Field(
        default="",
        description="the response mode, such as `form_post`; with `jwt`, `query.jwt` or `form_post.jwt` callbacks are "
        "signed (JARM)",
    )
    request_object_algorithm: SigningAlgorithm | None = Field(
        default=None, description="with what authorization requests are signed, if they are (RFC 9101)"
    )
    issuer: Template | None = Field(default=None, description="the issuer, compared character by character")
    issuer_aliases: Listed[Template] = Field(default=(), description="other spellings that the provider itself uses")
    issuer_template: Template | None = Field(
        default=None,
        description="the issuer where each tenant has its own, with claims of the ID token: `{id_token:tid}`",
    )
    issuer_in_callback: bool = Field(default=False, description="whether the callback always names it (RFC 9207)")
    trusted_audiences: Listed[Template] = Field(
        default=(), description="who else may stand in an ID token beside the client"
    )
    require_par: bool = Field(default=False, description="whether an authorization request must be pushed first")
    strict_scope: bool = Field(
        default=False, description="whether a login that is granted less than was asked for is refused"
    )
    refresh_scope: bool = Field(default=False, description="whether the scope is sent again on renewal")
    refresh_with: Literal["refresh_token", "access_token"] = Field(
        default="refresh_token", description="the token that `[refresh]` sends as `refresh_token`"
    )
    revoke_first: Literal["refresh_token", "access_token"] = Field(
        default="refresh_token", description="the token that is given up when a client has both"
    )
    redirect_uri_is_name: bool = Field(
        default=False, description="whether `redirect_uri` is a name that the provider has given to the URI"
    )
    refresh_redirect_uri: bool = Field(
        default=False, description="whether the client's `redirect_uri` is sent again on renewal"
    )
    refresh_repeatable: bool = Field(
        default=False, description="whether a renewal whose answer was lost may be sent once more"
    )
    mtls_endpoints: MTLSEndpoints = Field(
        default_factory=_always(MTLSEndpoints), description="other URLs for clients that show a certificate"
    )
    require_mtls_endpoints: bool = Field(
        default=False, description="whether such a client is refused where there is no other URL"
    )
    certificate_bound: bool = Field(default=False, description="whether tokens are bound to the client's certificate")
    dpop: Literal["required", "supported", "unsupported"] = Field(
        default="unsupported",
        description="whether tokens are bound to a key of the client (RFC 9449); `required`: no others are accepted",
    )
    dpop_algorithms: Listed[DPoPAlgorithm] = Field(
        default=(), description="what a proof may be signed with, the preferred one first; none: anything"
    )
    leeway: int = Field(default=60, ge=0, le=3600, description="how many seconds before its end a token is renewed")


class ClientAssertion(Table):
    """``[client_assertion]``: the JWT by which a client proves itself, or that is its secret (RFC 7523 section 3)."""

    algorithm: SigningAlgorithm = Field(default="RS256", description="what it is signed with")
    typ: str = Field(default="client-authentication+jwt", description="the header's `typ`; empty for none")
    audience: Template | None = Field(
        default=None, description="who it is for; by default the issuer, or the token endpoint"
    )
    lifetime: int = Field(default=60, ge=1, le=86400, description="how many seconds it is good for")
    backdate: int = Field(default=0, ge=0, le=600, description="by how many seconds `iat` lies in the past")
    claims: Members = Field(
        default_factory=dict,
        description="further claims, or another `iss` or `sub`; a text may hold `{assertion:scope}` and its like",
    )
    header: Members = Field(default_factory=dict, description="further members of the header, such as `kid`")


class Assertion(ClientAssertion):
    """``[assertion]``: the JWT that is exchanged for a token (RFC 7523 section 2.1)."""

    typ: str = Field(default="JWT", description="the header's `typ`; empty for none")
    audience: Template | None = Field(default=None, description="who it is for; by default the token endpoint")
    lifetime: int = Field(default=3600, ge=1, le=86400, description="how many seconds it is good for")
    max_lifetime: int | None = Field(
        default=None, ge=1, le=86400, description="the most that a caller may ask for, if that is more"
    )
    self_signed: bool = Field(
        default=False, description="whether it is the token itself, unless it speaks for somebody else"
    )


class TokenPlacementTable(Table):
    """``[token_placement]``: how a call carries the access token (RFC 6750 section 2)."""

    kind: Literal["header", "query", "body", "none"] = Field(default="header", description="where it goes")
    name: ParameterName = Field(default="Authorization", description="the header or the parameter")
    prefix: HeaderText = Field(default="Bearer ", description="what stands before it in a header")


class CallbackSignatureTable(Table):
    """``signature``: an HMAC-SHA256 over the sorted callback, in hexadecimal, with the client secret as key."""

    parameter: ParameterName = Field(description="the parameter that carries it")


class Proof(Table):
    """``[proof]``: an HMAC-SHA256 of the access token with the client secret, sent with each call."""

    parameter: ParameterName = Field(description="the query parameter that carries it")


class SignTable(Table):
    """``sign``: a signature over a request that is not OAuth's own, such as an MD5 of its sorted parameters."""

    algorithm: Literal[
        "md5",
        "sha1",
        "sha256",
        "hmac-md5",
        "hmac-sha1",
        "hmac-sha256",
        "hmac-sha512",
        "rsa-sha1",
        "rsa-sha256",
    ] = Field(description="a digest, an HMAC, or RSA with the private key")
    over: SignedText = Field(
        description="the signed text: `{params}`, `{param:NAME}`, `{body}`, `{path}`, `{timestamp}`, `{client_id}`, "
        "`{client_secret}`, `{access_token}`, `{session_secret}` (the MD5 of token and secret) and plain text"
    )
    key: Literal["client_secret", "access_token"] = Field(default="client_secret", description="the key of an HMAC")
    pair: str = Field(default="=", description="in `{params}`: what stands between name and value")
    joint: str = Field(default="", description="in `{params}`: what stands between parameters, which are sorted")
    without: Listed[ParameterName] = Field(default=(), description="parameters that are not signed")
    encoding: Literal["hex", "hex-upper", "base64"] = Field(default="hex", description="how the signature is written")
    parameter: ParameterName | None = Field(default=None, description="the parameter that carries it")
    header: HeaderName | None = Field(default=None, description="the header that carries it")
    timestamp: ParameterName | None = Field(
        default=None, description="the parameter or header (as that of the signature) that carries the time"
    )
    timestamp_unit: Literal["s", "ms"] = Field(default="s", description="the unit of the time since 1970")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "SignTable":
        if (self.parameter is None) is (self.header is None):
            raise texts.Refused("a signature needs one place", "write `parameter` or `header`")
        if self.timestamp_unit != "s" and self.timestamp is None:
            raise texts.Refused("`timestamp_unit` without `timestamp`", "name the parameter or header of the time")
        return self


class When(Table):
    """``when``: one test on an answer. A path that leads nowhere is neither equal to anything nor listed."""

    path: AnswerPath | None = Field(default=None, description="the value that is tested")
    present: bool | None = Field(default=None, description="whether there is a value")
    equals: Plain = Field(default=None, description="the value is this")
    is_in: Listed[Plain] | None = Field(default=None, alias="in", description="the value is one of these")
    not_in: Listed[Plain] | None = Field(default=None, description="the value is none of these")
    text_prefix: str | None = Field(
        default=None, min_length=1, description="the whole answer begins so; takes no `path`"
    )

    @model_validator(mode="after")
    def _one_test(self) -> "When":
        tests = [name for name in ("present", "equals", "in", "not_in", "text_prefix") if name in self.named()]
        if len(tests) != 1:
            found = f"has {listed(tests)}" if tests else "tests nothing"
            raise texts.Refused(f"`when` {found}", "write one of `present`, `equals`, `in`, `not_in`, `text_prefix`")
        if (self.path is None) is (self.text_prefix is None):
            wrong = "takes no `path`" if self.path else "needs a `path`"
            raise texts.Refused(f"`{tests[0]}` {wrong}", 'as in `when = { path = "ok", equals = false }`')
        return self

    def named(self) -> frozenset[str]:
        """The keys that are written."""
        return frozenset("in" if name == "is_in" else name for name in self.model_fields_set)


class ErrorTable(Table):
    """``[….error]``: how an error is told that comes with a good status, and where it says why."""

    when: When | None = Field(
        default=None, description="the answer is an error when this holds; by default, when `code` is there"
    )
    code: AnswerPath | None = Field(default=None, description="where the error's code stands")
    description: AnswerPath | None = Field(default=None, description="where the error's text stands")

    @model_validator(mode="after")
    def _tells_something(self) -> "ErrorTable":
        if self.when is None and self.code is None:
            raise texts.Refused("an error table needs `when` or `code`", 'as in `code = "error.code"`')
        return self


class AnswerTable(Table):
    """``[….response]``: how an answer with a token is read."""

    format: AnswerFormat = Field(
        default="auto", description="`auto` looks at the body; `json`, `jsonp`, `form`, `xml`, `text`"
    )
    root: AnswerPath | None = Field(default=None, description="where in the answer the fields stand")
    fields: dict[TokenField, AnswerPath] = Field(
        default_factory=dict,
        description="the standard's field and the path where it stands: in `root` or, where that has none, in the "
        "whole answer",
    )
    success_status: Listed[Status2xx] = Field(
        default=(), description="statuses that mean success; all of 200 to 299 by default"
    )
    expires_kind: ExpiresKind = Field(
        default="relative_s",
        description="what `expires_in` holds: `relative_s`, `relative_ms`, `absolute_s`, `absolute_ms`, `iso8601`, "
        "`none`",
    )
    zero_is_expired: bool = Field(default=False, description="whether a lifetime of 0 is meant so, and not unknown")
    default_expires_in: int = Field(default=0, ge=0, description="the lifetime in seconds if the answer has none")
    midnight_in: TimeZone | None = Field(
        default=None, description="the time zone at whose next midnight a token ends, such as `America/New_York`"
    )
    default_token_type: str = Field(default="Bearer", min_length=1, description="the type if the answer has none")
    token_types: dict[str, str] = Field(
        default_factory=dict, description="the server's own types, in lower case, and how they are used"
    )
    error_map: dict[str, str] = Field(
        default_factory=dict,
        description="the server's own error codes, or the status where there is none, and those of the standard",
    )
    reuse_token: bool = Field(
        default=False, description="whether a renewal that answers without a token means that the old one goes on"
    )
    keep: Listed[str] = Field(default=(), description="fields that a renewed token keeps")
    scope_separator: str = Field(default=" ", min_length=1, description="what stands between granted scopes")


class PageLeg(Table):
    """``[authorize]``, ``[end_session]``: the URL that the user is sent to."""

    params: Parameters = Field(default_factory=dict, description="further parameters")
    rename: dict[ParameterName, str] = Field(
        default_factory=dict, description="standard name and the provider's; empty drops the parameter"
    )
    omit_empty: bool = Field(default=True, description="whether parameters without a value are left out")
    sort_params: bool = Field(default=False, description="whether the parameters are sorted")
    fragment: str = Field(default="", description="what stands at the very end, such as `#name`")
    route: Route | None = Field(
        default=None, description="what stands after `#` and before the parameters, for pages whose path lies there"
    )
    literal: Listed[ParameterName] = Field(default=(), description="parameters that are not percent-encoded")


class TokenLeg(Table):
    """``[request_token]``, ``[token]`` and their neighbours: how one protocol request is sent."""

    method: Literal["GET", "POST", "DELETE"] = Field(default="POST", description="`GET`, `POST` or `DELETE`")
    client_auth: ClientAuth | None = Field(
        default=None, description="client authentication of this request, if not as in `[oauth2]`"
    )
    body: BodyFormat = Field(
        default="auto",
        description="how parameters travel: `auto` (the query of a `GET` or `DELETE`, the form of a `POST`), `form`, "
        "`json`, `multipart`, `query`",
    )
    placement: Placement | None = Field(
        default=None, description="where the protocol parameters go, if not as in `[oauth1]`"
    )
    params: Parameters = Field(
        default_factory=dict, description="further parameters: in the query of a `GET`, in the form of a `POST`"
    )
    query: Parameters = Field(default_factory=dict, description="further parameters that always go into the URL")
    headers: dict[LegHeaderName, HeaderValue] = Field(
        default_factory=dict,
        description="further headers; `Authorization` stands in place of the client's own authentication",
    )
    rename: dict[ParameterName, str] = Field(
        default_factory=dict, description="parameter's name and the provider's; empty drops it"
    )
    path_parameter: ParameterName | None = Field(
        default=None, description="the parameter that travels as the last segment of the URL's path, such as `token`"
    )
    sign: SignTable | None = Field(default=None, description="a signature over the request that is not OAuth's own")
    response: AnswerTable = Field(default_factory=_always(AnswerTable), description="how the answer is read")
    error: ErrorTable | None = Field(default=None, description="how an error with a good status is told")


class ExchangeTable(TokenLeg):
    """``[exchange]``: a second step, in which the token is exchanged for the one to keep (or one of OAuth 2.0).

    It follows a renewal as well, unless that has an endpoint of its own, or sends the access token.
    """

    url: URL = Field(description="where the token is exchanged")
    renews: bool = Field(default=False, description="whether the same step renews the token later")


class AppTokenTable(TokenLeg):
    """``[app_token]``: a token of the application itself, fetched first: the document ``app_token`` of `[token]`."""

    url: URL = Field(description="where it is fetched, with the client's identifier and secret")


class JWT(Table):
    """``jwt``: what must hold for an answer that is a JWT signed with the client secret."""

    algorithms: Listed[Algorithm] = Field(
        default=("HS256",), min_length=1, description="the algorithms that are accepted"
    )
    audience: Template | None = Field(default=None, description="what `aud` must name, such as `{client_id}`")
    issuer: Template | None = Field(default=None, description="what `iss` must be")
    nonce: bool = Field(default=False, description="whether `nonce` must be the request's `oauth_nonce`")
    leeway: int = Field(default=60, ge=0, le=600, description="by how many seconds clocks may differ")


class Userinfo(Table):
    """``[userinfo]``: how the request to the ``userinfo`` endpoint is sent and read."""

    method: Method = Field(default="GET", description="`GET` or `POST`")
    params: Parameters = Field(
        default_factory=dict, description="further parameters: in the query of a `GET`, in the form of a `POST`"
    )
    headers: Headers = Field(default_factory=dict, description="further headers")
    json_: dict[str, Any] | None = Field(
        default=None,
        alias="json",
        description="the body of a `POST`, sent as JSON; a text that is one placeholder is filled in",
    )
    graphql: str | None = Field(
        default=None, min_length=1, description="a GraphQL query, which is sent by `POST` as it stands"
    )
    token_placement: TokenPlacementTable | None = Field(
        default=None, description="how this request carries the token, if not as in `[token_placement]`"
    )
    format: AnswerFormat = Field(
        default="auto", description="`auto` looks at the body; `json`, `jsonp`, `form`, `xml`, `text`, `jwt`"
    )
    jwt: JWT | None = Field(default=None, description="what must hold for an answer that is a JWT")
    error: ErrorTable | None = Field(default=None, description="how an error with a good status is told")

    @model_validator(mode="after")
    def _fits_together(self) -> "Userinfo":
        written = (("graphql", self.graphql), ("json", self.json_), ("params", self.params or None))
        bodies = [name for name, value in written if value is not None]
        if len(bodies) > 1:
            whole, *others = bodies
            raise texts.Refused(f"`{whole}` is the whole body, and there is no room for {listed(others)} beside it")
        if self.json_ is not None and self.method == "GET":
            raise texts.Refused("`json` is a body, and a `GET` has none", 'write `method = "POST"`')
        if (self.jwt is None) is (self.format == "jwt"):
            raise texts.Refused('`jwt` and `format = "jwt"` go together')
        return self


class IdentityRequest(Userinfo):
    """``[[identity.request]]``: one more request that tells who the user is; they are made in order."""

    name: Name = Field(description="the document that its answer becomes")
    url: URL = Field(description="a complete URL, which may use earlier documents: `{userinfo:id}`, `{token:user_id}`")
    when: str | None = Field(default=None, description="the request is made if this holds: a path, or `not` and a path")
    optional: bool = Field(default=False, description="whether the login goes on without it when it fails")


class IDToken(Table):
    """``[identity.id_token]``: what must hold for an ID token that tells who the user is, beyond the standard."""

    algorithms: Listed[SigningAlgorithm] = Field(
        default=(), description="the algorithms by which it may be signed; an unsigned one is refused in any case"
    )
    encryption: Listed[EncryptionAlgorithm] = Field(
        default=(), description="with what it must be encrypted; none: it may be, for a client with a key"
    )
    leeway: int = Field(default=60, ge=0, le=600, description="by how many seconds clocks may differ")


class Identity(Table):
    """``[identity]``: where it is told who the user is, beyond the ``userinfo`` endpoint."""

    id_token: IDToken = Field(
        default_factory=_always(IDToken), description="what must hold for an ID token that tells it"
    )
    request: Listed[IdentityRequest] = Field(default=(), description="further requests")


class API(Table):
    """``[api]``: calls with the token."""

    headers: Headers = Field(default_factory=dict, description="headers of every call, unless the caller sets them")
    params: Parameters = Field(
        default_factory=dict, description="query parameters of every call, unless the caller sets them"
    )
    sign: SignTable | None = Field(
        default=None, description="a signature over every call, identity requests included, that is not OAuth's own"
    )
    origins: Listed[Origin] = Field(default=(), description="further origins that receive signed calls")
    base_from: AnswerPath | None = Field(
        default=None, description="where the token answer holds the base of the API, in place of `api_base`"
    )
    base_pattern: Pattern | None = Field(
        default=None, description="with `base_from`: what that URL must match, whole; it bounds who may get the token"
    )
    error: ErrorTable | None = Field(default=None, description="how an error with a good status is told")


class ScopesTable(Table):
    """``[scopes]``: what a login asks for."""

    default: Listed[Template] = Field(default=(), description="the scopes if the caller names none")
    separator: str = Field(default=" ", min_length=1, description="what stands between them")
    parameter: ParameterName = Field(default="scope", description="the parameter that carries them")
    leg: Literal["authorize", "request_token"] = Field(default="authorize", description="the leg that carries them")
    required: Listed[Template] = Field(default=(), description="scopes that are always asked for")
    offline: str = Field(
        default="", description="the scope for a refresh token: asked for beside the default ones, listed by no answer"
    )
    in_token_request: bool = Field(default=False, description="whether they are sent to the token endpoint, too")


class Callback(Table):
    """``[callback]``: what the user's browser brings back."""

    denied: Listed[Denial] = Field(
        default=(),
        description="parameters that mean refusal: `name`, `name=value`, or `not name` for one that is missing",
    )
    errors: Listed[ParameterName] = Field(
        default=("oauth_problem", "error"), description="parameters with an error's code"
    )
    keep: Listed[ParameterName] = Field(default=(), description="parameters that are kept with the token")
    forward: Listed[ParameterName] = Field(
        default=(), description="parameters that are sent on to the token endpoint, such as `device_id`"
    )
    code: ParameterName = Field(default="code", description="the parameter with the authorization code")
    json_: Listed[ParameterName] = Field(default=(), alias="json", description="parameters that hold JSON")
    signature: CallbackSignatureTable | None = Field(default=None, description="how the callback is proven")


class ServerTimeTable(Table):
    """``[server_time]``: how the answer is read that tells the server's time."""

    format: AnswerFormat = Field(
        default="auto", description="`auto` looks at the body; `json`, `jsonp`, `form`, `xml`, `text`"
    )
    path: AnswerPath | None = Field(default=None, description="where the time stands; by default it is the whole text")
    kind: Literal["absolute_s", "absolute_ms", "iso8601"] = Field(
        default="absolute_s", description="what stands there: `absolute_s`, `absolute_ms`, `iso8601`"
    )


class Meta(Table):
    """``[meta]``: where the facts come from."""

    sources: Listed[Title] = Field(default=(), description="who says so")
    checked: date | None = Field(default=None, description="when they were last compared with the sources")


class Lifecycle(Table):
    """``[lifecycle]``: what has an end, as dates."""

    closed_to_new_apps: date | None = Field(default=None, description="from then on no new application is registered")
    retires: date | None = Field(default=None, description="from then on nothing is expected to work")
    retired: date | None = Field(default=None, description="since then nothing works")
    replaced_by: ProviderName | None = Field(default=None, description="the definition to use instead")
    source: Title = Field(default="", description="who says so")

    def render_warning(self, today: date) -> str:
        """What ends or has ended, in words; empty if that is half a year away or more."""
        return render_warning(self, today)


class Example(BaseModel):
    """``[[example]]``: documents as the provider sends them, with invented values, and the claims they must give."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    claims: dict[str, Any] = Field(default_factory=dict, description="the claims expected of the documents")

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents by name."""
        return self.model_extra or {}


class Definition(Table):
    """A whole file, checked. ``name`` is the file's stem, ``file`` where it was read from."""

    schema_: Schema = Field(alias="schema", description="the version of this schema: `1`")
    title: Title = Field(description="the provider's name for people")
    protocol: Protocol = Field(
        description="`oauth1`, `oauth2`, or `oidc`: OAuth 2.0 whose logins bring an ID token (OpenID Connect)"
    )
    status: Status = Field(
        default="alive", description="`alive`, `self-hosted`, `unknown`, `dead`, or `unsupported` (with a `reason`)"
    )
    reason: Title = Field(default="", description="why there can be no client, for `dead` and `unsupported`")
    docs: Link = Field(default="", description="the provider's own documentation")
    aliases: Listed[ProviderName] = Field(default=(), description="other names of this definition")
    extends: ProviderName | None = Field(
        default=None, description="the definition that this one changes: tables are merged, lists replaced"
    )
    without: Listed[KeyPath] = Field(
        default=(),
        description="with `extends`: the keys and tables that are not taken over, such as `endpoints.revoke`",
    )
    variables: dict[Name, Variable] = Field(
        default_factory=dict, description="parts of URLs and parameters that differ between users"
    )
    endpoints: Endpoints = Field(default_factory=_always(Endpoints), description="URLs")
    environments: dict[Name, Environment] = Field(
        default_factory=dict, description="other installations, such as a sandbox"
    )
    credentials: dict[Name, Credential] = Field(
        default_factory=dict, description="secrets beside `client_id` and `client_secret`"
    )
    oauth1: OAuth1 = Field(default_factory=_always(OAuth1), description="what of OAuth 1.0a differs")
    oauth2: OAuth2 = Field(default_factory=_always(OAuth2), description="what of OAuth 2.0 differs")
    assertion: Assertion = Field(
        default_factory=_always(Assertion), description="the JWT that is exchanged for a token"
    )
    client_assertion: ClientAssertion = Field(
        default_factory=_always(ClientAssertion), description="the JWT by which a client proves itself"
    )
    request_token: TokenLeg = Field(
        default_factory=_always(TokenLeg), description="the request for temporary credentials"
    )
    authorize: PageLeg = Field(default_factory=_always(PageLeg), description="the URL that the user is sent to")
    token: TokenLeg = Field(default_factory=_always(TokenLeg), description="the request for the access token")
    refresh: TokenLeg | None = Field(default=None, description="the request that renews a token, if not as `token`")
    device: TokenLeg = Field(default_factory=_always(TokenLeg), description="the request that begins a device login")
    revoke: TokenLeg = Field(default_factory=_always(TokenLeg), description="the request that gives a token up")
    introspect: TokenLeg = Field(default_factory=_always(TokenLeg), description="the request that asks about a token")
    end_session: PageLeg = Field(
        default_factory=_always(PageLeg), description="the URL at which the user's session there ends"
    )
    app_token: AppTokenTable | None = Field(
        default=None, description="a token of the application, which the token request needs"
    )
    exchange: ExchangeTable | None = Field(default=None, description="a second step after the token request")
    token_placement: TokenPlacementTable = Field(
        default_factory=_always(TokenPlacementTable), description="how a call carries the token"
    )
    proof: Proof | None = Field(default=None, description="a parameter that proves the client secret on each call")
    userinfo: Userinfo = Field(default_factory=_always(Userinfo), description="the request to the `userinfo` endpoint")
    identity: Identity = Field(
        default_factory=_always(Identity), description="further requests that tell who the user is"
    )
    api: API = Field(default_factory=_always(API), description="calls with the token")
    scopes: ScopesTable = Field(default_factory=_always(ScopesTable), description="what a login asks for")
    callback: Callback = Field(default_factory=_always(Callback), description="what the user's browser brings back")
    server_time: ServerTimeTable = Field(
        default_factory=_always(ServerTimeTable), description="the answer that tells the server's time"
    )
    claims: dict[str, Any] = Field(default_factory=dict, description="the standard's claims and where they stand")
    meta: Meta = Field(default_factory=_always(Meta), description="where the facts come from")
    lifecycle: Lifecycle = Field(default_factory=_always(Lifecycle), description="what has an end")
    example: Listed[Example] = Field(
        default=(), description="documents with invented values, and the claims expected of them"
    )

    _name: str = PrivateAttr("")
    _file: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """The name under which a registry knows it."""
        return self._name

    @property
    def file(self) -> str:
        """Where it was read from: a path, or ``<string>``."""
        return self._file

    def named(self, name: str, file: str = "<string>") -> "Definition":
        """The same definition under a name."""
        return self.model_copy().called(name, file)

    def called(self, name: str, file: str) -> "Definition":
        """The definition itself, which was just made, once it has its name."""
        self._name, self._file = name, file
        return self
