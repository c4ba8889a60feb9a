"""The client credentials grant. Spec: RFC 6749 section 4.4."""

GRANT_TYPE = "client_credentials"


def build_parameters(*, scope: str | None = None) -> list[tuple[str, str]]:
    """The parameters that ask for a token of the client itself."""
    return [("grant_type", GRANT_TYPE), *([("scope", scope)] if scope else [])]
