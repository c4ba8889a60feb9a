"""Whether a received request is what the definition says: signed right, sent right, and for the first time.

Spec: RFC 5849 section 3.2; "OAuth Problem Reporting" for the words of a refusal.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from oauthreg.errors import OAuthError, VerificationError
from oauthreg.oauth1.placement import realm_of, signed_url
from oauthreg.provider import Documents, Leg, Placement, Provider
from oauthreg.records import dataclass, replace
from oauthreg.signing._pure import escape
from oauthreg.signing.verify import SignedRequest, VerificationKeys, verify
from oauthreg.simulator.faults import Step
from oauthreg.simulator.received import Credentials, Received, missing_of
from oauthreg.simulator.state import WINDOW, State

_parameter_names = re.compile(r"oauth_\w+").findall

PROBLEMS = {
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
class Checks:
    """Checks requests against one provider. ``now`` gives its time in seconds since 1970.

    Every check raises ``OAuthError``, or ``VerificationError`` for what ``reported`` puts into words.
    """

    provider: Provider
    credentials: Credentials
    state: State
    now: Callable[[], float]

    def signed(self, received: Received, step: Step) -> SignedRequest:
        """The request's own word, proven, and sent as the definition says."""
        settings = self.provider.oauth1
        if settings.bearer is not None and step in ("api", "identity"):
            return self._carried(received, settings.bearer)
        leg = self._leg_of(received, step)
        if leg is not None:
            self.leg(leg, received, {})
        whole = self._with_verifier(received, leg) if step == "token" and leg is not None else received
        signed = verify(
            whole.method,
            signed_url(whole.url, settings),
            whole.body,
            whole.headers.get("content-type"),
            authorization=whole.headers.get("authorization"),
            lookup=lambda request: self._keys(request, step),
            signature_methods=settings.signature_methods,
            body_hash="required" if settings.body_hash else "optional",
            now=self.now(),
            window=WINDOW,
            is_new_nonce=self._is_new_nonce,
            explain=True,
        )
        self._placement(received, signed, leg)
        realm = settings.realm if settings.realm_from is None else realm_of(received.url, settings.realm_from)
        if realm is not None and signed.placement == "header" and signed.realm != realm:
            raise rejected("realm", f"the realm must be {realm!r}")
        self._parameters(signed)
        if leg is None:
            self._api_headers(received)
        return signed

    def leg(self, leg: Leg, received: Received, documents: Documents) -> None:
        """The definition's method, fixed parameters and headers are there."""
        method = leg.method.upper()
        if received.method != method:
            raise OAuthError("parameter_rejected", f"the method must be {method}", status=405)
        missing = missing_of(leg, received, documents)
        if missing is not None:
            raise absent(missing, f"a parameter or header of the definition is missing or differs: {missing}")

    def reported(self, error: VerificationError) -> OAuthError:
        """The refusal that tells a client what is wrong with its request."""
        status, problem = PROBLEMS[error.code]
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

    def _leg_of(self, received: Received, step: Step) -> Leg | None:
        """How the definition says that a request of the protocol is sent; ``None`` for a call."""
        if step in ("api", "identity"):
            return None
        if step == "request_token":
            return self.provider.request_token
        if step == "refresh":
            return self.provider.refresh or self.provider.token
        if step == "revoke":
            return self.provider.revoke
        if step == "exchange" and self.provider.exchange is not None:
            return self.provider.exchange.leg
        # A password never stands in a URL.
        return replace(self.provider.token, method="POST") if is_password_login(received) else self.provider.token

    def _carried(self, received: Received, name: str) -> SignedRequest:
        """The word of a call that carries a field of the token answer in place of a signature."""
        placement = self.provider.token_placement
        where: Placement = "header" if placement.kind == "none" else placement.kind
        text = received.token(placement)
        if not text:
            raise OAuthError("token_rejected", f"the call carries no token in the {where}", status=401)
        token = self.state.carried(name, text)
        self._api_headers(received)
        return SignedRequest(self.credentials.client_id, token.token, "", where, None, {})

    def _keys(self, request: SignedRequest, step: Step) -> VerificationKeys:
        if request.client_id != self.credentials.client_id:
            raise OAuthError("consumer_key_unknown", "no application has this consumer key", status=401)
        secret = self._token_secret(request.token, step)
        return VerificationKeys(self.credentials.client_secret, secret, self.credentials.private_key)

    def _token_secret(self, token: str | None, step: Step) -> str | None:
        if step == "request_token":
            return None
        if step == "token":
            return None if token is None and self._gives_tokens_at_once else self.state.temporary(token).token_secret
        if token is None and self.provider.oauth1.flows != ("three-legged",):
            return None
        return self.state.token(token, renewing=step == "refresh").token_secret

    @property
    def _gives_tokens_at_once(self) -> bool:
        """Whether there is a way to an access token without a request token."""
        return not {"two-legged", "xauth"}.isdisjoint(self.provider.oauth1.flows)

    def _is_new_nonce(self, request: SignedRequest) -> bool:
        nonce = request.parameters.get("oauth_nonce")
        timestamp = request.parameters.get("oauth_timestamp", "")
        return nonce is None or self.state.is_new_nonce(request.token, timestamp, nonce, self.now())

    def _wanted_placement(self, received: Received, leg: Leg | None) -> Placement:
        wanted = (leg and leg.placement) or self.provider.oauth1.placement
        return "query" if wanted == "body" and not received.body else wanted

    def _placement(self, received: Received, signed: SignedRequest, leg: Leg | None) -> None:
        wanted = self._wanted_placement(received, leg)
        if signed.placement != wanted:
            raise OAuthError(
                "parameter_rejected",
                f"the protocol parameters stand in the {signed.placement}, this provider wants them in the {wanted}",
                status=400,
            )

    def _parameters(self, signed: SignedRequest) -> None:
        """The protocol parameters that the definition wants and those that it does not."""
        settings, given = self.provider.oauth1, signed.parameters
        if settings.send_empty_token and "oauth_token" not in given:
            raise absent("oauth_token", "without a token, an empty one must be sent")
        is_plain = signed.signature_method == "PLAINTEXT"
        unwanted = {
            "oauth_version": settings.version is None,
            "oauth_nonce": is_plain and not settings.send_nonce,
            "oauth_timestamp": is_plain and not settings.send_timestamp,
        }
        for name, is_unwanted in unwanted.items():
            if is_unwanted and name in given:
                raise rejected(name, f"this provider wants no {name}")
        length = settings.nonce_length
        if length is not None and len(given.get("oauth_nonce", " " * length)) != length:
            raise rejected("oauth_nonce", f"the nonce must have {length} characters")

    def _with_verifier(self, received: Received, leg: Leg) -> Received:
        """The request with a verifier that stands apart among the other protocol parameters: it is signed alike."""
        where, others = self.provider.oauth1.verifier_placement, self._wanted_placement(received, leg)
        if where is None:
            return received
        verifier = (received.query if where == "query" else received.form).get("oauth_verifier")
        if verifier is None:
            raise absent("oauth_verifier", f"the verifier must stand in the {where}")
        return received if where == others else moved(received, where, others, "oauth_verifier", verifier)

    def _api_headers(self, received: Received) -> None:
        for name, _ in self.provider.api_headers:
            if name.lower() not in received.headers:
                raise absent(name, f"the header is missing: {name}")
        for name, _ in self.provider.api_params:
            if name not in received.query:
                raise absent(name)


