"""Counts the processor's instructions of the native engine for one signature, which no other work can disturb.

``valgrind --tool=callgrind`` runs this file once more; only what is executed inside the extension counts, and the
blocks of the hash are taken out, since valgrind's processor has no SHA instructions. What grew by more than ``MOST``
since the counts were kept (in ``instructions.json``) is an error; ``--keep`` keeps new ones, and wants an entry in the
changelog that says "instructions" if one grew by more than that.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "instructions.json"
CHANGELOG = HERE.parents[1] / "CHANGELOG.md"
EXTENSION = "oauthreg.signing._native"
MOST = 0.03
"""The growth that is allowed, of each count."""
REPEATS = 256
"""As many nonces as two fillings of their pool give."""
MOST_SHARED = 2
"""The blocks at the beginning that a call takes over from the former ones: the first from the fourth call on."""
BLOCKS = 100
MARKER = "getppid"
"""The function of the C library whose call ends a section: nothing else calls it."""


def main(arguments: list[str]) -> str | None:
    """Compares, or keeps; what is wrong, if anything is."""
    if shutil.which("valgrind") is None:
        return skip("valgrind is not installed")
    if find_spec(EXTENSION) is None:
        return skip("the native engine is not built")
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"counts": {}}
    tools = {"machine": machine(), "rustc": version("rustc"), "valgrind": version("valgrind")}
    counts = {name: round(count) for name, count in count_all().items()}
    grown = []
    for name, count in counts.items():
        before = kept["counts"].get(name, count)
        print(f"{name:8}{count:8} instructions{count / before - 1:+8.1%}")
        grown += [name] if count > before * (1 + MOST) else []
    changed = [f"{name} {kept.get(name)!r}, here {tool!r}" for name, tool in tools.items() if kept.get(name) != tool]
    if arguments == ["--keep"]:
        if grown and not is_told():
            return f"{', '.join(grown)} grew: {CHANGELOG.name} must say so first, with the word `instructions`"
        KEPT.write_text(json.dumps(tools | {"counts": counts}, indent=2) + "\n")
    elif changed:
        skip(f"the kept counts are of other tools ({'; '.join(changed)}): keep new ones with `--keep`")
    elif grown:
        return f"{', '.join(grown)} grew by more than {MOST:.0%}; if that must be, `--keep` says what to do"
    return None


def skip(reason: str) -> None:
    """Nothing was compared."""
    print(f"instructions are not compared: {reason}")


def machine() -> str:
    """The architecture, and the widest vectors of the processor that valgrind has, too."""
    information = Path("/proc/cpuinfo")
    has_avx2 = information.exists() and "avx2" in information.read_text().split()
    return f"{os.uname().machine} {'with' if has_avx2 else 'without'} AVX2"


def version(tool: str) -> str | None:
    """What the tool says of itself."""
    path = shutil.which(tool)
    if path is None:
        return None
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()


def is_told() -> bool:
    """Whether the newest section of the changelog speaks of instructions."""
    newest = CHANGELOG.read_text(encoding="utf-8").split("\n## ")[1]
    return "instructions" in newest


def count_all() -> dict[str, float]:
    """Name of a request -> instructions a signature without the hash's; ``block`` -> those of a block of the hash."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OAUTHREG_ENGINE": "native"}
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"--dump-before={MARKER}",
             sys.executable, __file__, "--drive"],
            env=environment, capture_output=True, check=True,
        )  # fmt: skip
        parts = sorted(Path(folder).glob("out.*"), key=lambda part: int(part.suffix[1:]))
        # The first ends where the first section begins.
        costs = [own_cost(part) for part in parts[1:]]
    names = [name for name, *_ in sections()]
    if len(costs) != len(names):
        raise SystemExit(f"callgrind wrote {len(costs)} sections, and {len(names)} were run")
    totals = dict(zip(names, costs, strict=True))
    block = (totals.pop("long") - totals.pop("short")) / REPEATS / BLOCKS
    blocks = {
        name: count * REPEATS - sum(REPEATS - 3 - place for place in range(shared))
        for name, _, count, shared in sections()
    }
    return {name: (total - blocks[name] * block) / REPEATS for name, total in totals.items()} | {"block": block}


def own_cost(part: Path) -> int:
    """The instructions in a part of callgrind's profile that were executed inside the extension."""
    cost, is_own, is_of_callee, names = 0, False, False, {}
    for line in part.read_text().splitlines():
        # An object has its name where its number stands first, be it as the caller or as the callee.
        if found := re.match(r"(c?)ob=(\(\d+\))(?: (.+))?$", line):
            names.setdefault(found[2], found[3])
            if not found[1]:
                is_own = "_native." in names[found[2]]
        elif line.startswith("calls="):
            is_of_callee = True  # as the next line is
        elif found := re.match(r"(?:[+-]?\d+|\*) (\d+)$", line):
            cost += int(found[1]) if is_own and not is_of_callee else 0
            is_of_callee = False
    return cost


def drive() -> None:
    """Runs the sections, each ended by the marker."""
    prepared = list(sections())
    for _, call, *_ in prepared:
        call()
    os.getppid()
    for _, call, *_ in prepared:
        for _ in range(REPEATS):
            call()
        os.getppid()


def sections() -> Iterator[tuple[str, Callable[[], Any], int, int]]:
    """Name, call, the blocks that one call by itself hashes, and how many of them a further one takes over."""
    from oauthreg.signing import load_engine

    sys.path.insert(0, str(HERE))
    from floor import compressions
    from signers import is_hashed, make_signer

    native, data = load_engine("native"), json.loads((HERE / "requests.json").read_text())
    for item in data["requests"]:
        body = None if item["body"] is None else item["body"].encode()
        request = (item["method"], item["full_url"], body, item["content_type"])
        hashed = is_hashed(request)
        signer = make_signer("native", "HMAC-SHA1", data["credentials"], body_hash=hashed)
        call = lambda sign=signer.authorization, request=request: sign(*request)  # noqa: E731 - the least to count
        texts = [signer.base_string(*request) for _ in range(2)]
        shared = min(MOST_SHARED, len(os.path.commonprefix(texts)) // 64)  # noqa: RUF071 - texts, no paths
        yield item["id"], call, compressions(texts[0], body if hashed else None), shared
    for name, blocks in (("short", BLOCKS), ("long", 2 * BLOCKS)):
        yield name, lambda message=bytes(64 * blocks): native.hmac("sha1", b"key", message), blocks, MOST_SHARED


if __name__ == "__main__":
    if sys.argv[1:] == ["--drive"]:
        drive()
    else:
        sys.exit(main(sys.argv[1:]))
