"""Benchmarks: off in ``make test``, run by ``make bench``; each answer is asserted before it is timed."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

HERE = Path(__file__).parent
DATA = json.loads((HERE / "requests.json").read_text())


@pytest.fixture(scope="session")
def credentials():
    return DATA["credentials"]


@pytest.fixture(scope="session")
def rsa_keys():
    """Size in bits -> a private key as object and as PEM."""
    made = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 4096)}
    plain = serialization.NoEncryption()
    return {
        bits: (key, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        for bits, key in made.items()
    }


@pytest.fixture(scope="session")
def requests_by_name():
    """Name -> (method, URL, body, media type)."""
    return {
        item["id"]: (
            item["method"],
            item["full_url"],
            None if item["body"] is None else item["body"].encode(),
            item["content_type"],
        )
        for item in DATA["requests"]
    }


@pytest.fixture(params=[item["id"] for item in DATA["requests"]])
def named_request(request, requests_by_name):
    return request.param, requests_by_name[request.param]
