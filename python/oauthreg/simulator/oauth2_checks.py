"""What no request of OAuth 2.0 may hold: a parameter or token twice, one that belongs elsewhere, a value that is none.

What the definition itself puts somewhere belongs there. Each check raises ``OAuthError`` with ``invalid_request``.
"""

import re
from collections import Counter
from collections.abc import Iterable

from oauthreg.answers import parse_form
from oauthreg.errors import OAuthError, UsageError
from oauthreg.legs import is_sent_in_query
from oauthreg.oauth2.authorize import check_redirect_uri, code_challenge, split_url
from oauthreg.provider import IdentityRequest, Leg, OAuth2Settings, Provider, TokenPlacement
from oauthreg.simulator.client_proofs import client_auth_of, names_in_query
from oauthreg.simulator.received import Received

_MAY_REPEAT = ("resource", "audience")
_OF_AUTHORIZATION = frozenset(
    (
        "code_challenge",
        "code_challenge_method",
        "max_age",
        "nonce",
        "prompt",
        "request_uri",
        "response_mode",
        "response_type",
        "state",
    )
)
"""What an authorization request alone has."""
_IS_DIGEST = {
    "base64url": re.compile(r"[A-Za-z0-9_-]{43}").fullmatch,
    "hex": re.compile(r"[0-9a-f]{64}").fullmatch,
}
"""How a digest of 256 bits is written -> whether a text is one."""


def check_once(pairs: Iterable[tuple[str, str]], names: Iterable[str] | None = None) -> None:
    """No parameter stands twice: none of ``names``, or none at all but those that may. Spec: RFC 6749 section 3.1."""
    counted = Counter(name for name, _ in pairs)
    for name in counted if names is None else names:
        if counted[name] > 1 and name not in _MAY_REPEAT:
            raise _wrong(f"the parameter stands twice: {name}")


def check_body(provider: Provider, leg: Leg, url: str, received: Received) -> None:
    """A request to an endpoint has in its query what the definition puts there. Spec: RFC 6749 sections 2.3.1, 3.2."""
    if is_sent_in_query(leg):
        return
    own = {*_names_in(url), *dict(leg.query), *_of_signature(leg)}
    if client_auth_of(provider, leg) == "query":
        own |= {*names_in_query(provider, leg)}
    for name in received.query:
        if name not in own:
            raise _wrong(f"the parameter stands in the query, and belongs into the body: {name}")


def check_token_request(provider: Provider, leg: Leg, sent: Iterable[tuple[str, str]]) -> None:
    """A token request has no parameter of an authorization request."""
    own = {*dict(leg.params), *leg.rename.values(), *provider.callback.forward, *_of_signature(leg)}
    for name, _ in sent:
        if name in _OF_AUTHORIZATION - own:
            raise _wrong(f"the parameter belongs to the authorization request: {name}")


def check_pushed(leg: Leg, url: str, received: Received) -> None:
    """Beside the request that was pushed, a browser carries who pushed it alone. Spec: RFC 9126 section 4."""
    own = {*_names_in(url), *dict(leg.query), *(leg.rename.get(name, name) for name in ("client_id", "request_uri"))}
    for name in received.query:
        if name not in own:
            raise _wrong(f"The parameter stands beside a request that was pushed: {name}.")


def check_challenge(settings: OAuth2Settings, challenge: str) -> None:
    """A code challenge is what a verifier gives. Spec: RFC 7636 section 4.2."""
    is_one = _IS_DIGEST[settings.pkce_encoding](challenge) is not None
    if settings.pkce_method == "plain":
        try:
            is_one = code_challenge(challenge, "plain") == challenge
        except UsageError:
            is_one = False
    if not is_one:
        raise _wrong(f"`code_challenge` is none of the method {settings.pkce_method}")


def check_target(given: str, registered: tuple[str, ...]) -> str:
    """The URI, if the person may be sent there: a registered one; where none is, any that cannot harm them.

    Spec: RFC 6749 section 3.1.2; RFC 8252 sections 7 and 8.
    """
    parts = split_url(given)
    if parts is None or not parts.scheme or "#" in given:
        raise _wrong("The redirection URI is no absolute URI without fragment.")
    if registered and given not in registered:
        raise _wrong("The redirection URI is not one of those that are registered.")
    try:
        return given if registered else check_redirect_uri(given)
    except UsageError as error:
        raise _wrong(f"{error.message}; {error.hint}") from None


def check_one_token(
    provider: Provider, identity: IdentityRequest | None, url: str | None, placement: TokenPlacement, received: Received
) -> None:
    """A call carries its token once. ``url`` is that of the identity request. Spec: RFC 6750 section 2."""
    own = {*dict(provider.api_params)}
    if identity is not None:
        own |= {*_names_in(url or ""), *dict(identity.query), *dict(identity.form)}
    headers = {placement.name.lower()} if placement.kind == "header" and received.token(placement) else set()
    if received.headers.get("authorization", "").partition(" ")[0].lower() in ("bearer", "dpop"):
        headers.add("authorization")
    carried = len(headers)
    for kind, pairs in (("query", received.query_pairs), ("body", received.form_pairs)):
        names = ({"access_token"} - own) | ({placement.name} if placement.kind == kind else set())
        carried += sum(name in names for name, _ in pairs)
    if carried > 1:
        raise _wrong("the call carries an access token more than once")


def _of_signature(leg: Leg) -> set[str]:
    """The parameters that sign a request of a leg."""
    return set() if leg.sign is None else {leg.sign.parameter, leg.sign.timestamp}


def _names_in(url: str) -> set[str]:
    return {*parse_form(url.partition("#")[0].partition("?")[2])}


def _wrong(description: str) -> OAuthError:
    return OAuthError("invalid_request", description)
