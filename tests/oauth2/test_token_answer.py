"""What token endpoints answer: tokens, refusals, lifetimes. Ids are those of ``tests/vectors/oauth2_cases.json``."""

import json

import pytest

from oauthreg.answers import asked_wait
from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MalformedResponseError,
    OAuthError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
)
from oauthreg.messages import Response
from oauthreg.oauth2.token_answer import parse_token_response, raise_for_error
from oauthreg.provider import ErrorRule, TokenAnswer
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
PLANTED = "PLANTED-s3cr3t"
RULES = TokenAnswer()


def answer(body, status=200, content_type="application/json", **headers):
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    octets = text if isinstance(text, bytes) else text.encode()
    return Response(status, {"content-type": content_type, **headers}, octets)


def parse(body, status=200, content_type="application/json", *, rules=RULES, previous=None, scopes=(), **more):
    options = {name: more.pop(name) for name in ("may_be_no_access_token",) if name in more}
    given = answer(body, status, content_type, **more)
    return parse_token_response(given, rules, sent_at=NOW, previous=previous, scopes=scopes, **options)


def refusal(kind, body, status=400, content_type="application/json", **options):
    with pytest.raises(kind) as refused:
        parse(body, status, content_type, **options)
    return refused.value


GOOD = {"access_token": "AT1", "token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("content_type", "body", "field", "value"),
    [
        pytest.param(
            "text/html; charset=utf-8", b'{"access_token":"AT1","expires":"3600"}', "access_token", "AT1", id="TR02"
        ),
        pytest.param(
            "application/json;charset=ISO-8859-1", '{"access_token":"AT1","name":"é"}'.encode(), "name", "é", id="TR06"
        ),
        pytest.param(
            "application/json;charset=nonsense", '{"access_token":"AT1","name":"é"}'.encode(), "name", "é", id="TR06b"
        ),
        pytest.param("application/json", b'\xef\xbb\xbf{"access_token":"AT1"}', "access_token", "AT1", id="TR07"),
        pytest.param("application/json", b"access_token=AT1&scope=a+b&x=%C3%A9", "x", "é", id="form"),
        pytest.param("text/plain", b'cb({"access_token":"AT1"});', "access_token", "AT1", id="jsonp"),
        pytest.param("", b'\n {"access_token":"AT1"}', "access_token", "AT1", id="blank-first"),
    ],
)
def test_the_body_decides_how_an_answer_is_read(content_type, body, field, value):
    token = parse(body, content_type=content_type)
    assert token[field] == value
    assert token.access_token == "AT1"


def test_xml_with_a_root():
    rules = TokenAnswer(
        format="xml",
        root=lambda document: document["Access_Token"],
        fields={"access_token": lambda d: d["Access_Token"]["Token"]},
    )
    assert parse("<Access_Token><Token>AT1</Token></Access_Token>", rules=rules).access_token == "AT1"


def test_TR03_an_error_that_is_labelled_as_text():
    error = refusal(OAuthError, '{"error":"invalid_request"}', 400, "text/plain; charset=utf-8")
    assert (error.error, error.status) == ("invalid_request", 400)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_TR08_an_outage_is_transient(status):
    error = refusal(TemporarilyUnavailableError, "<html>Bad gateway</html>", status, "text/html")
    assert error.status == status


def test_TR10_a_page_instead_of_a_token():
    with pytest.raises(MalformedResponseError) as refused:
        parse_token_response(
            Response(
                200,
                {"content-type": "application/json"},
                b"<!DOCTYPE html><p>blocked</p>",
                "https://as.example/token?code=PLANTED",
            ),
            sent_at=NOW,
        )
    assert (refused.value.status, refused.value.text) == (200, "<!DOCTYPE html><p>blocked</p>")
    for word in ("https://as.example/token", "200", "application/json", "not JSON"):
        assert word in str(refused.value)
    assert "PLANTED" not in str(refused.value)


