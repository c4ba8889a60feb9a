import pytest

from oauthreg.claims import TemplateSyntaxError, parse_condition, parse_path

DOCUMENTS = ("userinfo", "token", "emails")
ADA = {
    "id": 9007199254740993,
    "name": {"first": "Ada", "last": "", "parts": {}},
    "avatars": {"48x48": "small", "0": "zero"},
    "emails": [
        {"value": "old@x.example", "primary": False, "urn": "urn:old:1", "meta": {"use": "home"}, "tags": ["a", "b"]},
        {"value": "ada@x.example", "primary": "true", "urn": "urn:new:2", "meta": {"use": "work"}, "tags": ["c"]},
        {"value": None, "primary": True, "urn": 3},
    ],
    "contact": {"value": "one@x.example", "primary": True},
    "handle": "ada",
    "localized": {"de": None, "nl": "Ada N.", "nl_NL": "Ada NL"},
    "locale": {"language": "nl", "country": "NL"},
    "https://x.example/team.id": "T1",
    "a'b\"c": "both quotes",
    "x:y": "colon",
    "handle~": {"@ref": "r", "#text": "t", "$t": "d", "given-name": "g"},
    "größe": 7,
    "matrix": [[1, 2], [3, None]],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", 9007199254740993),
        ("name.first", "Ada"),
        ("emails.0.value", "old@x.example"),
        ("emails.-1.urn", 3),
        ("avatars.48x48", "small"),
        ("avatars.0", "zero"),
        ('["https://x.example/team.id"]', "T1"),
        ("['https://x.example/team.id']", "T1"),
        ("'https://x.example/team.id'", "T1"),
        ('"https://x.example/team.id"', "T1"),
        ('["a\'b\\"c"]', "both quotes"),
        ("'a\\'b\"c'", "both quotes"),
        ('["x:y"]', "colon"),
        ("handle~.@ref", "r"),
        ("handle~.#text", "t"),
        ("handle~.$t", "d"),
        ("handle~.given-name", "g"),
        ("größe", 7),
        ("name['first']", "Ada"),
        ("name.'first'", "Ada"),
        ("matrix[0][1]", 2),
        ("matrix.1.0", 3),
    ],
)
def test_keys_and_indexes(path, value):
    found = parse_path(path).find_in(ADA)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("emails[0].value", "old@x.example"),
        ("emails[-2].value", "ada@x.example"),
        ("emails[primary].value", "ada@x.example"),
        ("emails[primary=true].value", "ada@x.example"),
        ("emails[ primary = true ].value", "ada@x.example"),
        ("emails[primary=false].value", "old@x.example"),
        ("emails[urn=3].primary", True),
        ("emails[urn^=urn:new].value", "ada@x.example"),
        ('emails["urn"=urn:old:1].value', "old@x.example"),
        ("emails[urn='urn:old:1'].value", "old@x.example"),
        ("emails[meta.use=work].value", "ada@x.example"),
        ("emails[meta.'use'^=ho].value", "old@x.example"),
        ("emails[primary=maybe].value", None),
    ],
)
def test_selectors_take_the_first_item_that_fits(path, value):
    assert parse_path(path).find_in(ADA) == value


@pytest.mark.parametrize("selector", ["[0]", "[-1]", "[primary]", "[primary=true]", "[value^=one]", "[value]", ""])
def test_a_selector_on_an_object_behaves_as_on_a_list_of_one(selector):
    assert parse_path(f"contact{selector}.value").find_in(ADA) == "one@x.example"


