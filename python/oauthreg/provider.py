"""A provider as the upper floors use it: frozen, plain, complete, every static variable filled in.

The registry compiles a definition into a :class:`Provider`; a client made without any TOML builds one from its
arguments. Defaults are the standard's, so that an empty table means "as the RFC says".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

from oauthreg.messages import Pairs

Placement: TypeAlias = Literal["header", "query", "body"]
AnswerFormat: TypeAlias = Literal["auto", "json", "jsonp", "form", "xml", "text", "jwt"]
Documents: TypeAlias = Mapping[str, Any]
"""Document name (``userinfo``, ``token``, ``callback``, the name of an identity request …) -> parsed document.

Templates also see ``client``, which holds ``client_id``.
"""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


class TextTemplate(Protocol):
    """Text with placeholders that are only known at run time, such as ``{token:user_id}``."""

    @property
    def names(self) -> frozenset[str]:
        """The placeholders as written."""

    def render(self, documents: Documents) -> str | None:
        """The filled-in text, each value percent-encoded; ``None`` if a value is missing."""


class ClaimsTemplate(Protocol):
    """The mapping from a provider's answers to standard claims."""

    def render(self, documents: Documents) -> dict[str, Any]:
        """The claims that the documents give; absent ones are left out."""


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
class Leg:
    """How one protocol request is sent.

    ``params`` are added to the query of a GET and to the form of any other method; ``query`` always to the URL.
    ``rename`` maps the standard's parameter names to the provider's; an empty value drops the parameter.
    """

    method: str = "POST"
    placement: Placement | None = None
    params: Pairs = ()
    query: Pairs = ()
    headers: Pairs = ()
    rename: Mapping[str, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """How an answer of a token endpoint is read: its format, root and renamed fields, and what counts as success.

    ``fields`` maps the standard's name to a function that finds the value in the parsed answer.
    """

    format: AnswerFormat = "auto"
    root: Callable[[Any], Any] | None = None
    fields: Mapping[str, Callable[[Any], Any]] = field(default_factory=_nothing)
    success_status: tuple[int, ...] = ()
    error: ErrorRule | None = None


@dataclass(frozen=True, slots=True)
class OAuth1Settings:
    """What of OAuth 1.0a a provider does differently.

    ``signature_methods``: those that it accepts, the default first. ``callback``: the leg that carries
    ``oauth_callback``. ``verifier`` of ``"none"`` belongs to OAuth 1.0 without the "a". ``confirm``: whether
    ``oauth_callback_confirmed=true`` is demanded. ``flow``: how an access token comes about (``"none"``: it is pasted,
    or there is none at all). ``authorize_url_from`` finds a ready-made authorization URL in the request-token answer.

    Spec: RFC 5849 sections 2 and 3.
    """

    signature_methods: tuple[str, ...] = ("HMAC-SHA1",)
    placement: Placement = "header"
    realm: str | None = None
    callback: Literal["request", "authorize", "both", "none"] = "request"
    verifier: Literal["required", "none"] = "required"
    confirm: Literal["strict", "lenient"] = "strict"
    flow: Literal["three-legged", "two-legged", "none"] = "three-legged"
    body_hash: bool = False
    version: str | None = "1.0"
    session_handle: bool = False
    authorize_url_from: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Scopes:
    """The scopes asked for by default, how they are joined, under which parameter and on which leg they go."""

    default: tuple[str, ...] = ()
    separator: str = " "
    parameter: str = "scope"
    leg: Literal["authorize", "request_token"] = "authorize"


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How the authorization response is read.

    ``denied`` holds ``(parameter, value)`` pairs that mean refusal, ``None`` standing for any value. ``errors`` names
    parameters that carry an error code. ``keep`` names parameters that are kept with the token.
    """

    denied: tuple[tuple[str, str | None], ...] = ()
    errors: tuple[str, ...] = ("oauth_problem", "error")
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JWTRules:
    """What must hold for an answer that is a JWT: allowed algorithms, audience, issuer, leeway in seconds.

    The key is the client secret; an audience that is the client itself is a template. ``nonce`` demands that the ``nonce`` claim equals the request's ``oauth_nonce``.
    """

    algorithms: tuple[str, ...] = ("HS256",)
    audience: str | TextTemplate | None = None
    issuer: str | None = None
    nonce: bool = False
    leeway: int = 60


@dataclass(frozen=True, slots=True)
class IdentityRequest:
    """One request that tells who the user is; ``name`` is the document that its answer becomes.

    ``url`` is text when nothing in it depends on earlier answers. ``when`` must hold for the request to be made;
    a failing ``optional`` one is passed over.
    """

    name: str
    url: str | TextTemplate
    method: str = "GET"
    headers: Pairs = ()
    form: Pairs = ()
    json: Any = None
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
    credentials, as ``(scheme, host, port)`` in lower case with the effective port. ``api_headers`` go with every API
    call unless the caller sets them.
    """

    name: str = "custom"
    title: str = ""
    protocol: Literal["oauth1", "oauth2", "oidc"] = "oauth1"
    status: str = "alive"
    docs: str = ""
    endpoints: Mapping[str, str] = field(default_factory=_nothing)
    origins: frozenset[tuple[str, str, int]] = frozenset()
    oauth1: OAuth1Settings = field(default_factory=OAuth1Settings)
    scopes: Scopes = field(default_factory=Scopes)
    request_token: Leg = field(default_factory=Leg)
    authorize: Leg = field(default_factory=lambda: Leg(method="GET"))
    token: Leg = field(default_factory=Leg)
    request_token_answer: TokenAnswer = field(default_factory=TokenAnswer)
    token_answer: TokenAnswer = field(default_factory=TokenAnswer)
    callback: CallbackSettings = field(default_factory=CallbackSettings)
    identity: tuple[IdentityRequest, ...] = ()
    identity_documents: tuple[str, ...] = ()
    claims: ClaimsTemplate | None = None
    api_headers: Pairs = ()
    api_error: ErrorRule | None = None
    allow_insecure_http: bool = False