def test_TR11_a_wrong_path_is_told_by_its_status():
    for body in ("<html>", "", "no such resource", {"statusCode": 404, "message": "no such resource"}):
        error = refusal(MalformedResponseError, body, 404)
        assert (error.status, error.code) == (404, "unexpected-status")
    assert "404" in str(error)
    assert "access_token" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '"AT1"',
        {"ok": True},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 123},
        {"access_token": ["a"]},
        {"access_token": "AT1\n"},
        {"access_token": "AT1\r\nX-Y: z"},
        {"access_token": "AT1\ud800"},
        "1",
        "true",
    ],
    ids=lambda body: f"TR12-{body}",
)
def test_TR12_what_is_no_token(body):
    error = refusal(MalformedResponseError, body, 200)
    assert error.code in ("no-token", "malformed-response")


def test_TR13_an_answer_cut_short():
    assert refusal(MalformedResponseError, '{"access_token":"AT1","name":"', 200).status == 200


def test_TR14_a_token_below_a_root():
    body = {
        "ok": True,
        "team": {"id": "T1"},
        "authed_user": {"id": "U1", "scope": "identity.basic", "access_token": "AT1", "token_type": "user"},
    }
    assert refusal(MalformedResponseError, body, 200).code == "no-token"
    rules = TokenAnswer(root=lambda document: document["authed_user"], token_types={"user": "Bearer"})
    token = parse(body, rules=rules)
    assert (token.access_token, token.scopes, token.token_type) == ("AT1", ("identity.basic",), "Bearer")
    assert token.raw == body


def test_fields_outside_the_root_are_kept_where_the_provider_says_so():
    body = {"team": {"id": "T1"}, "id": "outer", "authed_user": {"id": "U1", "access_token": "AT1"}}
    rules = TokenAnswer(root=lambda document: document["authed_user"], keep=("team", "id", "absent"))
    token = parse(body, rules=rules)
    assert (token["team"], token["id"], "absent" in token) == ({"id": "T1"}, "U1", False)


def test_a_root_that_is_not_there():
    rules = TokenAnswer(root=lambda document: document.get("data"), keep=("x",))
    for body in ({}, {"data": None}, {"data": "x"}, {"data": [GOOD]}):
        assert refusal(MalformedResponseError, body, 200, rules=rules).code == "no-token"


def test_a_root_in_jsonp():
    rules = TokenAnswer(format="jsonp", root=lambda document: document["data"])
    assert parse('callback( {"data": {"access_token": "AT1"}} );', rules=rules).access_token == "AT1"


