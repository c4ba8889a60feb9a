"""Log in with any OAuth provider and sign API calls: a provider is one TOML file.

::

    registry = oauthreg.Registry()
    client = registry.client("acme", session)

Names are loaded when they are first used: importing the package pulls in neither aiohttp nor pydantic nor cryptography.
"""

from oauthreg.facade import load_from

TYPE_CHECKING = False  # as type checkers know it: importing `typing` would take as long as all else here

if TYPE_CHECKING:
    from oauthreg.claims import Profile as Profile
    from oauthreg.clock import Clock as Clock
    from oauthreg.definition import ProviderDefinition as ProviderDefinition, load_definition as load_definition
    from oauthreg.errors import (
        AccessDeniedError as AccessDeniedError,
        CallbackError as CallbackError,
        ClientAuthenticationError as ClientAuthenticationError,
        DefinitionError as DefinitionError,
        DefinitionInvalidError as DefinitionInvalidError,
        DefinitionSyntaxError as DefinitionSyntaxError,
        InvalidKeyError as InvalidKeyError,
        InvalidSignatureError as InvalidSignatureError,
        MalformedResponseError as MalformedResponseError,
        MismatchingStateError as MismatchingStateError,
        MissingCredentialError as MissingCredentialError,
        MissingRequestTokenError as MissingRequestTokenError,
        MissingTokenError as MissingTokenError,
        OAuthError as OAuthError,
        OAuthRegError as OAuthRegError,
        ReauthorizationRequired as ReauthorizationRequired,
        ResponseError as ResponseError,
        TemporarilyUnavailableError as TemporarilyUnavailableError,
        TokenError as TokenError,
        TokenExpiredError as TokenExpiredError,
        TokenStoreError as TokenStoreError,
        UnknownProviderError as UnknownProviderError,
        UnsignableRequestError as UnsignableRequestError,
        UnsupportedMethodError as UnsupportedMethodError,
        UsageError as UsageError,
        VerificationError as VerificationError,
    )
    from oauthreg.http import (
        AsyncAssertionClient as AsyncAssertionClient,
        AsyncOAuth1Client as AsyncOAuth1Client,
        AsyncOAuth2Client as AsyncOAuth2Client,
        OAuthRequest as OAuthRequest,
    )
    from oauthreg.login import PendingLogin as PendingLogin
    from oauthreg.oauth2.dpop import DPoPKey as DPoPKey
    from oauthreg.oauth2.logout_token import LogoutToken as LogoutToken
    from oauthreg.provider import Provider as Provider
    from oauthreg.registry import Registry as Registry
    from oauthreg.sealed_login import open_login as open_login, seal_login as seal_login
    from oauthreg.sealing import new_sealing_key as new_sealing_key
    from oauthreg.signing import Signer as Signer
    from oauthreg.signing.verify import (
        SignedRequest as SignedRequest,
        VerificationKeys as VerificationKeys,
        Verifier as Verifier,
        verify as verify,
    )
    from oauthreg.stores import (
        ListingStore as ListingStore,
        MemoryStore as MemoryStore,
        PostgreSQLStore as PostgreSQLStore,
        RedisStore as RedisStore,
        SealedStore as SealedStore,
        SQLiteStore as SQLiteStore,
        TokenKey as TokenKey,
        TokenStore as TokenStore,
    )
    from oauthreg.token import OAuth1Token as OAuth1Token, OAuth2Token as OAuth2Token

    __version__: str

_HOME = {
    "AccessDeniedError": "errors",
    "AsyncAssertionClient": "http",
    "AsyncOAuth1Client": "http",
    "AsyncOAuth2Client": "http",
    "CallbackError": "errors",
    "ClientAuthenticationError": "errors",
    "Clock": "clock",
    "DPoPKey": "oauth2.dpop",
    "DefinitionError": "errors",
    "DefinitionInvalidError": "errors",
    "DefinitionSyntaxError": "errors",
    "InvalidKeyError": "errors",
    "InvalidSignatureError": "errors",
    "ListingStore": "stores",
    "LogoutToken": "oauth2.logout_token",
    "MalformedResponseError": "errors",
    "MemoryStore": "stores",
    "MismatchingStateError": "errors",
    "MissingCredentialError": "errors",
    "MissingRequestTokenError": "errors",
    "MissingTokenError": "errors",
    "OAuth1Token": "token",
    "OAuth2Token": "token",
    "OAuthError": "errors",
    "OAuthRegError": "errors",
    "OAuthRequest": "http",
    "PendingLogin": "login",
    "PostgreSQLStore": "stores",
    "Profile": "claims",
    "Provider": "provider",
    "ProviderDefinition": "definition",
    "ReauthorizationRequired": "errors",
    "RedisStore": "stores",
    "Registry": "registry",
    "ResponseError": "errors",
    "TemporarilyUnavailableError": "errors",
    "SQLiteStore": "stores",
    "SealedStore": "stores",
    "SignedRequest": "signing.verify",
    "Signer": "signing",
    "TokenError": "errors",
    "TokenKey": "stores",
    "TokenStore": "stores",
    "TokenStoreError": "errors",
    "TokenExpiredError": "errors",
    "UnknownProviderError": "errors",
    "UnsignableRequestError": "errors",
    "UnsupportedMethodError": "errors",
    "UsageError": "errors",
    "VerificationError": "errors",
    "VerificationKeys": "signing.verify",
    "Verifier": "signing.verify",
    "load_definition": "definition",
    "new_sealing_key": "sealing",
    "open_login": "sealed_login",
    "seal_login": "sealed_login",
    "verify": "signing.verify",
}
"""Public name -> the module that holds it."""

__all__ = sorted([*_HOME, "__version__"])  # noqa: PLE0605 - one table of names is enough


_load = load_from(globals(), _HOME)


if not TYPE_CHECKING:  # a checker that saw it would take any name

    def __getattr__(name: str) -> object:
        """Load a public name from its module, once."""
        if name != "__version__":
            return _load(name)
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("oauthreg")
        except PackageNotFoundError:  # a tree that nobody installed
            found = "0+unknown"
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return __all__
