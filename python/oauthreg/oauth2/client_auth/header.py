"""``header``: the client secret in a header of the provider's own, the identifier in the body."""

from oauthreg.errors import UsageError
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def header(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put the secret into the header that the provider names."""
    name = provider.oauth2.client_auth_name
    if not name:
        raise UsageError(
            "the header of the client secret has no name", code="unnamed-client-auth", hint="set `client_auth_name`"
        )
    draft.headers.append((name, client.secret("header")))
    draft.put("client_id", client.client_id)
