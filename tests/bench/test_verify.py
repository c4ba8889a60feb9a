"""Checking a received request beside signing it."""

import functools
import importlib
import sys
from pathlib import Path

import pytest

from oauthreg import InvalidSignatureError, Signer, verify

sys.path.insert(0, str(Path(__file__).parent))
rounds, signers = importlib.import_module("rounds"), importlib.import_module("signers")

MARK = 1.2
"""The time of a check in times of a signature, at most."""


@pytest.mark.parametrize("engine", ["native", "pure"])
def test_verify(benchmark, engine, named_request, credentials, capsys):
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    name, request = named_request
    secrets = {"client_secret": credentials["client_secret"], "token_secret": credentials["token_secret"]}
    signer = Signer(
        "HMAC-SHA1",
        credentials["client_key"],
        token=credentials["token"],
        body_hash=signers.is_hashed(request),
        engine=engine,
        **secrets,
    )
    header = signer.authorization(*request)
    check = functools.partial(verify, *request, authorization=header, engine=engine, **secrets)
    assert check().client_id == credentials["client_key"]
    with pytest.raises(InvalidSignatureError):
        verify(*request, authorization=header, engine=engine, **secrets | {"client_secret": "another"})
    if benchmark.enabled:
        timings = rounds.time_in_turns({"verify": check, "sign": functools.partial(signer.authorization, *request)})
        ratio = timings["verify"].median / timings["sign"].median
        benchmark.extra_info.update(
            row="verify",
            engine=engine,
            request=name,
            medians={rival: timing.median for rival, timing in timings.items()},
            spreads={rival: timing.spread for rival, timing in timings.items()},
            ratio=ratio,
            mark=MARK,
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\nverify {name} {engine}  {timings['verify'].median * 1e6:6.1f} us  {ratio:5.2f}x signing "
                f"(mark {MARK}x)  spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = f"verify {name}"
    benchmark(check)
