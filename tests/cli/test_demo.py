import json
from dataclasses import replace

import pytest

from oauthreg import Registry
from oauthreg.simulator import Simulator, Status
from oauthreg.simulator.oauth1 import OAuth1Server
from oauthreg.simulator.oauth2_state import OAuth2State

KNOWN = Registry(environ={})
BUNDLED = [name for name in KNOWN.names() if (known := KNOWN.definition(name)).status not in ("dead", "unsupported")]


def test_a_login_is_told_step_by_step(oauthreg, golden):
    done = oauthreg("demo", "acme")
    assert (done.code, done.err) == (0, "")
    golden("demo-acme.txt", done.out)


def test_an_rsa_key_is_made_and_a_token_is_renewed(oauthreg, golden):
    done = oauthreg("demo", "acme-keys")
    assert (done.code, done.err) == (0, "")
    golden("demo-acme-keys.txt", done.out)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_provider_can_be_shown(oauthreg, name):
    done = oauthreg("demo", name)
    assert (done.code, done.err) == (0, "")
    assert "checked by the provider" in done.out
    assert "signature_invalid" in done.out or "token_rejected" in done.out or "invalid_token" in done.out


def test_without_a_name_a_telling_provider_is_shown(oauthreg):
    done = oauthreg("demo")
    assert done.code == 0
    assert "claim " in done.out


def test_a_broken_file_hurts_nobody_else(oauthreg, broken):
    assert oauthreg("demo").code == 0