class TestErrors:
    """Refusals: the error decides for 2xx and 4xx, the status for outages."""

    def test_ES01_an_error_behind_a_good_status(self):
        body = {
            "error": "bad_verification_code",
            "error_description": "The code is wrong or old.",
            "error_uri": "https://docs.example/x",
        }
        error = refusal(OAuthError, body, 200)
        assert (error.error, error.description, error.uri, error.status) == (
            "bad_verification_code",
            "The code is wrong or old.",
            "https://docs.example/x",
            200,
        )

    def test_ES02_ok_false(self):
        assert refusal(OAuthError, {"ok": False, "error": "invalid_code"}, 200).error == "invalid_code"
        error = refusal(OAuthError, {"ok": False}, 200)
        assert (error.error, error.message) == ("", "status 200")

    def test_ES06_an_outage_never_ends_a_login(self):
        for status in (503, 429):
            error = refusal(TemporarilyUnavailableError, {"error": "invalid_grant"}, status)
            assert not isinstance(error, ReauthorizationRequired)

    def test_RF01_and_RF09_an_ended_grant(self):
        body = {
            "error": "invalid_grant",
            "error_description": "reauth related error (invalid_rapt)",
            "error_subtype": "invalid_rapt",
        }
        error = refusal(ReauthorizationRequired, body)
        assert error.error == "invalid_grant"
        assert error.parameters["error_subtype"] == "invalid_rapt"

    def test_the_providers_own_code_for_it(self):
        rules = TokenAnswer(error_map={"bad_refresh_token": "invalid_grant"})
        assert (
            refusal(ReauthorizationRequired, {"error": "bad_refresh_token"}, 200, rules=rules).error == "invalid_grant"
        )

    def test_a_status_says_it_where_there_is_no_code(self):
        rules = TokenAnswer(error_map={"400": "invalid_grant", "403": "invalid_client", "503": "invalid_grant"})
        assert refusal(ReauthorizationRequired, "", 400, rules=rules).error == "invalid_grant"
        assert refusal(ClientAuthenticationError, "", 403, rules=rules).error == "invalid_client"
        assert refusal(OAuthError, {"error": "invalid_scope"}, 400, rules=rules).error == "invalid_scope"
        assert isinstance(refusal(TemporarilyUnavailableError, "", 503, rules=rules), TemporarilyUnavailableError)

    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (401, {"error": "invalid_client"}, ClientAuthenticationError),
            (400, {"error": "invalid_client"}, ClientAuthenticationError),
            (401, "", ClientAuthenticationError),
            (400, {"error": "access_denied"}, AccessDeniedError),
            (400, {"error": "temporarily_unavailable"}, TemporarilyUnavailableError),
            (400, "", OAuthError),
            (400, "<html>", OAuthError),
            (400, {"error": {"message": "Bad", "type": "OAuthException", "code": 100}}, OAuthError),
            (200, {"error": {"message": "Bad", "code": 100}}, OAuthError),
            (400, "error=invalid_request&error_description=x", OAuthError),
        ],
    )
    def test_kinds(self, status, body, kind):
        assert type(refusal(OAuthError, body, status)) is kind

    @pytest.mark.parametrize("empty", ["", None, False, 0, []])
    def test_an_empty_error_is_none(self, empty):
        assert parse({**GOOD, "error": empty}).access_token == "AT1"

    def test_an_error_by_the_providers_rule(self):
        rules = TokenAnswer(
            error=ErrorRule(
                holds=lambda document, _: document.get("status") != 0,
                error=lambda document: str(document["status"]),
                description=lambda document: document.get("error_text", ""),
            ),
            root=lambda document: document["body"],
        )
        assert refusal(OAuthError, {"status": 503, "body": {}}, 200, rules=rules).error == "503"
        assert parse({"status": 0, "body": GOOD}, rules=rules).access_token == "AT1"

    def test_an_error_by_a_text_that_is_no_document(self):
        rules = TokenAnswer(
            format="json",
            error=ErrorRule(holds=lambda _, text: text.startswith("wrong"), description=lambda _: "wrong code"),
        )
        error = refusal(OAuthError, "wrong code", 200, rules=rules)
        assert (error.error, error.description) == ("", "wrong code")

    def test_a_text_that_is_an_error_is_said_without_its_secrets(self):
        rules = TokenAnswer(error=ErrorRule(holds=lambda _, text: text.startswith("wrong")))
        error = refusal(OAuthError, f"wrong code: it was used\nclient_secret={PLANTED}", 200, rules=rules)
        assert error.message == "status 200: wrong code: it was used\\nclient_secret=***"

    @pytest.mark.parametrize("body", [{"ok": False}, {"error": {"message": "why"}}])
    def test_an_error_without_a_code_is_one_with_every_status(self, body):
        assert refusal(OAuthError, {**GOOD, **body}, 200).error == ""

    def test_the_providers_rule_may_leave_the_words_to_the_standard(self):
        rules = TokenAnswer(error=ErrorRule(holds=lambda document, _: not document["ok"], error=lambda d: d["why"]))
        error = refusal(OAuthError, {"ok": 0, "why": "invalid_code", "error_description": "old"}, 200, rules=rules)
        assert (error.error, error.description) == ("invalid_code", "old")

    def test_TE02_a_page_that_forbids(self):
        error = refusal(OAuthError, "<html>bot?</html>", 403, "text/html")
        assert (type(error), error.status) == (OAuthError, 403)

    @pytest.mark.parametrize(
        ("location", "shown"),
        [
            ("https://other.example/x?code=PLANTED", "https://other.example"),
            ("/x?code=PLANTED", "another path"),
            ("https://[", "another path"),
        ],
    )
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_RL03_a_redirect_is_no_answer(self, location, shown, status):
        error = refusal(MalformedResponseError, "", status, location=location)
        assert error.code == "unexpected-status"
        assert f"redirects to {shown}" in str(error)
        assert "PLANTED" not in f"{error} {error.headers}"

    def test_a_status_that_the_provider_calls_success(self):
        assert parse(GOOD, 302, rules=TokenAnswer(success_status=(302,))).access_token == "AT1"

    def test_a_good_status_that_the_provider_does_not_call_success(self):
        rules = TokenAnswer(success_status=(201,))
        assert parse(GOOD, 201, rules=rules).access_token == "AT1"
        assert refusal(MalformedResponseError, GOOD, 200, rules=rules).code == "unexpected-status"

    def test_SL02_an_echoed_secret_stays_out_of_the_error(self):
        for body in (
            f"client_secret={PLANTED}&refresh_token={PLANTED}&error=x",
            json.dumps(
                {
                    "error": "x",
                    "client_secret": PLANTED,
                    "refresh_token": PLANTED,
                    "error_description": f"bad code={PLANTED}",
                }
            ),
        ):
            error = refusal(OAuthError, body)
            shown = f"{error} {error!r} {error.args} {error.text} {error.headers} {dict(error.parameters)}"
            assert PLANTED not in shown

    def test_SL02_at_any_depth(self):
        body = {"error": "x", "debug": {"client_secret": PLANTED, "sent": [{"code": PLANTED}, f"code={PLANTED}", 7]}}
        error = refusal(OAuthError, body)
        assert error.parameters["debug"] == {"sent": [{}, "code=***", 7]}
        assert PLANTED not in f"{error.text} {error.parameters}"

    def test_plain_text_that_was_read_as_a_form(self):
        error = refusal(OAuthError, f"refused: Bearer {PLANTED} {'x' * 5000}", 400)
        assert PLANTED not in f"{error.text} {error.parameters}"
        assert len(f"{error.parameters}") < 2200

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("120", 120.0),
            ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
            ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
            ("Tue, 14 Nov 2023 22:13:30 -0000", 10.0),
            ("soon", None),
            ("", None),
            ("-1", None),
            ("99999999999", None),
        ],
    )
    def test_retry_after_in_both_forms(self, value, seconds):
        assert asked_wait(Response(503, {"retry-after": value}), NOW) == seconds

    def test_a_date_in_retry_after_counts_from_the_servers_clock(self):
        later = {"retry-after": "Tue, 14 Nov 2023 23:13:30 GMT"}
        error = refusal(TemporarilyUnavailableError, "", 503, **later, date="Tue, 14 Nov 2023 23:13:20 GMT")
        assert error.retry_after == 10.0
        assert refusal(TemporarilyUnavailableError, "", 503, **later).retry_after == 3610.0
        with pytest.raises(TemporarilyUnavailableError) as unknown:
            raise_for_error(answer("", 503, **later))
        assert unknown.value.retry_after is None

    def test_an_outage_says_when_to_come_back(self):
        error = refusal(TemporarilyUnavailableError, "", 429, **{"retry-after": "7"})
        assert error.retry_after == 7.0

    def test_RV01_any_success_is_one(self):
        for status, body in ((200, ""), (200, "ok"), (204, "")):
            raise_for_error(answer(body, status, "text/plain"))

    def test_RV03_refusals_of_other_endpoints(self):
        with pytest.raises(OAuthError) as refused:
            raise_for_error(answer({"error": "unsupported_token_type"}, 400))
        assert refused.value.error == "unsupported_token_type"
        with pytest.raises(TemporarilyUnavailableError) as later:
            raise_for_error(answer("", 503, **{"retry-after": "3"}))
        assert later.value.retry_after == 3.0
        with pytest.raises(MalformedResponseError):
            raise_for_error(answer("", 302))
        with pytest.raises(MalformedResponseError):
            raise_for_error(answer("", 302), TokenAnswer(success_status=(302,)))
        raise_for_error(answer("", 204), TokenAnswer(success_status=(204,)))
        with pytest.raises(MalformedResponseError):
            raise_for_error(answer("", 200), TokenAnswer(success_status=(204,)))


