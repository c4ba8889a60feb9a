"""The device code grant. Spec: RFC 8628 section 3.4."""

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


def build_parameters(*, device_code: str) -> list[tuple[str, str]]:
    """The parameters that ask whether the user has decided."""
    return [("grant_type", GRANT_TYPE), ("device_code", device_code)]
