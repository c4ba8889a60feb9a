"""The pure engine beside its peers: one signature from (method, URL, body, media type) to the header.

All are timed in turns in one process, so the ratio holds whatever else the machine does; pytest-benchmark times the
pure engine alone once more and keeps everything in its JSON.
"""

import functools
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
signers, rounds = importlib.import_module("signers"), importlib.import_module("rounds")

FACTORIES = {"pure": signers.make_pure, "authlib": signers.make_authlib, "oauthlib": signers.make_oauthlib}
MARKS = {"R1": 20, "R2": 12, "R3": 11, "R4": 22, "R5": 25, "R6": 4}
"""Request -> how many times faster than Authlib the pure engine is meant to be."""


def test_hmac_sha1(benchmark, named_request, credentials, capsys):
    name, request = named_request
    signs = {rival: make("HMAC-SHA1", credentials, b"") for rival, make in FACTORIES.items()}
    for sign in signs.values():
        signers.assert_right(sign, request, credentials)
    if benchmark.enabled:
        timings = rounds.time_in_turns({rival: functools.partial(sign, *request) for rival, sign in signs.items()})
        own = timings["pure"].seconds
        ratios = {rival: rounds.ratio(timing.seconds, own) for rival, timing in timings.items()}
        benchmark.extra_info.update(
            row="pure",
            request=name,
            **rounds.told(timings),
            ratio=ratios["authlib"],
            mark=MARKS[name],
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\n{name}  pure {timings['pure'].median * 1e6:7.1f} us  {ratios['authlib']:5.1f}x Authlib "
                f"(mark {MARKS[name]}x)  {ratios['oauthlib']:5.1f}x oauthlib  "
                f"spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = f"pure HMAC-SHA1 {name}"
    benchmark(signs["pure"], *request)