class TestTokenTypes:
    """The type decides how a token is used, whatever its spelling."""

    @pytest.mark.parametrize(
        "given", ["bearer", "BEARER", "BeArEr", "Bearer", "", None], ids=lambda given: f"TT01-TT02-TT03-{given}"
    )
    def test_bearer_in_any_spelling_or_none(self, given):
        assert parse({"access_token": "AT1", "token_type": given}).token_type == "Bearer"

    def test_TT03_a_missing_type(self):
        assert parse({"access_token": "AT1", "expires_in": 5184000}).token_type == "Bearer"

    @pytest.mark.parametrize("given", ["mac", "bot", "DPoP"], ids=["TT04-mac", "TT04-bot", "dpop"])
    def test_a_type_that_is_not_understood(self, given):
        assert (
            refusal(MalformedResponseError, {"access_token": "AT1", "token_type": given}, 200).code
            == "unsupported-token-type"
        )

    def test_the_result_of_a_token_exchange_may_be_no_access_token(self):
        answered = {"access_token": "A", "token_type": "n_a", "issued_token_type": "urn:x"}
        assert parse(answered, may_be_no_access_token=True).token_type == "N_A"
        with pytest.raises(MalformedResponseError) as refused:
            parse(answered)
        assert refused.value.code == "unsupported-token-type"

    def test_a_type_that_is_no_text(self):
        assert parse({"access_token": "A", "token_type": 1}).token_type == "Bearer"

    def test_a_type_that_the_provider_maps(self):
        rules = TokenAnswer(token_types={"bot": "Bearer"})
        assert parse({"access_token": "AT1", "token_type": "Bot"}, rules=rules).token_type == "Bearer"


