"""``tls_client_auth`` and ``self_signed_tls_client_auth``: the TLS connection proves the client; the request names it.

The certificate is in the connector of the session that the application made. Spec: RFC 8705 section 2.
"""

from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def tls_client_auth(draft: Draft, client: ClientIdentity, provider: Provider) -> None:  # noqa: ARG001
    """Put the client identifier among the parameters."""
    draft.put("client_id", client.client_id)
