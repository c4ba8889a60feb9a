import pytest

from oauthreg.claims import (
    TemplateSyntaxError,
    Variable,
    encode_for_url,
    parse_document_text,
    parse_text_template,
    parse_url_template,
)
from oauthreg.errors import UsageError


@pytest.mark.parametrize(
    ("text", "values", "rendered"),
    [
        ("", {}, ""),
        ("plain", {}, "plain"),
        ("https://{host}/x", {"host": "h.example"}, "https://h.example/x"),
        ("{a}{b}{a}", {"a": "1", "b": "2"}, "121"),
        ("{{{a}}}", {"a": "1"}, "{1}"),
        ("{a}", {"a": "{b}"}, "{b}"),
        ("{token:x.y-z}", {"token:x.y-z": "1"}, "1"),
    ],
)
def test_render(text, values, rendered):
    template = parse_text_template(text)
    assert template.names == values.keys()
    assert template.render(values) == rendered


def test_a_missing_value_is_named():
    with pytest.raises(UsageError, match="no value for `a`, `b`") as caught:
        parse_text_template("{b}/{a}/{c}").render({"c": "1"})
    assert caught.value.code == "missing-variable"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("{base}/x", ["start"]),
        ("{base}/{x}", ["start", "path"]),
        ("{base}?x={y}", ["start", "query"]),
        ("https://{host}/{path}?{query}#{fragment}", ["authority", "path", "query", "fragment"]),
        ("https://{a}.x.example:{port}", ["authority", "authority"]),
        ("https://x.example?a={b}/{c}", ["query", "query"]),
        ("/a/{b}", ["path"]),
        ("{a}{b}", ["start", "path"]),
    ],
)
def test_a_variable_knows_its_position(text, positions):
    template = parse_text_template(text)
    assert [part.position for part in template.parts if isinstance(part, Variable)] == positions


def test_the_caller_encodes_by_position():
    template = parse_text_template("https://{a}/{a}?{a}")
    assert template.render({"a": "x"}, encode=lambda value, variable: f"{value}-{variable.position}") == (
        "https://x-authority/x-path?x-query"
    )


def test_fill_leaves_the_rest_for_later():
    template = parse_text_template("{base}/{{u}}/{token:id}").fill({"base": "https://x.example?"})
    assert template.names == {"token:id"}
    assert template.parts == ("https://x.example?/{u}/", Variable("token:id", "query"))
    assert template.text == "https://x.example?/{{u}}/{token:id}"
    assert parse_text_template(template.text) == template


def test_every_faulty_name_is_found():
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_text_template("https://{hots}/{a b}/{zzz}", names={"host", "port"})
    assert [(problem.message, problem.hint) for problem in caught.value.problems] == [
        ("unknown variable: 'hots'", "did you mean `host`?"),
        ("not a variable's name: 'a b'", "letters, digits, `_`, `-`, `.` and `:`"),
        ("unknown variable: 'zzz'", "known: `host`, `port`"),
    ]


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a", "a" * 8193])
def test_faulty_text_is_refused(text):
    with pytest.raises(TemplateSyntaxError):
        parse_text_template(text)


DOCUMENTS = {
    "token": {"id": 7, "url": "https://x.example/me?a=1", "odd": "a/b ?&#%é\ud800", "host": "x.example:8443"},
    "userinfo": {"up": "..", "dot": ".", "evil": "evil.example/", "empty": "", "list": [1]},
}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("https://x.example/{token:id}", "https://x.example/7"),
        ("{token:url}", "https://x.example/me?a=1"),
        ("{token:url}&id={token:id}", "https://x.example/me?a=1&id=7"),
        ("/{token:odd}", "/a%2Fb%20%3F%26%23%25%C3%A9%3F"),
        ("https://{token:host}/", "https://x.example:8443/"),
        ("https://{evil}", None),
        ("https://{token:odd}", None),
        ("/{up}", None),
        ("/{dot}", None),
        ("/{empty}", None),
        ("/{list}", None),
        ("/{none}", None),
        ("/{none}/{token:id}", None),
        ("plain", "plain"),
    ],
)
def test_document_text_is_complete_and_encoded_or_none(text, rendered):
    assert parse_document_text(text, documents=DOCUMENTS).render(DOCUMENTS) == rendered


def test_document_text_tells_what_it_reads():
    text = parse_document_text("{token:a}/{b}", documents=DOCUMENTS)
    assert text.names == {"token:a", "b"}
    assert text.documents == {"token", "userinfo"}


def test_every_faulty_path_in_a_document_text_is_found():
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_document_text("{tokn:a}/{b..c}", documents=DOCUMENTS)
    assert [problem.message for problem in caught.value.problems] == ["unknown document: 'tokn'", "empty key: 'b..c'"]


def test_tangled_documents_leave_a_document_text_without_value():
    tangled = {}
    tangled["a"] = [tangled] * 1000
    assert parse_document_text("/{a[].a[].a[none=1].x}", documents=["userinfo"]).render({"userinfo": tangled}) is None


def test_a_value_at_the_start_is_a_url_of_its_own():
    assert encode_for_url("https://x.example/", Variable("a", "start")) == "https://x.example/"


def test_a_url_template_tells_names_from_documents():
    template, paths = parse_url_template("https://{host}/{userinfo:a.b}/{{x}}/{token:c}?{d}", names={"host", "d"})
    assert template.text == "https://{host}/{document.0}/{{x}}/{document.1}?{d}"
    assert paths == {"document.0": "userinfo:a.b", "document.1": "token:c"}
