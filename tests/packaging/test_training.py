"""What a profiled build is trained by: it runs, and is the same every time."""

import random
import tomllib
from collections import Counter

import pytest

from oauthreg.errors import VerificationError


@pytest.fixture
def training(load_script, monkeypatch):
    module = load_script("training")
    monkeypatch.setattr(module, "REQUESTS", 30)
    return module


def test_the_native_engine_is_trained(training):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    training.main()


def test_a_signature_that_is_wrong_ends_the_training(training):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    client, other, *_ = training.make_clients()
    wrong = client._replace(verifier=other.verifier)
    with pytest.raises(VerificationError):
        training.train(wrong, other, training.Sent("GET", "https://api.example/a"))


def test_the_same_requests_are_drawn_every_time(training):
    one, other = (
        [shape(chance) for shape in training.SHAPES for _ in range(20)]
        for chance in (random.Random(1), random.Random(1))
    )
    assert one == other
    assert len({*map(str, one)}) == len(one)
    assert Counter(request.method for request in one).keys() == {"GET", "POST", "PUT", "PATCH"}


def test_it_is_what_maturin_runs(root):
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["maturin"]
    assert settings["pgo-command"] == "python rust/training.py"
    assert (root / "rust" / "training.py").is_file()
