from oauthreg.claims.problems import ClaimProblem, ClaimsSyntaxError, closest, listed, refusal
from oauthreg.errors import quoted


def test_an_error_says_all_its_findings():
    error = ClaimsSyntaxError([ClaimProblem(("a",), "one"), ClaimProblem(("b", 0), "two", "hint")])
    assert str(error) == "one; two"
    assert [problem.key_path for problem in error.problems] == [("a",), ("b", 0)]
    assert isinstance(error, ValueError)


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
