"""From the text of a definition to the wire: each key that changes a request or the reading of an answer."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from oauthreg.definition import compile_definition, load_definition, required_credentials
from oauthreg.errors import CallbackError, MissingCredentialError, OAuthError, TokenExpiredError, UsageError
from oauthreg.identity import identity_flow
from oauthreg.messages import Response
from oauthreg.oauth2.bearer import BearerAuthentication
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.login import LoginRequest, build_login, login_flow
from oauthreg.oauth2.token_endpoint import (
    device_authorization_flow,
    introspection_flow,
    renewal_flow,
    revocation_flow,
)
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
ACME = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/token"
revoke = "https://api.acme.example/revoke"
device = "https://api.acme.example/device"
introspect = "https://api.acme.example/introspect"
userinfo = "https://api.acme.example/me"
"""
GOOD = {"access_token": "AT1", "refresh_token": "RT1", "token_type": "Bearer"}
OLD = OAuth2Token(access_token="AT0", refresh_token="RT0", device_id="d1", scope="a")
CLIENT = ClientIdentity("app", lambda: NOW, lambda: "id1", "s3cr3t", credentials={"app_key": "K 1"})


def acme(text="", **options):
    credentials = {"client_id": "app", "app_key": "K 1"}
    return compile_definition(load_definition(ACME + text), credentials=credentials, **options)


def run(flow, *answers):
    """Value and requests of a flow that is given the answers."""
    left, requests = list(answers), []
    try:
        request = next(flow)
        while True:
            requests.append(request)
            answer = left.pop(0)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            request = flow.send(Response(200, {}, body))
    except StopIteration as end:
        assert not left
        return end.value, requests


def begin(provider, **options):
    return build_login(provider, CLIENT, LoginRequest("https://c.example/cb", NOW, **options))


def log_in(provider, *answers, **fields):
    pending = begin(provider)
    state = {"state": pending.values["state"]} if "state" in pending.values else {}
    return run(login_flow(provider, CLIENT, pending, {"code": "C1", **state, **fields}), *answers)


def identify(provider, *answers, **documents):
    flow = identity_flow(
        provider,
        lambda _: BearerAuthentication("AT1", provider.token_placement, params=provider.api_params),
        documents,
        make_nonce=lambda: "n",
        now=lambda: NOW,
        client_id="app",
        client_secret="",
    )
    return run(flow, *answers)


