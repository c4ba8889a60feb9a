"""The way out: the page at which the user's session with the provider itself ends.

Spec: OpenID Connect RP-Initiated Logout 1.0.
"""

from oauthreg.legs import endpoint, leg_parameters, render_page_url
from oauthreg.messages import Pairs
from oauthreg.oauth2.authorize import check_redirect_uri
from oauthreg.provider import Provider


def build_logout_url(
    provider: Provider,
    *,
    client_id: str,
    id_token_hint: str | None = None,
    post_logout_redirect_uri: str | None = None,
    state: str | None = None,
    params: Pairs = (),
) -> str:
    """The URL to send the user to; the provider sends them back to ``post_logout_redirect_uri``, if it is registered.

    ``id_token_hint`` is the ID token of the login that shall end. ``state`` comes back with the user. Raises
    ``UsageError`` where the provider has no such page, and for a redirection URI that cannot be used.

    Spec: OpenID Connect RP-Initiated Logout 1.0 section 2.
    """
    pairs = [("client_id", client_id)]
    if id_token_hint:
        pairs.append(("id_token_hint", id_token_hint))
    if post_logout_redirect_uri is not None:
        pairs.append(("post_logout_redirect_uri", check_redirect_uri(post_logout_redirect_uri)))
    if state is not None:
        pairs.append(("state", state))
    leg = provider.end_session
    seen = {"client": {"client_id": client_id}}
    sent = leg_parameters(leg, pairs, params=params, documents=seen)
    return render_page_url(leg, endpoint(provider, "end_session"), sent, seen)
