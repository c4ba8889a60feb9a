"""The server's side of OAuth 1.0a: the three legs with every variant, and what is refused with which words."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from oauthreg.errors import AccessDeniedError, OAuthError, ReauthorizationRequired
from oauthreg.identity import identity_flow
from oauthreg.legs import append_query
from oauthreg.messages import Request
from oauthreg.oauth1.flow import (
    access_token_flow,
    build_authorization_url,
    exchange_flow,
    parse_authorization_response,
    password_flow,
    refresh_flow,
    request_token_flow,
    revocation_flow,
)
from oauthreg.oauth1.placement import OAuth1Authentication
from oauthreg.provider import (
    CallbackSettings,
    Exchange,
    IdentityRequest,
    JWTRules,
    Leg,
    OAuth1Settings,
    Scopes,
    TokenAnswer,
    TokenPlacement,
)
from oauthreg.simulator.received import Received
from oauthreg.simulator.script import RefusalShape, Script, TokenShape
from oauthreg.token import OAuth1Token

CALLBACK = "https://app.example/cb?next=%2Fhome"
API = "https://api.example.com/1/things?a=1"


VARIANTS = {
    "the standard": {},
    "query placement": {"oauth1": OAuth1Settings(placement="query")},
    "body placement": {"oauth1": OAuth1Settings(placement="body")},
    "placement of one leg": {"token": Leg(placement="query")},
    "GET legs": {"request_token": Leg(method="GET"), "token": Leg(method="GET")},
    "GET legs with body placement": {
        "oauth1": OAuth1Settings(placement="body"),
        "request_token": Leg(method="GET"),
        "token": Leg(method="GET"),
    },
    "HMAC-SHA256": {"oauth1": OAuth1Settings(signature_methods=("HMAC-SHA256",))},
    "HMAC-SHA512 of two": {"oauth1": OAuth1Settings(signature_methods=("HMAC-SHA512", "HMAC-SHA1"))},
    "PLAINTEXT": {"oauth1": OAuth1Settings(signature_methods=("PLAINTEXT",))},
    "realm": {"oauth1": OAuth1Settings(realm='Acme "1"')},
    "body hash": {"oauth1": OAuth1Settings(body_hash=True)},
    "no version": {"oauth1": OAuth1Settings(version=None)},
    "neither nonce nor timestamp": {
        "oauth1": OAuth1Settings(signature_methods=("PLAINTEXT",), send_nonce=False, send_timestamp=False)
    },
    "no nonce in the query": {
        "oauth1": OAuth1Settings(signature_methods=("PLAINTEXT",), placement="query", send_nonce=False)
    },
    "a long nonce": {"oauth1": OAuth1Settings(nonce_length=70)},
    "a short nonce in the body": {"oauth1": OAuth1Settings(nonce_length=9, placement="body")},
    "a verifier in the query": {"oauth1": OAuth1Settings(verifier_placement="query")},
    "a verifier in the form": {"oauth1": OAuth1Settings(verifier_placement="body")},
    "a verifier in the form, all else in the query": {
        "oauth1": OAuth1Settings(verifier_placement="body", placement="query")
    },
    "a verifier in the query, all else in the form": {
        "oauth1": OAuth1Settings(verifier_placement="query", placement="body"),
        "token": Leg(params=(("a", "1"),)),
    },
    "a verifier in the query of a GET": {
        "oauth1": OAuth1Settings(verifier_placement="query", placement="body"),
        "token": Leg(method="GET"),
    },
    "sorted parameters at the page": {
        "authorize": Leg(method="GET", sort_params=True, params=(("z", "1"), ("a", "+")), literal=("a",))
    },
    "parameters of every call": {"api_params": (("key", "k1"),)},
    "callback at the page": {"oauth1": OAuth1Settings(callback="authorize", confirm="lenient")},
    "callback twice": {"oauth1": OAuth1Settings(callback="both")},
    "no confirmation": {"oauth1": OAuth1Settings(confirm="lenient")},
    "no verifier": {"oauth1": OAuth1Settings(verifier="none", confirm="lenient")},
    "renamed at the page": {
        "oauth1": OAuth1Settings(callback="authorize", confirm="lenient"),
        "authorize": Leg(method="GET", rename={"oauth_token": "t", "oauth_callback": "back"}),
    },
    "fixed parameters": {
        "request_token": Leg(params=(("access", "write"),), query=(("v", "2"),), headers=(("X-App", "acme"),)),
        "authorize": Leg(method="GET", params=(("prompt", "yes"),)),
    },
    "realm of the request's URL": {"oauth1": OAuth1Settings(realm_from="url")},
    "realm of the request's origin": {"oauth1": OAuth1Settings(realm_from="origin")},
    "empty realm": {"oauth1": OAuth1Settings(realm="")},
    "empty token": {"oauth1": OAuth1Settings(send_empty_token=True)},
    "another host that is signed": {"oauth1": OAuth1Settings(signed_host="www.example.com", signed_scheme="http")},
    "another scheme that is signed": {"oauth1": OAuth1Settings(signed_scheme="http")},
    "a callback without the token": {"oauth1": OAuth1Settings(token_in_callback=False)},
    "two flows": {"oauth1": OAuth1Settings(flows=("three-legged", "xauth"))},
    "scope at the page": {"scopes": Scopes(("read", "write"), separator=",", parameter="perms")},
    "scope at the request token": {
        "scopes": Scopes(("read",), leg="request_token"),
        "request_token": Leg(rename={"scope": "scopes"}),
    },
    "one endpoint for both legs": {
        "endpoints": {
            "request_token": "https://api.example.com/oauth",
            "authorize": "https://api.example.com/page",
            "token": "https://api.example.com/oauth",
            "api_base": "https://api.example.com/1/",
        }
    },
    "endpoints that differ by their query": {
        "endpoints": {
            "request_token": "https://api.example.com/index?title=Initiate",
            "authorize": "https://api.example.com/index?title=Authorize",
            "token": "https://api.example.com/index?title=Token&x=1",
            "api_base": "https://api.example.com/1/",
        }
    },
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_login_works_with(make_world, changes):
    world = make_world(**changes)
    answer = world.call(world.log_in())
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "simulated": True,
        "method": "GET",
        "path": "/1/things",
        "query": {"a": "1", **dict(world.provider.api_params)},
        "form": {},
    }
    assert not [served.problem for served in world.served if served.problem]


def test_the_placement_of_the_definition_is_what_was_received(make_world):
    for placement in ("header", "query", "body"):
        world = make_world(oauth1=OAuth1Settings(placement=placement))
        world.log_in()
        assert {served.signed.placement for served in world.served if served.signed} <= {placement, "query"}
        assert world.served[0].signed.placement == ("query" if placement == "query" else placement)


def test_the_callback_goes_where_the_definition_says(make_world):
    world = make_world(oauth1=OAuth1Settings(callback="authorize"))
    unwanted = request_token_flow(world.provider, world.signer(), callback=None)
    request = next(unwanted)
    early = replace(request, authenticator=replace(request.authenticator, parameters=(("oauth_callback", "oob"),)))
    assert world.send(early).status == 400
    assert world.served[-1].problem == "parameter_rejected"


def test_a_scope_reaches_the_page(make_world):
    for leg in ("authorize", "request_token"):
        world = make_world(scopes=Scopes(("read", "write"), separator=",", parameter="perms", leg=leg))
        asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
        page = world.browse(build_authorization_url(world.provider, asked.token))
        assert b"It asks for: <strong>read,write</strong>" in page.body


def test_a_ready_made_page_address_is_sent(make_world):
    endpoints = {
        "request_token": "https://api.example.com/oauth/request_token",
        "token": "https://api.example.com/oauth/access_token",
    }
    settings = OAuth1Settings(authorize_url_from=lambda fields: fields.get("login_url"))
    world = make_world(Script(authorize_url="login_url"), oauth1=settings, endpoints=endpoints)
    assert world.log_in().token


def test_without_a_redirect_the_page_shows_the_verifier(world):
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=None))
    url = build_authorization_url(world.provider, asked.token)
    page = world.browse(url, "approve")
    assert page.status == 200
    assert world.state.temporary(asked.token).verifier.encode() in page.body


def test_without_a_redirect_and_a_verifier_the_page_says_that_it_is_done(make_world):
    world = make_world(oauth1=OAuth1Settings(verifier="none"))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=None))
    page = world.browse(build_authorization_url(world.provider, asked.token), "approve")
    assert (page.status, b"Access was approved" in page.body) == (200, True)


def test_the_page_approves_by_itself_when_told(make_world):
    world = make_world(auto_approve=True)
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    answer = world.browse(build_authorization_url(world.provider, asked.token))
    assert (answer.status, answer.headers["location"][: len(CALLBACK)]) == (302, CALLBACK)


def test_what_an_example_brings_back_comes_with_the_callback_and_the_token(make_world):
    documents = {
        "callback": {"oauth_token": "rt", "oauth_verifier": "v", "company": 7},
        "token": {"oauth_token": "at", "oauth_token_secret": "ts", "user_id": "12"},
    }
    world = make_world(Script(documents))
    token = world.log_in()
    assert token.extra == {"user_id": "12"}
    assert token.token != "at"
    location = next(served.answer.headers["location"] for served in world.served if served.answer.status == 302)
    assert parse_qs(urlsplit(location).query)["company"] == ["7"]


DENIALS = {
    "the problem report": (CallbackSettings(), "oauth_problem=user_refused"),
    "an error of the later protocol": (CallbackSettings(errors=("error",)), "error=access_denied"),
    "a parameter": (CallbackSettings(denied=(("denied", None),)), "denied=text-1"),
    "a value": (CallbackSettings(denied=(("oauth_verifier", "denied"),)), "oauth_token=text-1&oauth_verifier=denied"),
}


@pytest.mark.parametrize(("settings", "expected"), DENIALS.values(), ids=DENIALS)
def test_a_denial_looks_like(make_world, settings, expected):
    world = make_world(callback=settings)
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    location = world.browse(build_authorization_url(world.provider, asked.token), "deny").headers["location"]
    assert expected in location
    with pytest.raises(AccessDeniedError):
        parse_authorization_response(location, settings)
    signer = world.signer(token=asked.token, token_secret=asked.token_secret)
    with pytest.raises(OAuthError, match="permission_denied"):
        world.run(access_token_flow(world.provider, signer, verifier=""))


def test_a_denial_may_tell_the_application_nothing(make_world):
    world = make_world(callback=CallbackSettings(errors=()))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    answer = world.browse(build_authorization_url(world.provider, asked.token), "deny")
    assert answer.status == 200
    assert b"Access was denied" in answer.body


def test_the_page_refuses_what_it_does_not_know(world):
    page = world.server.provider.endpoints["authorize"]
    assert world.browse(page).status == 400
    assert world.browse(f"{page}?oauth_token=unknown").status == 400
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    url = build_authorization_url(world.provider, asked.token)
    assert world.browse(url, "perhaps").status == 400
    assert world.browse(url, "approve").status == 302
    assert world.browse(url, "approve").status == 400


def test_the_page_wants_the_parameters_of_the_definition(make_world):
    world = make_world(authorize=Leg(method="GET", params=(("prompt", "yes"),)))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    bare = append_query(world.provider.endpoints["authorize"], [("oauth_token", asked.token)])
    assert world.browse(bare).status == 400
    assert world.browse(f"{bare}&prompt=yes").status == 200


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_opens_the_api_until_it_is_expired_or_revoked(world):
    token = world.log_in()
    assert world.call(OAuth1Token("other", "secret")).status == 401
    assert world.served[-1].problem == "token_rejected"
    assert world.call(token, token_secret="other").status == 401
    assert world.served[-1].problem == "signature_invalid"
    world.state.expire_tokens()
    assert world.call(token).status == 401
    assert world.served[-1].problem == "token_expired"
    world.state.revoke_tokens()
    assert world.call(token).status == 401
    assert world.served[-1].problem == "token_revoked"


def test_a_call_needs_a_token_only_where_there_is_a_login(make_world):
    nobody = OAuth1Token("", "")
    assert make_world().call(nobody).status == 401
    assert make_world(oauth1=OAuth1Settings(flows=("none",))).call(nobody).status == 200
    pasted = make_world(oauth1=OAuth1Settings(flows=("none",)))
    made = pasted.state.issue()
    assert pasted.call(OAuth1Token(made.token, made.token_secret)).status == 200


def test_a_session_renews_a_token_until_it_ends(make_world):
    world = make_world(oauth1=OAuth1Settings(session_handle=True))
    token = world.log_in()
    assert token.extra["oauth_expires_in"] == "3600"
    world.state.expire_tokens()
    renewed = world.run(
        refresh_flow(world.provider, world.signer(token=token.token, token_secret=token.token_secret), token)
    )
    assert renewed.token != token.token
    assert renewed.extra["oauth_session_handle"] == token.extra["oauth_session_handle"]
    assert world.call(renewed).status == 200
    assert world.call(token).status == 401
    stolen = OAuth1Token(renewed.token, renewed.token_secret, {"oauth_session_handle": "other"})
    signer = world.signer(token=renewed.token, token_secret=renewed.token_secret)
    with pytest.raises(OAuthError, match="parameter_rejected"):
        world.run(refresh_flow(world.provider, signer, stolen))
    world.state.revoke_tokens()
    with pytest.raises(ReauthorizationRequired):
        world.run(refresh_flow(world.provider, signer, renewed))


def test_the_api_says_what_arrived_or_what_was_put_there(world):
    token = world.log_in()
    sent = {"method": "POST", "headers": (("Content-Type", "application/x-www-form-urlencoded"),)}
    echoed = json.loads(world.call(token, form=(("status", "héllo & more"),), **sent).body)
    assert echoed["form"] == {"status": "héllo & more"}
    world.server.documents["GET", "/1/things"] = ([1, 2], 206)
    answer = world.call(token)
    assert (answer.status, answer.body) == (206, b"[1, 2]")


# --- identity -------------------------------------------------------------------------------------------------------


class Resource:
    """A URL template as the definition floor makes them: the address of the next document."""

    names = frozenset({"userinfo:more"})

    def render(self, documents):
        return documents.get("userinfo", {}).get("more")


def identify(world, token):
    signer = world.signer(token=token.token, token_secret=token.token_secret)
    flow = identity_flow(
        world.provider,
        lambda nonce: OAuth1Authentication(signer, world.provider.oauth1.placement, nonce=nonce),
        {"token": token.to_mapping()},
        make_nonce=lambda: "identity-nonce",
        now=world.clock,
        client_id="ck",
        client_secret=world.server.credentials.client_secret,
    )
    return world.run(flow)


def test_identity_requests_are_answered_from_the_example(make_world):
    documents = {"userinfo": {"id": 1, "more": "https://files.example.com/users/1?x=2"}, "extra": {"name": "Ada"}}
    requests = (
        IdentityRequest("userinfo", "https://api.example.com/1/me?fields=all"),
        IdentityRequest("extra", Resource(), format="xml"),
    )
    documents["extra"] = {"user": {"@id": "1", "name": "Ada"}}
    world = make_world(Script(documents), identity=requests)
    found = identify(world, world.log_in())
    assert found["userinfo"] == documents["userinfo"]
    assert found["extra"] == documents["extra"]
    steps = [
        world.server.step_of(Received("GET", url)) for url in (requests[0].url, documents["userinfo"]["more"], API)
    ]
    assert steps == ["identity", "identity", "api"]


def test_an_identity_statement_is_a_jwt_bound_to_its_request(make_world):
    rules = JWTRules(algorithms=("HS512",), audience="ck", issuer="https://api.example.com", nonce=True)
    request = IdentityRequest("userinfo", "https://api.example.com/identify", method="POST", format="jwt", jwt=rules)
    world = make_world(Script({"userinfo": {"sub": "7"}}), identity=(request,))
    found = identify(world, world.log_in())["userinfo"]
    assert found == {
        "sub": "7",
        "iss": "https://api.example.com",
        "aud": "ck",
        "iat": 1_700_000_000,
        "exp": 1_700_000_100,
        "nonce": "identity-nonce",
    }


class ClientItself:
    """An audience that is the client."""

    names = frozenset({"client:client_id"})

    def render(self, documents):
        return documents["client"]["client_id"]


def test_an_identity_statement_may_be_meant_for_the_client_itself(make_world):
    rules = JWTRules(audience=ClientItself())
    request = IdentityRequest("userinfo", "https://api.example.com/identify", format="jwt", jwt=rules)
    world = make_world(Script({"userinfo": {"sub": "7"}}), identity=(request,))
    found = identify(world, world.log_in())["userinfo"]
    assert found == {"sub": "7", "aud": "ck", "iat": 1_700_000_000, "exp": 1_700_000_100}


def test_an_identity_request_without_an_example_is_not_found(make_world):
    world = make_world(identity=(IdentityRequest("userinfo", "https://api.example.com/1/me"),))
    assert world.call(world.log_in(), url="https://api.example.com/1/me").status == 404
    assert world.served[-1].advice == "the definition has no example of `userinfo`"


# --- shapes of a definition -----------------------------------------------------------------------------------------


def test_token_answers_take_the_shape_of_the_definition(make_world):
    shape = TokenShape("json", "data.token", {"oauth_token": "access", "oauth_token_secret": '["a.b"]'}, 201)
    world = make_world(Script(request_token=shape))
    answer = world.ask()
    assert answer.status == 201
    assert json.loads(answer.body) == {
        "data": {"token": {"access": "text-1", "a.b": "text-2", "oauth_callback_confirmed": "true"}}
    }


def test_refusals_take_the_shape_of_the_definition(make_world):
    text = Script(request_token=TokenShape(refusal=RefusalShape(text_prefix="Error: ")))
    answer = make_world(text).ask(authenticator=None)
    assert (answer.status, answer.body[:7]) == (200, b"Error: ")
    shape = RefusalShape("json", marks=(("ok", False),), error="error.code", description="error.text")
    world = make_world(Script(api_refusal=shape))
    answer = world.call(OAuth1Token("unknown", "x"))
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "error": {"code": "token_rejected", "text": "the access token is unknown"},
        "ok": False,
    }


@pytest.mark.parametrize(
    ("wanted", "signed"),
    [
        ({"realm_from": "url"}, {"realm": "https://api.example.com/"}),
        ({"realm_from": "origin"}, {"realm": "https://api.example.com/oauth/request_token"}),
        ({"realm": ""}, {"realm": None}),
        ({"send_empty_token": True}, {}),
        ({"version": None}, {"version": "1.0"}),
        ({"nonce_length": 31}, {}),
        ({"signature_methods": ("PLAINTEXT",), "send_nonce": False}, {}),
        ({"signature_methods": ("PLAINTEXT",), "send_timestamp": False}, {}),
    ],
)
def test_what_a_definition_wants_of_a_request_is_demanded(make_world, wanted, signed):
    world = make_world(oauth1=OAuth1Settings(**wanted))
    assert world.ask(**world.signed_by(**signed)).status == 400
    assert world.served[-1].problem in ("parameter_rejected", "parameter_absent")


@pytest.mark.parametrize("where", ["query", "body"])
def test_a_verifier_has_its_place(make_world, where):
    world = make_world(oauth1=OAuth1Settings(verifier_placement=where))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    came_back = world.browse(build_authorization_url(world.provider, asked.token), "approve").headers["location"]
    verifier = parse_authorization_response(came_back).verifier
    signer = world.signer(token=asked.token, token_secret=asked.token_secret)
    elsewhere = replace(world.provider, oauth1=OAuth1Settings())
    request = next(access_token_flow(elsewhere, signer, verifier=verifier))
    assert world.send(request).status == 400
    assert world.served[-1].problem == "parameter_absent"
    wrong = next(access_token_flow(world.provider, signer, verifier="x"))
    assert (world.send(wrong).status, world.served[-1].problem) == (401, "parameter_rejected")
    assert world.run(access_token_flow(world.provider, signer, verifier=verifier)).token


def test_parameters_of_a_page_that_must_be_sorted(make_world):
    world = make_world(authorize=Leg(method="GET", sort_params=True, params=(("a", "1"),)))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    page = world.provider.endpoints["authorize"]
    assert world.browse(f"{page}?oauth_token={asked.token}&a=1").status == 400
    assert world.browse(f"{page}?a=1&oauth_token={asked.token}").status == 200


def test_a_call_without_the_parameters_of_every_call_is_refused(make_world):
    world = make_world(api_params=(("key", "k1"),))
    token = world.log_in()
    signer = world.signer(token=token.token, token_secret=token.token_secret)
    answer = world.send(Request("GET", API, authenticator=OAuth1Authentication.of(world.provider.oauth1, signer)))
    assert (answer.status, world.served[-1].problem) == (400, "parameter_absent")


def test_a_token_is_given_up(make_world):
    url = "https://api.example.com/oauth/revoke"
    leg = Leg(method="GET", params=(("all", "1"),))
    world = make_world(revoke=leg, endpoints={**make_world().provider.endpoints, "revoke": url})
    token = world.log_in()
    signer = world.signer(token=token.token, token_secret=token.token_secret)
    world.run(revocation_flow(world.provider, signer, token))
    assert world.call(token).status == 401
    assert world.served[-1].problem == "token_revoked"


def test_a_token_is_exchanged_for_one_of_oauth2(make_world):
    step = Exchange("https://api.example.com/oauth/upgrade", Leg(params=(("a", "1"),)), TokenAnswer())
    script = Script(exchange=TokenShape("json"))
    world = make_world(script, exchange=step)
    token = world.log_in()
    signer = world.signer(token=token.token, token_secret=token.token_secret)
    made = world.run(exchange_flow(world.provider, signer, token, sent_at=1_700_000_000))
    assert (made.token_type, made.expires_at) == ("Bearer", 1_700_003_600)
    assert made.access_token != token.token


def test_the_signature_covers_the_scheme_that_the_server_believes_in(make_world):
    world = make_world(oauth1=OAuth1Settings(signed_scheme="http"))
    assert world.ask(**world.signed_by()).status == 401
    assert world.served[-1].problem == "signature_invalid"


def test_a_provider_that_knows_only_codes_takes_no_other_callback(make_world):
    world = make_world(oauth1=OAuth1Settings(callback="oob"))
    assert world.ask(**world.signed_by(parameters=(("oauth_callback", CALLBACK),))).status == 400
    assert world.served[-1].problem == "parameter_rejected"
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    page = world.browse(build_authorization_url(world.provider, asked.token), "approve")
    assert world.state.temporary(asked.token).verifier.encode() in page.body


def test_a_refusal_may_be_a_callback_that_lacks_something(make_world):
    world = make_world(callback=CallbackSettings(denied_without=("oauth_verifier",)))
    asked = world.run(request_token_flow(world.provider, world.signer(), callback=CALLBACK))
    came_back = world.browse(build_authorization_url(world.provider, asked.token), "deny").headers["location"]
    assert "oauth_verifier" not in came_back
    with pytest.raises(AccessDeniedError):
        parse_authorization_response(came_back, world.provider.callback)


class TestTokensAtOnce:
    """An access token without a request token: for the application itself, or for a password."""

    def test_an_application_gets_one_of_its_own(self, make_world):
        world = make_world(oauth1=OAuth1Settings(flows=("two-legged",)))
        token = world.run(access_token_flow(world.provider, world.signer(), verifier=None))
        assert world.call(token).status == 200

    def test_a_password_gives_one(self, make_world):
        world = make_world(oauth1=OAuth1Settings(flows=("xauth",)), token=Leg(method="GET"))
        token = world.run(password_flow(world.provider, world.signer(), username="ada", password="x"))
        assert world.call(token).status == 200

    @pytest.mark.parametrize(("username", "password"), [("", "x"), ("ada", "")])
    def test_not_without_name_and_password(self, make_world, username, password):
        world = make_world(oauth1=OAuth1Settings(flows=("xauth",)))
        with pytest.raises(OAuthError):
            world.run(password_flow(world.provider, world.signer(), username=username, password=password))

    @pytest.mark.parametrize("flow", ["three-legged", "xauth"])
    def test_nothing_comes_of_a_flow_that_there_is_not(self, make_world, flow):
        world = make_world(oauth1=OAuth1Settings(flows=(flow,)))
        with pytest.raises(OAuthError):
            world.run(access_token_flow(world.provider, world.signer(), verifier=None))

    @pytest.mark.parametrize("flow", ["three-legged", "two-legged"])
    def test_no_password_is_taken_where_there_is_no_such_login(self, make_world, flow):
        world = make_world(oauth1=OAuth1Settings(flows=(flow,)))
        with pytest.raises(OAuthError):
            world.run(password_flow(world.provider, world.signer(), username="ada", password="x"))


def test_a_token_is_made_good_again(make_world):
    endpoints = {
        "request_token": "https://api.example.com/oauth/request_token",
        "authorize": "https://api.example.com/oauth/authorize",
        "token": "https://api.example.com/oauth/access_token",
        "refresh": "https://api.example.com/oauth/renew",
        "api_base": "https://api.example.com/1/",
    }
    world = make_world(endpoints=endpoints, refresh=Leg(method="GET"))
    token = world.log_in()
    signer = world.signer(token=token.token, token_secret=token.token_secret)
    world.state.expire_tokens()
    assert world.call(token).status == 401
    assert world.run(refresh_flow(world.provider, signer, token)) == token
    assert world.call(token).status == 200
    world.state.revoke_tokens()
    with pytest.raises(ReauthorizationRequired):
        world.run(refresh_flow(world.provider, signer, token))


@pytest.mark.parametrize(
    ("placement", "request_"),
    [
        (TokenPlacement(name="X-Key", prefix="Key "), {"headers": {"x-key": "Key {}"}}),
        (TokenPlacement("query", "key"), {"url": "https://api.example.com/1/things?key={}"}),
    ],
    ids=["header", "query"],
)
def test_unsigned_calls_carry_a_field_of_the_token(make_world, placement, request_):
    world = make_world(oauth1=OAuth1Settings(bearer="oauth_token_secret"), token_placement=placement)

    def call(value):
        headers = {name: text.format(value) for name, text in request_.get("headers", {}).items()}
        return world.serve(Received("GET", request_.get("url", API).format(value), headers))

    token = world.log_in()
    assert call(token.token_secret).answer.status == 200
    for wrong in (token.token, "", "x"):
        assert (call(wrong).answer.status, world.served[-1].problem) == (401, "token_rejected")
    world.state.revoke_tokens()
    assert call(token.token_secret).problem == "token_revoked"
