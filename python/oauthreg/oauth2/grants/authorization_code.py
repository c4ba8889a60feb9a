"""The authorization code grant. Spec: RFC 6749 section 4.1.3; RFC 7636 section 4.5."""

GRANT_TYPE = "authorization_code"


def build_parameters(
    *, code: str, redirect_uri: str | None = None, code_verifier: str | None = None
) -> list[tuple[str, str]]:
    """The parameters that exchange a code; ``redirect_uri`` is the very text of the authorization request."""
    parameters = [("grant_type", GRANT_TYPE), ("code", code)]
    if redirect_uri is not None:
        parameters.append(("redirect_uri", redirect_uri))
    if code_verifier is not None:
        parameters.append(("code_verifier", code_verifier))
    return parameters
