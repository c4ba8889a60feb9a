"""Answers of real providers' shapes, with the claims that are expected of them: see samples/README.md."""

import json
from pathlib import Path

import pytest

from oauthreg.claims import Profile, parse_claims

SAMPLES = [
    pytest.param(json.loads(path.read_text("utf-8")), id=path.stem)
    for path in sorted((Path(__file__).parent / "samples").glob("*.json"))
]


def test_the_samples_are_found():
    assert len(SAMPLES) >= 60


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_gives_the_expected_claims(sample):
    template = parse_claims(sample["claims"], documents=sample["documents"])
    assert template.render(sample["documents"]) == sample["expected"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_makes_a_profile_that_returns_its_claims(sample):
    profile = Profile.from_claims(sample["expected"], raw=sample["documents"])
    assert profile.to_dict() == sample["expected"]
    assert profile.raw == sample["documents"]
