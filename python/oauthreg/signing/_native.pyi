from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

from oauthreg.signing._pure import (
    ParameterPairs,
    Placement,
    Text,
    host_a_label as host_a_label,
)
from oauthreg.signing.methods import SIGNATURE_METHODS as SIGNATURE_METHODS

__all__ = [
    "ENGINE",
    "SIGNATURE_METHODS",
    "SURFACE",
    "SignedRequest",
    "Signer",
    "Verifier",
    "base_string",
    "base_uri",
    "body_hash",
    "check_signature",
    "escape",
    "hmac",
    "host_a_label",
    "make_nonce",
    "normalize_parameters",
    "parse_parameters",
    "rsa_sign",
    "rsa_verify",
    "sign_base_string",
    "unescape",
    "verify",
]

SURFACE: Final[int]
ENGINE: Final[str]

@final
class Signer:
    clock: Callable[[], float] | None

    def __new__(
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
    ) -> Signer: ...
    @property
    def signature_method(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def token(self) -> str | None: ...
    @property
    def realm(self) -> str | None: ...
    @property
    def version(self) -> str | None: ...
    @property
    def body_hash(self) -> bool: ...
    @property
    def engine(self) -> str: ...
    @property
    def key_bits(self) -> int: ...
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
    ) -> str: ...
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
    ) -> list[tuple[str, str]]: ...
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
    ) -> str: ...
    def sign_many(self, requests: Iterable[Sequence[Any]], *, threads: int | None = None) -> list[str]: ...

@final
class SignedRequest:
    __match_args__ = ("client_id", "token", "signature_method", "placement", "realm", "parameters")
    @property
    def client_id(self) -> str: ...
    @property
    def token(self) -> str | None: ...
    @property
    def signature_method(self) -> str: ...
    @property
    def placement(self) -> Placement: ...
    @property
    def realm(self) -> str | None: ...
    @property
    def parameters(self) -> Mapping[str, str]: ...

@final
class Verifier:
    def __new__(
        cls,
        client_secret: Text | None,
        token_secret: Text | None,
        rsa_key: Any,
        lookup: Callable[[SignedRequest], Any] | None,
        signature_methods: tuple[str, ...],
        needs_body_hash: bool,
        window: float,
        is_new_nonce: Callable[[SignedRequest], bool] | None,
        decide: Callable[..., Any],
    ) -> Verifier: ...
    @property
    def engine(self) -> str: ...
    def verify(
        self,
        method: str,
        url: Any,
        body: Any = None,
        content_type: str | None = None,
        *,
        authorization: str | None = None,
        now: float | None = None,
    ) -> SignedRequest: ...

def escape(value: Text) -> str: ...
def unescape(value: Text) -> bytes: ...
def parse_parameters(text: Text) -> list[tuple[bytes, bytes]]: ...
def normalize_parameters(parameters: ParameterPairs) -> str: ...
def base_uri(url: Any) -> str: ...
def base_string(
    method: str, url: Any, parameters: ParameterPairs, body: Any = None, content_type: str | None = None
) -> str: ...
def body_hash(signature_method: str, body: Any) -> str: ...
def sign_base_string(
    signature_method: str,
    text: str,
    client_secret: Text | None = None,
    token_secret: Text | None = None,
    rsa_key: Any = None,
    passphrase: Text | None = None,
) -> str: ...
def check_signature(
    signature_method: str,
    text: str,
    signature: str,
    client_secret: Text | None = None,
    token_secret: Text | None = None,
    rsa_key: Any = None,
) -> bool: ...
def verify(
    method: str,
    url: Any,
    body: Any,
    content_type: str | None,
    authorization: str | None,
    client_secret: Text | None,
    token_secret: Text | None,
    rsa_key: Any,
    lookup: Callable[[SignedRequest], Any] | None,
    signature_methods: tuple[str, ...],
    needs_body_hash: bool,
    now: float | None,
    window: float,
    is_new_nonce: Callable[[SignedRequest], bool] | None,
    decide: Callable[..., Any],
) -> SignedRequest: ...
def hmac(hash_name: str, key: bytes, message: bytes) -> bytes: ...
def rsa_sign(hash_name: str, key: Any, message: bytes) -> bytes: ...
def rsa_verify(hash_name: str, key: Any, message: bytes, signature: bytes) -> bool: ...
def make_nonce() -> str: ...
