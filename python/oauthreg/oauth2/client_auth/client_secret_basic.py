"""``client_secret_basic``: the two credentials in a Basic header, form-encoded first unless the provider reads raw.

Spec: RFC 6749 section 2.3.1 and appendix B.
"""

from urllib.parse import quote_plus

from oauthreg.errors import UsageError
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.provider import Provider


def client_secret_basic(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Put both credentials into the ``Authorization`` header."""
    name, secret = client.client_id, client.secret("client_secret_basic")
    if provider.oauth2.basic_encoding == "form":
        name, secret = quote_plus(name, safe=""), quote_plus(secret, safe="")
    elif ":" in name:
        raise UsageError(
            "a client identifier with `:` cannot be sent raw in a Basic header",
            code="colon-in-client-id",
            hint='take `basic_encoding = "form"`, or `client_secret_post`',
        )
    draft.put_basic(name, secret)
    if provider.oauth2.send_client_id:
        draft.put("client_id", client.client_id)
