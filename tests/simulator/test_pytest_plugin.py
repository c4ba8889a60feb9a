"""The fixture as an application's tests use it: in a pytest of its own."""

import os
import subprocess
import sys

TEST = """
import aiohttp

async def test_a_login(oauthreg_simulator):
    async with oauthreg_simulator("twitter") as simulator, aiohttp.ClientSession() as session:
        client = simulator.registry().client("twitter", session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))
        assert (await client.profile()).sub == "12"

async def test_a_failure(oauthreg_simulator):
    async with oauthreg_simulator("twitter") as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session, token=simulator.issue_token(), client_secret="planted")
        async with client.get("1.1/things") as response:
            assert response.status == 200

async def test_a_failure_without_requests(oauthreg_simulator):
    oauthreg_simulator("tumblr", auto_approve=True)
    assert False

def test_without_a_provider():
    pass
"""


def run(folder, *arguments):
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "oauthreg.simulator.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", *plugins, "--asyncio-mode=auto", "-q", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_test_logs_in_and_a_failure_shows_what_was_asked(tmp_path):
    (tmp_path / "test_app.py").write_text(TEST)
    done = run(tmp_path)
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "what twitter was asked" in done.stdout
    assert "401 GET https://api.x.com/1.1/things (api) signature_invalid: " in done.stdout
    assert "what tumblr was asked" in done.stdout
    assert "planted" not in done.stdout.split("what twitter was asked")[1]


def test_the_fixture_is_documented_and_loads_nothing_heavy(tmp_path):
    done = run(tmp_path, "--fixtures")
    assert "oauthreg_simulator -- " in done.stdout
    program = (
        "import sys, oauthreg.simulator.pytest_plugin; print({'aiohttp', 'pydantic', 'cryptography'} & {*sys.modules})"
    )
    checked = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == "set()\n"