def test_the_story_is_one_document_for_programs(oauthreg):
    done = oauthreg("demo", "acme", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (told["provider"], told["title"], told["profile"]) == ("acme", "Acme", {"sub": "12", "name": "Ada"})
    assert told["engine"]["name"] in ("native", "pure")
    requests = [request for step in told["steps"] for request in step["requests"]]
    assert [request["status"] for request in requests] == [200, 200, 302, 200, 200, 200, 401]
    assert requests[0]["signature_method"] == "HMAC-SHA1"
    assert requests[-1]["problem"] == "signature_invalid"


@pytest.mark.parametrize("arguments", [(), ("--json",)])
@pytest.mark.parametrize(
    "name", ["acme", "acme-keys", "fatsecret", "mediawiki", "scistarter", "stackexchange", "hubspot", "dingtalk"]
)
def test_no_secret_is_shown(oauthreg, monkeypatch, name, arguments):
    made = []
    enter = Simulator.__aenter__

    async def remember(simulator):
        made.append(simulator)
        return await enter(simulator)

    monkeypatch.setattr(Simulator, "__aenter__", remember)
    done = oauthreg("demo", name, *arguments)
    simulator = made[0]
    secrets = [simulator.credentials.client_secret, *simulator.credentials.others.values()]
    secrets += made_by(simulator.state)
    assert len(secrets) >= 4
    assert [secret for secret in secrets if secret and secret in done.out + done.err] == []


def made_by(state):
    """Everything secret that a provider made."""
    if isinstance(state, OAuth2State):
        return [*state._access, *state._refresh, *state._used_refresh, *state._codes]
    tokens = [*state._temporary.values(), *state._tokens.values()]
    verifiers = [token.verifier for token in state._temporary.values()]
    return [*verifiers, *(secret for token in tokens for secret in (token.token, token.token_secret))]


def test_bodies_are_called_what_they_are(oauthreg):
    shown = oauthreg("demo", "dingtalk").out
    assert '     json: {"grantType": "authorization_code", ' in shown
    assert [line for line in shown.splitlines() if line.startswith("     form: ")] == ["     form: decision=approve"]


def test_a_provider_that_fails_ends_it_with_5(oauthreg, monkeypatch):
    enter = Simulator.__aenter__

    async def failing(simulator):
        simulator.fail("token", Status(503, "later"))
        return await enter(simulator)

    monkeypatch.setattr(Simulator, "__aenter__", failing)
    done = oauthreg("demo", "acme")
    assert done.code == 5
    assert "status 503" in done.err
    assert "1. The application asks for a request token" in done.out


def test_a_provider_that_takes_any_signature_ends_it_with_5(oauthreg, monkeypatch):
    answer = OAuth1Server.answer

    def lenient(server, received, step):
        served = answer(server, received, step)
        return type(served)(served.answer) if served.problem else served

    monkeypatch.setattr(OAuth1Server, "answer", lenient)
    done = oauthreg("demo", "acme")
    assert (done.code, "accepted a wrong signature" in done.err) == (5, True)


def test_a_call_that_is_refused_with_a_good_status_ends_it_with_5(oauthreg, monkeypatch):
    answer = OAuth1Server.answer

    def refusing(server, received, step):
        served = answer(server, received, step)
        return replace(served, problem="permission_denied") if step == "api" else served

    monkeypatch.setattr(OAuth1Server, "answer", refusing)
    done = oauthreg("demo", "acme")
    assert (done.code, "permission_denied" in done.err) == (5, True)


def test_a_provider_that_tells_nothing_about_persons_can_be_shown(oauthreg, folder):
    text = (folder / "providers" / "acme.toml").read_text()
    silent = text[: text.index("[claims]")].replace("userinfo", "revoke")
    (folder / "providers" / "silent.toml").write_text(silent)
    done = oauthreg("demo", "silent")
    assert (done.code, "who the person is" in done.out) == (0, False)


WITHOUT_REDIRECT_URI = """schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/token"

[authorize]
rename = { redirect_uri = "" }

[token]
rename = { redirect_uri = "" }
"""
PASTED = """schema = 1
title = "Acme"
protocol = "oauth1"

[oauth1]
flow = "none"

[endpoints]
userinfo = "https://api.acme.example/me"
"""
ID_TOKEN_ALONE = """schema = 1
title = "Acme"
protocol = "oidc"

[endpoints]
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/token"
jwks = "https://api.acme.example/jwks"

[oauth2]
issuer = "https://acme.example"

[[example]]
id_token = { sub = "12" }
claims = { sub = "12" }
"""


@pytest.mark.parametrize("text", [WITHOUT_REDIRECT_URI, PASTED, ID_TOKEN_ALONE])
def test_a_provider_that_says_little_can_be_shown(oauthreg, folder, text):
    (folder / "providers" / "terse.toml").write_text(text)
    done = oauthreg("demo", "terse")
    assert (done.code, done.err) == (0, "")


UNANSWERED = WITHOUT_REDIRECT_URI.replace("[authorize]", 'userinfo = "https://api.acme.example/me"\n\n[authorize]')
ABOUT = """
[claims]
sub = "id"

[[identity.request]]
name = "about"
url = "https://api.acme.example/about"

[[example]]
userinfo = { id = "12" }
claims = { sub = "12" }
"""


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (f'{UNANSWERED}[claims]\nsub = "id"\n', ["userinfo"]),
        (f'{UNANSWERED}[claims]\nsub = "token:user.id"\n', ["userinfo", "token"]),
        (UNANSWERED + ABOUT, ["about"]),
        (
            UNANSWERED.replace('"oauth2"', '"oidc"')
            + '[oauth2]\nissuer = "https://acme.example"\n[claims]\nsub = "id"\n',
            ["userinfo", "id_token"],
        ),
    ],
)
def test_a_definition_without_example_is_told_to_have_one(oauthreg, folder, text, missing):
    (folder / "providers" / "silent.toml").write_text(text)
    done = oauthreg("demo", "silent")
    assert done.code == 2
    assert f"has no example of {' and '.join(f'`{name}`' for name in missing)}\n" in done.err
    assert f"`[[example]]` with {', '.join(f'`{name} = {{ … }}`' for name in missing)} and `claims" in done.err


def test_a_provider_without_any_address_has_nothing_to_call(oauthreg, folder):
    (folder / "providers" / "mute.toml").write_text(PASTED.replace('userinfo = "https://api.acme.example/me"', ""))
    done = oauthreg("demo", "mute")
    assert (done.code, "names nothing that can be called" in done.err) == (2, True)


def test_an_unknown_name_is_2_and_a_broken_file_3(oauthreg, broken):
    assert oauthreg("demo", "acne").code == 2
    done = oauthreg("demo", "broken")
    assert (done.code, done.out) == (3, "")
    assert "did you mean `authorize`?" in done.err
