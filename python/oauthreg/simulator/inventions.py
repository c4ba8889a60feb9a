"""What a simulated provider needs and nobody gave: an application's credentials, values of required variables."""

import json
import secrets
from collections.abc import Iterator

from oauthreg.definition import required_credentials, variables
from oauthreg.definition.model import Definition, Variable
from oauthreg.errors import UsageError
from oauthreg.jose import generate_private_jwk, generate_private_key_for, is_shared
from oauthreg.oauth2.issuer import knows_issuer
from oauthreg.oauth2.server_metadata import METADATA_ENDPOINTS, with_metadata
from oauthreg.provider import Provider
from oauthreg.signing.keys import generate_private_key
from oauthreg.simulator.received import Credentials, in_same_place

_OWN = ("client_id", "client_secret", "private_key", "passphrase", "decryption_key")
_TOLD = ("authorize", "token", "jwks", "userinfo", "revoke", "end_session")
_UUID = "00000000-0000-4000-8000-000000000001"
_LIKELY = ("example", "provider.example.org", "1234567", "1234567_SB1", "EXAMPLE", "1", "us", _UUID)


def invent_credentials(definition: Definition) -> Credentials:
    """Credentials of an application, with a private key where one is needed, of the kind that is needed.

    Where a definition says that there need be no secret, there is none.
    """
    secret = definition.credentials.get("client_secret")
    return Credentials(
        f"app-{secrets.token_hex(4)}",
        secrets.token_urlsafe(24) if secret is None or secret.required else "",
        _invent_key(definition),
        {name: secrets.token_urlsafe(18) for name in definition.credentials if name not in _OWN},
        _invent_decryption_key(definition),
    )


def _invent_key(definition: Definition) -> str | None:
    """A key for the first algorithm that signs a JWT, else of RSA; a client has one key for everything."""
    needing = [
        (definition.client_assertion, definition.oauth2.client_auth in ("private_key_jwt", "signed_secret")),
        (definition.assertion, "jwt_bearer" in definition.oauth2.grants),
    ]
    signing = [table.algorithm for table, is_needed in needing if is_needed]
    asymmetric = [
        name for name in (*signing, definition.oauth2.request_object_algorithm) if name and not is_shared(name)
    ]
    if asymmetric:
        return generate_private_key_for(asymmetric[0])
    return generate_private_key() if "private_key" in required_credentials(definition) else None


def _invent_decryption_key(definition: Definition) -> str | None:
    encryption = definition.identity.id_token.encryption
    return json.dumps(generate_private_jwk(encryption[0])) if encryption else None


def invent_variables(definition: Definition, environment: str | None = None) -> dict[str, str]:
    """A value for every variable that must be given. Raises ``UsageError`` when none comes to mind."""
    given = definition.environments[environment].variables if environment in definition.environments else {}
    needed = {
        name: variable
        for name, variable in definition.variables.items()
        if variable.required and variable.default is None and variable.from_ is None and name not in given
    }
    return {name: _invent(name, variable) for name, variable in needed.items()}


def with_invented_endpoints(provider: Provider, definition: Definition) -> Provider:
    """The provider with endpoints beside its metadata for what only these tell: a login takes them from there.

    Where examples say who the user is by ID tokens alone, there is no ``userinfo``.
    """
    where = provider.endpoints.get("discovery")
    if where is None or not knows_issuer(provider.oauth2):
        return provider
    documents = {name for example in definition.example for name in example.documents}
    left_out = "userinfo" if "id_token" in documents and "userinfo" not in documents else ""
    told = {
        name: in_same_place(where, f"/simulated/{own}")
        for name, own in METADATA_ENDPOINTS.items()
        if own in _TOLD and own != left_out
    }
    return with_metadata(provider, told, where)


def _invent(name: str, variable: Variable) -> str:
    for value in _candidates(name, variable):
        if not variables.fault(variable, value):
            return value
    raise UsageError(
        f"no value comes to mind for the variable `{name}`",
        code="missing-variable",
        hint=f"pass one that matches {variable.pattern!r} in `variables=`",
    )


def _candidates(name: str, variable: Variable) -> Iterator[str]:
    if variable.kind == "url":
        yield f"https://provider.example.org/{name.replace('_', '-')}"
        yield f"https://provider.example.org/{name.replace('_', '-')}/"
    yield from _LIKELY
