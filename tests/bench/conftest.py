"""Benchmarks: off in ``make test``, run by ``make bench``; each answer is asserted before it is timed.

Beside what they measured, pytest-benchmark's file is told about the machine, the versions, and the other work that ran
meanwhile.
"""

import importlib
import json
import os
import platform
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

HERE = Path(__file__).parent
DATA = json.loads((HERE / "requests.json").read_text())
PACKAGES = ("Authlib", "oauthlib", "httpx2", "aiohttp", "cryptography", "joserfc", "pydantic", "yarl")
STATISTICS = Path("/proc/stat")


def busy() -> tuple[float, float, float]:
    """Seconds until now: of the clock, of processors at any work, and of processors at the work of this process."""
    own = os.times()
    used = own.user + own.system + own.children_user + own.children_system
    if not STATISTICS.exists():
        return own.elapsed, used, used
    user, nice, system, _, _, *interrupts = map(int, STATISTICS.read_text().split("\n", 1)[0].split()[1:9])
    return own.elapsed, (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK"), used


BEGIN = busy()


def pytest_benchmark_update_machine_info(config, machine_info):
    wall, all_work, own = (end - begin for begin, end in zip(BEGIN, busy(), strict=True))
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    release = platform.freedesktop_os_release() if STATISTICS.exists() else {}
    machine_info["measured"] = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processors": processors,
        "processor": machine_info["cpu"].get("brand_raw", platform.processor()),
        "system": release.get("PRETTY_NAME", platform.system()),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "build": os.environ.get("OAUTHREG_BUILD") or "auto",
        "packages": {name: version(name) for name in PACKAGES if find_spec(name.lower())},
        "others": max(0.0, all_work - own) / (wall * processors),
        "minutes": wall / 60,
    }


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


@pytest.fixture(scope="module")
def loopback_server(credentials):
    """The base URL of a server that checks what is below ``/proven``."""
    loopback = importlib.import_module("loopback")
    with loopback.serving(credentials["client_secret"], credentials["token_secret"]) as url:
        yield url


@pytest.fixture(params=["R1", "R2"], ids=["GET", "POST"])
def wire(request, requests_by_name):
    """Method, path with query, body and headers."""
    method, url, body, content_type = requests_by_name[request.param]
    return method, URL(url, encoded=True).raw_path_qs, body, {"Content-Type": content_type} if content_type else {}
