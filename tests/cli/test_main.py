"""`python -m oauthreg`, as a process."""

import subprocess
import sys

WITHOUT_CLICK = """
import sys
sys.modules["click"] = None
import runpy
runpy.run_module("oauthreg", run_name="__main__")
"""
BROKEN_CLICK = """
import sys, types
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            raise ModuleNotFoundError("No module named 'inner'", name="inner")
sys.meta_path.insert(0, Finder())
import runpy
runpy.run_module("oauthreg", run_name="__main__")
"""


def run(*arguments, folder=None):
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={"PYTHONPATH": ":".join(sys.path)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_exit_code_is_the_command_s(tmp_path):
    assert run("-m", "oauthreg", "--help").returncode == 0
    assert run("-m", "oauthreg", "frob").returncode == 2
    (tmp_path / "bad.toml").write_text("schema = 2")
    assert run("-m", "oauthreg", "check", "bad.toml", folder=tmp_path).returncode == 3


def test_without_click_one_line_says_how_to_get_it():
    done = run("-c", WITHOUT_CLICK)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the command line needs click: pip install 'oauthreg[cli]'\n"


def test_a_broken_click_is_not_hidden():
    done = run("-c", BROKEN_CLICK)
    assert done.returncode == 1
    assert "No module named 'inner'" in done.stderr


def test_a_demo_runs_without_a_warning():
    done = run("-m", "oauthreg", "demo", "tumblr")
    assert (done.returncode, done.stderr) == (0, "")