def query(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class TestAuthorization:
    """What the browser is sent with."""

    def test_a_login_without_state_is_protected_by_pkce(self):
        pending = begin(acme('\n[oauth2]\nstate = false\npkce = "required"\n'))
        assert "state" not in query(pending.url)
        assert "code_challenge" in query(pending.url)
        token, _ = log_in(acme("\n[oauth2]\nstate = false\n"), GOOD)
        assert token.access_token == "AT1"

    @pytest.mark.parametrize(("pkce", "is_sent"), [("unknown", True), ("supported", True), ("unsupported", False)])
    def test_pkce_is_sent_unless_it_is_known_to_harm(self, pkce, is_sent):
        assert ("code_challenge" in query(begin(acme(f'\n[oauth2]\npkce = "{pkce}"\n')).url)) is is_sent

    @pytest.mark.parametrize(
        ("nonce", "scope", "is_sent"),
        [
            ("auto", "a", False),
            ("auto", "openid", True),
            ("always", "a", True),
            ("never", "openid", False),
        ],
    )
    def test_when_a_login_has_a_nonce(self, nonce, scope, is_sent):
        pending = begin(acme(f'\n[oauth2]\nnonce = "{nonce}"\n'), scope=[scope])
        assert ("nonce" in query(pending.url), "nonce" in pending.values) == (is_sent, is_sent)

    def test_a_page_whose_path_lies_behind_the_hash(self):
        url = begin(acme('\n[authorize]\nroute = "/oauth/authorize"\n')).url
        page, _, route = url.partition("#")
        assert page == "https://www.acme.example/authorize"
        assert route.startswith("/oauth/authorize?response_type=code&client_id=app&")

    def test_the_scope_for_a_refresh_token_goes_beside_the_default_ones(self):
        provider = acme('\n[scopes]\ndefault = ["a"]\noffline = "off.line"\n')
        assert query(begin(provider).url)["scope"] == "a off.line"
        assert query(begin(provider, scope=["a"]).url)["scope"] == "a"

    def test_no_answer_is_blamed_for_not_listing_it(self):
        provider = acme('\n[scopes]\ndefault = ["a", "b"]\noffline = "off.line"\n')
        token, _ = log_in(provider, {**GOOD, "scope": "a"})
        assert token.missing_scopes == ("b",)

    def test_who_lacks_a_refresh_token_is_told_its_scope(self):
        provider = acme('\n[scopes]\noffline = "off.line"\n')
        with pytest.raises(TokenExpiredError) as refused:
            next(renewal_flow(provider, CLIENT, OAuth2Token(access_token="A")))
        assert "`off.line`" in refused.value.hint


class TestTokenRequest:
    """What the token endpoint and its neighbours are sent."""

    def test_values_of_the_callback_are_forwarded(self):
        provider = acme(
            '\n[callback]\nforward = ["device_id", "state", "absent"]\n\n[token.rename]\ndevice_id = "did"\n'
        )
        _, (request,) = log_in(provider, GOOD, device_id="d 1")
        sent = dict(request.form)
        assert sent["did"] == "d 1"
        assert len(sent["state"]) == 43
        assert "absent" not in sent

    def test_a_leg_may_name_values_of_the_callback(self):
        text = """
[token]
params = { shop = "{callback:shop.name}", gone = "{callback:gone}" }
query = { at = "{callback:at}" }
headers = { X-Shop = "{callback:at}-{client_id}" }

[callback]
json = ["shop"]
"""
        _, (request,) = log_in(acme(text), GOOD, shop='{"name": "S"}', at="x y")
        assert dict(request.form)["shop"] == "S"
        assert "gone" not in dict(request.form)
        assert request.url == "https://api.acme.example/token?at=x%20y"
        assert ("X-Shop", "x y-app") in request.headers

    def test_a_renewal_may_name_values_of_the_token(self):
        text = """
[refresh]
params = { device_id = "{token:device_id}" }
headers = { X-Token = "{token:refresh_token}" }
"""
        _, (request,) = run(renewal_flow(acme(text), CLIENT, OLD), GOOD)
        assert dict(request.form)["device_id"] == "d1"
        assert ("X-Token", "RT0") in request.headers

    def test_a_token_is_given_up_by_a_delete_with_json(self):
        text = '\n[revoke]\nmethod = "DELETE"\nbody = "json"\nrename = { token = "access_token" }\n'
        _, (request,) = run(revocation_flow(acme(text), CLIENT, "AT1"), {})
        assert (request.method, json.loads(request.body)) == ("DELETE", {"access_token": "AT1"})
        assert request.url == "https://api.acme.example/revoke"

    def test_a_renewal_by_the_access_token(self):
        text = """
[oauth2]
refresh_with = "access_token"
client_auth = "client_secret_post"

[refresh]
method = "GET"
client_auth = "none"
rename = { client_id = "", refresh_token = "access_token" }
params = { grant_type = "long_lived" }
"""
        provider = acme(text)
        token = OAuth2Token(access_token="AT0")
        renewed, (request,) = run(renewal_flow(provider, CLIENT, token), {"access_token": "AT2"})
        assert query(request.url) == {"grant_type": "long_lived", "access_token": "AT0"}
        assert renewed.access_token == "AT2"
        with pytest.raises(TokenExpiredError):
            next(renewal_flow(acme(), CLIENT, token))

    def test_client_authentication_of_one_leg(self):
        text = '\n[oauth2]\nclient_auth = "client_secret_post"\n\n[revoke]\nclient_auth = "client_secret_basic"\n'
        provider = acme(text)
        _, (request,) = log_in(provider, GOOD)
        assert dict(request.form)["client_secret"] == "s3cr3t"
        _, (request,) = run(revocation_flow(provider, CLIENT, "AT1"), b"")
        assert dict(request.form) == {"token": "AT1"}
        assert dict(request.headers)["Authorization"].startswith("Basic ")

    def test_a_redirection_uri_that_is_a_name(self):
        provider = acme("\n[oauth2]\nredirect_uri_is_name = true\n")
        pending = build_login(provider, CLIENT, LoginRequest("Acme-App-x-1", NOW))
        assert query(pending.url)["redirect_uri"] == "Acme-App-x-1"
        flow = login_flow(provider, CLIENT, pending, {"code": "C1", "state": pending.values["state"]})
        assert dict(next(flow).form)["redirect_uri"] == "Acme-App-x-1"
        with pytest.raises(UsageError):
            build_login(acme(), CLIENT, LoginRequest("Acme-App-x-1", NOW))

    def test_a_delete_without_a_body_has_a_query(self):
        _, (request,) = run(revocation_flow(acme('\n[revoke]\nmethod = "DELETE"\n'), CLIENT, "AT1"), b"")
        assert (request.body, query(request.url)["token"]) == (None, "AT1")


class TestSignatures:
    """Signatures that are not OAuth's own."""

    def test_a_digest_of_the_secret_and_the_code_in_place_of_the_secret(self):
        text = """
[oauth2]
client_auth = "client_secret_post"

[token]
rename = { client_secret = "" }
sign = { algorithm = "sha256", over = "{client_secret}|{param:code}{param:refresh_token}", parameter = "hash" }
"""
        provider = acme(text)
        _, (request,) = log_in(provider, GOOD)
        sent = dict(request.form)
        assert sent["hash"] == hashlib.sha256(b"s3cr3t|C1").hexdigest()
        assert "client_secret" not in sent
        _, (request,) = run(renewal_flow(provider, CLIENT, OLD), GOOD)
        assert dict(request.form)["hash"] == hashlib.sha256(b"s3cr3t|RT0").hexdigest()

    def test_an_hmac_of_a_json_body_and_the_time_in_a_header(self):
        text = """
[token]
body = "json"

[token.sign]
algorithm = "hmac-sha256"
over = "{body}{timestamp}"
header = "sign"
timestamp = "timestamp"
timestamp_unit = "ms"
"""
        _, (request,) = log_in(acme(text), GOOD)
        headers = dict(request.headers)
        assert headers["timestamp"] == str(NOW * 1000)
        message = request.body + headers["timestamp"].encode()
        assert headers["sign"] == hmac.digest(b"s3cr3t", message, "sha256").hex()

    def test_an_rsa_signature_of_sorted_parameters(self):
        key = rsa.generate_private_key(65537, 2048)
        text = """
[oauth2]
client_auth = "none"

[token]
method = "GET"
params = { app_auth = "x y" }

[token.sign]
algorithm = "rsa-sha256"
over = "{params}"
joint = "&"
encoding = "base64"
parameter = "sign"
timestamp = "timestamp"
"""
        client = ClientIdentity("app", lambda: NOW, lambda: "id1", private_key=key)
        provider = acme(text)
        pending = begin(provider)
        flow = login_flow(provider, client, pending, {"code": "C1", "state": pending.values["state"]})
        sent = query(next(flow).url)
        signature = base64.b64decode(sent.pop("sign"))
        assert sent["timestamp"] == str(NOW)
        message = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
        key.public_key().verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())

    def test_a_signature_in_a_json_body(self):
        text = '\n[token]\nbody = "json"\nsign = { algorithm = "md5", over = "{params}", parameter = "sig" }\n'
        _, (request,) = log_in(acme(text), GOOD)
        sent = json.loads(request.body)
        signature = sent.pop("sig")
        message = "".join(f"{name}={sent[name]}" for name in sorted(sent))
        assert signature == hashlib.md5(message.encode()).hexdigest()

    def test_a_call_with_a_digest_of_its_parameters_and_the_session_secret(self):
        text = """
[token_placement]
kind = "query"
name = "access_token"

[api]
params = { application_key = "KEY" }

[api.sign]
algorithm = "md5"
over = "{params}{session_secret}"
without = ["access_token"]
parameter = "sig"
"""
        provider = acme(text)
        signer = BearerAuthentication(
            "AT1", provider.token_placement, None, "", provider.api_params, provider.api_signature, CLIENT
        )
        made = signer.authenticate("GET", "https://api.acme.example/fb.do?method=users.me&b=%7E", None, None)
        session_secret = hashlib.md5(b"AT1s3cr3t").hexdigest()
        expected = hashlib.md5(f"application_key=KEYb=~method=users.me{session_secret}".encode()).hexdigest()
        assert made.url == (
            f"https://api.acme.example/fb.do?method=users.me&b=%7E&application_key=KEY&access_token=AT1&sig={expected}"
        )
        assert (signer.covers, signer.is_slow) == ("forms", False)

    def test_a_call_with_its_path_and_form_signed_in_a_header(self):
        text = """
[api.sign]
algorithm = "hmac-sha1"
over = "{path}:{params}:{access_token}:{client_id}:{body}"
key = "access_token"
pair = ""
joint = ","
encoding = "hex-upper"
header = "X-Sign"
"""
        provider = acme(text)
        signer = BearerAuthentication("AT1", signature=provider.api_signature, client=CLIENT)
        form = "application/x-www-form-urlencoded"
        made = signer.authenticate("POST", "https://api.acme.example/v1/x?b=2", b"a=1&c=", form)
        message = "/v1/x:a1,b2,c:AT1:app:a=1&c="
        assert dict(made.headers) == {
            "Authorization": "Bearer AT1",
            "X-Sign": hmac.digest(b"AT1", message.encode(), "sha1").hex().upper(),
        }
        assert made.url == "https://api.acme.example/v1/x?b=2"
        assert signer.covers == "bodies"

    def test_a_second_step_that_only_tells_more(self):
        text = r"""
[exchange]
method = "GET"
url = "https://login.acme.example/metadata"
headers = { Authorization = "OAuth {token:access_token}" }
rename = { client_id = "", client_secret = "" }
response = { reuse_token = true }

[api]
base_from = "api_endpoint"
base_pattern = 'https://[a-z0-9]+\.api\.acme\.example'
"""
        provider = acme(text)
        token, (_, request) = log_in(provider, GOOD, {"dc": "us1", "api_endpoint": "https://us1.api.acme.example"})
        assert request.url == "https://login.acme.example/metadata"
        assert ("Authorization", "OAuth AT1") in request.headers
        assert (token.access_token, token.refresh_token, token["dc"]) == ("AT1", "RT1", "us1")
        assert provider.api_base.render({"token": token}) == "https://us1.api.acme.example/"

    def test_a_header_of_a_leg_replaces_client_authentication(self):
        text = '\n[token]\nheaders = { Authorization = "Key {client_id}" }\n'
        _, (request,) = log_in(acme(text), GOOD)
        assert [value for name, value in request.headers if name == "Authorization"] == ["Key app"]

    def test_the_second_step_is_signed_as_well(self):
        text = """
[exchange]
url = "https://api.acme.example/exchange"
params = { old = "{token:access_token}" }
sign = { algorithm = "md5", over = "{access_token}{client_secret}", parameter = "sig" }
"""
        _, (_, request) = log_in(acme(text), GOOD, GOOD)
        assert dict(request.form)["sig"] == hashlib.md5(b"AT1s3cr3t").hexdigest()

    @pytest.mark.parametrize(
        ("sign", "needed"),
        [
            ('{ algorithm = "md5", over = "{params}", parameter = "s" }', ("client_id",)),
            (
                '{ algorithm = "md5", over = "{params}{client_secret}", parameter = "s" }',
                ("client_id", "client_secret"),
            ),
            ('{ algorithm = "hmac-md5", over = "{params}", parameter = "s" }', ("client_id", "client_secret")),
            (
                '{ algorithm = "hmac-md5", over = "{path}", parameter = "s", key = "access_token" }',
                ("client_id",),
            ),
            ('{ algorithm = "rsa-sha1", over = "{params}", header = "s" }', ("client_id", "private_key")),
        ],
    )
    def test_what_it_needs_of_the_client(self, sign, needed):
        definition = load_definition(f'{ACME}\n[oauth2]\nclient_auth = "none"\n\n[api]\nsign = {sign}\n')
        assert required_credentials(definition) == needed

    def test_so_does_the_authentication_of_one_leg(self):
        text = '\n[oauth2]\nclient_auth = "none"\n\n[revoke]\nclient_auth = "private_key_jwt"\n'
        assert required_credentials(load_definition(ACME + text)) == ("client_id", "private_key")

    def test_so_does_a_token_of_the_application(self):
        definition = load_definition(f'{ACME}\n[app_token]\nurl = "https://api.acme.example/app"\n')
        assert required_credentials(definition) == ("client_id", "client_secret")

    def test_without_its_secret_there_is_none(self):
        sign = '{ algorithm = "hmac-md5", over = "{params}", parameter = "s" }'
        text = f'\n[oauth2]\nclient_auth = "none"\n\n[token]\nsign = {sign}\n'
        provider = acme(text)
        client = ClientIdentity("app", lambda: NOW, lambda: "id1")
        pending = begin(provider)
        with pytest.raises(MissingCredentialError):
            next(login_flow(provider, client, pending, {"code": "C1", "state": pending.values["state"]}))


