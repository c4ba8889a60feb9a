"""``query``: both credentials in the query of the URL, for providers that accept them nowhere else.

A secret in a URL ends up in logs: RFC 6749 section 2.3.1 forbids it, so only a definition can ask for it.
"""

from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def query(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put both credentials into the query."""
    draft.query.append(("client_id", client.client_id))
    draft.query.append((provider.oauth2.client_auth_name or "client_secret", client.secret("query")))
