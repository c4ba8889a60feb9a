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


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """The ratios to the faster peer, request by request, from the medians of this run."""
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    medians = {}
    for bench in getattr(session, "benchmarks", []):
        if bench.stats.data and "signer" in (bench.extra_info or {}):
            info = bench.extra_info
            medians.setdefault((info["method"], info["request"]), {})[info["signer"]] = bench.stats.median
    if not medians:
        return
    terminalreporter.section("times faster than the faster peer, by median")
    for (method, name), row in sorted(medians.items()):
        peers = [row[peer] for peer in ("authlib", "oauthlib") if peer in row]
        if peers:
            ours = "  ".join(f"{own} {min(peers) / row[own]:7.1f}x" for own in ("native", "pure") if own in row)
            terminalreporter.write_line(f"{method:12} {name}  {ours}  (peer {min(peers) * 1e6:.0f} us)")
