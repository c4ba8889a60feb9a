"""The SAML 2.0 bearer grant. Spec: RFC 7522 section 2.1."""

from oauthreg.errors import UsageError
from oauthreg.jws import encode_segment, is_encodable

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:saml2-bearer"


def build_parameters(*, assertion: str | bytes, scope: str | None = None) -> list[tuple[str, str]]:
    """The parameters that exchange a SAML assertion, given as XML. Raises ``UsageError`` for text without octets."""
    if isinstance(assertion, str) and not is_encodable(assertion):
        raise UsageError("the assertion holds a lone surrogate, which UTF-8 cannot carry", code="invalid-assertion")
    octets = assertion.encode() if isinstance(assertion, str) else assertion
    encoded = encode_segment(octets).decode()
    parameters = [("grant_type", GRANT_TYPE), ("assertion", encoded)]
    return [*parameters, ("scope", scope)] if scope else parameters
