"""``none``: a public client names itself and proves nothing. Spec: RFC 6749 section 3.2.1; RFC 7591 section 2."""

from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def none(draft: Draft, client: ClientIdentity, provider: Provider) -> None:  # noqa: ARG001
    """Put the client identifier among the parameters."""
    draft.put("client_id", client.client_id)
