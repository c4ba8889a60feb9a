"""The server's side of OAuth 1.0a, without input and output: a received request in, the provider's answer out.

Spec: RFC 5849 section 2 (the three legs); "OAuth Problem Reporting" for refusals.
"""

import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from oauthreg.errors import OAuthError, VerificationError
from oauthreg.legs import append_query, render_form
from oauthreg.messages import Pairs, Response
from oauthreg.oauth1.placement import FORM
from oauthreg.provider import IdentityRequest, JWTRules, Provider
from oauthreg.records import dataclass, field
from oauthreg.signing.verify import SignedRequest
from oauthreg.simulator.checks import Checks, absent, is_password_login, rejected, wire_name
from oauthreg.simulator.faults import Step
from oauthreg.simulator.pages import render_consent, render_notice, render_verifier
from oauthreg.simulator.received import Credentials, Received, Served, check_order, closest, in_same_place
from oauthreg.simulator.rendering import render_document, render_end, render_jwt, render_resource
from oauthreg.simulator.script import RefusalShape, Script, TokenShape, render_time
from oauthreg.simulator.state import State, TemporaryCredentials, TokenCredentials

_LIFETIME = 3600
_SESSION_LIFETIME = "2592000"
_JWT_LIFETIME = 100


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

    @property
    def _checks(self) -> Checks:
        return Checks(self.provider, self.credentials, self.state, self.now)

    def step_of(self, received: Received) -> Step:
        """What a request is for. Nothing is proven yet, and nothing changes."""
        legs = self._legs()
        step = closest(received.url, legs)
        if step == "request_token" and legs.get("token") == legs[step] and received.claimed.get("oauth_token"):
            step = "token"
        if step == "token" and "oauth_session_handle" in received.claimed:
            return "refresh"
        if step is not None:
            return step
        return "api" if self._identity_request(received, received.claimed.get("oauth_token")) is None else "identity"

    def answer(self, received: Received, step: Step) -> Served:
        """The answer to a request, whatever it is."""
        if step == "authorize":
            return Served(self._authorize(received))
        if step == "server_time":
            return Served(render_time(self.provider.server_time, self.script.server_time, self.now()))
        signed = None
        try:
            signed = self._checks.signed(received, step)
            return Served(self._produce(received, signed, step), signed)
        except VerificationError as error:
            refusal = self._checks.reported(error)
            return Served(self._refuse(refusal, step), signed, refusal.error, refusal.description, error.base_string)
        except OAuthError as error:
            return Served(self._refuse(error, step), signed, error.error, error.description)

    def _produce(self, received: Received, signed: SignedRequest, step: Step) -> Response:
        if step == "request_token":
            return self._request_token(received, signed)
        if step == "token":
            return self._token(received, signed)
        if step == "refresh":
            return self._refresh(signed)
        if step == "revoke":
            self.state.revoke(self.state.token(signed.token))
            return Response(200)
        if step == "exchange":
            fields = {"access_token": self.state.make_text(), "token_type": "Bearer", "expires_in": _LIFETIME}
            return self.script.exchange.render(fields)
        identity = self._identity_request(received, signed.token)
        return self._resource(received) if identity is None else self._identity(identity, signed)

    # --- the three legs ---------------------------------------------------------------------------------------------

    def _request_token(self, received: Received, signed: SignedRequest) -> Response:
        settings, leg = self.provider.oauth1, self.provider.request_token
        callback = signed.parameters.get("oauth_callback")
        if settings.callback in ("request", "both", "oob"):
            if callback is None:
                raise absent("oauth_callback")
            if settings.callback == "oob" and callback != "oob":
                raise rejected("oauth_callback", "this provider shows the person a code: the callback is `oob`")
            if callback != "oob" and "://" not in callback:
                raise rejected("oauth_callback", "the callback is neither a URL nor `oob`")
        elif callback is not None:
            raise rejected("oauth_callback", "this provider takes the callback when it authorizes")
        scope = None
        if self.provider.scopes.leg == "request_token":
            scope = {**received.query, **received.form}.get(wire_name(leg, self.provider.scopes.parameter))
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
                self._checks.leg(leg, received, self._known(None))
            check_order(leg, self._legs()["authorize"], received)
            asked = self.state.temporary(query.get(wire_name(leg, "oauth_token")))
        except OAuthError as error:
            return render_notice(title, [error.description], status=400)
        callback = query.get(wire_name(leg, "oauth_callback")) or asked.callback
        scope = query.get(wire_name(leg, self.provider.scopes.parameter)) or asked.scope
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
        return *self._named(decided), *verifier, *self._callback_extras().items()

    def _named(self, decided: TemporaryCredentials) -> Pairs:
        """The request token, where the provider's callback names it."""
        return (("oauth_token", decided.token),) if self.provider.oauth1.token_in_callback else ()

    def _denial(self, decided: TemporaryCredentials) -> Pairs | None:
        """What tells the application that the person refused; ``None`` where a provider tells it nothing."""
        settings = self.provider.callback
        if settings.denied:
            name, value = settings.denied[0]
            return ((name, decided.token),) if value is None else (*self._named(decided), (name, value))
        if settings.denied_without:
            return self._named(decided)
        if settings.errors:
            name = settings.errors[0]
            word = "user_refused" if name == "oauth_problem" else "access_denied"
            return *self._named(decided), (name, word)
        return None

    def _token(self, received: Received, signed: SignedRequest) -> Response:
        """Spec: RFC 5849 section 2.3; without a request token, what xAuth and two-legged servers do."""
        if signed.token is None:
            return self._token_at_once(received)
        temporary = self.state.temporary(signed.token)
        if temporary.stage == "asked":
            raise OAuthError("permission_unknown", "the person has not decided yet", status=401)
        if temporary.stage == "denied":
            raise OAuthError("permission_denied", "the person refused", status=401)
        if self.provider.oauth1.verifier == "required":
            verifier = signed.parameters.get("oauth_verifier")
            if verifier is None:
                raise absent("oauth_verifier")
            if not hmac.compare_digest(verifier.encode(), temporary.verifier.encode()):
                raise rejected("oauth_verifier", "the verifier is not the one that was given", status=401)
        session = self.provider.oauth1.session_handle
        return self._issued(self.state.exchange(temporary, self._callback_extras(), session=session))

    def _token_at_once(self, received: Received) -> Response:
        """An access token for the application itself, or for a person whose password it has."""
        flows, given = self.provider.oauth1.flows, received.form
        if is_password_login(received):
            if "xauth" not in flows:
                raise OAuthError("permission_denied", "this provider takes no passwords", status=401)
            if given.get("x_auth_mode") != "client_auth" or not given.get("x_auth_username"):
                raise absent("x_auth_username")
            if not given.get("x_auth_password"):
                raise OAuthError("permission_denied", "name and password do not belong together", status=401)
        elif "two-legged" not in flows:
            raise absent("oauth_token")
        return self._issued(self.state.issue(session=self.provider.oauth1.session_handle))

    def _refresh(self, signed: SignedRequest) -> Response:
        """Spec: OAuth Session 1.0; without session handles the token is made good again."""
        old = self.state.token(signed.token, renewing=True)
        if not self.provider.oauth1.session_handle:
            self.state.reactivate(old)
            return render_document("Access Token has been renewed", "text")
        handle = signed.parameters.get("oauth_session_handle", "")
        if not hmac.compare_digest(handle.encode(), (old.session_handle or "").encode()):
            raise rejected("oauth_session_handle", "the session handle belongs to another token", status=401)
        return self._issued(self.state.renew(old))

    def _issued(self, made: TokenCredentials) -> Response:
        fields = {"oauth_token": made.token, "oauth_token_secret": made.token_secret}
        if made.session_handle is not None:
            fields |= {
                "oauth_expires_in": self._expiry(),
                "oauth_session_handle": made.session_handle,
                "oauth_authorization_expires_in": _SESSION_LIFETIME,
            }
        elif "oauth_expires_in" in self.script.token.fields:
            fields["oauth_expires_in"] = self._expiry()
        return self.script.token.render(fields, self.script.documents.get("token"))

    def _expiry(self) -> str:
        """When a token made now expires, as this provider says it."""
        now = self.now()
        return str(render_end(self.provider.token_answer.expires_kind, now + _LIFETIME, now) or _LIFETIME)

    # --- what a token opens -----------------------------------------------------------------------------------------

    def _identity(self, request: IdentityRequest, signed: SignedRequest) -> Response:
        document = self.script.documents.get(request.name)
        if document is None:
            raise OAuthError("no_example", f"the definition has no example of `{request.name}`", status=404)
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
        put = self.documents.get((received.method, urlsplit(received.url).path))
        return render_resource(received, put, lambda name: name.startswith("oauth_"))

    def _identity_request(self, received: Received, token: str | None) -> IdentityRequest | None:
        urls = {}
        for request in self.provider.identity:
            url = request.url if isinstance(request.url, str) else request.url.render(self._known(token))
            if url is not None and request.method == received.method:
                urls[request.name] = url
        name = closest(received.url, urls)
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
        legs["refresh"], legs["revoke"] = known.get("refresh", ""), known.get("revoke", "")
        legs["server_time"] = known.get("server_time", "")
        legs["exchange"] = self.provider.exchange.url if self.provider.exchange else ""
        legs["authorize"] = known.get("authorize") or in_same_place(legs["request_token"], "/authorize")
        return {step: url for step, url in legs.items() if url}

    # --- refusing ---------------------------------------------------------------------------------------------------

    def _refusal_shape(self, step: Step) -> RefusalShape | None:
        if step in ("request_token", "exchange", "revoke"):
            shape: TokenShape = getattr(self.script, step)
            return shape.refusal
        return self.script.token.refusal if step in ("token", "refresh") else self.script.api_refusal

    def _refuse(self, error: OAuthError, step: Step) -> Response:
        shape = self._refusal_shape(step)
        if shape is not None:
            return shape.render(error.error, error.description)
        report = [("oauth_problem", error.error), ("oauth_problem_advice", error.description)]
        report += [(name, str(value)) for name, value in error.parameters.items()]
        realm = (self.provider.oauth1.realm or self.provider.name).replace("\\", "").replace('"', "")
        headers = {"content-type": FORM}
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = f'OAuth realm="{realm}", oauth_problem="{error.error}"'
        return Response(error.status or 400, headers, render_form(report).encode())
