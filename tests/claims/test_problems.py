import copy
import pickle

import pytest

from oauthreg.claims.problems import ClaimProblem, ClaimsSyntaxError, TemplateSyntaxError, closest, listed, refusal
from oauthreg.errors import quoted


def test_an_error_says_all_its_findings():
    error = ClaimsSyntaxError([ClaimProblem(("a",), "one"), ClaimProblem(("b", 0), "two", "hint")])
    assert str(error) == "one; two"
    assert [problem.key_path for problem in error.problems] == [("a",), ("b", 0)]
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("kind", [TemplateSyntaxError, ClaimsSyntaxError])
def test_an_error_is_copied_with_its_findings(kind, copied):
    made = copied(kind([ClaimProblem(("a", 0), "one", "hint")]))
    assert (type(made), str(made), made.problems) == (kind, "one", (ClaimProblem(("a", 0), "one", "hint"),))


def test_a_refusal_is_one_finding():
    assert refusal("wrong", "right").problems == (ClaimProblem((), "wrong", "right"),)


def test_the_nearest_name_or_all_names():
    assert closest("Timstamp", ["str", "timestamp"]) == "did you mean `timestamp`?"
    assert closest("zzz", ["str", "int"]) == "known: `str`, `int`"
    assert closest("zzz", []) == ""


def test_names_are_listed_and_values_cut():
    assert listed(["a", "b"]) == "`a`, `b`"
    assert quoted("a\n") == r"'a\n'"
    assert len(quoted("a" * 1000)) == len(quoted(["a" * 1000])) == 80
