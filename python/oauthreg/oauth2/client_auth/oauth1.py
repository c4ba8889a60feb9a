"""``oauth1``: the token request is signed with the client's key and secret. Spec: RFC 5849 section 3."""

from oauthreg.oauth1.placement import OAuth1Authentication
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider
from oauthreg.signing import Signer


def oauth1(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Let the finished request be signed, as the provider's settings of OAuth 1.0 say."""
    settings = provider.oauth1
    signer = Signer(
        settings.signature_methods[0],
        client.client_id,
        client.secret("oauth1"),
        realm=settings.realm,
        version=settings.version,
        body_hash=settings.body_hash,
        clock=client.now,
    )
    draft.authenticator = OAuth1Authentication.of(settings, signer)
