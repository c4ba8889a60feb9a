"""Whether a request carries the signature that a definition demands beside OAuth."""

import hmac
from urllib.parse import urlsplit

from oauthreg.answers import parse_form
from oauthreg.errors import OAuthError
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.request_signature import make_signature
from oauthreg.provider import RequestSignature
from oauthreg.simulator.received import Credentials, Received


def check_signature(rule: RequestSignature, received: Received, credentials: Credentials, *, access_token: str) -> None:
    """Raises ``OAuthError`` unless the request is signed as the rule says."""
    query = parse_form(urlsplit(received.url).query)
    members = {name: value for name, value in (received.json or {}).items() if isinstance(value, str)}
    parameters = {**query, **received.form, **members}
    given = parameters.get(rule.parameter, "") if rule.header is None else received.headers.get(rule.header.lower(), "")
    place = parameters if rule.header is None else received.headers
    client = ClientIdentity(credentials.client_id, lambda: 0.0, str, credentials.client_secret, credentials.private_key)
    expected = make_signature(
        rule,
        client,
        url=received.url,
        parameters=parameters.items(),
        body=received.body.decode("utf-8", "replace"),
        access_token=access_token,
        timestamp=place.get(rule.timestamp if rule.header is None else rule.timestamp.lower(), ""),
    )
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise OAuthError("invalid_request", "the signature of the request is missing or wrong", status=401)
