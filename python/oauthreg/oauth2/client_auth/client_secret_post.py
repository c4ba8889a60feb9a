"""``client_secret_post``: both credentials in the body. Spec: RFC 6749 section 2.3.1."""

from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def client_secret_post(draft: Draft, client: ClientIdentity, provider: Provider) -> None:  # noqa: ARG001
    """Put both credentials among the parameters."""
    draft.put("client_id", client.client_id)
    draft.put("client_secret", client.secret("client_secret_post"))