@pytest.mark.parametrize(("path", "value"), [("handle[0]", "ada"), ("handle[]", ["ada"]), ("handle[1]", None)])
def test_a_selector_on_a_scalar_behaves_as_on_a_list_of_one(path, value):
    assert parse_path(path).find_in(ADA) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("emails[].value", ["old@x.example", "ada@x.example"]),
        ("contact[].value", ["one@x.example"]),
        ("emails[].tags[]", ["a", "b", "c"]),
        ("emails[].tags[0]", ["a", "c"]),
        ("emails[].tags", [["a", "b"], ["c"]]),
        ("matrix[]", [[1, 2], [3, None]]),
        ("matrix[][]", [1, 2, 3]),
        ("emails[].none", None),
    ],
)
def test_a_projection_gives_a_list_of_what_is_there(path, value):
    assert parse_path(path).find_in(ADA) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("localized.*", "Ada N."),
        ("emails.*.value", "old@x.example"),
        ("handle.*", "ada"),
        ("localized.{locale.language}", "Ada N."),
        ("localized.{locale.language}_{locale.country}", "Ada NL"),
        ("localized.{locale.none}", None),
        ("localized.x{locale.language}", None),
        ("localized.{userinfo:locale.language}", "Ada N."),
    ],
)
def test_keys_that_are_found_in_the_document(path, value):
    assert parse_path(path, documents=DOCUMENTS).find_in(ADA) == value


@pytest.mark.parametrize(
    "path",
    [
        "none",
        "name.last",
        "name.parts",
        "name.first.none",
        "name.first.0",
        "emails.value",
        "emails.9",
        "emails.-4",
        "emails[9]",
        "none[0]",
        "none[]",
        "none.*",
        "none[a=b]",
        "id.0",
    ],
)
def test_what_is_not_there_or_empty_is_none(path):
    assert parse_path(path).find_in(ADA) is None


def test_documents_are_named_with_a_prefix():
    documents = {"userinfo": {"id": 1}, "token": {"id": 2}, "emails": [{"primary": True, "value": "a@x.example"}]}
    found = [
        parse_path(path, documents=DOCUMENTS).find(documents)
        for path in ("id", "userinfo:id", "token:id", "emails:[primary].value", "emails:.", "token:{userinfo:id}")
    ]
    assert found == [1, 1, 2, "a@x.example", [{"primary": True, "value": "a@x.example"}], None]


def test_a_path_tells_which_documents_it_reads():
    assert parse_path("id", documents=DOCUMENTS).documents == {"userinfo"}
    assert parse_path("token:a.{emails:b}", documents=DOCUMENTS).documents == {"token", "emails"}


def test_a_key_that_is_found_means_the_document_of_its_path():
    documents = {"userinfo": {"lang": "nl"}, "token": {"lang": "de", "names": {"nl": 1, "de": 2}}}
    assert parse_path("token:names.{lang}", documents=DOCUMENTS).find(documents) == 2
    assert parse_path("token:names.{userinfo:lang}", documents=DOCUMENTS).find(documents) == 1


def test_the_whole_document():
    assert parse_path(".").find_in("ada") == "ada"
    assert parse_path(".").find_in("") is None
    assert parse_path(".").find({}) is None


def test_a_path_of_one_document_may_take_its_name_from_the_caller():
    assert parse_path("a.b", document="answer").find({"answer": {"a": {"b": 1}}}) == 1


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("", "key is missing", "whole document"),
        ("a.", "key is missing", "whole document"),
        ("..", "empty key", "one `.`"),
        (".a", "empty key", "one `.`"),
        ("a..b", "empty key", "one `.`"),
        ("a.[0]", "unexpected `[`", "quote a key"),
        ("a[0]b", "unexpected `b`", "between `]`"),
        ("a b", "unexpected ` `", "quote a key"),
        ("a|b", "unexpected `|`", "alternatives are a list"),
        ("a?", "unexpected `?`", "quote a key"),
        ("a:b:c", "unknown document", 'a key with a colon is quoted: `["a:b:c"]`'),
        ("b.a:c", "unexpected `:`", "quote a key"),
        ("*a", "unexpected `a`", "quote a key"),
        ("{a}/b", "unexpected `/`", "format"),
        ("{a} {b}", "unexpected ` `", "format"),
        ("https://x.example/{a}", "unknown document", "format"),
        ("a[0", "`[` without `]`", "quote"),
        ("a['0]", "quote is not closed", "'"),
        ("a]", "unexpected `]`", "quote"),
        ('[""]', "without a key", "quote"),
        ("''", "empty key", "quote"),
        ("a[=b]", "without a key", "quote"),
        ("a[b.=c]", "without a key", "quote"),
        ("a[b=]", "unreadable selector", "[key=value]"),
        ("a[b='']", "unreadable selector", "[key=value]"),
        ("a[b!=c]", "unreadable selector", "[key=value]"),
        ("a[b~=c]", "unreadable selector", "[key=value]"),
        ("a[b$=c]", "unreadable selector", "[key=value]"),
        ("a[b*=c]", "unreadable selector", "[key=value]"),
        ("a[b==c", "`[` without `]`", "quote"),
        ("a[0:2]", "unreadable selector", "[key=value]"),
        ("a.{b", "`{` without `}`", "literal brace"),
        ("a.}", "unexpected `}`", "quote"),
        ("a.{}", "empty placeholder", "literal brace"),
        ("a.{b?}", "unexpected `?`", "quote"),
        ("a.{b.{c}}", "within a path", "one level"),
        ("tokn:a", "unknown document: 'tokn'", "did you mean `token`?"),
        ("zzzz:a", "unknown document: 'zzzz'", "known: `emails`, `token`, `userinfo`"),
        (".".join("abcdefghijklm"), "path of 13 steps", "12"),
        ("a.{b.c.d.e.f}.g[h.i.j.k=l].m", "path of 13 steps", "12"),
        ("a" * 513, "path of 513 characters", "512"),
    ],
)
def test_a_faulty_path_is_refused_with_a_hint(path, message, hint):
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_path(path, documents=DOCUMENTS)
    (problem,) = caught.value.problems
    assert problem.key_path == ()
    assert message in problem.message
    assert hint in problem.hint


