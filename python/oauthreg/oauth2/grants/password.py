"""The resource owner password credentials grant, only ever used when asked for by name.

Spec: RFC 6749 section 4.3; RFC 9700 section 2.4 advises against it.
"""

GRANT_TYPE = "password"


def build_parameters(*, username: str, password: str, scope: str | None = None) -> list[tuple[str, str]]:
    """The parameters that exchange a user's password."""
    parameters = [("grant_type", GRANT_TYPE), ("username", username), ("password", password)]
    return [*parameters, ("scope", scope)] if scope else parameters
