"""What time it is at the server, where a provider has an endpoint that tells it.

Spec: RFC 5849 section 3.3 (servers refuse timestamps that are not near their own time).
"""

from oauthreg.answers import malformed
from oauthreg.legs import answered, endpoint
from oauthreg.messages import Flow, Request, Response
from oauthreg.oauth2.lifetime import moment_of
from oauthreg.oauth2.token_answer import parse_document
from oauthreg.provider import Provider, ServerTime, TokenAnswer

_EARLIEST, _LATEST = 946_684_800, 32_503_680_000
"""The years 2000 and 3000: what lies without is no time, or one in another unit."""


def is_of_our_days(moment: float) -> bool:
    """Whether a moment, in seconds since 1970, can be the time that it is."""
    return _EARLIEST <= moment <= _LATEST


def server_time_flow(provider: Provider) -> Flow[float]:
    """The server's time in seconds since 1970, asked for without credentials.

    Raises ``UsageError`` where the provider does not tell it, ``OAuthError`` and ``MalformedResponseError``.
    """
    response = yield Request("GET", endpoint(provider, "server_time"))
    return parse_server_time(answered(response), provider.server_time)


def parse_server_time(response: Response, settings: ServerTime) -> float:
    """The time in an answer, in seconds since 1970.

    Raises ``OAuthError`` and ``MalformedResponseError`` (``no-server-time``).
    """
    document = parse_document(response, TokenAnswer(format=settings.format))
    value = document if settings.find is None else settings.find(document)
    moment = moment_of(settings.kind, value.strip() if isinstance(value, str) else value)
    if moment is None or not is_of_our_days(moment):
        raise malformed(
            response,
            "the answer does not tell the server's time",
            code="no-server-time",
            hint="compare it with `path` and `kind` in `[server_time]` of the definition",
        )
    return moment
