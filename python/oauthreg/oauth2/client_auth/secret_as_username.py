"""``secret_as_username``: the secret as the user name of a Basic header without a password, as API keys are sent.

Spec: RFC 7617 section 2; no RFC knows this as client authentication.
"""

from urllib.parse import quote_plus

from oauthreg.errors import UsageError
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def secret_as_username(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put the secret alone into the ``Authorization`` header."""
    secret = client.secret("secret_as_username")
    if provider.oauth2.basic_encoding == "form":
        secret = quote_plus(secret, safe="")
    elif ":" in secret:
        raise UsageError(
            "a client secret with `:` is no user name of a Basic header",
            code="colon-in-client-secret",
            hint='take `basic_encoding = "form"`, or `client_secret_post`',
        )
    draft.put_basic(secret, "")
    if provider.oauth2.send_client_id:
        draft.put("client_id", client.client_id)
