"""One signature from (method, URL, body, media type) to the header, with a fresh nonce and the time now."""

import importlib
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from oauthreg import Signer, VerificationError, verify

sys.path.insert(0, str(Path(__file__).parent))
signers = importlib.import_module("signers")

FACTORIES = {
    "native": signers.make_native,
    "pure": signers.make_pure,
    "authlib": signers.make_authlib,
    "oauthlib": signers.make_oauthlib,
}


def assert_right(sign, request, credentials, rsa_key=None):
    """The header that will be timed verifies, over this very request."""
    method, url, body, content_type = request
    for _ in range(2):
        verify(
            method,
            url,
            body,
            content_type,
            authorization=sign(*request),
            client_secret=credentials["client_secret"],
            token_secret=credentials["token_secret"],
            rsa_key=rsa_key,
        )


def made(signer, *arguments):
    """A signer of the table; the native one may not be built here."""
    if signer == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    return FACTORIES[signer](*arguments)


def label(benchmark, method, name, signer):
    benchmark.group = f"{method} {name}"
    benchmark.extra_info.update(method=method, request=name, signer=signer)


@pytest.mark.parametrize("signer", FACTORIES)
def test_hmac_sha1(benchmark, signer, named_request, credentials):
    name, signed_request = named_request
    sign = made(signer, "HMAC-SHA1", credentials, b"")
    assert_right(sign, signed_request, credentials)
    label(benchmark, "HMAC-SHA1", name, signer)
    benchmark(sign, *signed_request)


@pytest.mark.parametrize("signer", ["native", "pure", "oauthlib"])
def test_hmac_sha256(benchmark, signer, named_request, credentials):
    name, signed_request = named_request
    sign = made(signer, "HMAC-SHA256", credentials, b"")
    if (signer, name) == ("oauthlib", "R4"):
        with pytest.raises(VerificationError) as refused:
            assert_right(sign, signed_request, credentials)
        assert refused.value.code == "body-hash-mismatch"  # oauthlib hashes the body with SHA-1 whatever the method
    else:
        assert_right(sign, signed_request, credentials)
    label(benchmark, "HMAC-SHA256", name, signer)
    benchmark(sign, *signed_request)


@pytest.mark.parametrize("signer", ["native", "pure", "key.sign"])
@pytest.mark.parametrize("bits", [2048, 4096])
def test_rsa_sha256(benchmark, signer, bits, requests_by_name, credentials, rsa_keys):
    """The RSA operation decides: ``key.sign`` of the cryptography package over the same text is the floor."""
    key, pem = rsa_keys[bits]
    benchmark.group = f"RSA-SHA256 {bits} R1"
    if signer == "key.sign":
        pad, algorithm = padding.PKCS1v15(), hashes.SHA256()
        key.public_key().verify(key.sign(b"x" * 400, pad, algorithm), b"x" * 400, pad, algorithm)
        benchmark(key.sign, b"x" * 400, pad, algorithm)
        return
    sign = made(signer, "RSA-SHA256", credentials, pem)
    assert_right(sign, requests_by_name["R1"], credentials, pem)
    benchmark(sign, *requests_by_name["R1"])


@pytest.mark.parametrize("threads", [1, 2])
def test_sign_many(benchmark, threads, credentials):
    """Batches of 1,000 in the native engine, on one thread and two."""
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    signer = Signer("HMAC-SHA1", credentials["client_key"], credentials["client_secret"], engine="native")
    batch = [
        ("GET", f"https://api.example.com/1.1/show.json?id={number}&tweet_mode=extended") for number in range(1000)
    ]
    headers = signer.sign_many(batch, threads=threads)
    verify(*batch[7], authorization=headers[7], client_secret=credentials["client_secret"])
    assert len(set(headers)) == len(batch)
    benchmark.group = "sign_many, 1,000 requests"
    benchmark(signer.sign_many, batch, threads=threads)
