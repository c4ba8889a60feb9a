import pytest

from oauthreg import signing
from oauthreg.cli.installation import describe_engine, engine_line, installed_version


@pytest.mark.parametrize(
    ("engine", "wanted", "why", "advised"),
    [
        ("native", None, "the compiled extension is there", False),
        ("native", "native", "OAUTHREG_ENGINE=native asks for it", False),
        ("pure", "pure", "OAUTHREG_ENGINE=pure asks for it", False),
        ("pure", None, "no compiled extension is there", True),
        ("pure", "auto", "no compiled extension is there", True),
    ],
)
def test_the_engine_is_named_with_its_reason_and_the_way_to_the_faster_one(monkeypatch, engine, wanted, why, advised):
    monkeypatch.setattr(signing, "ENGINE", engine)
    monkeypatch.delenv("OAUTHREG_ENGINE", raising=False)
    if wanted:
        monkeypatch.setenv("OAUTHREG_ENGINE", wanted)
    assert describe_engine() == (engine, why)
    assert engine_line().startswith(f"signing engine: {engine} ({why}")
    assert ("install a Rust toolchain" in engine_line()) is advised
    assert "\n" not in engine_line()


def test_a_version_is_found_or_none():
    assert installed_version("click")
    assert installed_version("no-such-package-anywhere") is None