class TestAppToken:
    """A token of the application itself, which the token request needs."""

    text = """
[app_token]
url = "https://api.acme.example/app_token"
body = "json"
rename = { client_id = "app_id", client_secret = "app_secret" }
response = { fields = { access_token = "app_access_token" } }
error = { when = { path = "code", not_in = [0] }, code = "code" }

[token]
params = { app_access_token = "{app_token:access_token}" }
headers = { X-App = "Bearer {app_token:app_access_token}" }
"""

    def test_it_is_fetched_first(self):
        app = {"code": 0, "app_access_token": "APP1", "expire": 7200}
        token, (first, second) = log_in(acme(self.text), app, GOOD)
        assert (first.url, json.loads(first.body)) == (
            "https://api.acme.example/app_token",
            {"app_id": "app", "app_secret": "s3cr3t"},
        )
        assert dict(second.form)["app_access_token"] == "APP1"
        assert dict(second.headers)["X-App"] == "Bearer APP1"
        assert token.access_token == "AT1"
        _, (first, second) = run(renewal_flow(acme(self.text), CLIENT, OLD), app, GOOD)
        assert dict(second.form)["app_access_token"] == "APP1"

    def test_without_it_there_is_no_token_request(self):
        with pytest.raises(OAuthError, match="99"):
            log_in(acme(self.text), {"code": 99})


