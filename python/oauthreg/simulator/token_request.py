"""A request to the token endpoint or one of its neighbours, as a simulated provider has read it."""

from collections.abc import Mapping

from oauthreg.errors import OAuthError
from oauthreg.legs import split_scope
from oauthreg.provider import Leg, Provider
from oauthreg.records import dataclass, field
from oauthreg.simulator.oauth2_state import OAuth2State
from oauthreg.simulator.received import Credentials, Received


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """``parameters`` go by the standard's names; ``mentioned`` is the good token that is sent.

    It may stand in a parameter, or in a header or the query of the definition. ``now`` is in seconds since 1970;
    ``dpop_jkt`` is the thumbprint of the key that the request proves.
    """

    provider: Provider
    credentials: Credentials
    state: OAuth2State
    received: Received
    leg: Leg
    parameters: Mapping[str, str] = field(repr=False)
    mentioned: str | None = field(repr=False)
    now: float
    dpop_jkt: str | None = None

    def needed(self, name: str) -> str:
        """The value of a parameter. Raises ``OAuthError`` with ``invalid_request`` when it is missing."""
        value = self.parameters.get(name)
        if not value:
            raise OAuthError("invalid_request", f"the parameter is missing: {name}")
        return value

    @property
    def scope(self) -> str:
        """The scopes that are asked for, separated by blanks."""
        return " ".join(split_scope(self.provider, self.parameters.get(self.provider.scopes.parameter, "")))

    @property
    def renewable(self) -> bool:
        """Whether tokens of this provider can be renewed."""
        return "refresh_token" in self.provider.oauth2.grants
