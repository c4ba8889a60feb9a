"""The server's side of OAuth 2.0, without input and output: a received request in, the provider's answer out.

Spec: RFC 6749; RFC 6750; RFC 7009; RFC 7636; RFC 7662; RFC 8628; RFC 9101; RFC 9126; RFC 9207; RFC 9449; JARM.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from oauthreg.answers import parse_form
from oauthreg.errors import OAuthError
from oauthreg.jose import is_shared
from oauthreg.jwe import encrypt_to
from oauthreg.legs import append_query, split_scope
from oauthreg.messages import Pairs, Response
from oauthreg.oauth2.authorize import callback_signature, is_signed_mode
from oauthreg.oauth2.dpop import NONCE_ERROR
from oauthreg.oauth2.id_token import expected_algorithms
from oauthreg.oauth2.logout_token import LOGGED_OUT
from oauthreg.oauth2.server_metadata import METADATA_ENDPOINTS, STANDARD_ALGORITHM
from oauthreg.provider import IdentityRequest, Leg, Provider, TokenAnswer, TokenPlacement
from oauthreg.records import dataclass, field, replace
from oauthreg.simulator.client_proofs import check_client, check_identifier, check_secret, client_auth_of
from oauthreg.simulator.dpop_proofs import PROOF_ERROR, check_proof
from oauthreg.simulator.faults import Step
from oauthreg.simulator.grant_answers import GRANT_ANSWERS, grant_of, is_renewal
from oauthreg.simulator.oauth2_checks import (
    check_body,
    check_challenge,
    check_once,
    check_one_token,
    check_pushed,
    check_target,
    check_token_request,
)
from oauthreg.simulator.oauth2_state import (
    DEVICE_INTERVAL,
    DEVICE_LIFETIME,
    PUSHED_LIFETIME,
    Authorization,
    Issued,
    OAuth2State,
)
from oauthreg.simulator.pages import (
    render_consent,
    render_device_login,
    render_done,
    render_form_post,
    render_notice,
)
from oauthreg.simulator.received import (
    Credentials,
    Received,
    Served,
    check_order,
    closest,
    in_same_place,
    last_segment,
    missing_of,
    unrenamed,
)
from oauthreg.simulator.rendering import public_jwk, render_document, render_end, render_jwt, render_resource
from oauthreg.simulator.request_objects import opened_request
from oauthreg.simulator.request_signatures import check_signature
from oauthreg.simulator.script import RefusalShape, Script, TokenShape, render_time
from oauthreg.simulator.token_request import TokenRequest
from oauthreg.token import DPOP_TYPE

_ID_TOKEN_LIFETIME = 600


@dataclass(frozen=True, slots=True)
class OAuth2Server:
    """One provider's endpoints. ``now`` gives its time in seconds since 1970.

    ``redirect_uris`` are those that the application registered; without any, each is taken. ``documents`` maps a method
    and a path to what a resource answers: a document and a status.
    """

    provider: Provider
    script: Script
    credentials: Credentials
    state: OAuth2State
    now: Callable[[], float]
    auto_approve: bool = False
    redirect_uris: tuple[str, ...] = ()
    documents: dict[tuple[str, str], tuple[Any, int]] = field(default_factory=dict)

    def step_of(self, received: Received) -> Step:
        """What a request is for. Nothing is proven yet, and nothing changes."""
        for provider in self._places:
            legs = self._legs(provider)
            places = {step: _place(url, leg, received) for step, (url, leg) in legs.items()}
            exact = {step: places[step] for step, (_, leg) in legs.items() if self._fits(step, leg, received)}
            step = closest(received.url, exact) or closest(received.url, places)
            if step is not None:
                return step
        return "api" if self._identity_request(received) is None else "identity"

    @property
    def _places(self) -> tuple[Provider, Provider]:
        """The provider where a login begins, and where the example's login would go on."""
        return self.provider, self.provider.located(self.script.documents)

    def answer(self, received: Received, step: Step) -> Served:
        """The answer to a request, whatever it is; one to a DPoP proof brings the nonce for the next."""
        served, nonce = self._answered(received, step), self.state.dpop_nonce
        if nonce is None or "dpop" not in received.headers:
            return served
        headers = {**served.answer.headers, "dpop-nonce": nonce}
        return replace(served, answer=replace(served.answer, headers=headers))

    def _answered(self, received: Received, step: Step) -> Served:
        pages = {
            "authorize": self._authorize,
            "device_page": self._device_page,
            "end_session": self._end_session,
            "discovery": self._metadata,
            "jwks": self._jwks,
            "server_time": self._server_time,
        }
        if step in pages:
            return Served(pages[step](received))
        if step == "registration":
            return self._registration(received)
        if step in ("identity", "api"):
            identity = self._identity_request(received)
            placement = (identity and identity.token_placement) or self.provider.token_placement
            try:
                self._bearer(received, identity, placement)
                kind = None if placement.kind == "none" else placement.kind
                return Served(self._opened(received, identity), token_placement=kind)
            except OAuthError as error:
                return self._refused(error, self.script.api_refusal, "DPoP" if _has_dpop_scheme(received) else "Bearer")
        method = client_auth_of(self.provider, self._legs(self.provider)[step][1])
        try:
            return Served(self._produce(received, step), client_auth=method)
        except OAuthError as error:
            shape = getattr(self.script, step, self.script.token)
            return self._refused(error, shape.refusal, "Basic" if method == "client_secret_basic" else "")

    # --- the person's part ------------------------------------------------------------------------------------------

    def _authorize(self, received: Received) -> Response:
        """Spec: RFC 6749 sections 3.1.2.4 and 4.1.1: who cannot be trusted with the answer is not sent it."""
        title, leg, pairs = self._title, self.provider.authorize, received.query_pairs
        parameters = unrenamed(leg, pairs)
        try:
            check_once(pairs, [leg.rename.get(name, name) for name in ("client_id", "redirect_uri", "request_uri")])
            parameters = self._pushed(received, parameters)
            redirect_uri = self._redirect_uri(parameters)
        except OAuthError as error:
            return render_notice(title, [error.description], status=400)
        state = parameters.get("state")
        try:
            check_once(pairs)
            check_order(leg, self.provider.endpoints["authorize"], received)
            authorization = self._asked_for(parameters)
        except OAuthError as error:
            return self._sent_back(redirect_uri, [*self._error(error.error), *self._state(state)])
        if received.method == "POST" or self.auto_approve:
            decision = received.form.get("decision") if received.method == "POST" else "approve"
            if decision not in ("approve", "deny"):
                return render_notice(title, ["The form holds no decision."], status=400)
            self.state.use_pushed(received.query.get("request_uri"))
            made = self._approval(authorization) if decision == "approve" else self._denial()
            return self._sent_back(redirect_uri, [*made, *self._state(state)])
        return render_consent(title, self.credentials.client_id, authorization.scope)

    def _pushed(self, received: Received, parameters: dict[str, str]) -> dict[str, str]:
        """The parameters that the request stands for. Spec: RFC 9126 section 4; RFC 9101 section 6."""
        request_uri = parameters.get("request_uri")
        if request_uri is None:
            if self.provider.oauth2.require_par:
                raise OAuthError("invalid_request", "The authorization request was not pushed first.")
            return opened_request(self.provider, self.credentials, parameters, self.now())
        pushed = self.state.pushed(request_uri, self.now())
        if pushed.get("client_id") != parameters.get("client_id"):
            raise OAuthError("invalid_request", "Another application pushed this authorization request.")
        check_pushed(self.provider.authorize, self.provider.endpoints["authorize"], received)
        return dict(pushed)

    def _redirect_uri(self, parameters: dict[str, str]) -> str:
        """Where the answer may go. Raises ``OAuthError`` for what is nobody's business but the person's."""
        self._check_application(self.provider.authorize, parameters)
        given = parameters.get("redirect_uri")
        is_name = given is not None and "://" not in given and self.provider.oauth2.redirect_uri_is_name
        if given is None or is_name:
            if len(self.redirect_uris) != 1:
                raise OAuthError("invalid_request", "There is no redirection URI, and no single one is registered.")
            return self.redirect_uris[0]
        return check_target(given, self.redirect_uris)

    def _check_application(self, leg: Leg, parameters: Mapping[str, str]) -> None:
        if leg.rename.get("client_id", "client_id") and parameters.get("client_id") != self.credentials.client_id:
            raise OAuthError("invalid_request", "No application has this client identifier.")

    def _asked_for(self, parameters: dict[str, str]) -> Authorization:
        settings, leg = self.provider.oauth2, self.provider.authorize
        for name, wanted in (("response_type", settings.response_type), ("response_mode", settings.response_mode)):
            if wanted and leg.rename.get(name, name) and parameters.get(name) != wanted:
                error = "unsupported_response_type" if name == "response_type" else "invalid_request"
                raise OAuthError(error, f"`{name}` must be {wanted!r}")
        for name, value in leg.params:
            if isinstance(value, str) and value and leg.rename.get(name, name) not in (*parameters, *leg.rename):
                raise OAuthError("invalid_request", f"a parameter of the definition is missing: {name}")
        challenge = parameters.get("code_challenge")
        method = parameters.get("code_challenge_method", "plain")
        if challenge is None and settings.pkce == "required":
            raise OAuthError("invalid_request", "this provider demands PKCE")
        if challenge is not None and method != settings.pkce_method:
            raise OAuthError("invalid_request", f"`code_challenge_method` must be {settings.pkce_method!r}")
        if challenge is not None and settings.pkce != "unsupported":
            check_challenge(settings, challenge)
        return Authorization(
            parameters.get("redirect_uri"),
            " ".join(split_scope(self.provider, parameters.get(self.provider.scopes.parameter, ""))),
            challenge if settings.pkce != "unsupported" else None,
            method,
            parameters.get("nonce"),
            parameters.get("dpop_jkt") if settings.dpop != "unsupported" else None,
            int(self.now()) if "max_age" in parameters else None,
        )

    def _approval(self, authorization: Authorization) -> Pairs:
        code = self.state.issue_code(authorization, self.now())
        return ((self.provider.callback.code, code), *self._issuer, *self._callback_extras())

    def _denial(self) -> Pairs:
        settings = self.provider.callback
        if settings.denied:
            name, value = settings.denied[0]
            return ((name, value or "1"),)
        if settings.denied_without:
            return ()
        return self._error("access_denied")

    def _error(self, error: str) -> Pairs:
        names = self.provider.callback.errors
        return (("error" if "error" in names else names[0], error), *self._issuer)

    @property
    def _issuer(self) -> Pairs:
        """Spec: RFC 9207."""
        settings = self.provider.oauth2
        return (("iss", settings.issuer),) if settings.issuer and settings.issuer_in_callback else ()

    @property
    def _title(self) -> str:
        return self.provider.title or self.provider.name

    def _state(self, state: str | None) -> Pairs:
        name = self.provider.authorize.rename.get("state", "state")
        return ((name, state),) if name and state is not None and self.provider.oauth2.state else ()

    def _callback_extras(self) -> Pairs:
        given, made = self.script.documents.get("callback", {}), (self.provider.callback.code, "state", "iss")
        return tuple(
            (name, json.dumps(value) if isinstance(value, (dict, list)) else str(value))
            for name, value in given.items()
            if name not in made
        )

    def _sent_back(self, redirect_uri: str, pairs: list[tuple[str, str]]) -> Response:
        signature = self.provider.callback.signature
        if signature is not None:
            whole = [*parse_form(urlsplit(redirect_uri).query).items(), *pairs]
            pairs = [*pairs, (signature.parameter, callback_signature(whole, self.credentials.client_secret))]
        if is_signed_mode(self.provider.oauth2.response_mode):
            about = self._about({"iss": self.provider.oauth2.issuer})
            pairs = [("response", self._encrypted(self._signed({**about, **dict(pairs)})))]
        if self.provider.oauth2.response_mode.startswith("form_post"):
            return render_form_post(self._title, redirect_uri, tuple(pairs))
        return Response(302, {"location": append_query(redirect_uri, pairs), "cache-control": "no-store"})

    def _device_page(self, received: Received) -> Response:
        """Spec: RFC 8628 section 3.3."""
        title, user_code = self._title, received.query.get("user_code")
        if not user_code:
            return render_device_login(title)
        try:
            device = self.state.device(user_code)
            if received.method != "POST":
                return render_consent(title, self.credentials.client_id, device.scope)
            approved = received.form.get("decision") == "approve"
            self.state.decide_device(user_code, approved=approved)
        except OAuthError as error:
            return render_notice(title, [error.description], status=400)
        return render_done(title, f"Access was {'approved' if approved else 'denied'}. Go back to the device.")

    def _end_session(self, received: Received) -> Response:
        try:
            return self._ended(received)
        except OAuthError as error:
            return render_notice(self._title, [error.description], status=400)

    def _ended(self, received: Received) -> Response:
        """Spec: OpenID Connect RP-Initiated Logout 1.0 sections 2 and 3."""
        leg = self.provider.end_session
        parameters = unrenamed(leg, list(received.query.items()))
        hint, target, state = map(parameters.get, ("id_token_hint", "post_logout_redirect_uri", "state"))
        missing = missing_of(leg, received, self._known(None))
        if missing is not None:
            raise OAuthError("invalid_request", f"A parameter of the definition is missing: {missing}")
        check_order(leg, self.provider.endpoints["end_session"], received)
        self._check_application(leg, parameters)
        if hint is not None and hint not in self.state.id_tokens:
            raise OAuthError("invalid_request", "The ID token is none of this provider's.")
        if target is None:
            return render_done(self._title, "You are logged out.")
        back = append_query(check_target(target, self.redirect_uris), [] if state is None else [("state", state)])
        return Response(302, {"location": back, "cache-control": "no-store"})

    # --- what is public ---------------------------------------------------------------------------------------------

    def _metadata(self, _: Received) -> Response:
        """Spec: RFC 8414 section 2."""
        settings, known = self.provider.oauth2, self.provider.endpoints
        issuer = settings.issuer or next(iter(settings.issuer_aliases), None) or settings.issuer_template
        named = {name: known[key] for name, key in METADATA_ENDPOINTS.items() if key in known}
        document = {"issuer": issuer or self._title, **named, "response_types_supported": ["code"]}
        return render_document(document, "json")

    def _jwks(self, _: Received) -> Response:
        """Spec: RFC 7517 section 5."""
        algorithms, number = expected_algorithms(self.provider) or (STANDARD_ALGORITHM,), self.state.key_number
        published = [public_jwk(name, number) for name in algorithms if not is_shared(name)]
        return render_document({"keys": published}, "json")

    def _server_time(self, _: Received) -> Response:
        return render_time(self.provider.server_time, self.script.server_time, self.now())

    def _registration(self, received: Received) -> Served:
        """Spec: RFC 7591 section 3.2."""
        described = received.json
        if not isinstance(described, dict):
            return self._refused(OAuthError("invalid_client_metadata", "The body is no JSON object."), None, "")
        made = {"client_id": self.credentials.client_id, "client_secret": self.credentials.client_secret}
        return Served(render_document({**described, **made, "client_secret_expires_at": 0}, "json", status=201))

    # --- the application's part -------------------------------------------------------------------------------------

    def _produce(self, received: Received, step: Step) -> Response:
        request = self._read(received, step)
        if step not in ("exchange", "app_token"):
            check_client(request)
        if step in ("token", "refresh", "par"):
            request = replace(request, dpop_jkt=self._proven_key(received, step))
        answers: dict[Step, Callable[[TokenRequest], Response]] = {
            "app_token": self._app_token,
            "device": self._device,
            "exchange": self._exchanged,
            "introspect": self._introspection,
            "par": self._push,
            "revoke": self._revoke,
        }
        return answers.get(step, self._token)(request)

    def _proven_key(self, received: Received, step: Step) -> str | None:
        """The key that a request proves, where the provider binds tokens."""
        demanded = self.provider.oauth2.dpop
        if demanded == "unsupported":
            return None
        proven = check_proof(self.provider, self.state, received, self.now())
        if proven is None and demanded == "required" and step != "par":
            raise OAuthError(PROOF_ERROR, "this provider demands a DPoP proof")
        return proven

    def _read(self, received: Received, step: Step) -> TokenRequest:
        """The request, sent as the definition says."""
        url, leg = self._legs(self.provider)[step]
        if received.method != leg.method.upper():
            raise OAuthError("invalid_request", f"the method must be {leg.method.upper()}", status=405)
        sent = received.sent(leg)
        check_once(sent)
        check_body(self.provider, leg, url, received)
        if step in ("token", "refresh"):
            check_token_request(self.provider, leg, sent)
        parameters, now = unrenamed(leg, sent), self.now()
        in_headers = [received.headers.get(name.lower(), "").rpartition(" ")[2] for name, _ in leg.headers]
        values = (*parameters.values(), *in_headers, *received.query.values())
        mentioned = next((value for value in values if self.state.find(value, now)), None)
        missing = missing_of(leg, received, self._known(mentioned))
        if missing is not None:
            raise OAuthError("invalid_request", f"a parameter or header of the definition is missing: {missing}")
        if leg.sign is not None:
            check_signature(leg.sign, received, self.credentials, access_token=mentioned or "")
        return TokenRequest(self.provider, self.credentials, self.state, received, leg, parameters, mentioned, now)

    def _token(self, request: TokenRequest) -> Response:
        grant = grant_of(self.provider, request.leg, request.parameters)
        renews = grant == "refresh_token"
        answer = (self.provider.refresh_answer if renews else None) or self.provider.token_answer
        shape = self.script.refresh if renews else self.script.token
        if renews and answer.reuse_token:
            self.state.prolong(request.needed("refresh_token"), request.now)
            return shape.render({})
        issued = GRANT_ANSWERS[grant](request)
        if request.dpop_jkt is not None:
            issued = self.state.bind(issued, request.dpop_jkt)
        return self._issued(issued, shape, answer)

    def _revoke(self, request: TokenRequest) -> Response:
        self.state.revoke(request.mentioned or "")
        return Response(200)

    def _exchanged(self, request: TokenRequest) -> Response:
        found = self.state.find(request.mentioned or "", request.now)
        if found is None:
            raise OAuthError("invalid_grant", "the token that should be exchanged is not good")
        if "client_secret" in request.parameters:
            check_secret(request)
        made = self.state.issue(found.scope, request.now, family=found.family, nonce=found.nonce)
        exchange = self.provider.exchange
        return self._issued(made, self.script.exchange, exchange.answer if exchange else TokenAnswer())

    def _app_token(self, request: TokenRequest) -> Response:
        check_identifier(request)
        if request.leg.rename.get("client_secret", "client_secret"):
            check_secret(request)
        step = self.provider.app_token
        issued = self.state.issue_app_token(self.now())
        return self._issued(issued, self.script.app_token, step.answer if step else TokenAnswer(), of_user=False)

    def _push(self, request: TokenRequest) -> Response:
        """Spec: RFC 9126 section 2."""
        parameters = dict(request.parameters)
        if "request_uri" in parameters:
            raise OAuthError("invalid_request", "`request_uri` cannot be pushed")
        parameters = opened_request(self.provider, self.credentials, parameters, self.now(), is_pushed=True)
        self._redirect_uri(parameters)
        self._asked_for(parameters)
        if request.dpop_jkt is not None and parameters.setdefault("dpop_jkt", request.dpop_jkt) != request.dpop_jkt:
            raise OAuthError(PROOF_ERROR, "`dpop_jkt` names another key than the proof")  # RFC 9449 section 10.1
        request_uri = self.state.push(parameters, self.now())
        return render_document({"request_uri": request_uri, "expires_in": PUSHED_LIFETIME}, "json", status=201)

    def _device(self, request: TokenRequest) -> Response:
        device_code, device = self.state.issue_device(request.scope, request.now)
        page = self._legs(self.provider)["device_page"][0]
        return self.script.device.render(
            {
                "device_code": device_code,
                "user_code": device.user_code,
                "verification_uri": page,
                "verification_uri_complete": append_query(page, [("user_code", device.user_code)]),
                "expires_in": DEVICE_LIFETIME,
                "interval": DEVICE_INTERVAL,
            }
        )

    def _introspection(self, request: TokenRequest) -> Response:
        found = self.state.find(request.needed("token"), request.now)
        known: dict[str, Any] = {}
        if found is not None:
            known = {"scope": found.scope, "exp": int(found.expires_at), "token_type": _type_of(found) or "Bearer"}
            known |= {"cnf": {"jkt": found.dpop_jkt}} if found.dpop_jkt else {}
        about = {"client_id": self.credentials.client_id} if found is not None else {}
        return self.script.introspect.render({"active": found is not None, **about, **known})

    def _issued(self, issued: Issued, shape: TokenShape, answer: TokenAnswer, *, of_user: bool = True) -> Response:
        example = self.script.documents.get("token", {}) if of_user else {}
        end = render_end(answer.expires_kind, issued.expires_at, self.now())
        id_token = self._id_token(issued, shape) if of_user and shape is not self.script.exchange else None
        if id_token is not None and shape.is_self_contained:
            issued = self.state.write_as(issued, id_token)
        fields: dict[str, Any] = {
            "access_token": issued.access_token,
            "token_type": _type_of(issued) or example.get("token_type") or next(iter(answer.token_types), "Bearer"),
            "expires_in": None if answer.default_expires_in else end,
            "refresh_token": issued.refresh_token,
            "scope": answer.scope_separator.join(issued.scope.split()) or None,
            "id_token": id_token,
        }
        told = {name: value for name, value in fields.items() if value is not None}
        extras = {name: value for name, value in example.items() if name not in ("refresh_token", "id_token")}
        return shape.render(told, extras)

    def _id_token(self, issued: Issued, shape: TokenShape) -> str | None:
        claims = self.script.documents.get("id_token")
        if self.provider.protocol == "oidc":
            if "openid" not in issued.scope.split():
                return None
            claims = self._user
        if claims is None:
            return None
        own: dict[str, Any] = {"nonce": issued.nonce} if issued.nonce else {}
        own |= {} if issued.auth_time is None else {"auth_time": issued.auth_time}
        own |= {"jti": issued.access_token} if shape.is_self_contained else {}
        changes, self.state.other_claims = self.state.other_claims, {}
        made = self._signed({**claims, **self._about(claims), **own, **changes})
        self.state.id_tokens.add(made)
        return self._encrypted(made)

    def logout_token(self, changes: Mapping[str, Any]) -> str:
        """What a provider posts when a user's sessions end. Spec: OpenID Connect Back-Channel Logout 1.0 section 2."""
        own = {"sub": self._user["sub"], "jti": secrets.token_urlsafe(12), "events": {LOGGED_OUT: {}}}
        return self._encrypted(self._signed({**self._about(self._user), **own, **changes}))

    @property
    def _user(self) -> Mapping[str, Any]:
        """What ID tokens say of the user."""
        documents = self.script.documents
        return documents.get("id_token") or {"sub": documents.get("userinfo", {}).get("sub", "simulated-user")}

    def _about(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """What every JWT of the provider says of itself; ``claims`` are about the user."""
        settings, now = self.provider.oauth2, int(self.now())
        template = settings.issuer_template
        issuer = settings.issuer or (template and template.format_map(claims)) or claims.get("iss")
        return {"iss": issuer, "aud": self.credentials.client_id, "iat": now, "exp": now + _ID_TOKEN_LIFETIME}

    def _signed(self, claims: Mapping[str, Any]) -> str:
        """A JWT of the provider; a claim of ``None`` is left out."""
        told = {name: value for name, value in claims.items() if value is not None}
        algorithm = next(iter(expected_algorithms(self.provider)), "HS256")
        secret, number = self.credentials.client_secret, self.state.key_number
        return render_jwt(told, secret=secret, algorithm=algorithm, key_number=number)

    def _encrypted(self, text: str) -> str:
        """A JWT as the application gets it. Spec: OpenID Connect Core 1.0 section 10.2."""
        algorithms, key = self.provider.oauth2.id_token_encryption, self.credentials.decryption_key
        return encrypt_to(text, json.loads(key), algorithms[0]) if algorithms and key is not None else text

    # --- what a token opens -----------------------------------------------------------------------------------------

    def _bearer(self, received: Received, identity: IdentityRequest | None, placement: TokenPlacement) -> None:
        """Spec: RFC 6750 section 2."""
        for name, _ in self.provider.api_headers:
            if name.lower() not in received.headers:
                raise OAuthError("invalid_request", f"the header is missing: {name}", status=400)
        for name, _ in self.provider.api_params if identity is None else ():
            if name not in received.query:
                raise OAuthError("invalid_request", f"the parameter is missing: {name}", status=400)
        text = self._claimed_token(received, placement)
        if not text:
            raise OAuthError("invalid_token", "the access token is missing", status=401)
        if placement.kind != "none":
            url = None if identity is None else self._url_of(identity, text)
            check_one_token(self.provider, identity, url, placement, received)
        self._check_binding(received, self.state.token(text, self.now()))
        rule, proof = self.provider.api_signature, self.provider.proof
        if rule is not None:
            check_signature(rule, received, self.credentials, access_token=text)
        if proof is not None:
            expected = hmac.digest(self.credentials.client_secret.encode(), text.encode(), "sha256").hex()
            if not hmac.compare_digest(expected, received.query.get(proof.name, "")):
                raise OAuthError("invalid_request", f"the proof is missing or wrong: {proof.name}", status=400)

    def _check_binding(self, received: Received, issued: Issued) -> None:
        """A bound token comes with its own scheme and a proof of its key. Spec: RFC 9449 sections 7.1 and 7.2."""
        is_bound = issued.dpop_jkt is not None
        if is_bound is not _has_dpop_scheme(received):
            raise OAuthError("invalid_token", "the scheme `DPoP` is for access tokens bound to a key", status=401)
        if not is_bound:
            return
        access_token, now = issued.access_token, self.now()
        proven = check_proof(self.provider, self.state, received, now, access_token=access_token, status=401)
        if proven is None:
            raise OAuthError(PROOF_ERROR, "the call carries no DPoP proof", status=401)
        if proven != issued.dpop_jkt:
            raise OAuthError("invalid_token", "the access token is bound to another key", status=401)

    def _claimed_token(self, received: Received, placement: TokenPlacement) -> str:
        if _has_dpop_scheme(received):
            return received.headers["authorization"].partition(" ")[2].strip()
        if placement.kind == "none":
            pieces = [*urlsplit(received.url).path.split("/"), *received.query.values(), *received.headers.values()]
            return next((piece for piece in pieces if self.state.find(piece, self.now())), "")
        return received.token(placement)

    def _opened(self, received: Received, identity: IdentityRequest | None) -> Response:
        """An answer about the person, a document that was put there, or the request itself."""
        put = self.documents.get((received.method, urlsplit(received.url).path))
        if identity is not None and put is None:
            document = self.script.documents.get(identity.name)
            if document is None:
                raise OAuthError("no_example", f"the definition has no example of `{identity.name}`", status=404)
            return render_document(document, identity.format)
        return render_resource(received, put, self._is_own)

    def _is_own(self, name: str) -> bool:
        """Whether a parameter carries the token, a proof of it, or what every call carries."""
        provider, rule = self.provider, self.provider.api_signature
        placed = {provider.token_placement.name} if provider.token_placement.kind != "header" else set()
        proofs = {provider.proof.name} if provider.proof else set()
        signed = {rule.parameter, rule.timestamp} if rule else set()
        return name in {*placed, *proofs, *signed, *(known for known, _ in provider.api_params)}

    def _identity_request(self, received: Received) -> IdentityRequest | None:
        for provider in self._places:
            urls = {}
            for request in provider.identity:
                placement = request.token_placement or provider.token_placement
                url = self._url_of(request, self._claimed_token(received, placement))
                if url is not None and request.method == received.method:
                    urls[request.name] = url
            name = closest(received.url, urls)
            if name is not None:
                return next(request for request in provider.identity if request.name == name)
        return None

    def _url_of(self, request: IdentityRequest, access_token: str) -> str | None:
        return request.url if isinstance(request.url, str) else request.url.render(self._known(access_token))

    def _known(self, access_token: str | None) -> dict[str, Any]:
        """The documents that a client with this token has, so that what is made of them is recognised."""
        documents = self.script.documents
        others = self.credentials.others
        return {
            **documents,
            "app_token": self.state.app_token,
            "token": {**documents.get("token", {}), "access_token": access_token},
            "client": {**others, "client_id": self.credentials.client_id},
        }

    # --- where everything is ----------------------------------------------------------------------------------------

    def _legs(self, provider: Provider) -> dict[Step, tuple[str, Leg]]:
        """Where each step is, and how a request for it is sent; of two at one place the more special first."""
        known = provider.endpoints
        token, device = known.get("token", ""), known.get("device", "")
        exchange, app_token = provider.exchange, provider.app_token
        legs: dict[Step, tuple[str, Leg]] = {
            "refresh": (known.get("refresh") or token, provider.refresh or provider.token),
            "exchange": (exchange.url, exchange.leg) if exchange else ("", provider.token),
            "app_token": (app_token.url, app_token.leg) if app_token else ("", provider.token),
            "token": (token, provider.token),
            "device": (device, provider.device),
            "device_page": (in_same_place(device, "/simulated/device"), provider.authorize),
            "par": (known.get("par", ""), Leg(rename=provider.authorize.rename)),
            "revoke": (known.get("revoke", ""), provider.revoke),
            "introspect": (known.get("introspect", ""), provider.introspect),
            "authorize": (known.get("authorize", ""), provider.authorize),
            "end_session": (known.get("end_session", ""), provider.end_session),
            "discovery": (known.get("discovery", ""), Leg(method="GET")),
            "jwks": (known.get("jwks", ""), Leg(method="GET")),
            "registration": (known.get("registration", ""), Leg()),
            "server_time": (known.get("server_time", ""), Leg(method="GET")),
        }
        return {step: (url, leg) for step, (url, leg) in legs.items() if url}

    def _fits(self, step: Step, leg: Leg, received: Received) -> bool:
        if step in ("authorize", "device_page", "end_session"):
            return True
        if "decision" in received.form:  # a page posts to its own address, where the token may be fetched as well
            return False
        if received.method != leg.method.upper() or missing_of(leg, received, self._known(None)) is not None:
            return False
        return step != "refresh" or is_renewal(leg, unrenamed(leg, received.sent(leg)))

    # --- refusing ---------------------------------------------------------------------------------------------------

    def _refused(self, error: OAuthError, shape: RefusalShape | None, scheme: str) -> Served:
        # A key may be the status of an answer that holds no code.
        words = self.provider.token_answer.error_map.items()
        own_words = {standard: own for own, standard in words if not own.isdigit()}
        said = own_words.get(error.error, error.error)
        if error.error in (PROOF_ERROR, NONCE_ERROR):  # these are the standard's words everywhere
            shape, scheme = None, "DPoP"
        if shape is not None:
            answer = shape.render(said, error.description)
        else:
            answer = render_document(
                {"error": said, "error_description": error.description}, "json", status=error.status or 400
            )
            if error.status == 401 and scheme:
                has_error = scheme in ("Bearer", "DPoP")
                challenge = f'{scheme} realm="simulated"' + (f', error="{said}"' if has_error else "")
                answer = Response(401, {**answer.headers, "www-authenticate": challenge}, answer.body)
        return Served(answer, problem=error.error, advice=error.description)


def _place(url: str, leg: Leg, received: Received) -> str:
    """Where a request of a leg goes that is this one: one of its parameters may end the path."""
    if leg.path_parameter is None:
        return url
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{last_segment(received.url)}{mark}{query}"


def _type_of(issued: Issued) -> str | None:
    """The type of a token, if it is bound to a key."""
    return None if issued.dpop_jkt is None else DPOP_TYPE


def _has_dpop_scheme(received: Received) -> bool:
    return received.headers.get("authorization", "").partition(" ")[0].lower() == DPOP_TYPE.lower()
