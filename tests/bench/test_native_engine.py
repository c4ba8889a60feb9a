"""The native engine beside the pure one, its peers and the hard floor: one HMAC signature from request to header.

All are timed in turns in one process. The peers are timed through their client paths; the multiple of the floor is of
the engine's own method. Where two signers take turns, none begins as its former request did.
"""

import functools
import importlib
import itertools
import sys
from pathlib import Path

import pytest

from oauthreg import VerificationError

sys.path.insert(0, str(Path(__file__).parent))
floor, rounds, signers = (importlib.import_module(name) for name in ("floor", "rounds", "signers"))

PEERS = {
    "HMAC-SHA1": {"authlib": signers.make_authlib, "oauthlib": signers.make_oauthlib},
    "HMAC-SHA256": {"oauthlib": signers.make_oauthlib},
}
MARKS = {"R1": 250, "R2": 200, "R3": 150, "R4": 130, "R5": 270, "R6": 100}
"""Request -> how many times faster than the faster peer the engine is meant to be."""
FLOOR_MARKS = {"R1": 1.9, "R2": 1.9, "R3": 2.4, "R4": 1.7, "R5": 1.9, "R6": 1.7}
"""Request -> the multiple of the floor that it is meant to take at most."""


def burst_in_turn(one, other, method, url, body, content_type):
    """As many calls as of a burst, every second one of ``other``."""

    def run():
        for _ in itertools.repeat(None, floor.BURST // 2):
            one(method, url, body, content_type)
            other(method, url, body, content_type)

    return run


@pytest.mark.parametrize("signature_method", PEERS)
def test_hmac(benchmark, signature_method, named_request, credentials, capsys):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    name, request = named_request
    is_hashed = signers.is_hashed(request)
    both = [credentials, credentials | {"token": "another", "token_secret": "of another user"}]
    signer, other = (signers.make_signer("native", signature_method, of, body_hash=is_hashed) for of in both)
    for sign, of in zip((signer.authorization, other.authorization) * 2, both * 2, strict=True):
        signers.assert_right(sign, request, of)
    peers = {peer: make(signature_method, credentials, b"") for peer, make in PEERS[signature_method].items()}
    for peer, sign in peers.items():
        if is_hashed and (signature_method, peer) == ("HMAC-SHA256", "oauthlib"):
            # It hashes the body with SHA-1 whatever the method.
            with pytest.raises(VerificationError, match="body"):
                signers.assert_right(sign, request, credentials)
        else:
            signers.assert_right(sign, request, credentials)
    rivals = {"pure": signers.make_pure(signature_method, credentials, b""), **peers}
    signers.assert_right(rivals["pure"], request, credentials)
    if benchmark.enabled:
        hash_name = signature_method.removeprefix("HMAC-").lower()
        timings = rounds.time_in_turns(
            {rival: functools.partial(sign, *request) for rival, sign in rivals.items()}
            | {
                "native": floor.burst(signer.authorization, *request),
                "signers in turn": burst_in_turn(signer.authorization, other.authorization, *request),
            }
            | floor.pieces(hash_name, signer.authorization(*request)),
            rounds=31,
        )
        medians = {rival: timing.median for rival, timing in timings.items()}
        native, in_turn = ((medians[rival] - medians["loop"]) / floor.BURST for rival in ("native", "signers in turn"))
        compressions = floor.compressions(signer.base_string(*request), request[2] if is_hashed else None)
        each = [
            {rival: timing.seconds[turn] for rival, timing in timings.items()}
            for turn in range(len(timings["native"].seconds))
        ]
        own, mixed = (
            [(one[rival] - one["loop"]) / floor.BURST for one in each] for rival in ("native", "signers in turn")
        )
        least = [floor.floor(one, compressions) for one in each]
        ratio, ratio_in_turn, most = (
            min(rounds.ratio(timings[peer].seconds, signing) for peer in peers) for signing in (own, mixed, least)
        )
        floor_multiple = rounds.ratio(own, least)
        benchmark.extra_info.update(
            row="native",
            method=signature_method,
            request=name,
            medians={"native": native, "signers in turn": in_turn} | {rival: medians[rival] for rival in rivals},
            spreads={rival: timings[rival].spread for rival in ["native", "signers in turn", *rivals]},
            ratio=ratio,
            ratio_in_turn=ratio_in_turn,
            mark=MARKS[name],
            most=most,
            compressions=compressions,
            floor=floor.floor(medians, compressions),
            floor_multiple=floor_multiple,
            floor_mark=FLOOR_MARKS[name],
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\n{signature_method} {name}  native {native * 1e9:6.0f} ns  {ratio:5.0f}x the faster peer "
                f"(mark {MARKS[name]}x, signers in turn {ratio_in_turn:.0f}x)  {floor_multiple:.2f}x the floor "
                f"(mark {FLOOR_MARKS[name]}x)  spread {max(timings[rival].spread for rival in ['native', *rivals]):.0%}"
            )
    benchmark.group = f"native {signature_method} {name}"
    benchmark(signer.authorization, *request)