class TestLifetimes:
    """Every way to say when a token ends."""

    @pytest.mark.parametrize(
        "value", [3600, 3600.0, 3600.7, "3600", "3600.0", " 3600 "], ids=lambda value: f"EX02-{value!r}"
    )
    def test_seconds_from_the_request(self, value):
        token = parse({"access_token": "A", "expires_in": value})
        assert (token.expires_at, token["expires_in"]) == (NOW + 3600, 3600)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"expires_in": None},
            {"expires_in": ""},
            {"expires_in": "soon"},
            {"expires_in": True},
            {"expires_in": 0},
            {"expires_in": -30},
            {"expires_at": -62135596800},
            {"expires_in": 99999999999999999999},
            {"expires_at": "next week"},
            {"expires_in": [1]},
            {"expires_in": 0.5},
            {"expires_at": "2001-01-01"},
        ],
        ids=lambda fields: f"EX03-EX05-EX06-EX12-{fields}",
    )
    def test_an_unknown_lifetime_leaves_no_expiry(self, fields):
        token = parse({"access_token": "A", **fields})
        assert token.keys().isdisjoint({"expires_at", "expires_in"})
        assert not token.is_expired(NOW + 864_000)

    def test_EX12_infinity_is_unknown(self):
        assert "expires_at" not in parse('{"access_token":"A","expires_in":1e400}')

    def test_zero_at_its_word(self):
        assert parse({"access_token": "A", "expires_in": 0}, rules=TokenAnswer(zero_is_expired=True)).is_expired(NOW)

    def test_EX08_an_alias_is_an_addition(self):
        rules = TokenAnswer(fields={"expires_in": lambda document: document.get("expires")})
        assert parse({"access_token": "A", "expires_in": 28800}, rules=rules).expires_at == NOW + 28800
        assert parse({"access_token": "A", "expires": 60}, rules=rules).expires_at == NOW + 60

    def test_EX09_several_fields(self):
        fields = {"expires_in": "3599", "ext_expires_in": "9999", "expires_on": str(NOW + 5)}
        assert parse({"access_token": "A", **fields}).expires_at == NOW + 3599
        assert parse({"access_token": "A", "expires_on": str(NOW + 5)}).expires_at == NOW + 5
        assert "expires_at" not in parse({"access_token": "A", "ext_expires_in": 5})

    @pytest.mark.parametrize(
        ("kind", "value", "lifetime"),
        [
            ("relative_ms", 3_600_000, 3600),
            ("absolute_s", NOW + 60, 60),
            ("absolute_ms", (NOW + 60) * 1000, 60),
            ("iso8601", "2023-11-14T22:14:20Z", 60),
            ("iso8601", "2023-11-14T23:14:20+01:00", 60),
            ("iso8601", 60, 60),
            ("absolute_s", "2023-11-14T22:14:20", 60),
        ],
    )
    def test_kinds(self, kind, value, lifetime):
        assert (
            parse({"access_token": "A", "expires_in": value}, rules=TokenAnswer(expires_kind=kind)).expires_at
            == NOW + lifetime
        )

    def test_no_lifetime_at_all(self):
        assert "expires_at" not in parse(GOOD, rules=TokenAnswer(expires_kind="none"))

    def test_a_default_lifetime(self):
        rules = TokenAnswer(default_expires_in=7200)
        assert parse({"access_token": "A"}, rules=rules).expires_at == NOW + 7200
        assert parse({"access_token": "A", "expires_in": 60}, rules=rules).expires_at == NOW + 60
        assert parse({"access_token": "A", "expires_in": -1}, rules=rules).expires_at is None

    @pytest.mark.parametrize("name", ["expires_at", "expires_on", "expires"])
    def test_other_fields(self, name):
        value = 60 if name == "expires" else NOW + 60
        assert parse({"access_token": "A", name: value}).expires_at == NOW + 60
        assert name == "expires" or parse({"access_token": "A", name: "2023-11-14T22:14:20Z"}).expires_at == NOW + 60

    @pytest.mark.parametrize("name", ["refresh_expires_in", "refresh_token_expires_in"])
    def test_EC07_the_refresh_token_expires_too(self, name):
        token = parse({"access_token": "A", "expires_in": 300, "refresh_token": "R", name: 1800})
        assert token["refresh_expires_at"] == NOW + 1800


