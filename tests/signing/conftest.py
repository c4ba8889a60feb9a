"""The published RSA test keys, and a reader of headers that shares nothing with the package."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

VECTORS = Path(__file__).parents[1] / "vectors"


class PublishedKey:
    """A published private key in the texts that people hand over."""

    def __init__(self, form: str, der: bytes) -> None:
        self.der = der
        label = {"pkcs1": "RSA PRIVATE KEY", "pkcs8": "PRIVATE KEY"}[form]
        packed = base64.b64encode(der).decode()
        lines = [packed[start : start + 64] for start in range(0, len(packed), 64)]
        self.pem = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
        self.one_line = self.pem.replace("\n", "\\n")


@pytest.fixture(scope="session")
def rsa_keys() -> dict[str, PublishedKey]:
    """The published keys by name."""
    keys = json.loads((VECTORS / "rsa_test_keys.json").read_text(encoding="utf-8"))["keys"]
    return {key["id"]: PublishedKey(key["format"], base64.b64decode(key["der_base64"])) for key in keys}


@pytest.fixture(scope="session")
def rsa_key(rsa_keys) -> PublishedKey:
    """A key of 2048 bits."""
    return rsa_keys["test-pkcs1-c78c4485"]


@pytest.fixture(scope="session")
def read_header():
    """Reads an ``Authorization`` value into decoded pairs, in order; ``realm`` is unquoted instead (RFC 5849 3.5.1)."""

    def read(value: str) -> list[tuple[str, str]]:
        scheme, _, rest = value.partition(" ")
        assert scheme == "OAuth"
        pairs = []
        for name, quoted in re.findall(r'([^=",\s]+)="((?:[^"\\]|\\.)*)"(?:, |$)', rest):
            plain = re.sub(r"\\(.)", r"\1", quoted) if name == "realm" else unquote_to_bytes(quoted).decode()
            pairs.append((unquote_to_bytes(name).decode(), plain))
        return pairs

    return read
