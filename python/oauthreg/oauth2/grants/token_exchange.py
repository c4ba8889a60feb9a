"""The token exchange grant. Spec: RFC 8693 section 2.1."""

from collections.abc import Sequence

from oauthreg.errors import UsageError

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"

TOKEN_TYPES = {
    name: f"urn:ietf:params:oauth:token-type:{name}"
    for name in ("access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt")
}
"""Short name -> token type identifier. Spec: RFC 8693 section 3."""


def build_parameters(
    *,
    subject_token: str,
    subject_token_type: str = "access_token",  # noqa: S107 - the name of a type
    actor_token: str | None = None,
    actor_token_type: str | None = None,
    requested_token_type: str | None = None,
    audience: Sequence[str] = (),
    scope: str | None = None,
) -> list[tuple[str, str]]:
    """The parameters that exchange one token for another; types are short names or identifiers."""
    if (actor_token is None) != (actor_token_type is None):
        raise UsageError("`actor_token` and `actor_token_type` go together", code="actor-token-incomplete")
    parameters = [
        ("grant_type", GRANT_TYPE),
        ("subject_token", subject_token),
        ("subject_token_type", TOKEN_TYPES.get(subject_token_type, subject_token_type)),
    ]
    if actor_token is not None and actor_token_type is not None:
        parameters.append(("actor_token", actor_token))
        parameters.append(("actor_token_type", TOKEN_TYPES.get(actor_token_type, actor_token_type)))
    if requested_token_type is not None:
        parameters.append(("requested_token_type", TOKEN_TYPES.get(requested_token_type, requested_token_type)))
    parameters += [("audience", name) for name in audience]
    return [*parameters, ("scope", scope)] if scope else parameters
