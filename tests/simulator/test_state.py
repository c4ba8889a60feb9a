import pytest

from oauthreg.errors import OAuthError
from oauthreg.simulator.state import WINDOW, State


def refused(call, *arguments, **options):
    with pytest.raises(OAuthError) as caught:
        call(*arguments, **options)
    return caught.value.error


def test_a_request_token_is_decided_once_and_used_once():
    state = State()
    asked = state.issue_temporary("https://app.example/", "read")
    assert (asked.callback, asked.scope, asked.stage) == ("https://app.example/", "read", "asked")
    approved = state.decide(asked.token, approved=True)
    assert approved.verifier
    assert refused(state.decide, asked.token, approved=False) == "token_used"
    made = state.exchange(approved, {"company": "1"})
    assert made.callback == {"company": "1"}
    assert refused(state.temporary, asked.token) == "token_used"
    assert refused(state.temporary, "unknown") == "token_rejected"
    assert refused(state.temporary, None) == "token_rejected"


def test_a_denied_request_token_has_no_verifier_and_takes_the_late_callback():
    state = State()
    asked = state.issue_temporary(None, None)
    denied = state.decide(asked.token, approved=False, callback="https://app.example/late")
    assert (denied.stage, denied.verifier, denied.callback) == ("denied", "", "https://app.example/late")


def test_an_access_token_ages():
    state = State()
    made = state.issue(session=True)
    assert state.token(made.token).session_handle
    state.expire_tokens()
    assert refused(state.token, made.token) == "token_expired"
    renewed = state.renew(state.token(made.token, renewing=True))
    assert renewed.session_handle == made.session_handle
    assert refused(state.token, made.token, renewing=True) == "token_revoked"
    state.revoke_tokens()
    assert refused(state.token, renewed.token) == "token_revoked"
    assert refused(state.token, None) == "token_rejected"


def test_a_nonce_is_new_once_for_its_token_and_time_and_forgotten_when_it_cannot_come_back():
    state = State()
    assert state.is_new_nonce("t", "100", "n", 100.0)
    assert not state.is_new_nonce("t", "100", "n", 100.0 + WINDOW)
    assert state.is_new_nonce("u", "100", "n", 100.0)
    assert state.is_new_nonce("t", "101", "n", 100.0)
    assert state.is_new_nonce(None, "100", "n", 100.0)
    later = 100.0 + 2 * WINDOW + 1
    assert state.is_new_nonce("t", "9000", "other", later)
    assert len(state._nonces) == 1


def test_texts_are_unguessable_and_secret():
    state = State()
    made = [state.issue_temporary(None, None) for _ in range(50)]
    texts = [text for one in made for text in (one.token, one.token_secret)]
    assert len(set(texts)) == 100
    assert min(map(len, texts)) >= 22
    assert not [text for text in texts if text in f"{made!r}{state!r}{state.issue(session=True)!r}"]
