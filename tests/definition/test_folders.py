"""The user's folders are where `platformdirs` says, whose rule for desktops is applied without it."""

import sys
from pathlib import Path

import pytest
from platformdirs import user_cache_path, user_config_path

from oauthreg.definition.folders import user_cache_folder, user_config_folder

FOLDERS = [
    ("XDG_CONFIG_HOME", user_config_folder, user_config_path),
    ("XDG_CACHE_HOME", user_cache_folder, user_cache_path),
]


@pytest.mark.parametrize(("variable", "ours", "theirs"), FOLDERS)
@pytest.mark.parametrize("named", [None, "", "/srv/ada", "/srv/ada/"])
@pytest.mark.parametrize("home", ["/home/ada", "/"])
def test_the_folder_is_the_one_of_the_platform(monkeypatch, variable, ours, theirs, named, home):
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv(variable, raising=False)
    if named is not None:
        monkeypatch.setenv(variable, named)
    assert ours() == theirs("oauthreg")


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have rules of their own")
@pytest.mark.parametrize(("variable", "ours", "theirs"), FOLDERS)
def test_a_relative_folder_is_none(monkeypatch, variable, ours, theirs):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv(variable, "here")
    assert ours() == Path("/home/ada", f".{variable.split('_')[1].lower()}", "oauthreg")


@pytest.mark.parametrize(("variable", "ours", "theirs"), FOLDERS)
def test_without_a_home_the_platform_is_asked(monkeypatch, variable, ours, theirs):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv(variable, raising=False)
    assert ours() == theirs("oauthreg")
