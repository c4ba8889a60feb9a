"""Signers of one shape for measuring: ours in both engines, and the peers' own client paths.

A factory is given the signature method, the credentials and an RSA key in PEM, and returns
``sign(method, url, body, content_type) -> str``: the whole header value with a fresh nonce and timestamp.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from oauthreg import Signer, verify

Credentials: TypeAlias = Mapping[str, str]
Sign: TypeAlias = Callable[[str, str, bytes | None, str | None], str]

FORM = "application/x-www-form-urlencoded"


def is_hashed(request: tuple[str, str, bytes | None, str | None]) -> bool:
    """Whether a body hash covers the body."""
    return bool(request[2]) and request[3] != FORM


def make_signer(
    engine: Any, signature_method: str, credentials: Credentials, *, body_hash: bool = False, rsa_key: Any = None
) -> Signer:
    """Our signer for these credentials."""
    return Signer(
        signature_method,
        credentials["client_key"],
        credentials["client_secret"],
        token=credentials["token"],
        token_secret=credentials["token_secret"],
        rsa_key=rsa_key,
        body_hash=body_hash,
        engine=engine,
    )


def make_native(signature_method: str, credentials: Credentials, rsa_pem: bytes) -> Sign:
    """Our native engine."""
    return _ours("native", signature_method, credentials, rsa_pem)


def make_pure(signature_method: str, credentials: Credentials, rsa_pem: bytes) -> Sign:
    """Our pure engine."""
    return _ours("pure", signature_method, credentials, rsa_pem)


def make_oauthlib(signature_method: str, credentials: Credentials, rsa_pem: bytes) -> Sign:
    """oauthlib's ``Client.sign``."""
    from oauthlib.oauth1 import Client

    client = Client(
        credentials["client_key"],
        credentials["client_secret"],
        credentials["token"],
        credentials["token_secret"],
        signature_method=signature_method,
        rsa_key=rsa_pem.decode(),
    )

    def sign(method: str, url: str, body: bytes | None, content_type: str | None) -> str:
        headers = {"Content-Type": content_type} if content_type else {}
        signed: str = client.sign(url, method, body.decode() if body else None, headers)[1]["Authorization"]
        return signed

    return sign


def make_authlib(signature_method: str, credentials: Credentials, rsa_pem: bytes) -> Sign:
    """Authlib's ``ClientAuth.prepare``."""
    from authlib.oauth1 import ClientAuth

    auth = ClientAuth(
        credentials["client_key"],
        credentials["client_secret"],
        credentials["token"],
        credentials["token_secret"],
        signature_method=signature_method,
        rsa_key=rsa_pem.decode(),
    )
    covering = ClientAuth(
        credentials["client_key"],
        credentials["client_secret"],
        credentials["token"],
        credentials["token_secret"],
        signature_method=signature_method,
        rsa_key=rsa_pem.decode(),
        force_include_body=True,
    )

    def sign(method: str, url: str, body: bytes | None, content_type: str | None) -> str:
        headers = {"Content-Type": content_type} if content_type else {}
        chosen = covering if body and content_type != FORM else auth
        signed: str = chosen.prepare(method, url, headers, body or b"")[1]["Authorization"]
        return signed

    return sign


def _ours(engine: str, signature_method: str, credentials: Credentials, rsa_pem: bytes) -> Sign:
    rsa_key = rsa_pem if signature_method.startswith("RSA") else None
    plain, hashing = (
        make_signer(engine, signature_method, credentials, body_hash=body_hash, rsa_key=rsa_key).authorization
        for body_hash in (False, True)
    )

    def sign(method: str, url: str, body: bytes | None, content_type: str | None) -> str:
        return (hashing if body and content_type != FORM else plain)(method, url, body, content_type)

    return sign


def assert_right(sign, request, credentials):
    """The header that will be timed verifies in the pure engine, over this very request, and is new each time."""
    headers = [sign(*request) for _ in range(2)]
    assert headers[0] != headers[1]
    for header in headers:
        verify(
            *request,
            authorization=header,
            client_secret=credentials["client_secret"],
            token_secret=credentials["token_secret"],
            body_hash="required" if is_hashed(request) else "optional",
            engine="pure",
        )
