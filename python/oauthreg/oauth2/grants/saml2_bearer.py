"""The SAML 2.0 bearer grant. Spec: RFC 7522 section 2.1."""

from oauthreg.jws import encode_segment

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:saml2-bearer"


def build_parameters(*, assertion: str | bytes, scope: str | None = None) -> list[tuple[str, str]]:
    """The parameters that exchange a SAML assertion, given as XML."""
    octets = assertion.encode() if isinstance(assertion, str) else assertion
    encoded = encode_segment(octets).decode()
    parameters = [("grant_type", GRANT_TYPE), ("assertion", encoded)]
    return [*parameters, ("scope", scope)] if scope else parameters
