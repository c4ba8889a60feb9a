"""``client_secret_jwt``: an assertion authenticated with the client secret. Spec: RFC 7523 section 3; RFC 7523bis."""

from oauthreg.oauth2.assertion import ASSERTION_TYPE, build_client_assertion
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def client_secret_jwt(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put the assertion among the parameters."""
    settings = provider.oauth2.client_assertion
    algorithm = settings.algorithm if settings.algorithm.startswith("HS") else "HS256"
    draft.put("client_id", client.client_id)
    draft.put("client_assertion_type", ASSERTION_TYPE)
    draft.put(
        "client_assertion", build_client_assertion(provider, client, client.secret("client_secret_jwt"), algorithm)
    )
