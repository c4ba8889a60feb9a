"""Checking a received request beside signing it."""

import importlib
import sys
from pathlib import Path

import pytest

from oauthreg import InvalidSignatureError, Signer, Verifier, verify

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
    client_secret, token_secret = secrets.values()
    verifier = Verifier(**secrets, engine=engine)
    method, url, body, content_type = request
    # Called as programs call them, with the names written out.
    calls = {
        "verify": lambda: verify(
            method, url, body, content_type, authorization=header, client_secret=client_secret,
            token_secret=token_secret, engine=engine,
        ),
        "Verifier": lambda: verifier.verify(method, url, body, content_type, authorization=header),
        "sign": lambda: signer.authorization(method, url, body, content_type),
    }  # fmt: skip
    for door in ("verify", "Verifier"):
        assert calls[door]().client_id == credentials["client_key"]
    with pytest.raises(InvalidSignatureError):
        verify(*request, authorization=header, engine=engine, **secrets | {"client_secret": "another"})
    with pytest.raises(InvalidSignatureError):
        verifier.verify("PATCH", *request[1:], authorization=header)
    if benchmark.enabled:
        timings = rounds.time_in_turns(calls)
        signing = timings["sign"].seconds
        ratios = {door: rounds.ratio(timings[door].seconds, signing) for door in ("verify", "Verifier")}
        benchmark.extra_info.update(
            row="verify",
            engine=engine,
            request=name,
            **rounds.told(timings),
            ratio=ratios["verify"],
            ratio_of_verifier=ratios["Verifier"],
            mark=MARK,
        )
        with capsys.disabled():
            for door, ratio in ratios.items():
                print(  # noqa: T201 - a table for whoever measures
                    f"\n{door:8} {name} {engine}  {timings[door].median * 1e6:6.1f} us  {ratio:5.2f}x signing "
                    f"(mark {MARK}x)  spread {timings[door].spread:.0%}",
                    end="",
                )
    benchmark.group = f"verify {name}"
    benchmark(calls["Verifier"])
