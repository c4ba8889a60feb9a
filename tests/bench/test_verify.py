"""Checking a received request beside signing it."""

import importlib
import sys
from functools import partial
from pathlib import Path

import pytest

from oauthreg import InvalidSignatureError, Signer, Verifier, verify

sys.path.insert(0, str(Path(__file__).parent))
rounds, signers = importlib.import_module("rounds"), importlib.import_module("signers")

MARK = 1.2
"""The time of a check in times of a signature, at most."""
HEADERS = 64
"""Requests that are checked in turn, each signed by itself: of one client, or of two, one after the other."""


def make_calls(signer, verifier, request, headers, mixed, **options):
    """Name -> a check of every header in turn, or as many signatures."""
    method, url, body, content_type = request
    client_secret, token_secret, engine = options["client_secret"], options["token_secret"], options["engine"]

    # Called as programs call them, with the names written out.
    def by_function():
        for header in headers:
            proven = verify(
                method, url, body, content_type, authorization=header, client_secret=client_secret,
                token_secret=token_secret, engine=engine,
            )  # fmt: skip
        return proven

    def by_object(headers):
        for header in headers:
            proven = verifier.verify(method, url, body, content_type, authorization=header)
        return proven

    def sign():
        for _ in headers:
            signer.authorization(method, url, body, content_type)

    by_objects = {"Verifier": partial(by_object, headers), "clients in turn": partial(by_object, mixed)}
    return {"verify": by_function, **by_objects, "sign": sign}


@pytest.mark.parametrize("engine", ["native", "pure"])
def test_verify(benchmark, engine, named_request, credentials, capsys):
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    name, request = named_request
    options = {"client_secret": credentials["client_secret"], "token_secret": credentials["token_secret"]}
    options["engine"] = engine
    client_ids = credentials["client_key"], credentials["client_key"][::-1]
    hashed = signers.is_hashed(request)
    signer, other = (
        Signer("HMAC-SHA1", client_id, token=credentials["token"], body_hash=hashed, **options)
        for client_id in client_ids
    )
    headers = [signer.authorization(*request) for _ in range(HEADERS)]
    mixed = [by.authorization(*request) for by in (signer, other) * (HEADERS // 2)]
    verifier = Verifier(**options)
    calls = make_calls(signer, verifier, request, headers, mixed, **options)
    assert len({*headers, *mixed}) == 2 * HEADERS
    assert [verifier.verify(*request, authorization=header).client_id for header in mixed[:2]] == [*client_ids]
    for door, client_id in [("verify", client_ids[0]), ("Verifier", client_ids[0]), ("clients in turn", client_ids[1])]:
        assert calls[door]().client_id == client_id
    with pytest.raises(InvalidSignatureError):
        verify(*request, authorization=headers[0], **options | {"client_secret": "another"})
    with pytest.raises(InvalidSignatureError):
        verifier.verify("PATCH", *request[1:], authorization=headers[0])
    with pytest.raises(InvalidSignatureError):
        verifier.verify(*request, authorization=f"{headers[0].rpartition(', ')[0]}, {headers[1].rpartition(', ')[2]}")
    if benchmark.enabled:
        timings = rounds.time_in_turns(calls, each=HEADERS)
        signing = timings["sign"].seconds
        doors = [door for door in calls if door != "sign"]
        ratios = {door: rounds.ratio(timings[door].seconds, signing) for door in doors}
        benchmark.extra_info.update(
            row="verify",
            engine=engine,
            request=name,
            **rounds.told(timings),
            ratio=ratios["verify"],
            ratio_of_verifier=ratios["Verifier"],
            ratio_in_turn=ratios["clients in turn"],
            mark=MARK,
        )
        with capsys.disabled():
            for door, ratio in ratios.items():
                print(  # noqa: T201 - a table for whoever measures
                    f"\n{door:15} {name} {engine}  {timings[door].median * 1e6:6.1f} us  {ratio:5.2f}x signing "
                    f"(mark {MARK}x)  spread {timings[door].spread:.0%}",
                    end="",
                )
    benchmark.group = f"verify {name}"
    benchmark(lambda: verifier.verify(*request, authorization=headers[0]))