class TestRenewal:
    """What a renewed token inherits."""

    old = OAuth2Token(
        access_token="A",
        refresh_token="R1",
        expires_at=1000,
        scope="a b",
        id_token="ID1",
        api_domain="x",
        missing_scopes=["c"],
    )

    def test_EC01_the_old_expiry_is_gone(self):
        token = parse({"access_token": "B", "expires_in": 3600}, previous=self.old)
        assert token.expires_at == NOW + 3600
        assert "expires_at" not in parse({"access_token": "B"}, previous=self.old)

    @pytest.mark.parametrize(
        "fields", [{}, {"refresh_token": ""}, {"refresh_token": None}], ids=["RK01", "RK02-empty", "RK02-null"]
    )
    def test_an_absent_refresh_token_keeps_the_old_one(self, fields):
        assert parse({"access_token": "B", **fields}, previous=self.old).refresh_token == "R1"

    @pytest.mark.parametrize("given", [True, 1.5, ["R2"], {"R": 2}, "R2\n", "R2\ud800"])
    def test_what_is_no_refresh_token_costs_no_access_token(self, given):
        """What was exchanged is spent: the rest of the answer has to count."""
        for fields in ({"refresh_token": given}, {"id_token": given}):
            token = parse({"access_token": "B", **fields}, previous=self.old)
            assert (token.access_token, token.refresh_token, token.id_token) == ("B", "R1", "ID1")
            first = parse({**GOOD, **fields})
            assert (first.refresh_token, first.id_token) == (None, None)
            assert not fields.keys() & first.keys()

    def test_a_refresh_token_that_is_a_number(self):
        token = parse({"access_token": "B", "refresh_token": 1001}, previous=self.old)
        assert (token.refresh_token, token["refresh_token"]) == ("1001", "1001")

    def test_RK03_a_new_refresh_token_replaces_it(self):
        assert parse({"access_token": "B", "refresh_token": "R2"}, previous=self.old).refresh_token == "R2"

    def test_RK04_the_scope_stays(self):
        assert parse({"access_token": "B"}, previous=self.old).scopes == ("a", "b")

    def test_RK05_extras_stay_and_the_last_id_token(self):
        token = parse({"access_token": "B"}, previous=self.old)
        assert (token["api_domain"], token.id_token) == ("x", "ID1")
        assert "missing_scopes" not in token

    def test_RK06_the_new_token_is_the_new_one(self):
        token = parse(
            {"access_token": "new", "refresh_token": "r2", "expires_in": 3600},
            previous=OAuth2Token(access_token="old", refresh_token="r1", expires_at=1),
        )
        assert (token.access_token, token.refresh_token) == ("new", "r2")

    def test_the_refresh_tokens_own_expiry_stays_with_it(self):
        old = OAuth2Token(self.old | {"refresh_expires_at": NOW + 9})
        assert parse({"access_token": "B"}, previous=old)["refresh_expires_at"] == NOW + 9
        assert "refresh_expires_at" not in parse({"access_token": "B", "refresh_token": "R2"}, previous=old)
        both = parse({"access_token": "B", "refresh_token": "R2", "refresh_expires_in": 5}, previous=old)
        assert both.refresh_expires_at == NOW + 5

    @pytest.mark.parametrize("scope", ["", [], [""], None])
    def test_RK04_an_empty_scope_says_nothing(self, scope):
        token = parse({"access_token": "B", "scope": scope}, previous=self.old, scopes=["a", "z"])
        assert (token.scopes, token.missing_scopes) == (("a", "b"), ())

    def test_SC04_a_new_scope_replaces_the_old_one(self):
        for scope in ("c d", ["c", "d"]):
            assert parse({"access_token": "B", "scope": scope}, previous=self.old).scopes == ("c", "d")

    def test_RK05_the_old_type_and_lifetime_are_gone(self):
        old = OAuth2Token(self.old, token_type="N_A", expires_in=9)
        token = parse({"access_token": "B"}, previous=old)
        assert (token.token_type, "expires_in" in token) == ("Bearer", False)

    def test_RK07_a_first_token_borrows_nothing(self):
        assert "refresh_token" not in parse({**GOOD, "refresh_token": None})