class TestAnswers:
    """How each leg's answer is read."""

    def test_a_renewal_is_read_as_its_own_leg_says(self):
        text = """
[token.response]
root = "data"

[token.error]
code = "data.err"

[refresh.response]
fields = { access_token = "renewed" }
"""
        provider = acme(text)
        token, _ = log_in(provider, {"data": GOOD})
        assert token.access_token == "AT1"
        token, _ = run(renewal_flow(provider, CLIENT, OLD), {"renewed": "AT2"})
        assert (token.access_token, token.refresh_token) == ("AT2", "RT0")
        with pytest.raises(OAuthError, match="e1"):
            run(renewal_flow(provider, CLIENT, OLD), {"data": {"err": "e1"}})

    def test_a_renewal_without_a_leg_of_its_own_is_read_as_the_token_request(self):
        token, _ = run(renewal_flow(acme('\n[token.response]\nroot = "data"\n'), CLIENT, OLD), {"data": GOOD})
        assert token.access_token == "AT1"
        token, _ = run(
            renewal_flow(acme('\n[token.response]\nroot = "data"\n\n[refresh]\nbody = "json"\n'), CLIENT, OLD),
            {"data": GOOD},
        )
        assert token.access_token == "AT1"

    def test_an_answer_without_a_token_may_prolong_the_old_one(self):
        provider = acme("\n[refresh.response]\nreuse_token = true\ndefault_expires_in = 60\n")
        token, _ = run(renewal_flow(provider, CLIENT, OLD), {"result": "0000"})
        assert (token.access_token, token.refresh_token, token.expires_at) == ("AT0", "RT0", NOW + 60)

    def test_a_device_authorization_under_other_names(self):
        text = '\n[device.response]\nroot = "data"\nfields = { user_code = "data.code" }\n'
        answer = {"data": {"device_code": "D", "code": "U", "verification_uri": "https://a.example"}}
        made, _ = run(device_authorization_flow(acme(text), CLIENT), answer)
        assert (made.device_code, made.user_code) == ("D", "U")

    def test_a_revocation_that_failed_with_a_good_status(self):
        provider = acme('\n[revoke.error]\ncode = "err"\nwhen = { path = "ok", equals = false }\n')
        run(revocation_flow(provider, CLIENT, "AT1"), b"")
        run(revocation_flow(provider, CLIENT, "AT1"), {"ok": True})
        with pytest.raises(OAuthError, match="e1"):
            run(revocation_flow(provider, CLIENT, "AT1"), {"ok": False, "err": "e1"})

    def test_an_introspection_under_a_root(self):
        told, _ = run(
            introspection_flow(acme('\n[introspect.response]\nroot = "data"\n'), CLIENT, "AT1"),
            {"data": {"active": True}},
        )
        assert told["active"] is True