def moved(received: Received, where: Placement, to: Placement, name: str, value: str) -> Received:
    """The request with one of its parameters in another place."""
    parts, pair = urlsplit(received.url), f"{name}={escape(value)}"
    encoded: dict[Placement, str] = {"query": parts.query, "body": received.body.decode("latin-1")}
    encoded[where] = "&".join([piece for piece in encoded[where].split("&") if piece.partition("=")[0] != name])
    headers = received.headers
    if to == "header":
        headers = {**headers, "authorization": f'{headers.get("authorization", "")}, {name}="{escape(value)}"'}
    else:
        encoded[to] = f"{encoded[to]}&{pair}"
    url = urlunsplit(parts._replace(query=encoded["query"]))
    return replace(received, url=url, headers=headers, body=encoded["body"].encode("latin-1"))


def is_password_login(received: Received) -> bool:
    """Whether a request brings a user's password (xAuth)."""
    return "x_auth_mode" in {**received.query, **received.form}


def wire_name(leg: Leg, name: str) -> str:
    """The provider's name of a parameter; the standard's own where a definition drops it."""
    return leg.rename.get(name) or name


def absent(name: str, advice: str = "") -> OAuthError:
    """The refusal of a request that lacks something."""
    return OAuthError(
        "parameter_absent",
        advice or f"the parameter is missing: {name}",
        status=400,
        parameters={"oauth_parameters_absent": name},
    )


def rejected(name: str, advice: str, *, status: int = 400) -> OAuthError:
    """The refusal of a parameter's value."""
    return OAuthError("parameter_rejected", advice, status=status, parameters={"oauth_parameters_rejected": name})