class TestScopes:
    """Granted scopes as sets, whatever their form."""

    def test_SC02_less_than_asked_for_is_no_error(self):
        token = parse({**GOOD, "scope": "a"}, scopes=["a", "b"])
        assert (token.scopes, token.missing_scopes) == (("a",), ("b",))

    def test_SC03_commas_only_where_the_provider_says_so(self):
        assert parse({**GOOD, "scope": "repo,user:email"}).scopes == ("repo,user:email",)
        rules = TokenAnswer(scope_separator=",")
        token = parse({**GOOD, "scope": "repo,user:email"}, rules=rules, scopes=["user:email", "repo"])
        assert (token.scopes, token.missing_scopes) == (("repo", "user:email"), ())

    @pytest.mark.parametrize(
        ("given", "scopes"),
        [
            (["channel:moderate", "chat:read"], ("channel:moderate", "chat:read")),
            ([], ()),
            ([""], ()),
            ([None, "a"], ("a",)),
        ],
        ids=["SC04", "SC04-none", "SC04-empty", "SC04-null"],
    )
    def test_lists(self, given, scopes):
        assert parse({**GOOD, "scope": given}).scopes == scopes

    def test_SC07_offline_access_needs_no_echo(self):
        assert (
            parse(
                {**GOOD, "scope": "files.read", "refresh_token": "R"}, scopes=["offline_access", "files.read"]
            ).missing_scopes
            == ()
        )

    def test_an_answer_without_scope_says_nothing(self):
        assert parse(GOOD, scopes=["a"]).missing_scopes == ()