class TestIdentity:
    """The requests that tell who the user is."""

    def test_parameters_and_headers_may_name_documents(self):
        text = """
[userinfo]
params = { lang = "en", openid = "{token:openid}", gone = "{token:gone}" }
headers = { X-Id = "{token:openid}" }
"""
        _, (request,) = identify(acme(text), {}, token={"openid": "o&1"})
        assert request.url == "https://api.acme.example/me?lang=en&openid=o%261"
        assert ("X-Id", "o&1") in request.headers

    def test_a_form_may_as_well(self):
        text = '\n[userinfo]\nmethod = "POST"\nparams = { uid = "{token:uid}" }\n'
        _, (request,) = identify(acme(text), {}, token={"uid": 7})
        assert (request.method, request.form) == ("POST", (("uid", "7"),))

    def test_a_graphql_query_is_sent_as_it_stands(self):
        _, (request,) = identify(acme('\n[userinfo]\ngraphql = "{ viewer { id } }"\n'), {}, token={})
        assert (request.method, json.loads(request.body)) == ("POST", {"query": "{ viewer { id } }"})
        assert ("Content-Type", "application/json") in request.headers

    def test_placeholders_in_json(self):
        text = """
[variables.tenant]
default = "t1"

[variables.absent]
required = false

[userinfo]
method = "POST"

[userinfo.json]
query = "{ viewer { id } }"
app = "{client_id}"
nested = { tenant = "{tenant}", ids = ["{token:openid}", 1], gone = "{token:gone}", absent = "{absent}" }
"""
        _, (request,) = identify(acme(text), {}, token={"openid": "o1"})
        assert json.loads(request.body) == {
            "query": "{ viewer { id } }",
            "app": "app",
            "nested": {"tenant": "t1", "ids": ["o1", 1]},
        }

    def test_one_request_may_carry_the_token_otherwise(self):
        text = """
[userinfo.token_placement]
kind = "query"
name = "access_token"

[[identity.request]]
name = "more"
url = "https://api.acme.example/more"
"""
        _, (first, second) = identify(acme(text), {}, {}, token={})
        signed = first.authenticator.authenticate("GET", first.url, None, None)
        assert (signed.url, signed.headers) == ("https://api.acme.example/me?access_token=AT1", ())
        assert second.authenticator.authenticate("GET", second.url, None, None).headers == (
            ("Authorization", "Bearer AT1"),
        )

    def test_a_later_request_may_name_an_earlier_answer_in_its_parameters(self):
        text = """
[[identity.request]]
name = "more"
url = "https://api.acme.example/more?a=1"
params = { id = "{userinfo:id}" }
"""
        _, (_, second) = identify(acme(text), {"id": 5}, {}, token={})
        assert second.url == "https://api.acme.example/more?a=1&id=5"


