"""The refresh token grant. Spec: RFC 6749 section 6."""

GRANT_TYPE = "refresh_token"


def build_parameters(*, refresh_token: str, scope: str | None = None) -> list[tuple[str, str]]:
    """The parameters that renew a token; ``scope`` only where the provider needs it."""
    parameters = [("grant_type", GRANT_TYPE), ("refresh_token", refresh_token)]
    return [*parameters, ("scope", scope)] if scope else parameters
