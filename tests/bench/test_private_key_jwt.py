"""A client assertion (``private_key_jwt``) beside the bare signature operation over the same octets."""

import functools
import importlib
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from oauthreg.http.token_client import make_id
from oauthreg.oauth2.assertion import build_client_assertion
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import OAuth2Settings, Provider

sys.path.insert(0, str(Path(__file__).parent))
rounds = importlib.import_module("rounds")

MARK = 1.3
"""The time of an assertion in times of ``key.sign``, at most."""
ISSUER = "https://as.example"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_client_assertion(benchmark, algorithm, rsa_keys, capsys):
    elliptic, (rsa_key, _) = ec.generate_private_key(ec.SECP256R1()), rsa_keys[2048]
    key, wrap, arguments = {
        "ES256": (elliptic, ECKey, (ec.ECDSA(hashes.SHA256()),)),
        "RS256": (rsa_key, RSAKey, (padding.PKCS1v15(), hashes.SHA256())),
    }[algorithm]
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    provider = Provider(name="p", protocol="oauth2", endpoints={}, oauth2=OAuth2Settings(issuer=ISSUER))
    client = ClientIdentity("c1", time.time, make_id, private_key=pem, key_id="k1")
    build = functools.partial(build_client_assertion, provider, client, pem, algorithm)

    public, first = wrap(key.public_key(), key.public_key()), build()
    found = jwt.decode(first, public, algorithms=[algorithm])
    assert found.header == {"alg": algorithm, "typ": "client-authentication+jwt", "kid": "k1"}
    assert (found.claims["iss"], found.claims["sub"], found.claims["aud"]) == ("c1", "c1", ISSUER)
    assert found.claims["jti"] != jwt.decode(build(), public, algorithms=[algorithm]).claims["jti"]

    if benchmark.enabled:
        octets = first.rpartition(".")[0].encode()
        timings = rounds.time_in_turns(
            {"assertion": build, "key.sign": functools.partial(key.sign, octets, *arguments)}, rounds=61
        )
        ratio = rounds.ratio(timings["assertion"].seconds, timings["key.sign"].seconds)
        benchmark.extra_info.update(
            row="private_key_jwt",
            method=algorithm,
            **rounds.told(timings),
            ratio=ratio,
            mark=MARK,
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\nprivate_key_jwt {algorithm}  {timings['assertion'].median * 1e6:.1f} us  {ratio:.2f}x key.sign "
                f"(mark {MARK}x)  spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = f"private_key_jwt {algorithm}"
    benchmark.pedantic(build, rounds=5)
