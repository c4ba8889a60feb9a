"""Log in with any OAuth provider and sign API calls: a provider is one TOML file.

::

    registry = oauthreg.Registry()
    client = registry.client("acme", session)

Names are loaded when they are first used: importing the package pulls in neither aiohttp nor pydantic nor cryptography.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthreg.claims import Profile as Profile
    from oauthreg.clock import Clock as Clock
    from oauthreg.definition import ProviderDefinition as ProviderDefinition
    from oauthreg.definition import load_definition as load_definition
    from oauthreg.errors import (
        AccessDeniedError as AccessDeniedError,
    )
    from oauthreg.errors import (
        CallbackError as CallbackError,
    )
    from oauthreg.errors import (
        DefinitionError as DefinitionError,
    )
    from oauthreg.errors import (
        DefinitionInvalidError as DefinitionInvalidError,
    )
    from oauthreg.errors import (
        DefinitionSyntaxError as DefinitionSyntaxError,
    )
    from oauthreg.errors import (
        InvalidKeyError as InvalidKeyError,
    )
    from oauthreg.errors import (
        InvalidSignatureError as InvalidSignatureError,
    )
    from oauthreg.errors import (
        MalformedResponseError as MalformedResponseError,
    )
    from oauthreg.errors import (
        MismatchingStateError as MismatchingStateError,
    )
    from oauthreg.errors import (
        MissingCredentialError as MissingCredentialError,
    )
    from oauthreg.errors import (
        MissingRequestTokenError as MissingRequestTokenError,
    )
    from oauthreg.errors import (
        MissingTokenError as MissingTokenError,
    )
    from oauthreg.errors import (
        OAuthError as OAuthError,
    )
    from oauthreg.errors import (
        OAuthRegError as OAuthRegError,
    )
    from oauthreg.errors import (
        ReauthorizationRequired as ReauthorizationRequired,
    )
    from oauthreg.errors import (
        ResponseError as ResponseError,
    )
    from oauthreg.errors import (
        TokenError as TokenError,
    )
    from oauthreg.errors import (
        UnknownProviderError as UnknownProviderError,
    )
    from oauthreg.errors import (
        UnsignableRequestError as UnsignableRequestError,
    )
    from oauthreg.errors import (
        UnsupportedMethodError as UnsupportedMethodError,
    )
    from oauthreg.errors import (
        UsageError as UsageError,
    )
    from oauthreg.errors import (
        VerificationError as VerificationError,
    )
    from oauthreg.http import AsyncOAuth1Client as AsyncOAuth1Client
    from oauthreg.http import OAuthRequest as OAuthRequest
    from oauthreg.login import PendingLogin as PendingLogin
    from oauthreg.provider import Provider as Provider
    from oauthreg.registry import Registry as Registry
    from oauthreg.signing import Signer as Signer
    from oauthreg.signing.verify import SignedRequest as SignedRequest
    from oauthreg.signing.verify import VerificationKeys as VerificationKeys
    from oauthreg.signing.verify import verify as verify
    from oauthreg.token import OAuth1Token as OAuth1Token

_HOME = {
    "AccessDeniedError": "errors",
    "AsyncOAuth1Client": "http",
    "CallbackError": "errors",
    "Clock": "clock",
    "DefinitionError": "errors",
    "DefinitionInvalidError": "errors",
    "DefinitionSyntaxError": "errors",
    "InvalidKeyError": "errors",
    "InvalidSignatureError": "errors",
    "MalformedResponseError": "errors",
    "MismatchingStateError": "errors",
    "MissingCredentialError": "errors",
    "MissingRequestTokenError": "errors",
    "MissingTokenError": "errors",
    "OAuth1Token": "token",
    "OAuthError": "errors",
    "OAuthRegError": "errors",
    "OAuthRequest": "http",
    "PendingLogin": "login",
    "Profile": "claims",
    "Provider": "provider",
    "ProviderDefinition": "definition",
    "ReauthorizationRequired": "errors",
    "Registry": "registry",
    "ResponseError": "errors",
    "SignedRequest": "signing.verify",
    "Signer": "signing",
    "TokenError": "errors",
    "UnknownProviderError": "errors",
    "UnsignableRequestError": "errors",
    "UnsupportedMethodError": "errors",
    "UsageError": "errors",
    "VerificationError": "errors",
    "VerificationKeys": "signing.verify",
    "load_definition": "definition",
    "verify": "signing.verify",
}
"""Public name -> the module that holds it."""

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    if name == "__version__":
        value: object = importlib.import_module("importlib.metadata").version("oauthreg")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
