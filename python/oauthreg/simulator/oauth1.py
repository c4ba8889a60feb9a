"""The server's side of OAuth 1.0a, without input and output: a received request in, the provider's answer out.

Spec: RFC 5849 sections 2 (the three legs) and 3.2 (checking a request); "OAuth Problem Reporting" for refusals.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from oauthreg.answers import parse_form
from oauthreg.errors import OAuthError, VerificationError
from oauthreg.legs import append_query, render_form
from oauthreg.messages import Pairs, Response
from oauthreg.oauth1.placement import FORM
from oauthreg.provider import IdentityRequest, JWTRules, Leg, Placement, Provider, TemplatePairs
from oauthreg.signing.verify import SignedRequest, VerificationKeys, parse_authorization, verify
from oauthreg.simulator.faults import Step
from oauthreg.simulator.pages import render_consent, render_notice, render_verifier
from oauthreg.simulator.rendering import render_document, render_jwt
from oauthreg.simulator.script import RefusalShape, Script
from oauthreg.simulator.state import WINDOW, State, TemporaryCredentials, TokenCredentials

_LIFETIME = "3600"
_SESSION_LIFETIME = "2592000"
_JWT_LIFETIME = 100
_parameter_names = re.compile(r"oauth_\w+").findall

_PROBLEMS = {
    "not-signed": (401, "parameter_absent"),
    "malformed-header": (400, "parameter_rejected"),
    "parameters-in-two-places": (400, "parameter_rejected"),
    "duplicate-parameter": (400, "parameter_rejected"),
    "missing-parameter": (400, "parameter_absent"),
    "unsupported-version": (400, "version_rejected"),
    "refused-signature-method": (400, "signature_method_rejected"),
    "invalid-timestamp": (400, "parameter_rejected"),
    "timestamp-out-of-window": (401, "timestamp_refused"),
    "body-hash-missing": (400, "parameter_absent"),
    "body-hash-with-form": (400, "parameter_rejected"),
    "body-hash-mismatch": (401, "parameter_rejected"),
    "nonce-used": (401, "nonce_used"),
    "invalid-signature": (401, "signature_invalid"),
}
"""Code of a verification error -> status and name in the words of "OAuth Problem Reporting"."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire: the complete URL as text, header names in lower case, the body's bytes."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the first."""
        return parse_form(urlsplit(self.url).query)

    @property
    def form(self) -> dict[str, str]:
        """The form's fields; none if the body is something else."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return parse_form(self.body.decode("utf-8", "replace")) if media_type == FORM else {}

    @property
    def claimed(self) -> dict[str, str]:
        """All parameters that the request brings, wherever they stand, proven or not."""
        try:
            _, header = parse_authorization(self.headers.get("authorization", "")) or (None, [])
        except VerificationError:
            header = []
        pairs = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in header}
        return {**self.query, **self.form, **pairs}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the one registered application was given.

    ``private_key`` is PEM text, there for RSA methods alone; ``others`` are further credentials of the definition.
    """

    client_id: str
    client_secret: str = field(repr=False)
    private_key: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one request: the answer, how it was signed, and why it was refused.

    ``base_string`` is what the provider signed; it holds tokens and form values.
    """

    answer: Response
    signed: SignedRequest | None = None
    problem: str = ""
    advice: str = ""
    base_string: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OAuth1Server:
    """One provider's endpoints. ``now`` gives its time in seconds since 1970.

    ``documents`` maps a method and a path to what a resource answers: a document and a status.
    """

    provider: Provider
    script: Script
    credentials: Credentials
    state: State
    now: Callable[[], float]
    auto_approve: bool = False
    documents: dict[tuple[str, str], tuple[Any, int]] = field(default_factory=dict)

    def step_of(self, received: Received) -> Step:
        """What a request is for. Nothing is proven yet, and nothing changes."""
        step = _closest(received.url, self._legs())
        if step == "token" and "oauth_session_handle" in received.claimed:
            return "refresh"
        if step is not None:
            return step
        return "api" if self._identity_request(received, received.claimed.get("oauth_token")) is None else "identity"

    def answer(self, received: Received, step: Step) -> Served:
        """The answer to a request, whatever it is."""
        if step == "authorize":
            return Served(self._authorize(received))
        signed = None
        try:
            signed = self._verified(received, step)
            return Served(self._produce(received, signed, step), signed)
        except VerificationError as error:
            refusal = self._reported(error)
            return Served(self._refuse(refusal, step), signed, refusal.error, refusal.description, error.base_string)
        except OAuthError as error:
            return Served(self._refuse(error, step), signed, error.error, error.description)

    def _produce(self, received: Received, signed: SignedRequest, step: Step) -> Response:
        if step == "request_token":
            return self._request_token(received, signed)
        if step == "token":
            return self._token(signed)
        if step == "refresh":
            return self._refresh(signed)
        identity = self._identity_request(received, signed.token)
        return self._resource(received) if identity is None else self._identity(identity, signed)

    # --- the three legs ---------------------------------------------------------------------------------------------

    def _request_token(self, received: Received, signed: SignedRequest) -> Response:
        settings, leg = self.provider.oauth1, self.provider.request_token
        callback = signed.parameters.get("oauth_callback")
        if settings.callback in ("request", "both"):
            if callback is None:
                raise _absent("oauth_callback")
            if callback != "oob" and "://" not in callback:
                raise _rejected("oauth_callback", "the callback is neither a URL nor `oob`")
        elif callback is not None:
            raise _rejected("oauth_callback", "this provider takes the callback when it authorizes")
        scope = None
        if self.provider.scopes.leg == "request_token":
            scope = {**received.query, **received.form}.get(_wire_name(leg, self.provider.scopes.parameter))
        made = self.state.issue_temporary(callback, scope)
        fields = {"oauth_token": made.token, "oauth_token_secret": made.token_secret}
        if callback is not None and settings.confirm == "strict":
            fields["oauth_callback_confirmed"] = "true"
        if self.script.authorize_url:
            fields[self.script.authorize_url] = append_query(self._legs()["authorize"], [("oauth_token", made.token)])
        return self.script.request_token.render(fields)

    def _authorize(self, received: Received) -> Response:
        """The person's part. Spec: RFC 5849 section 2.2."""
        title, leg, query = self.provider.title or self.provider.name, self.provider.authorize, received.query
        try:
            if received.method == "GET":
                self._check_leg(leg, received)
            asked = self.state.temporary(query.get(_wire_name(leg, "oauth_token")))
        except OAuthError as error:
            return render_notice(title, [error.description], status=400)
        callback = query.get(_wire_name(leg, "oauth_callback")) or asked.callback
        scope = query.get(_wire_name(leg, self.provider.scopes.parameter)) or asked.scope
        if received.method == "POST" or self.auto_approve:
            decision = received.form.get("decision") if received.method == "POST" else "approve"
            if decision not in ("approve", "deny"):
                return render_notice(title, ["The form holds no decision."], status=400)
            try:
                decided = self.state.decide(asked.token, approved=decision == "approve", callback=callback)
            except OAuthError as error:
                return render_notice(title, [error.description], status=400)
            return self._sent_back(title, decided)
        return render_consent(title, self.credentials.client_id, scope)

    def _sent_back(self, title: str, decided: TemporaryCredentials) -> Response:
        approved, by_hand = decided.stage == "approved", decided.callback in (None, "", "oob")
        with_verifier = approved and self.provider.oauth1.verifier == "required"
        if by_hand and with_verifier:
            return render_verifier(title, decided.verifier)
        pairs = self._approval(decided) if approved else self._denial(decided)
        if by_hand or pairs is None:
            outcome = "approved" if approved else "denied"
            return render_notice(title, [f"Access was {outcome}. You can go back to the application."])
        return Response(302, {"location": append_query(str(decided.callback), pairs), "cache-control": "no-store"})

    def _approval(self, decided: TemporaryCredentials) -> Pairs:
        verifier = (("oauth_verifier", decided.verifier),) if self.provider.oauth1.verifier == "required" else ()
        return ("oauth_token", decided.token), *verifier, *self._callback_extras().items()

    def _denial(self, decided: TemporaryCredentials) -> Pairs | None:
        """What tells the application that the person refused; ``None`` where a provider tells it nothing."""
        settings = self.provider.callback
        if settings.denied:
            name, value = settings.denied[0]
            return ((name, decided.token),) if value is None else (("oauth_token", decided.token), (name, value))
        if settings.errors:
            name = settings.errors[0]
            word = "user_refused" if name == "oauth_problem" else "access_denied"
            return ("oauth_token", decided.token), (name, word)
        return None

    def _token(self, signed: SignedRequest) -> Response:
        """Spec: RFC 5849 section 2.3."""
        temporary = self.state.temporary(signed.token)
        if temporary.stage == "asked":
            raise OAuthError("permission_unknown", "the person has not decided yet", status=401)
        if temporary.stage == "denied":
            raise OAuthError("permission_denied", "the person refused", status=401)
        if self.provider.oauth1.verifier == "required":
            verifier = signed.parameters.get("oauth_verifier")
            if verifier is None:
                raise _absent("oauth_verifier")
            if not hmac.compare_digest(verifier.encode(), temporary.verifier.encode()):
                raise _rejected("oauth_verifier", "the verifier is not the one that was given", status=401)
        session = self.provider.oauth1.session_handle
        return self._issued(self.state.exchange(temporary, self._callback_extras(), session=session))

    def _refresh(self, signed: SignedRequest) -> Response:
        """Spec: OAuth Session 1.0."""
        old = self.state.token(signed.token, renewing=True)
        handle = signed.parameters.get("oauth_session_handle", "")
        if not hmac.compare_digest(handle.encode(), (old.session_handle or "").encode()):
            raise _rejected("oauth_session_handle", "the session handle belongs to another token", status=401)
        return self._issued(self.state.renew(old))

    def _issued(self, made: TokenCredentials) -> Response:
        fields = {"oauth_token": made.token, "oauth_token_secret": made.token_secret}
        if made.session_handle is not None:
            fields |= {
                "oauth_expires_in": _LIFETIME,
                "oauth_session_handle": made.session_handle,
                "oauth_authorization_expires_in": _SESSION_LIFETIME,
            }
        return self.script.token.render(fields, self.script.documents.get("token"))

    # --- what a token opens -----------------------------------------------------------------------------------------

    def _identity(self, request: IdentityRequest, signed: SignedRequest) -> Response:
        document = self.script.documents.get(request.name, {})
        if request.jwt is not None:
            document = self._statement(request.jwt, document, signed)
        return render_document(document, request.format)

    def _statement(self, rules: JWTRules, claims: Mapping[str, Any], signed: SignedRequest) -> str:
        audience = rules.audience
        if audience is not None and not isinstance(audience, str):
            audience = audience.render(self._known(signed.token))
        now = int(self.now())
        added = {"iss": rules.issuer, "aud": audience, "iat": now, "exp": now + _JWT_LIFETIME}
        if rules.nonce:
            added["nonce"] = signed.parameters.get("oauth_nonce")
        stated = {**claims, **{name: value for name, value in added.items() if value is not None}}
        return render_jwt(stated, secret=self.credentials.client_secret, algorithm=rules.algorithms[0])

    def _resource(self, received: Received) -> Response:
        """A document that was put there, or the request itself, for whoever wants to see what arrived."""
        path = urlsplit(received.url).path
        document, status = self.documents.get((received.method, path)) or (
            {
                "simulated": True,
                "method": received.method,
                "path": path,
                "query": {name: value for name, value in received.query.items() if not name.startswith("oauth_")},
                "form": {name: value for name, value in received.form.items() if not name.startswith("oauth_")},
            },
            200,
        )
        return render_document(document, "auto", status=status)

    def _identity_request(self, received: Received, token: str | None) -> IdentityRequest | None:
        urls = {}
        for request in self.provider.identity:
            url = request.url if isinstance(request.url, str) else request.url.render(self._known(token))
            if url is not None and request.method == received.method:
                urls[request.name] = url
        name = _closest(received.url, urls)
        return next((request for request in self.provider.identity if request.name == name), None)

    def _known(self, token: str | None) -> dict[str, Any]:
        """The documents that a client with this token has, so that URLs made of them are recognised."""
        documents = self.script.documents
        return {
            **documents,
            "callback": self._callback_extras(),
            "token": {**documents.get("token", {}), "oauth_token": token},
            "client": {"client_id": self.credentials.client_id},
        }

    def _callback_extras(self) -> dict[str, str]:
        given = self.script.documents.get("callback", {})
        return {name: str(value) for name, value in given.items() if name not in ("oauth_token", "oauth_verifier")}

    def _legs(self) -> dict[Step, str]:
        """Where the legs are; a provider that sends a ready-made page address need not have it in its definition."""
        known = self.provider.endpoints
        legs: dict[Step, str] = {"request_token": known.get("request_token", ""), "token": known.get("token", "")}
        legs["authorize"] = known.get("authorize") or _in_same_place(legs["request_token"], "/authorize")
        return {step: url for step, url in legs.items() if url}

    # --- checking ---------------------------------------------------------------------------------------------------

    def _verified(self, received: Received, step: Step) -> SignedRequest:
        """The request's own word, proven, and sent as the definition says. Spec: RFC 5849 section 3.2."""
        settings = self.provider.oauth1
        leg = self._token_leg(step)
        if leg is not None:
            self._check_leg(leg, received)
        signed = verify(
            received.method,
            received.url,
            received.body,
            received.headers.get("content-type"),
            authorization=received.headers.get("authorization"),
            lookup=lambda request: self._keys(request, step),
            signature_methods=settings.signature_methods,
            body_hash="required" if settings.body_hash else "optional",
            now=self.now(),
            window=WINDOW,
            is_new_nonce=self._is_new_nonce,
        )
        self._check_placement(received, signed, (leg and leg.placement) or settings.placement)
        if settings.realm is not None and signed.placement == "header" and signed.realm != settings.realm:
            raise _rejected("realm", f"the realm must be {settings.realm!r}")
        if leg is None:
            for name, _ in self.provider.api_headers:
                if name.lower() not in received.headers:
                    raise _absent(name, f"the header is missing: {name}")
        return signed

    def _token_leg(self, step: Step) -> Leg | None:
        if step == "request_token":
            return self.provider.request_token
        return self.provider.token if step in ("token", "refresh") else None

    def _check_leg(self, leg: Leg, received: Received) -> None:
        """The definition's method, fixed parameters and headers are there."""
        method = leg.method.upper()
        if received.method != method:
            raise OAuthError("parameter_rejected", f"the method must be {method}", status=405)
        fixed = ((received.query, leg.query), (received.query if method == "GET" else received.form, leg.params))
        for given, pairs in (*fixed, (received.headers, _lowered(leg.headers))):
            for name, template in pairs:
                value = template if isinstance(template, str) else template.render(self._known(None))
                if value is not None and given.get(_wire_name(leg, name)) != value:
                    raise _absent(name, f"a parameter or header of the definition is missing or differs: {name}")

    def _keys(self, request: SignedRequest, step: Step) -> VerificationKeys:
        if request.client_id != self.credentials.client_id:
            raise OAuthError("consumer_key_unknown", "no application has this consumer key", status=401)
        token_secret = None
        if step == "token":
            token_secret = self.state.temporary(request.token).token_secret
        elif step == "refresh":
            token_secret = self.state.token(request.token, renewing=True).token_secret
        elif step != "request_token" and (request.token or self.provider.oauth1.flow == "three-legged"):
            token_secret = self.state.token(request.token).token_secret
        return VerificationKeys(self.credentials.client_secret, token_secret, self.credentials.private_key)

    def _is_new_nonce(self, request: SignedRequest) -> bool:
        nonce = request.parameters.get("oauth_nonce")
        timestamp = request.parameters.get("oauth_timestamp", "")
        return nonce is None or self.state.is_new_nonce(request.token, timestamp, nonce, self.now())

    def _check_placement(self, received: Received, signed: SignedRequest, wanted: Placement) -> None:
        if wanted == "body" and not received.body:
            wanted = "query"
        if signed.placement != wanted:
            raise OAuthError(
                "parameter_rejected",
                f"the protocol parameters stand in the {signed.placement}, this provider wants them in the {wanted}",
                status=400,
            )

    # --- refusing ---------------------------------------------------------------------------------------------------

    def _reported(self, error: VerificationError) -> OAuthError:
        status, problem = _PROBLEMS[error.code]
        advice = f"{error.message}; {error.hint}" if error.hint else error.message
        named = "&".join(_parameter_names(error.message))
        more: dict[str, object] = {}
        if problem == "timestamp_refused":
            more["oauth_acceptable_timestamps"] = f"{int(self.now() - WINDOW)}-{int(self.now() + WINDOW)}"
        elif problem == "version_rejected":
            more["oauth_acceptable_versions"] = "1.0-1.0"
        elif named and problem in ("parameter_absent", "parameter_rejected"):
            more[f"oauth_parameters_{problem.removeprefix('parameter_')}"] = named
        return OAuthError(problem, advice, status=status, parameters=more)

    def _refusal_shape(self, step: Step) -> RefusalShape | None:
        if step == "request_token":
            return self.script.request_token.refusal
        return self.script.token.refusal if step in ("token", "refresh") else self.script.api_refusal

    def _refuse(self, error: OAuthError, step: Step) -> Response:
        shape = self._refusal_shape(step)
        if shape is not None:
            return shape.render(error.error, error.description)
        report = [("oauth_problem", error.error), ("oauth_problem_advice", error.description)]
        report += [(name, str(value)) for name, value in error.parameters.items()]
        realm = (self.provider.oauth1.realm or self.provider.name).replace("\\", "").replace('"', "")
        headers = {"content-type": FORM}
        if error.status == 401:
            headers["www-authenticate"] = f'OAuth realm="{realm}", oauth_problem="{error.error}"'
        return Response(error.status or 400, headers, render_form(report).encode())


