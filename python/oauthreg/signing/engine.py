"""The engine that signs, and the object that signs with it.

``OAUTHREG_ENGINE`` is ``auto`` (the default), ``native`` or ``pure``. ``auto`` takes the native engine and forgives
only that it is missing; a broken or stale extension is an error. ``native`` makes absence an error, too.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Literal, TypeAlias

from oauthreg.errors import UsageError
from oauthreg.signing import _pure, refusals
from oauthreg.signing._pure import ParameterPairs, Text

EngineName: TypeAlias = Literal["native", "pure"]

_NATIVE = "oauthreg.signing._native"
_CHOICES = ("auto", "native", "pure")


def load_engine(name: str | None = None) -> ModuleType:
    """The module of an engine: ``"native"``, ``"pure"``, or the one that runs here for ``None``.

    Raises ``UsageError`` for another name, ``ImportError`` if the native engine is asked for and missing, broken or
    stale.
    """
    global _checked  # noqa: PLW0603 - what was found once
    if name is None:
        return _engine
    if name == "pure":
        return _pure
    if name not in _CHOICES:
        raise UsageError(f"unknown engine: {name!r}", code="unknown-engine", hint="use `native`, `pure` or `auto`")
    # Loaded already, it is found in a tenth of the time; checked already, in half of that.
    native = sys.modules.get(_NATIVE)
    if native is _checked:
        return native
    try:
        native = native or importlib.import_module(_NATIVE)
    except ModuleNotFoundError as error:
        if error.name != _NATIVE or name == "native":
            raise
        return _pure
    if native.SURFACE != _pure.SURFACE:
        raise ImportError(
            f"the native engine is stale (surface {native.SURFACE}, needed {_pure.SURFACE}): reinstall oauthreg, "
            "or set OAUTHREG_ENGINE=pure"
        )
    _checked = native
    return native


_checked: ModuleType = _pure
"""The native engine whose surface was found right last; until then one that stands in no place of it."""
_engine = load_engine(os.environ.get("OAUTHREG_ENGINE") or "auto")
ENGINE: str = _engine.ENGINE
"""The engine that runs here: ``"native"`` or ``"pure"``."""


class AnyEngine(type):
    """Makes the objects of both engines instances of the public class of that name."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance).__name__ == cls.__name__ and type(instance).__module__.startswith(__package__)


class Signer(metaclass=AnyEngine):
    """Signs requests for one client and one token, in the engine that runs here or the one asked for.

    ::

        signer = oauthreg.Signer("HMAC-SHA1", client_id, client_secret, token=token, token_secret=token_secret)
        headers = {"Authorization": signer.authorization("GET", "https://api.example.com/1.1/me.json")}

    ``signature_method`` is a key of ``SIGNATURE_METHODS``. ``rsa_key`` (PEM or DER as text or bytes, a path object, or
    a ``cryptography`` private key; ``passphrase`` if it is encrypted) is needed by the RSA methods, which ignore the
    secrets. ``token`` of ``None`` or ``""`` is left out. ``realm`` stands in headers only. ``version=None`` leaves
    ``oauth_version`` out. ``body_hash`` adds ``oauth_body_hash`` to every request that is no form (never with
    PLAINTEXT). ``clock`` gives the time in seconds since 1970 (default: the system's) and may be set later.
    ``engine`` is ``"native"``, ``"pure"`` or ``None``. The object may be shared by threads.

    Raises ``UnsupportedMethodError``, ``MissingCredentialError``, ``InvalidKeyError`` and ``UsageError``, and
    ``ImportError`` where the engine asked for is missing, broken or stale.

    Spec: RFC 5849 section 3.
    """

    signature_method: str
    client_id: str
    token: str | None
    realm: str | None
    version: str | None
    body_hash: bool
    clock: Callable[[], float] | None
    engine: str
    key_bits: int

    def __new__(  # noqa: D102, PYI034 - described above; the engine's own class is returned
        cls,
        signature_method: str,
        client_id: Text,
        client_secret: Text | None = None,
        *,
        token: Text | None = None,
        token_secret: Text | None = None,
        rsa_key: Any = None,
        passphrase: Text | None = None,
        realm: Text | None = None,
        version: str | None = "1.0",
        body_hash: bool = False,
        clock: Callable[[], float] | None = None,
        engine: EngineName | None = None,
    ) -> "Signer":
        if clock is not None and not callable(clock):
            raise refusals.wrong_type("clock", "a function", clock)
        made: Signer = load_engine(engine).Signer(
            signature_method,
            client_id,
            client_secret,
            token=token,
            token_secret=token_secret,
            rsa_key=rsa_key,
            passphrase=passphrase,
            realm=realm,
            version=version,
            body_hash=body_hash,
            clock=clock,
        )
        return made

    def authorization(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> str:
        """The value of the ``Authorization`` header for one request.

        ``url`` is a ``yarl.URL`` (its raw parts are used) or text as it goes on the wire; ``body`` is bytes, text or
        ``None`` and enters the signature if ``content_type`` says that it is a form. ``parameters`` are further
        protocol parameters (``oauth_callback``, ``oauth_verifier`` …). ``nonce`` and ``timestamp`` default to 128
        random bits and the time now; a timestamp given as text is sent as it stands.

        Raises ``UnsignableRequestError`` and ``UsageError``. Spec: RFC 5849 section 3.5.1.
        """
        raise NotImplementedError  # the engines' own signers answer

    def parameters(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> list[tuple[str, str]]:
        """The protocol parameters of one request with ``oauth_signature`` last, for query or body placement."""
        raise NotImplementedError

    def base_string(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        parameters: ParameterPairs = (),
        nonce: str | None = None,
        timestamp: float | str | None = None,
    ) -> str:
        """The text that is signed for one request."""
        raise NotImplementedError

    def sign_many(self, requests: Iterable[Sequence[Any]], *, threads: int | None = None) -> list[str]:
        """The ``Authorization`` values of many ``(method, url, body, content_type)``, in order."""
        raise NotImplementedError
