"""Every kind of deviation that a definition can say, each played over the wire.

A row is an invented definition, what is done with it, and what must then be seen. A client that knows the plain
provider alone must see something else: so no key is merely accepted.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest

from oauthreg import Registry
from oauthreg.definition import compile_definition
from oauthreg.errors import (
    AccessDeniedError,
    MismatchingStateError,
    OAuthError,
    OAuthRegError,
    ReauthorizationRequired,
    UsageError,
)
from oauthreg.simulator import Credentials, Simulator
from oauthreg.stores import MemoryStore

NOW = 1_700_000_000
CALLBACK = "https://app.example/callback?next=%2Fhome"
PLAIN = """
schema = 1
title = "Acme"
protocol = "{protocol}"

[endpoints]
authorize = "https://www.example.com/authorize"
token = "https://api.example.com/token"
userinfo = "https://api.example.com/me"
api_base = "https://api.example.com/1/"
"""
CLAIMS = '[claims]\nsub = "id"\n'
KNOWN = 'userinfo = { id = "12" }\nclaims = { sub = "12" }\n'


@dataclass(frozen=True)
class Kind:
    """One row: ``text`` is added to the plain definition, ``endpoints`` to its endpoints, ``example`` to its example.

    ``do`` names what is done after the login, by the keys of ``ACTIONS``. ``seen`` are texts that exchanges must show
    (see ``shown``) and ``page`` one that the authorization URL must, ``token`` is part of the token, ``claims`` are
    those of the profile, and ``raises`` is what all of it must end with. ``options`` are those of the simulator.
    """

    text: str = ""
    seen: tuple[str, ...] = ()
    protocol: str = "oauth2"
    endpoints: str = ""
    claims_table: str = CLAIMS
    example: str = ""
    known: str = KNOWN
    do: tuple[str, ...] = ()
    token: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] | None = None
    raises: type[OAuthRegError] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    scope: tuple[str, ...] | None = None
    redirect_uri: str = CALLBACK
    own_endpoints: bool = False
    page: str = ""

    def render(self, text: str) -> str:
        """A definition with this text."""
        own = 'request_token = "https://api.example.com/request_token"\n' if self.protocol == "oauth1" else ""
        example = f"[[example]]\n{self.example}\n{self.known}"
        return "\n".join(
            [PLAIN.format(protocol=self.protocol) + own + self.endpoints, self.claims_table, text, example]
        )


def oauth1(text="", *seen, **more):
    return Kind(text, seen, protocol="oauth1", **more)


def oauth2(text="", *seen, **more):
    return Kind(text, seen, **more)


ROOTS = 'userinfo = { data = [{ id = "7", of = "x" }, { id = "12", of = "me" }] }\nclaims = { sub = "12" }\n'
AVATAR = (
    '{ format = "https://img.example.com/{avatar}.png", if = "avatar", '
    'else = { value = "https://img.example.com/0.png" } }'
)
REGISTERED = {"redirect_uris": [CALLBACK]}
BODY = {"a": "1"}

KINDS = {
    # 1: response root, renamed fields and error predicate together
    "1 an envelope": oauth2(
        '[token.response]\nroot = "data"\nfields = { access_token = "accessToken" }\n'
        '[token.error]\nwhen = { path = "code", not_in = [0] }\ncode = "code"\ndescription = "message"\n',
        do=("renew what was taken back",),
        token={"expires_at": NOW + 3600},
        raises=ReauthorizationRequired,
    ),
    "1 errors told by a text": oauth2(
        '[token.error]\nwhen = { text_prefix = "wrong" }\n',
        do=("renew what was taken back",),
        raises=OAuthError,
    ),
    "1 its own words for errors": oauth2(
        '[token.response]\nerror_map = { bad_token = "invalid_grant" }\n',
        do=("renew what was taken back",),
        raises=ReauthorizationRequired,
    ),
    "1 types of its own": oauth2(
        '[token.response]\ntoken_types = { bot = "Bearer" }\n', token={"token_type": "Bearer"}, do=("call",)
    ),
    # 2: kinds of expiry
    "2 milliseconds": oauth2('[token.response]\nexpires_kind = "relative_ms"\n', token={"expires_at": NOW + 3600}),
    "2 a moment": oauth2('[token.response]\nexpires_kind = "absolute_s"\n', token={"expires_at": NOW + 3600}),
    "2 a moment in ms": oauth2('[token.response]\nexpires_kind = "absolute_ms"\n', token={"expires_at": NOW + 3600}),
    "2 a date": oauth2('[token.response]\nexpires_kind = "iso8601"\n', token={"expires_at": NOW + 3600}),
    "2 a lifetime that is not told": oauth2(
        "[token.response]\ndefault_expires_in = 60\n", token={"expires_at": NOW + 60}
    ),
    # 3: several identity requests with named results, and selection from lists
    "3 a second request": oauth2(
        '[[identity.request]]\nname = "emails"\nurl = "https://api.example.com/{userinfo:id}/emails"\n'
        'when = "not email"\nparams = { of = "{userinfo:id}" }\noptional = true\n',
        "identity GET https://api.example.com/12/emails?of=12",
        claims_table='[claims]\nsub = "id"\nemail = ["email", "emails:[primary=true].email"]\n',
        known='userinfo = { id = "12" }\nclaims = { sub = "12", email = "a@example.org" }\n'
        'emails = [{ email = "b@example.org", primary = false }, { email = "a@example.org", primary = true }]\n',
        claims={"sub": "12", "email": "a@example.org"},
    ),
    # 4: identity requests that are no plain GET
    "4 GraphQL": oauth2(
        '[userinfo]\ngraphql = "{ me { id } }"\n', "identity POST https://api.example.com/me", claims={"sub": "12"}
    ),
    "4 JSON": oauth2(
        '[userinfo]\nmethod = "POST"\njson = { of = "{token:user}" }\n',
        "identity POST https://api.example.com/me",
        claims={"sub": "12"},
        example='token = { user = "u1" }',
    ),
    "4 a form": oauth2(
        '[userinfo]\nmethod = "POST"\nparams = { of = "{token:user}" }\n',
        "identity POST https://api.example.com/me of=u1",
        claims={"sub": "12"},
        example='token = { user = "u1" }',
    ),
    # 5: OAuth 1.0a in all its forms
    "5 the query": oauth1('[oauth1]\nplacement = "query"\n', "token POST", "query HMAC-SHA1"),
    "5 the form of one leg": oauth1('[token]\nplacement = "body"\n', "body HMAC-SHA1", "header HMAC-SHA1"),
    "5 a verifier apart": oauth1('[oauth1]\nverifier_placement = "query"\n', "token POST"),
    "5 no verifier": oauth1('[oauth1]\nverifier = "none"\nconfirm = "lenient"\ncallback = "authorize"\n', "token POST"),
    "5 a callback without the token": oauth1("[oauth1]\ntoken_in_callback = false\n", "token POST"),
    "5 the callback at the page": oauth1('[oauth1]\ncallback = "authorize"\nconfirm = "lenient"\n', "oauth_callback=h"),
    "5 the callback twice": oauth1('[oauth1]\ncallback = "both"\n', "authorize POST", "oauth_callback=https"),
    "5 a code by hand": oauth1('[oauth1]\ncallback = "oob"\n', "token POST"),
    "5 a realm": oauth1('[oauth1]\nrealm = "Acme"\n', "token POST"),
    "5 the realm of the URL": oauth1('[oauth1]\nrealm = "{url}"\n', "token POST"),
    "5 the realm of the origin": oauth1('[oauth1]\nrealm = "{origin}"\n', "token POST"),
    "5 an empty realm": oauth1('[oauth1]\nrealm = ""\n', "token POST"),
    "5 a hash of the body": oauth1("[oauth1]\nbody_hash = true\n", "api POST", do=("post",)),
    "5 another scheme": oauth1('[oauth1]\nsigned_scheme = "https"\n', "token POST"),
    "5 another host": oauth1('[oauth1]\nsigned_host = "old.example.com"\n', "token POST"),
    "5 other digests": oauth1('[oauth1]\nsignature = ["HMAC-SHA256", "HMAC-SHA1"]\n', "header HMAC-SHA256"),
    "5 a key": oauth1('[oauth1]\nsignature = "RSA-SHA256"\n', "header RSA-SHA256"),
    # 6: renewal in OAuth 1.0
    "6 a session handle": oauth1("[oauth1]\nsession_handle = true\n", "refresh POST", do=("renew",)),
    "6 a token made good again": oauth1(
        '[refresh]\nmethod = "GET"\nparams = { of = "{token:user}" }\n',
        "refresh GET https://api.example.com/renew?of=u1",
        endpoints='refresh = "https://api.example.com/renew"\n',
        example='token = { user = "u1" }',
        do=("renew",),
    ),
    # 7: signed callbacks, and what a callback carries on
    "7 a signed callback": oauth2(
        '[callback]\nsignature = { parameter = "hmac" }\n', do=("forge",), raises=MismatchingStateError
    ),
    "7 a callback that tells more": oauth2(
        '[callback]\ncode = "auth_code"\nforward = ["device_id"]\nkeep = ["company"]\njson = ["user"]\n',
        "device_id=d1",
        example='callback = { device_id = "d1", company = "c1", user = { name = "Ada" } }',
        token={"company": "c1"},
    ),
    "7 a server that only the login tells": oauth2(
        '[variables.place]\ndefault = "www"\npattern = "www|eu"\nfrom = "callback:place"\n'
        '[[identity.request]]\nname = "more"\nurl = "https://{place}.example.com/more"\n',
        "identity GET https://eu.example.com/more",
        example='callback = { place = "eu" }\nmore = {}',
        claims={"sub": "12"},
    ),
    # 8: two steps
    "8 an exchange": oauth2(
        '[exchange]\nurl = "https://api.example.com/long"\nmethod = "GET"\nrenews = true\n'
        'params = { short = "{token:access_token}" }\n',
        "exchange GET https://api.example.com/long?",
        do=("renew",),
    ),
    "8 a token of the application first": oauth2(
        '[app_token]\nurl = "https://api.example.com/app"\nbody = "json"\n'
        '[token]\nheaders = { X-App = "{app_token:access_token}" }\n',
        "app_token POST https://api.example.com/app",
    ),
    # 9: the base of the API, from the token answer
    "9 a base that the token tells": oauth2(
        "[api]\nbase_from = \"where.url\"\nbase_pattern = 'https://[a-z]+\\.example\\.com/'\n",
        "api GET https://eu.example.com/things",
        example='token = { where = { url = "https://eu.example.com/" } }',
        do=("call",),
    ),
    # 10: PKCE
    "10 none": oauth2('[oauth2]\npkce = "unsupported"\n', "authorize POST https://www.example.com/authorize?response_"),
    "10 plain": oauth2('[oauth2]\npkce_method = "plain"\npkce = "required"\n', "code_challenge_method=plain"),
    "10 hexadecimal": oauth2('[oauth2]\npkce_encoding = "hex"\n', "token POST"),
    # 11: client authentication
    **{
        f"11 {method}": oauth2(f'[oauth2]\nclient_auth = "{method}"\n{more}', f"[ {method}]")
        for method, more in {
            "client_secret_post": "",
            "client_secret_jwt": "",
            "private_key_jwt": "",
            "header": 'client_auth_name = "X-Secret"\n',
            "query": 'client_auth_name = "key"\n',
            "secret_as_username": "",
            "signed_secret": '[client_assertion]\nalgorithm = "ES256"\n',
            "oauth1": '[oauth1]\nsignature = "HMAC-SHA256"\n',
        }.items()
    },
    "11 one leg alone": oauth2(
        '[revoke]\nclient_auth = "none"\n',
        "[ none]",
        endpoints='revoke = "https://api.example.com/revoke"\n',
        do=("revoke",),
    ),
    "11 a raw Basic header": oauth2(
        '[oauth2]\nbasic_encoding = "raw"\n', options={"credentials": Credentials("a+b", "c%d ")}
    ),
    # 12: signatures and proofs that are not OAuth's own
    "12 a digest of sorted parameters": oauth2(
        '[api]\nparams = { app = "{client_id}" }\n'
        '[api.sign]\nalgorithm = "md5"\nover = "{params}{session_secret}"\nparameter = "sig"\n',
        "api GET",
        do=("call",),
    ),
    "12 an HMAC with the time": oauth2(
        '[token.sign]\nalgorithm = "hmac-sha256"\nover = "{client_id},{timestamp}"\nheader = "X-Sign"\n'
        'timestamp = "X-Time"\ntimestamp_unit = "ms"\nencoding = "base64"\n',
        "token POST",
    ),
    "12 a nonce fetched first": oauth2(
        '[app_token]\nurl = "https://api.example.com/nonce"\nrename = { client_secret = "" }\n'
        'response.fields = { access_token = "body.nonce" }\n'
        '[app_token.sign]\nalgorithm = "hmac-sha256"\nover = "getnonce,{client_id},{timestamp}"\n'
        'parameter = "signature"\ntimestamp = "timestamp"\n'
        '[token]\nparams = { nonce = "{app_token:access_token}" }\n'
        'sign = { algorithm = "hmac-sha256", over = "{client_id},{param:nonce}", parameter = "signature" }\n',
        "app_token POST https://api.example.com/nonce",
        do=("renew",),
    ),
    "12 a proof": oauth2('[proof]\nparameter = "appsecret_proof"\n', do=("call",)),
    # 13: conditional claims
    "13 a claim that depends": oauth2(
        claims_table=f'[claims]\nsub = "id"\npicture = {AVATAR}\n',
        known='userinfo = { id = "12" }\nclaims = { sub = "12", picture = "https://img.example.com/0.png" }\n',
        claims={"sub": "12", "picture": "https://img.example.com/0.png"},
    ),
    "13 a value that is chosen and translated": oauth2(
        claims_table='[claims]\nsub = "data[of=me].id"\ngender = { path = "data[0].sex", map = { 1 = "female" } }\n',
        known='userinfo = { data = [{ id = "12", of = "me", sex = 1 }] }\nclaims = { sub = "12", gender = "female" }\n',
        claims={"sub": "12", "gender": "female"},
    ),
    # 14: answers that are no JSON
    "14 XML": oauth2(
        '[userinfo]\nformat = "xml"\n',
        claims_table='[claims]\nsub = "user.@id"\n',
        known='userinfo = { user = { "@id" = "12" } }\nclaims = { sub = "12" }\n',
        claims={"sub": "12"},
    ),
    "14 JSONP": oauth2(
        '[userinfo]\nformat = "jsonp"\n',
        claims_table='[claims]\nsub = "data[of=me].id"\n',
        known=ROOTS,
        claims={"sub": "12"},
    ),
    "14 text": oauth2(
        '[userinfo]\nformat = "text"\n',
        claims_table='[claims]\nsub = "."\n',
        known='userinfo = "ada"\nclaims = { sub = "ada" }\n',
        claims={"sub": "ada"},
    ),
    "14 a JWT": oauth1(
        '[userinfo]\nformat = "jwt"\njwt = { audience = "{client_id}", nonce = true, algorithms = ["HS512"] }\n',
        "identity GET",
        claims={"sub": "12"},
    ),
    "14 an ID token": oauth2(
        '[identity.id_token]\nalgorithms = ["HS512"]\n[oauth2]\nissuer = "https://acme.example"\n',
        claims_table='[claims]\nsub = "id_token:sub"\n',
        known='userinfo = {}\nid_token = { sub = "12" }\nclaims = { sub = "12" }\n',
        claims={"sub": "12"},
    ),
    # 15: environments
    "15 other URLs": oauth2(
        '[environments.sandbox.endpoints]\ntoken = "https://sandbox.example.com/token"\n',
        "token POST https://sandbox.example.com/token",
        options={"environment": "sandbox"},
    ),
    "15 other values": oauth2(
        '[variables.place]\ndefault = "eu"\npattern = "[a-z]+"\n[environments.sandbox]\nvariables = { place = "us" }\n'
        '[[identity.request]]\nname = "more"\nurl = "https://{place}.example.com/more"\n',
        "identity GET https://us.example.com/more",
        example="more = {}",
        options={"environment": "sandbox"},
        claims={"sub": "12"},
    ),
    "15 another issuer": oauth2(
        '[oauth2]\nissuer = "https://acme.example"\nissuer_in_callback = true\n'
        '[environments.sandbox]\nissuer = "https://sandbox.acme.example"\n',
        "iss=https%3A%2F%2Fsandbox.acme.example",
        options={"environment": "sandbox"},
    ),
    "15 less": oauth2(
        '[environments.sandbox]\nwithout = ["revoke"]\n',
        endpoints='revoke = "https://api.example.com/revoke"\n',
        options={"environment": "sandbox"},
        do=("revoke",),
        raises=UsageError,
    ),
    # The authorization request
    "scopes": oauth1(
        '[scopes]\ndefault = ["a", "b"]\nrequired = ["c"]\nseparator = ","\nparameter = "perms"\n', "perms=a%2Cb%2Cc"
    ),
    "scopes of the first leg": oauth1(
        '[scopes]\ndefault = ["a"]\nleg = "request_token"\n[request_token]\nrename = { scope = "scopes" }\n',
        "request_token POST https://api.example.com/request_token scopes=a",
    ),
    "scopes at the token endpoint": oauth2('[scopes]\ndefault = ["a"]\nin_token_request = true\n', "scope=a"),
    "scopes for a refresh token": oauth2('[scopes]\ndefault = ["a"]\noffline = "off"\n', "scope=a%20off"),
    "parameters of the page": oauth2(
        '[authorize]\nparams = { access_type = "offline" }\nrename = { client_id = "key" }\n', "access_type=offline"
    ),
    "parameters of the page, sorted": oauth1(
        '[authorize]\nparams = { a = "1" }\nsort_params = true\n', "authorize?a=1&oauth_token="
    ),
    "parameters behind a hash": oauth1('[authorize]\nroute = "/in"\nfragment = "&end"\n', page="#/in?"),
    "a scope as it stands": oauth2(
        '[authorize]\nliteral = ["scope"]\n[scopes]\nseparator = "+"\ndefault = ["a", "b"]\n', page="scope=a+b&"
    ),
    "an empty scope": oauth2("[authorize]\nomit_empty = false\n", page="scope=&"),
    "a state of another name": oauth2('[authorize]\nrename = { state = "custom" }\n', page="&custom="),
    "an answer by POST": oauth2('[oauth2]\nresponse_mode = "form_post"\n', page="response_mode=form_post"),
    "a nonce always": oauth2('[oauth2]\nnonce = "always"\n', page="nonce="),
    "no state": oauth2('[oauth2]\nstate = false\npkce = "required"\n', "token POST"),
    "a name for the redirection URI": oauth2(
        "[oauth2]\nredirect_uri_is_name = true\n", "redirect_uri=Acme-1", redirect_uri="Acme-1", options=REGISTERED
    ),
    "a pushed request": oauth2(
        "[oauth2]\nrequire_par = true\n",
        "par POST",
        endpoints='par = "https://api.example.com/par"\n',
        own_endpoints=True,
    ),
    # Refusal
    "refused by a parameter": oauth1('[callback]\ndenied = ["rejected"]\n', do=("deny",), raises=AccessDeniedError),
    "refused by a value": oauth1(
        '[callback]\ndenied = ["oauth_verifier=denied"]\n', do=("deny",), raises=AccessDeniedError
    ),
    "refused by what is missing": oauth1(
        '[callback]\ndenied = ["not oauth_verifier"]\nerrors = []\n', do=("deny",), raises=AccessDeniedError
    ),
    "refused without a code": oauth2('[callback]\ndenied = ["not code"]\n', do=("deny",), raises=AccessDeniedError),
    "refused in other words": oauth2('[callback]\ndenied = ["error=no"]\n', do=("deny",), raises=AccessDeniedError),
    "errors under another name": oauth2('[callback]\nerrors = ["problem"]\n', do=("deny",), raises=AccessDeniedError),
    # Legs
    "a GET": oauth2('[token]\nmethod = "GET"\n[oauth2]\nclient_auth = "client_secret_post"\n', "token GET"),
    "a GET of OAuth 1.0": oauth1('[request_token]\nmethod = "GET"\nparams = { a = "1" }\n', "request_token?a=1"),
    "JSON": oauth2(
        '[token]\nbody = "json"\nrename = { grant_type = "grantType" }\n', '"grantType": "authorization_code"'
    ),
    "multipart": oauth2('[token]\nbody = "multipart"\n', "token POST"),
    "the query of a POST": oauth2('[token]\nbody = "query"\n', "token POST https://api.example.com/token?grant_type"),
    "a DELETE with a form": oauth2(
        '[revoke]\nmethod = "DELETE"\nbody = "form"\n',
        "revoke DELETE",
        endpoints='revoke = "https://api.example.com/revoke"\n',
        do=("revoke",),
    ),
    "a token at the end of the path": oauth2(
        '[introspect]\nmethod = "GET"\npath_parameter = "token"\n',
        "introspect GET https://api.example.com/tokens/***",
        endpoints='introspect = "https://api.example.com/tokens"\n',
        do=("introspect",),
    ),
    "a parameter and a header of one leg": oauth1(
        '[token]\nparams = { a = "1" }\nheaders = { X-A = "b" }\nquery = { v = "2" }\n', "/token?v=2 a=1"
    ),
    "what a token says when it is given up": oauth2(
        '[revoke]\nrename = { token = "" }\nparams = { account = "{token:account}", key = "{token:access_token}" }\n',
        "account=a1",
        endpoints='revoke = "https://api.example.com/revoke"\n',
        example='token = { account = "a1" }',
        do=("revoke",),
    ),
    "a token of OAuth 1.0 is given up": oauth1(
        '[revoke]\nmethod = "GET"\nparams = { of = "{token:user}" }\n',
        "revoke GET https://api.example.com/revoke?of=u1",
        endpoints='revoke = "https://api.example.com/revoke"\n',
        example='token = { user = "u1" }',
        do=("revoke",),
    ),
    "a grant of its own name": oauth2(
        '[oauth2]\ngrants = ["authorization_code"]\nclient_auth = "client_secret_post"\n'
        '[token]\nparams = { grant_type = "urn:x:jwt" }\n'
        'rename = { code = "assertion", client_secret = "client_assertion" }\n',
        "grant_type=urn%3Ax%3Ajwt",
    ),
    "a step from OAuth 1.0 to 2.0": oauth1(
        '[exchange]\nurl = "https://api.example.com/upgrade"\n', "exchange POST", do=("exchange",)
    ),
    # Renewal
    "another place for renewals": oauth2(
        '[refresh]\nbody = "json"\nrename = { grant_type = "" }\n',
        "refresh POST https://api.example.com/again",
        endpoints='refresh = "https://api.example.com/again"\n',
        do=("renew",),
    ),
    "renewal by access token": oauth2(
        '[oauth2]\nrefresh_with = "access_token"\n[refresh]\nrename = { refresh_token = "old" }\n',
        "old=",
        do=("renew",),
    ),
    "the scope once more": oauth2(
        '[oauth2]\nrefresh_scope = true\n[scopes]\ndefault = ["a"]\n', "refresh_token=***&scope=a", do=("renew",)
    ),
    "the redirection URI once more": oauth2(
        "[oauth2]\nrefresh_redirect_uri = true\n", "refresh_token=***&redirect_uri=https", do=("renew elsewhere",)
    ),
    "an old token that goes on": oauth2("[token.response]\nreuse_token = true\n", do=("renew",)),
    "scopes in other words": oauth2(
        '[token.response]\nscope_separator = ","\n[scopes]\nseparator = ","\ndefault = ["a", "b"]\n',
        token={"scope": "a b"},
    ),
    # Calls
    "a token in the query": oauth2('[token_placement]\nkind = "query"\nname = "key"\n', "api GET", do=("call",)),
    "a token in a header of its own": oauth2(
        '[token_placement]\nname = "X-Token"\nprefix = ""\n', "api GET", do=("call",)
    ),
    "a token in a form": oauth2(
        '[token_placement]\nkind = "body"\nname = "key"\n[userinfo]\nmethod = "POST"\n', "body ]", do=("post form",)
    ),
    "another place for one request": oauth2(
        '[userinfo]\ntoken_placement = { kind = "query", name = "t" }\n', "identity GET", claims={"sub": "12"}
    ),
    "headers and parameters of every call": oauth2(
        '[api]\nheaders = { X-Client = "{client_id}" }\nparams = { key = "{client_id}" }\n', "api GET", do=("call",)
    ),
    "parameters of every signed call": oauth1('[api]\nparams = { key = "{client_id}" }\n', "api GET", do=("call",)),
    "a token of OAuth 1.0 that is not signed with": oauth1(
        '[oauth1]\nbearer = "oauth_token_secret"\n[token_placement]\nkind = "query"\nname = "token"\n'
        '[api]\nparams = { key = "{client_id}" }\n',
        "query ]",
        do=("call",),
    ),
    "a base of OAuth 1.0 that the token tells": oauth1(
        "[api]\nbase_from = \"host\"\nbase_pattern = '[a-z]+\\.example\\.com'\n",
        "api GET https://eu.example.com/things",
        example='token = { host = "eu.example.com" }',
        do=("call",),
    ),
    # OAuth 1.0 beyond the RFC
    "an answer in XML": oauth1(
        '[request_token.response]\nformat = "xml"\nroot = "r.t"\nfields = { oauth_token = "key" }\n', "token POST"
    ),
    "an answer in JSON, with a status of its own": oauth1(
        '[token.response]\nformat = "json"\nsuccess_status = [201]\nfields = { oauth_token = "data.t" }\n',
        "-> 201",
    ),
    "an end in milliseconds": oauth1(
        '[token.response]\nexpires_kind = "absolute_ms"\nfields = { oauth_expires_in = "ends" }\n',
        token={"expires_at": str(NOW + 3600)},
    ),
    "an error that begins so": oauth1(
        '[token.error]\nwhen = { text_prefix = "Error" }\n', do=("finish twice",), raises=OAuthError
    ),
    "no version": oauth1("[oauth1]\nsend_version = false\n", "token POST"),
    "no nonce and no timestamp": oauth1(
        '[oauth1]\nsignature = "PLAINTEXT"\nsend_nonce = false\nsend_timestamp = false\n', "header PLAINTEXT"
    ),
    "a longer nonce": oauth1("[oauth1]\nnonce_length = 40\n", "token POST"),
    "an empty token": oauth1("[oauth1]\nsend_empty_token = true\n", "token POST"),
    "a password": oauth1('[oauth1]\nflow = ["three-legged", "xauth"]\n', "x_auth_username=ada", do=("password",)),
    "a token of the application": oauth1(
        '[oauth1]\nflow = ["two-legged", "three-legged"]\n', "token POST", do=("own token",)
    ),
    "a variable in two spellings": oauth1(
        '[variables.account]\ndefault = "AB_1"\n[variables.place]\nfrom = "account"\nlower = true\n'
        'replace = { "_" = "-" }\npattern = "[a-z0-9-]+"\n[oauth1]\nrealm = "{account}"\n'
        '[[identity.request]]\nname = "more"\nurl = "https://{place}.example.com/more"\n',
        "identity GET https://ab-1.example.com/more",
        example="more = {}",
        claims={"sub": "12"},
    ),
    "an environment with another base alone": oauth1(
        '[environments.sandbox.endpoints]\napi_base = "https://sandbox.example.com/1/"\n',
        "api GET https://sandbox.example.com/1/things",
        options={"environment": "sandbox"},
        do=("call",),
    ),
    # Devices and the way out
    "a device": oauth2(
        '[oauth2]\ngrants = ["device_code"]\n[device]\nparams = { a = "1" }\n'
        'response.fields = { device_code = "data.code" }\n',
        "device POST https://api.example.com/device",
        "a=1",
        endpoints='device = "https://api.example.com/device"\n',
        do=("device",),
    ),
    "the way out": oauth2(
        '[end_session]\nparams = { app = "{client_id}" }\nrename = { post_logout_redirect_uri = "to" }\n',
        "end_session GET https://www.example.com/out?",
        "to=https",
        endpoints='end_session = "https://www.example.com/out"\n',
        do=("log out",),
    ),
}


async def renew_what_was_taken_back(client, simulator, pending):
    simulator.state.revoke_tokens()
    await client.refresh_token()


async def renew_elsewhere(client, simulator, pending):
    client.redirect_uri = CALLBACK
    await client.refresh_token()


async def forge(client, simulator, pending):
    other = await client.start(redirect_uri=CALLBACK)
    await client.finish(other, (await simulator.approve(other.url)).replace("code=", "other=1&code="))


async def finish_twice(client, simulator, pending):
    """As an application of two processes does: one alone knows that the login is over."""
    other = simulator.registry(store=MemoryStore()).client("acme", client.session, provider=client.provider)
    await other.finish(pending, f"{CALLBACK}&oauth_token={pending.values['oauth_token']}&oauth_verifier=v")


async def call(client, simulator, pending):
    async with client.get("things", params={"a": "1"}) as response:
        response.raise_for_status()


async def post(client, simulator, pending):
    async with client.post("things", json=BODY) as response:
        response.raise_for_status()


async def post_form(client, simulator, pending):
    async with client.post("things", data=BODY) as response:
        response.raise_for_status()


async def log_out(client, simulator, pending):
    await simulator.approve(client.create_logout_url(CALLBACK))


async def log_in_on_a_device(client, simulator, pending):
    async def decide(authorization, state, seconds):
        if state == "started":
            await simulator.approve(authorization.verification_uri_complete)

    async def no_wait(_):
        simulator.now.advance(6)

    await client.device_login(decide, sleep=no_wait)


ACTIONS = {
    "renew": lambda client, *_: client.refresh_token(),
    "renew what was taken back": renew_what_was_taken_back,
    "renew elsewhere": renew_elsewhere,
    "revoke": lambda client, *_: client.revoke_token(),
    "introspect": lambda client, *_: client.introspect_token(),
    "exchange": lambda client, *_: client.exchange_token(),
    "password": lambda client, *_: client.exchange_password("ada", "s3cret"),
    "own token": lambda client, *_: client.fetch_access_token(),
    "finish twice": finish_twice,
    "forge": forge,
    "device": log_in_on_a_device,
    "call": call,
    "post": post,
    "post form": post_form,
    "log out": log_out,
}
"""What can be done after a login."""
INSTEAD = {"device", "password", "own token"}
"""What is done in place of one."""


async def log_in(kind, client, simulator):
    """The pending login, ended; its URL is looked at first."""
    scope = {} if kind.scope is None else {"scope": kind.scope}
    pending = await client.start(redirect_uri=kind.redirect_uri, **scope)
    assert kind.page in pending.url
    if "deny" in kind.do:
        await client.finish(pending, await simulator.deny(pending.url) or CALLBACK)
        return pending
    answer = await simulator.approve(pending.url)
    by_hand = {"verifier": answer} if pending.redirect_uri == "oob" else {"callback_url": answer}
    await client.finish(pending, **by_hand)
    return pending


def shown(simulator):
    """What the provider saw, one line a request."""
    return "\n".join(
        f"{seen.step} {seen.method} {seen.url} {seen.form}{seen.json} {seen.location} -> {seen.status} "
        f"[{seen.placement or ''} {seen.signature_method or seen.client_auth}]"
        for seen in simulator.exchanges
        if not seen.problem
    )


async def observed(kind, client, simulator):
    """What became of it all: the error's class, and which of the row's expectations came true."""
    error, claims = None, None
    try:
        pending = None if INSTEAD & {*kind.do} else await log_in(kind, client, simulator)
        for name in kind.do:
            if name != "deny":
                await ACTIONS[name](client, simulator, pending)
        if kind.claims is not None:
            claims = (await client.profile()).to_dict()
    except (OAuthRegError, aiohttp.ClientResponseError, AssertionError) as caught:
        error = type(caught)
    log, token = shown(simulator), client.token or {}
    return {
        "error": error,
        "is_denied_at_once": "deny" in kind.do and "token" not in {seen.step for seen in simulator.exchanges},
        "seen": [text for text in kind.seen if text in log],
        "token": {name: token.get(name) for name in kind.token},
        "claims": claims,
    }


def expected(kind):
    """What ``observed`` must give."""
    return {
        "error": kind.raises,
        "is_denied_at_once": "deny" in kind.do,
        "seen": [*kind.seen],
        "token": kind.token,
        "claims": kind.claims,
    }


@pytest.fixture(name="play")
def fixture_play(session, clock):
    """Plays a row with a client that knows its definition, or one that knows the plain provider alone."""

    async def play(kind, *, knows):
        registry = Registry(environ={})
        registry.add(kind.render(kind.text), "acme")
        async with Simulator("acme", registry=registry, now=clock, **kind.options) as simulator:
            client = simulator.client(session, **({} if knows else {"provider": plain_of(kind, simulator)}))
            return await observed(kind, client, simulator)

    return play


def plain_of(kind, simulator):
    """The provider without what the row is about, at the addresses of the simulator."""
    registry = Registry(environ={})
    kind = replace(kind, claims_table=CLAIMS, endpoints="" if kind.own_endpoints else kind.endpoints)
    definition = registry.add(kind.render("").partition("[[example]]")[0], "acme")
    provider = compile_definition(definition, credentials={"client_id": simulator.credentials.client_id})
    return simulator._alive.relocation.move(provider)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_kind_is_understood(kind, play):
    assert await play(kind, knows=True) == expected(kind)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_nobody_who_does_not_know_it_would_do_the_same(kind, play):
    assert await play(kind, knows=False) != expected(kind)


@pytest.mark.parametrize("protocol", ["oauth1", "oauth2"])
async def test_the_plain_provider_alone_is_understood_by_both(protocol, play):
    plain = Kind(
        protocol=protocol, seen=("token POST https://api.example.com/token",), claims={"sub": "12"}, do=("call",)
    )
    assert await play(plain, knows=True) == await play(plain, knows=False) == expected(plain)


def test_all_fifteen_kinds_are_there():
    assert {name.split()[0] for name in KINDS if name[0].isdigit()} == {str(number) for number in range(1, 16)}