_Name = TypeVar("_Name", bound=str)


def _closest(url: str, candidates: Mapping[_Name, str]) -> _Name | None:
    """The candidate at the same place whose query is part of the URL's, the longest such; ``None`` if there is none."""
    place, query = _split(url)
    fitting = {
        name: len(wanted)
        for name, (there, wanted) in ((name, _split(candidate)) for name, candidate in candidates.items())
        if there == place and wanted <= query
    }
    return max(fitting, key=lambda name: fitting[name], default=None)


def _in_same_place(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")) if url else ""


def _split(url: str) -> tuple[tuple[str, str], set[tuple[str, str]]]:
    parts = urlsplit(url)
    return (parts.netloc.lower(), parts.path or "/"), set(parse_form(parts.query).items())


def _lowered(headers: TemplatePairs) -> TemplatePairs:
    return tuple((name.lower(), value) for name, value in headers)


def _wire_name(leg: Leg, name: str) -> str:
    """The provider's name of a parameter; the standard's own where a definition drops it."""
    return leg.rename.get(name) or name


def _absent(name: str, advice: str = "") -> OAuthError:
    return OAuthError(
        "parameter_absent",
        advice or f"the parameter is missing: {name}",
        status=400,
        parameters={"oauth_parameters_absent": name},
    )


def _rejected(name: str, advice: str, *, status: int = 400) -> OAuthError:
    return OAuthError("parameter_rejected", advice, status=status, parameters={"oauth_parameters_rejected": name})