ELSEWHERE = r"""
[variables.server]
kind = "url"
default = "https://accounts.acme.example"
pattern = 'https://accounts\.acme\.(example|eu)'
from = "callback:accounts-server"

[variables.region]
default = "us"
pattern = '[a-z]{2}'
from = "token:data.region"
lower = true

[oauth2]
pkce = "required"
"""
SERVERS = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "{server}/authorize"
token = "{server}/token"
revoke = "{server}/revoke"
userinfo = "{server}/me"
api_base = "https://{region}.acme.example/v1/"
"""


class TestServers:
    """Servers that only a login tells."""

    @pytest.fixture(name="provider")
    def fixture_provider(self):
        return compile_definition(load_definition(SERVERS + ELSEWHERE), credentials={"client_id": "app"})

    def test_a_login_goes_on_where_its_callback_says(self, provider):
        assert begin(provider).url.startswith("https://accounts.acme.example/authorize?")
        token, (request,) = log_in(provider, GOOD, **{"accounts-server": "https://accounts.acme.eu"})
        assert request.url == "https://accounts.acme.eu/token"
        assert token["accounts-server"] == "https://accounts.acme.eu"
        _, (request,) = log_in(provider, GOOD)
        assert request.url == "https://accounts.acme.example/token"

    def test_a_renewal_goes_where_the_login_went(self, provider):
        token = OAuth2Token({**OLD, "accounts-server": "https://accounts.acme.eu"})
        _, (request,) = run(renewal_flow(provider, CLIENT, token), GOOD)
        assert request.url == "https://accounts.acme.eu/token"

    def test_everything_else_goes_there_as_well(self, provider):
        found = provider.located_for({"accounts-server": "https://accounts.acme.eu", "data": {"region": "EU"}})
        assert [request.url for request in found.identity] == ["https://accounts.acme.eu/me"]
        assert found.endpoints["api_base"] == "https://eu.acme.example/v1/"
        assert {host for _, host, _ in found.origins} >= {"accounts.acme.eu", "eu.acme.example"}
        assert provider.located_for({}) is provider
        assert provider.endpoints["api_base"] == "https://us.acme.example/v1/"

    @pytest.mark.parametrize(
        "server",
        [
            "https://accounts.acme.example.evil.example",
            "http://accounts.acme.eu",
            "https://accounts.acme.eu/x",
            "evil.example",
        ],
    )
    def test_no_other_server_gets_the_code(self, provider, server):
        with pytest.raises(CallbackError) as refused:
            log_in(provider, **{"accounts-server": server})
        assert refused.value.code == "foreign-server"
        assert "evil" not in str(refused.value)

    def test_what_a_caller_changed_stays_changed(self, provider):
        changed = replace(provider, endpoints={**provider.endpoints, "token": "https://accounts.acme.example/own"})
        found = changed.located_for({"data": {"region": "eu"}})
        assert found.endpoints["token"] == "https://accounts.acme.example/own"
        assert found.endpoints["api_base"] == "https://eu.acme.example/v1/"


class TestCalls:
    """Calls of the API."""

    def test_parameters_of_every_call(self):
        provider = acme('\n[credentials.app_key]\n\n[api]\nparams = { key = "{app_key}", site = "x" }\n')
        assert provider.api_params == (("key", "K 1"), ("site", "x"))
        signer = BearerAuthentication("AT1", provider.token_placement, params=provider.api_params)
        made = signer.authenticate("GET", "https://api.acme.example/a?site=y&b=%7E#f", None, None)
        assert made.url == "https://api.acme.example/a?site=y&b=%7E&key=K%201#f"
        assert "K 1" not in repr(signer)

    def test_those_that_the_caller_sets_stay_as_they_are(self):
        provider = acme('\n[api]\nparams = { site = "x" }\n')
        signer = BearerAuthentication("AT1", provider.token_placement, params=provider.api_params)
        assert signer.authenticate("GET", "https://api.acme.example/a?site=", None, None).url is None
