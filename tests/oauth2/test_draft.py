"""The words of client authentication."""

import pytest

from oauthreg.errors import UsageError
from oauthreg.oauth2.draft import Draft


def test_templates_see_the_identifier_and_further_credentials_never_the_secret(identity):
    client = identity(client_secret="PLANTED", credentials={"team_id": "T1"})
    assert client.documents == {"client": {"client_id": "c1", "team_id": "T1"}}


def test_SL03_repr_shows_no_secret(identity):
    client = identity(
        client_secret="PLANTED", private_key="PLANTED", passphrase="PLANTED", credentials={"api_key": "PLANTED"}
    )
    assert "PLANTED" not in repr(client)
    draft = Draft([("code", "PLANTED")], [("Authorization", "PLANTED")], [("client_secret", "PLANTED")])
    assert "PLANTED" not in repr(draft)


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_a_credential_that_has_no_octets_is_refused_unseen(identity, name):
    # What Python makes of an environment variable that is no UTF-8; its own error would show the secret.
    with pytest.raises(UsageError, match=f"`{name}`") as refused:
        identity(**{name: "PLANTED\udcff"})
    assert refused.value.code == "invalid-credential"
    assert "PLANTED" not in repr(refused.value)
    assert identity(**{name: "é💥"}).client_id in ("é💥", "c1")


def test_put_leaves_what_is_there():
    draft = Draft([("client_id", "a")])
    draft.put("client_id", "b")
    draft.put("x", "")
    assert draft.parameters == [("client_id", "a"), ("x", "")]


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_a_credential_that_is_no_text(identity, name):
    """As a number in a file of settings."""
    with pytest.raises(UsageError, match=f"`{name}` is no text: int") as refused:
        identity(**{name: 123456})
    assert refused.value.code == "invalid-credential"
