"""How signing grows with the number of parameters and with the size of the body, in time and in memory.

Sorting is n log n and everything else linear: nothing may take a step that is quadratic, whatever the text looks like.
"""

import importlib
import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import oauthreg
from oauthreg import Signer, verify

sys.path.insert(0, str(Path(__file__).parent))
rounds = importlib.import_module("rounds")

FORM = "application/x-www-form-urlencoded"
URL = "https://api.example.com/1.1/statuses/lookup.json"
PARAMETERS = [1, 10, 100, 1_000, 10_000]
SIZES = [1_000, 10_000, 100_000, 1_000_000]
SLACK = 4
"""How many times its law a growth may be: the processor's caches end somewhere between two sizes, and other work runs
beside. A quadratic step would be at 10."""


def query(count: int) -> str:
    """``count`` parameters in an order that sorting must undo, a third of the values with escapes."""
    values = ("true", "value%20512542", "2026-11-25T10%3A03%3A00Z")
    return "&".join(f"parameter_{number * 7_919 % 10_007:05}={values[number % len(values)]}" for number in range(count))


def filled(piece: str) -> Callable[[int], bytes]:
    """A form body of about a wanted size, out of one piece over and over."""
    return lambda size: b"text=" + piece.encode() * (size // len(piece.encode()))


BODIES = {
    "bare": filled("x"),
    "escaped": filled("%D1%88%E6%97%A5"),
    "plus": filled("lorem+ipsum+dolor+"),
    "lower-case escapes": filled("%d1%88%e6%97%a5"),
    "raw octets": filled("шß日"),
    "lone percent signs": filled("%"),
    "half escapes": filled("%2%a"),
    "equals signs": filled("="),
    "empty pieces": filled("&"),
    "flags": filled("&f"),
    "one name": filled("&a=1"),
}


@pytest.fixture(params=["pure", "native"])
def engine(request):
    if request.param == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    return request.param


@pytest.fixture
def sizes(benchmark):
    """Without measuring, the answers for the largest texts are no news and take seconds."""
    return SIZES if benchmark.enabled else SIZES[:2]


@pytest.fixture
def sign(engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", token="tk", token_secret="ts", engine=engine)

    def signed(method, url, body=None, content_type=None):
        header = signer.authorization(method, url, body, content_type)
        verify(
            method, url, body, content_type, authorization=header, client_secret="cs", token_secret="ts", engine="pure"
        )
        return lambda: signer.authorization(method, url, body, content_type)

    return signed


def assert_growth(seconds: dict[int, float], law: Callable[[int], float]) -> None:
    """From each size of 1,000 or more to the next, the time grows by the law at most, with some slack."""
    sizes = [size for size in seconds if size >= 1_000]
    for small, large in itertools.pairwise(sizes):
        assert seconds[large] / seconds[small] < SLACK * law(large) / law(small), (small, large)


def tell(capsys, title: str, seconds: dict[int, float], unit: str) -> None:
    cells = "  ".join(f"{size:>9,}: {value * 1e6:10.1f} us" for size, value in seconds.items())
    with capsys.disabled():
        print(f"\n{title:28} {unit}  {cells}")  # noqa: T201 - a table for whoever measures


def timed(benchmark, calls, **labels) -> dict[int, float]:
    """The least seconds a signature by size; one run of the largest is what pytest-benchmark keeps beside them."""
    timings = rounds.time_in_turns(calls, rounds=7)
    medians, spreads = (
        {size: getattr(timing, name) for size, timing in timings.items()} for name in ("median", "spread")
    )
    benchmark.extra_info.update(labels, medians=medians, spreads=spreads)
    return {size: timing.least for size, timing in timings.items()}


def test_parameters(benchmark, sign, engine, capsys):
    calls = {count: sign("GET", f"{URL}?{query(count)}") for count in PARAMETERS}
    if benchmark.enabled:
        seconds = timed(benchmark, calls, row="parameters", engine=engine)
        tell(capsys, f"{engine}, parameters", seconds, "count ")
        assert_growth(seconds, lambda count: count * math.log2(count + 6))
    benchmark.pedantic(calls[PARAMETERS[-1]], rounds=3)


@pytest.mark.parametrize("text", BODIES)
def test_form_body(benchmark, sign, engine, text, sizes, capsys):
    calls = {size: sign("POST", URL, BODIES[text](size), FORM) for size in sizes}
    if benchmark.enabled:
        seconds = timed(benchmark, calls, row="body", engine=engine, text=text)
        tell(capsys, f"{engine}, form, {text}", seconds, "octets")
        assert_growth(seconds, lambda size: size * math.log2(size))
    benchmark.pedantic(calls[sizes[-1]], rounds=3)


def test_hashed_body(benchmark, engine, sizes, capsys):
    signer = Signer("HMAC-SHA1", "ck", "cs", body_hash=True, engine=engine)
    calls = {size: lambda body=b"x" * size: signer.authorization("POST", URL, body, "text/plain") for size in sizes}
    for size, call in calls.items():
        verify("POST", URL, b"x" * size, authorization=call(), client_secret="cs", body_hash="required", engine="pure")
    if benchmark.enabled:
        seconds = timed(benchmark, calls, row="body", engine=engine, text="body hash")
        tell(capsys, f"{engine}, body hash", seconds, "octets")
        assert_growth(seconds, lambda size: size)
    benchmark.pedantic(calls[sizes[-1]], rounds=3)


PEAK = """
import gc, re, sys
from pathlib import Path
from oauthreg import Signer
signer = Signer("HMAC-SHA1", "ck", "cs", token="tk", token_secret="ts", engine=sys.argv[1])
signer.authorization("POST", "https://h.example/?a=%20b", "c=+d", "application/x-www-form-urlencoded")
method, url, body, media_type = eval(sys.stdin.read())
gc.collect()
def resident(line):
    return int(re.search(line + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
signer.authorization(method, url, body, media_type)
print(resident("VmHWM") - before)
"""
"""Prints by how many KiB one signature raises the resident memory at its height, counted from a warm signer."""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="this system does not tell a peak again")
@pytest.mark.parametrize(
    ("kind", "most"),
    [("parameters", 10), ("escaped", 10), ("lower-case escapes", 100)],  # what must be decoded first costs more
)
def test_memory(benchmark, engine, kind, most, capsys):
    """One signature raises the resident memory at its height by so many times its text at most."""
    if kind == "parameters":
        requests = {count: ("GET", f"{URL}?{query(count)}", None, None) for count in PARAMETERS[2:]}
    else:
        requests = {size: ("POST", URL, BODIES[kind](size), FORM) for size in SIZES[1:]}
    source = str(Path(oauthreg.__file__).parents[1])

    def peak(request):
        ran = subprocess.run(
            [sys.executable, "-c", PEAK, engine],
            input=repr(request),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": source},
        )
        return int(ran.stdout) * 1024

    peaks = {size: peak(request) for size, request in requests.items()}
    lengths = {size: len(url) + len(body or b"") for size, (_, url, body, _) in requests.items()}
    benchmark.extra_info.update(row="peak memory", engine=engine, text=kind, peaks=peaks, lengths=lengths)
    if benchmark.enabled:
        cells = "  ".join(
            f"{size:>9,}: {value / 1024:7.0f} KiB ({value / lengths[size]:4.1f}x the text)"
            for size, value in peaks.items()
        )
        with capsys.disabled():
            print(f"\n{f'{engine}, memory, {kind}':28}         {cells}")  # noqa: T201 - as above
    largest = max(peaks)
    assert peaks[largest] < most * lengths[largest]
    benchmark.pedantic(peak, args=(requests[largest],), rounds=1)
