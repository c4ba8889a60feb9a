"""Making a DPoP proof beside the bare signature operation over the same octets."""

import base64
import functools
import importlib
import itertools
import json
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import JWKRegistry

from oauthreg import DPoPKey
from oauthreg.oauth2.dpop import DPoPNonces, DPoPProofs, build_proof
from oauthreg.signing import load_engine

sys.path.insert(0, str(Path(__file__).parent))
rounds = importlib.import_module("rounds")

MARK = 1.3
"""The time of a proof in times of ``key.sign`` over the same octets, at most."""
URL = "https://api.example.com/v1/items/77?page=2"
TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
NONCE = "eyJ7S_zG.eyJH0-Z.HX4w-7v"


def part(piece):
    return json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))


@pytest.mark.parametrize("call", ["build_proof", "whole proof"])
def test_dpop_proof(benchmark, call, capsys):
    key = DPoPKey()
    bare = load_pem_private_key(key.export_private_key().encode(), None)
    nonces = DPoPNonces()
    nonces.learn(URL, {"dpop-nonce": NONCE})
    proofs = DPoPProofs(key, time.time, load_engine().make_nonce, nonces)
    numbers = itertools.count()

    def proof_of_parts():
        return build_proof(key, "GET", URL, now=1.7e9, jti=f"{next(numbers):032x}", nonce=NONCE, access_token=TOKEN)

    make = {
        "build_proof": proof_of_parts,
        # With a fresh identifier, the system's clock and the nonce of the origin, as a client makes it.
        "whole proof": functools.partial(proofs.build, "GET", URL, TOKEN),
    }[call]
    made = make()
    header = part(made.split(".")[0])
    claims = jwt.decode(made, JWKRegistry.import_key(header["jwk"]), algorithms=["ES256"]).claims
    assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(key.jwk)}
    assert claims.keys() == {"jti", "htm", "htu", "iat", "ath", "nonce"}
    assert (claims["htm"], claims["htu"], claims["nonce"]) == ("GET", "https://api.example.com/v1/items/77", NONCE)
    assert claims["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    assert part(make().split(".")[1])["jti"] != claims["jti"]
    octets, scheme = made.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256())
    bare.public_key().verify(bare.sign(octets, scheme), octets, scheme)
    if benchmark.enabled:
        timings = rounds.time_in_turns(
            {"proof": make, "key.sign": functools.partial(bare.sign, octets, scheme)}, rounds=61
        )
        ratio = rounds.ratio(timings["proof"].seconds, timings["key.sign"].seconds)
        benchmark.extra_info.update(
            row="DPoP proof",
            case=call,
            **rounds.told(timings),
            ratio=ratio,
            mark=MARK,
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\nDPoP {call}  {timings['proof'].median * 1e6:.1f} us  {ratio:.3f}x key.sign (mark {MARK}x)"
                f"  spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = "DPoP"
    benchmark(make)
