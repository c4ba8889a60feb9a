"""A million signatures leave nothing behind."""

import gc
import itertools
import re
from pathlib import Path

import pytest

from oauthreg import Signer

STATUS = Path("/proc/self/status")
SIGNATURES = {"native": 1_000_000, "pure": 100_000}
FEWER = 20
"""Where nothing is measured, the million is a twentieth."""
MOST = 2**20
"""Octets by which the resident memory may grow, after a tenth of the signatures to warm up."""


def resident() -> int:
    gc.collect()
    return int(re.search(r"VmRSS:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell the resident memory")
@pytest.mark.parametrize("engine", SIGNATURES)
def test_signatures(benchmark, credentials, requests_by_name, engine, capsys):
    """All kinds of requests in turns, one by one and in batches; refused ones are among them."""
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    signer = Signer("HMAC-SHA1", credentials["client_key"], credentials["client_secret"], body_hash=True, engine=engine)
    named = [requests_by_name[name] for name in ("R1", "R2", "R4", "R5")]
    assert signer.authorization(*named[0], nonce="n", timestamp=1).startswith("OAuth oauth_consumer_key=")

    def sign(count):
        requests = itertools.cycle(named)
        for _ in range(count // 1_000):
            for request in itertools.islice(requests, 800):
                signer.authorization(*request)
            signer.sign_many(itertools.islice(requests, 190), threads=1)
            for _ in range(10):
                with pytest.raises(ValueError, match="neither http nor https"):
                    signer.authorization("GET", "ftp://example.com/")

    count = SIGNATURES[engine] if benchmark.enabled else SIGNATURES[engine] // FEWER
    sign(max(count // 10, 10_000))
    before = resident()
    sign(count)
    grown = resident() - before
    benchmark.extra_info.update(row="signing, memory", engine=engine, signatures=count, grown=grown, grown_mark=MOST)
    if benchmark.enabled:
        with capsys.disabled():
            print(f"\n{engine}, {count:,} signatures: resident memory grew by {grown / 1024:.0f} KiB")  # noqa: T201 - a table
    assert grown < MOST
    benchmark.pedantic(lambda: None, rounds=1)