def test_the_bounds_themselves_are_allowed():
    assert parse_path(".".join("abcdefghijkl")).find_in({}) is None
    assert parse_path("a" * 512).find_in({"a" * 512: 1}) == 1


def test_a_prefix_where_there_is_one_document_only():
    with pytest.raises(TemplateSyntaxError, match="single document has a prefix: 'token:a'"):
        parse_path("token:a")


def test_a_path_without_prefix_where_userinfo_does_not_exist():
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_path("user_id", documents=("token", "callback"))
    assert caught.value.problems[0].message == "there is no document `userinfo` for the path: 'user_id'"
    assert caught.value.problems[0].hint == "name the document, as in `callback:user_id`"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (True, True),
        ("true", True),
        (1, True),
        ("x", True),
        ([0], True),
        ({"a": None}, True),
        (0.5, True),
        (False, False),
        ("false", False),
        ("False", False),
        (0, False),
        ("0", False),
        ("", False),
        ([], False),
        ({}, False),
        (None, False),
    ],
)
def test_a_condition_holds_for_what_is_there_and_not_false(value, holds):
    documents = {"userinfo": {"flag": value}}
    assert parse_condition("flag").holds(documents) is holds
    assert parse_condition("not flag").holds(documents) is not holds


def test_a_condition_may_read_any_document_and_select():
    documents = {"token": {"state": "registered"}, "userinfo": {"not": 1}}
    assert parse_condition("token:[state=registered]", documents=DOCUMENTS).holds(documents)
    assert parse_condition("not token:none", documents=DOCUMENTS).holds(documents)
    assert parse_condition("not").holds(documents)


def test_a_faulty_condition_is_refused():
    with pytest.raises(TemplateSyntaxError, match="unexpected ` `"):
        parse_condition("a and b")


@pytest.mark.parametrize("path", ["a[].b[].c[].d[].z", "a[].a[none=1].a", "a[].a[].a[].a[].a[].a", "a[].a[].none.*"])
def test_tangled_documents_cost_bounded_work(path):
    tangled = {}
    tangled["a"] = [tangled] * 1000
    tangled["b"] = tangled["c"] = tangled["d"] = tangled["a"]
    assert parse_path(path).find_in(tangled) is None


def test_a_projection_has_at_most_a_thousand_items():
    assert len(parse_path("[]").find_in([1] * 1000)) == 1000
    assert parse_path("[]").find_in([1] * 1001) is None


def test_selectors_look_at_long_lists():
    items = [{"n": number, "last": number == 49_999} for number in range(50_000)]
    assert parse_path("[last].n").find_in(items) == 49_999
