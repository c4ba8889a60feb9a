"""JWTs that a provider encrypts for the client: opened as they are received, before anything is made of them.

Spec: OpenID Connect Core 1.0 sections 3.1.3.7 (point 1) and 10.2.
"""

from collections.abc import Collection

from oauthreg.errors import MissingCredentialError, ResponseError
from oauthreg.jose import is_encrypted
from oauthreg.jwe import DecryptionKeys
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import Provider


def check_decryption_key(provider: Provider, client: ClientIdentity) -> None:
    """Raises ``MissingCredentialError`` where ID tokens are encrypted, and the client could open none."""
    if provider.oauth2.id_token_encryption and client.decryption_keys is None:
        raise MissingCredentialError(
            f"{provider.name} encrypts ID tokens, and there is no key that opens them",
            code="missing-decryption-key",
            hint="pass `decryption_key=`, the private half of the key that the provider was given",
        )


def opened_jwt(keys: DecryptionKeys | None, text: str, algorithms: Collection[str] = ()) -> str:
    """What an encrypted JWT holds; one that is not encrypted as it is, unless it must be, with one of ``algorithms``.

    Raises ``ResponseError``: ``jwt-not-encrypted``, ``jwt-encrypted`` without keys, and as
    ``DecryptionKeys.open``.
    """
    if not is_encrypted(text):
        if algorithms:
            raise ResponseError(
                f"the JWT cannot be trusted: it is not encrypted with {' or '.join(algorithms)}, as was agreed on",
                code="jwt-not-encrypted",
                hint="if the provider encrypts none: leave `encryption` out of `[identity.id_token]`, or "
                "`id_token_encrypted_response_alg=`",
            )
        return text
    # Without a key it stays as it is, and whoever reads it says so.
    return text if keys is None else keys.open(text, algorithms)
