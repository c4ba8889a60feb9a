"""``signed_secret``: the client secret is itself a JWT that the client signs, made anew for each request."""

from oauthreg.oauth2.assertion import build_signed_secret
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def signed_secret(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put the identifier and the freshly signed secret among the parameters."""
    draft.put("client_id", client.client_id)
    draft.put("client_secret", build_signed_secret(provider, client))
