"""What is remembered of logins that are over."""

import pytest

from oauthreg import MismatchingStateError
from oauthreg.http.finished_logins import FinishedLogins, fingerprint

NOW = 1_750_000_000.0


@pytest.fixture
def finished():
    return FinishedLogins(lifetime=100)


class TestFinishedLogins:
    def test_a_login_ends_once(self, finished):
        assert "S1" not in finished
        assert [finished.add("S1", NOW), finished.add("S1", NOW), finished.add("S2", NOW)] == [True, False, True]
        assert "S1" in finished

    def test_it_is_forgotten_after_its_time(self, finished):
        finished.add("S1", NOW)
        finished.add("S2", NOW + 101)
        assert "S1" not in finished
        assert "S2" in finished

    def test_the_time_counts_from_the_first_end(self, finished):
        finished.add("S1", NOW)
        finished.add("S1", NOW + 90)
        finished.add("S2", NOW + 101)
        assert "S1" not in finished

    def test_one_that_is_given_back_may_end_again(self, finished):
        finished.add("S1", NOW)
        finished.give_back("S1")
        assert finished.add("S1", NOW)

    def test_one_that_was_never_over_may_be_given_back(self, finished):
        finished.give_back("S1")
        assert finished.add("S1", NOW)

    def test_the_refusal_tells_whether_there_is_a_token(self, finished):
        finished.add("S1", NOW)
        finished.add("S2", NOW)
        finished.note_token("S1")
        first, second = finished.refusal("S1"), finished.refusal("S2")
        assert isinstance(first, MismatchingStateError)
        assert first.code == second.code == "login-finished"
        assert "needs no second exchange" in str(first)
        assert "no token has come of it" in str(second)
        assert "log in again" in str(second)

    def test_what_gave_a_token_is_forgotten_with_the_login(self, finished):
        finished.add("S1", NOW)
        finished.note_token("S1")
        finished.add("S2", NOW + 101)
        finished.add("S1", NOW + 102)
        assert "no token" in str(finished.refusal("S1"))

    def test_no_login_is_kept_as_it_is(self, finished):
        finished.add("PLANTED", NOW)
        finished.note_token("PLANTED")
        assert "PLANTED" not in repr(vars(finished))


def test_a_fingerprint_is_of_any_text():
    assert fingerprint("S1") == fingerprint("S1") != fingerprint("S2")
    assert len(fingerprint("\ud800")) == 64
