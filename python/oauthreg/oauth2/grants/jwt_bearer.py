"""The JWT bearer grant. Spec: RFC 7523 section 2.1."""

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def build_parameters(
    *, assertion: str, scope: str | None = None, grant_type: str = GRANT_TYPE
) -> list[tuple[str, str]]:
    """The parameters that exchange a JWT; ``grant_type`` for providers that have one of their own."""
    parameters = [("grant_type", grant_type), ("assertion", assertion)]
    return [*parameters, ("scope", scope)] if scope else parameters
