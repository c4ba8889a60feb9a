import pytest

from oauthreg.claims import CASTS, FILTERS, ClaimsSyntaxError, parse_claims

DOCUMENTS = ("userinfo", "token", "emails")
ADA = {
    "userinfo": {
        "id": 9007199254740993,
        "big": 18446744073709551615,
        "float": 1.5e18,
        "login": "ada",
        "null": None,
        "empty": "",
        "blank": "  ",
        "no": False,
        "yes": True,
        "names": ["Ada", False],
        "false": "false",
        "zero": 0,
        "first": "Ada",
        "last": "Example",
        "sex": 1,
        "avatar": "a1",
        "url": "HTTP://img.x.example/a.png",
        "bare": "//img.x.example/a.png",
        "urn": "urn:person:7",
        "html": "a?b&amp;c",
        "encoded": "Ada+%C3%A9%20x",
        "born": "10.12.1990",
        "iso": "1990-12-10T01:02:03Z",
        "groups": ["Staff", "", None, "Admin"],
        "items": [{"name": "One"}, {"name": None}, {"name": "Two"}],
        "object": {"a": 1, "b": [None, 2.5, float("nan")], "c": 10**400},
    },
    "token": {"user_id": 7, "email": "token@x.example"},
}


def render(table, documents=ADA):
    return parse_claims(table, documents=DOCUMENTS).render(documents)


def claim(source, documents=ADA):
    """What a claim without a standard type gives; `None` if it is left out."""
    return render({"x": source}, documents).get("x")


def test_claims_come_in_the_order_of_the_table_and_absent_ones_are_left_out():
    template = parse_claims({"name": "first", "sub": "id", "email": "null", "x": "token:user_id"}, documents=DOCUMENTS)
    assert template.names == ("name", "sub", "email", "x")
    assert template.documents == {"userinfo", "token"}
    assert list(template.render(ADA).items()) == [("name", "Ada"), ("sub", "9007199254740993"), ("x", 7)]


def test_every_kind_of_source_tells_which_documents_it_reads():
    table = {"x": [{"format": "{token:a}", "if": "emails:.", "else": {"path": "userinfo:b"}}]}
    assert parse_claims(table, documents=DOCUMENTS).documents == {"token", "emails", "userinfo"}
    assert parse_claims({"x": {"value": 1}}, documents=DOCUMENTS).documents == frozenset()


def test_documents_that_were_not_fetched_are_absent():
    assert render({"sub": ["emails:id", "token:user_id", "id"]}, {}) == {}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("id", 9007199254740993),
        (["null", "empty", "login"], "ada"),
        (["none", {"value": "x"}], "x"),
        (["no", "login"], False),
        (["zero", "login"], 0),
        (["null", "empty"], None),
        ({"value": "x"}, "x"),
        ({"value": True}, True),
        ({"value": 7}, 7),
        ({"value": ["a", "b"]}, ["a", "b"]),
        ([{"format": "{none}"}, "login"], "ada"),
    ],
)
def test_the_first_source_that_is_there_counts(source, value):
    assert claim(source) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://x.example/{login}", "https://x.example/ada"),
        ("{id}/{big}", "9007199254740993/18446744073709551615"),
        ("{first} {none}", None),
        ("{first} {empty}", None),
        ("{float}", None),
        ("{groups}", None),
        ("{object}", None),
        ("{no}", "false"),
        ("{token:user_id}-{login}", "7-ada"),
        ("{{{login}}}", "{ada}"),
        ("{groups[0]}", "Staff"),
        ("{items[name=Two].name}", "Two"),
        ("{first?} {last?}", "Ada Example"),
        ("{none?} {last?}", "Example"),
        ("{first?} {none?}", "Ada"),
        ("{first?} {none?} {last?}", "Ada Example"),
        ("{none?} {empty?}", None),
        ("{first?} {none}", None),
        ("{first?}, {none?}", "Ada,"),
        ("{blank?}{login}", "ada"),
        (" {first} ", " Ada "),
    ],
)
def test_formats(text, value):
    assert claim({"format": text}) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"path": "login", "if": "avatar"}, "ada"),
        ({"path": "login", "if": "none"}, None),
        ({"path": "login", "if": "no"}, None),
        ({"path": "login", "if": "false"}, None),
        ({"path": "login", "if": "not no"}, "ada"),
        ({"path": "login", "if": "not avatar"}, None),
        ({"value": True, "if": "[login=ada]"}, True),
        ({"value": True, "if": "[login=bob]"}, None),
        ({"path": "login", "if": "no", "else": "first"}, "Ada"),
        ({"path": "login", "if": "no", "else": ["none", {"format": "{last}!"}]}, "Example!"),
        ({"path": "login", "if": "no", "else": {"value": "x", "if": "no", "else": "last"}}, "Example"),
        ({"path": "none", "if": "avatar", "else": "first"}, None),
        ([{"path": "none", "if": "avatar", "else": "first"}, "last"], "Example"),
    ],
)
def test_conditions(source, value):
    assert claim(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"path": "id", "as": "str"}, "9007199254740993"),
        ({"path": "float", "as": "str"}, None),
        ({"path": "first", "as": "lower"}, "ada"),
        ({"path": "false", "as": "bool"}, False),
        ({"path": "zero", "as": "bool"}, False),
        ({"path": "login", "as": "bool"}, None),
        ([{"path": "login", "as": "bool"}, "last"], "Example"),
        ({"path": "iso", "as": "timestamp"}, 660790923),
        ({"path": "iso", "as": "date"}, "1990-12-10"),
        ({"path": "born", "as": "date", "format_in": "%d.%m.%Y"}, "1990-12-10"),
        ({"path": "born", "as": "timestamp", "format_in": "%d.%m.%Y"}, 660787200),
        ({"path": "login", "as": "list"}, ["ada"]),
        ({"path": "groups", "as": "list"}, ["Staff", "", None, "Admin"]),
        ({"path": "login", "as": "int"}, None),
        ({"path": "urn", "strip_prefix": "urn:person:", "as": "int"}, 7),
        ({"path": "login", "strip_prefix": "urn:"}, "ada"),
        ({"path": "url", "https": True}, "https://img.x.example/a.png"),
        ({"path": "bare", "https": True}, "https://img.x.example/a.png"),
        ({"path": "login", "https": True}, "ada"),
        ({"path": "url", "https": False}, "HTTP://img.x.example/a.png"),
        ({"path": "html", "html_unescape": True}, "a?b&c"),
        ({"path": "encoded", "urldecode": True}, "Ada+é x"),
        ({"path": "first", "lower": True}, "ada"),
        ({"path": "sex", "map": {"1": "female", "2": "male"}}, "female"),
        ({"path": "no", "map": {"false": "n", "true": "y"}}, "n"),
        ({"path": "login", "map": {"ada": True}}, True),
        ({"path": "login", "map": {"ada": False}}, False),
        ({"path": "login", "map": {"bob": 1}}, None),
        ({"path": "object", "map": {"": 1}}, None),
        ({"path": "object", "lower": True}, None),
        ({"path": "groups", "join": ", "}, "Staff, Admin"),
        ({"path": "login", "join": ", "}, "ada"),
        ({"path": "items[].name", "lower": True, "join": "+"}, "one+two"),
        ({"path": "groups", "lower": True}, ["staff", "admin"]),
        ({"path": "groups", "map": {"Admin": "a"}, "as": "list"}, ["a"]),
        ({"path": "object", "join": ","}, None),
        ({"format": "{first} {last}", "lower": True}, "ada example"),
        ({"path": "none", "map": {"": 1}}, None),
    ],
)
def test_filters(source, value):
    result = claim(source)
    assert (result, type(result)) == (value, type(value))


def test_filters_work_in_one_order_whatever_the_order_of_the_table():
    source = {
        "join": "|",
        "as": "str",
        "map": {"https://x.example/&": 1},
        "https": True,
        "lower": True,
        "strip_prefix": "urn:",
        "urldecode": True,
        "html_unescape": True,
        "path": "x",
    }
    assert claim(source, {"userinfo": {"x": "urn:HTTP://x.example/%26"}}) == "1"
    assert list(FILTERS) == ["html_unescape", "urldecode", "strip_prefix", "lower", "https", "map", "as", "join"]


@pytest.mark.parametrize(
    ("name", "source", "value"),
    [
        ("sub", "id", "9007199254740993"),
        ("sub", "big", "18446744073709551615"),
        ("sub", "float", None),
        ("sub", {"path": "float", "as": "str"}, None),
        ("sub", "no", None),
        ("sub", "blank", None),
        ("sub", "groups", None),
        ("sub", ["object", "float", "token:user_id"], "7"),
        ("sub", {"path": "first", "as": "lower"}, "ada"),
        ("sub", {"value": 7}, "7"),
        ("name", ["no", "groups", "login"], "ada"),
        ("email_verified", "false", False),
        ("email_verified", "login", None),
        ("email_verified", ["login", "zero"], False),
        ("email_verified", {"path": "login", "map": {"ada": True}}, True),
        ("updated_at", "iso", 660790923),
        ("address", "login", {"formatted": "ada"}),
        ("address", "object", {"a": 1, "b": [None, 2.5, None], "c": None}),
        ("name", {"path": "groups", "join": " "}, "Staff Admin"),
        ("picture", {"path": "no", "if": "none", "else": "url"}, "HTTP://img.x.example/a.png"),
        ("sub", {"path": "no", "as": "str"}, None),
        ("sub", {"path": "yes", "as": "lower"}, None),
        ("sub", {"format": "acme:{no}"}, None),
        ("sub", [{"path": "no", "as": "str"}, "login"], "ada"),
        ("email", {"path": "no", "lower": True}, None),
        ("picture", {"path": "no", "https": True}, None),
        ("name", {"path": "names", "join": " "}, "Ada"),
        ("name", {"format": "{first} {no?}"}, "Ada"),
        ("name", {"path": "none", "if": "none", "else": {"path": "no", "strip_prefix": "urn:"}}, None),
        ("gender", {"path": "no", "map": {"false": "female", "true": "male"}}, "female"),
        ("gender", {"path": "no", "map": {"false": "Female"}, "as": "lower"}, "female"),
        ("address", {"path": "no", "as": "str"}, None),
        ("address", {"format": "{no?} {login}"}, {"formatted": "ada"}),
        ("email_verified", {"path": "no", "as": "str"}, False),
    ],
)
def test_standard_claims_have_their_type(name, source, value):
    result = render({name: source}).get(name)
    assert (result, type(result)) == (value, type(value))


def test_a_claim_shares_nothing_with_the_document():
    documents = {"userinfo": {"groups": [{"a": ["b"]}]}}
    groups = render({"groups": "groups"}, documents)["groups"]
    assert groups == documents["userinfo"]["groups"]
    groups[0]["a"].append("c")
    assert documents == {"userinfo": {"groups": [{"a": ["b"]}]}}


def nested(depth):
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("x" * 8192, True),
        ("x" * 8193, False),
        (["x"] * 999, True),
        (["x"] * 1000, False),
        (["x" * 8192] * 7, True),
        (["x" * 8000] * 9, False),
        ({"k" * 65_537: 1}, False),
        ({f"{n:04}" + "k" * 8000: 1 for n in range(9)}, False),
        (nested(12), True),
        (nested(13), False),
        ({"a": {"b": [{}]}}, True),
        ((1, 2), True),
        ({1: 2, None: 3}, True),
        (object(), False),
    ],
)
def test_values_beyond_the_bounds_are_absent(value, allowed):
    assert (claim("x", {"userinfo": {"x": value}}) is not None) is allowed


def test_a_text_within_a_value_is_bounded_as_well():
    assert claim("x", {"userinfo": {"x": ["y", "x" * 8193]}}) == ["y", None]


def test_a_value_that_contains_itself_is_absent():
    tangled = {}
    tangled["a"] = [tangled]
    assert render({"x": ".", "sub": "a[0].a[0].id"}, {"userinfo": tangled}) == {}


def test_text_made_of_parts_is_bounded_too():
    documents = {"userinfo": {"a": "x" * 5000, "list": ["x" * 100] * 100}}
    assert claim({"format": "{a}{a}"}, documents) is None
    assert claim({"format": "{a?}{a?}"}, documents) is None
    assert claim({"path": "list", "join": ""}, documents) is None
    assert len(claim({"format": "{a}"}, documents)) == 5000


def test_when_the_effort_is_spent_the_simple_claims_remain():
    tangled = {"id": 7}
    tangled["a"] = [tangled] * 1000
    table = {"x": "a[].a[].a[none=1].a", "y": {"path": "id", "if": "a[].none"}, "z": ".", "sub": "id"}
    assert render(table, {"userinfo": tangled}) == {"sub": "7"}


def problems(table, documents=DOCUMENTS):
    with pytest.raises(ClaimsSyntaxError) as caught:
        parse_claims(table, documents=documents)
    return caught.value.problems


@pytest.mark.parametrize(
    ("source", "key_path", "message", "hint"),
    [
        ("a..b", ("x",), "empty key: 'a..b'", "one `.`"),
        (["a", "b..c"], ("x", 1), "empty key", "one `.`"),
        ({"path": "a..b"}, ("x", "path"), "empty key", "one `.`"),
        ({"format": "{a}{b..c}"}, ("x", "format"), "empty key", "one `.`"),
        ({"format": "{a"}, ("x", "format"), "`{` without `}`", "brace"),
        ({"format": "abc"}, ("x", "format"), "without a placeholder", "value"),
        ({"format": "{a}" + "x" * 510}, ("x", "format"), "format of 513 characters", "512"),
        ({"format": 7}, ("x", "format"), "not a text: 7", "claim"),
        ({"path": ["a"]}, ("x", "path"), "not a text", "claim"),
        ({"path": "a", "if": "b c"}, ("x", "if"), "unexpected ` `", "quote"),
        ({"path": "a", "if": True}, ("x", "if"), "not a condition: True", "path"),
        ({"path": "a", "else": "b"}, ("x", "else"), "`else` without `if`", "list"),
        ({"path": "a", "if": "b", "else": {"path": "c", "as": "strr"}}, ("x", "else", "as"), "unknown cast", "`str`"),
        ({"path": "a", "if": "b", "else": ["c", "d..e"]}, ("x", "else", 1), "empty key", "one `.`"),
        ({"path": "a", "as": "number"}, ("x", "as"), "unknown cast: 'number'", "known: `str`"),
        ({"path": "a", "as": 7}, ("x", "as"), "unknown cast: 7", "known"),
        ({"path": "a", "strip_prefx": "u"}, ("x", "strip_prefx"), "unknown key in a claim", "`strip_prefix`"),
        ({"path": "a", "default": "u"}, ("x", "default"), "unknown key in a claim: 'default'", "known"),
        ({"path": "a", "format": "{b}"}, ("x",), "has `path`, `format`", "exactly one"),
        ({"as": "str"}, ("x",), "has none of", "exactly one"),
        ({}, ("x",), "has none of", "exactly one"),
        ([], ("x",), "empty list", "claim"),
        (["a"] * 17, ("x",), "17 alternatives", "16"),
        ([["a"]], ("x", 0), "not a claim: ['a']", "claim"),
        (7, ("x",), "not a claim: 7", "claim"),
        (None, ("x",), "not a claim: None", "claim"),
        ({"value": "a", "lower": True}, ("x", "lower"), "does nothing to a constant", "as it should be"),
        ({"value": ""}, ("x", "value"), "not a constant", "text"),
        ({"value": {"a": 1}}, ("x", "value"), "not a constant", "text"),
        ({"value": 1.5}, ("x", "value"), "not a constant: 1.5", "whole number"),
        ({"value": ["a", []]}, ("x", "value"), "not a constant", "list"),
        ({"path": "a", "lower": "yes"}, ("x", "lower"), "not a boolean: 'yes'", "true"),
        ({"path": "a", "https": 1}, ("x", "https"), "not a boolean: 1", "true"),
        ({"path": "a", "urldecode": None}, ("x", "urldecode"), "not a boolean", "true"),
        ({"path": "a", "html_unescape": []}, ("x", "html_unescape"), "not a boolean", "true"),
        ({"path": "a", "strip_prefix": ""}, ("x", "strip_prefix"), "not a text: ''", "prefix"),
        ({"path": "a", "strip_prefix": ["u"]}, ("x", "strip_prefix"), "not a text", "prefix"),
        ({"path": "a", "map": {}}, ("x", "map"), "not a table: {}", "map"),
        ({"path": "a", "map": "b"}, ("x", "map"), "not a table: 'b'", "map"),
        ({"path": "a", "map": {"1": []}}, ("x", "map"), "neither text, number nor boolean", "plain"),
        ({"path": "a", "join": True}, ("x", "join"), "not a text: True", "between"),
        ({"path": "a", "format_in": "%d.%m.%Y"}, ("x", "format_in"), "`format_in` without `as`", "`date`"),
        ({"path": "a", "as": "int", "format_in": "%d"}, ("x", "format_in"), "with the cast 'int'", "`timestamp`"),
        ({"path": "a", "as": "date", "format_in": 7}, ("x", "format_in"), "not a text: 7", "%d.%m.%Y"),
        ({"path": "a", "as": "date", "format_in": "%d"}, ("x", "format_in"), "without year", "%d.%m.%Y"),
        ("tokn:a", ("x",), "unknown document: 'tokn'", "did you mean `token`?"),
        ({"format": "{usrinfo:a}"}, ("x", "format"), "unknown document", "did you mean `userinfo`?"),
        ("https://x.example", ("x",), "unknown document: 'https'", "value"),
        ("{a}/b", ("x",), "unexpected `/`", "format"),
    ],
)
def test_a_faulty_claim_is_found_at_its_key(source, key_path, message, hint):
    (problem,) = problems({"x": source})
    assert problem.key_path == key_path
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "source", ["a[].b", {"path": "a[]"}, {"path": "a", "as": "list"}, {"format": "{b}", "as": "list"}]
)
def test_a_list_for_a_standard_claim_is_refused_because_it_would_never_be_there(source):
    (problem,) = problems({"email": source})
    assert problem.message == "a list cannot be the claim `email`"
    assert "`join`" in problem.hint
    assert problem.key_path == ("email",)
    parse_claims({"emails": source}, documents=DOCUMENTS)


def test_all_problems_of_a_table_are_found_at_once():
    found = problems(
        {
            "sub": ["a..b", {"path": "b", "as": "strr", "lower": "yes", "nope": 1, "if": "x y", "else": "z z"}],
            "name": {"format": "{a b} {c?d}"},
        }
    )
    assert [problem.key_path for problem in found] == [
        ("sub", 0),
        ("sub", 1, "nope"),
        ("sub", 1, "if"),
        ("sub", 1, "else"),
        ("sub", 1, "lower"),
        ("sub", 1, "as"),
        ("name", "format"),
        ("name", "format"),
    ]


def test_the_size_of_a_table_is_bounded():
    parse_claims({f"c{number}": "a" for number in range(256)}, documents=DOCUMENTS)
    (problem,) = problems({f"c{number}": "a" for number in range(257)})
    assert problem.key_path == ()
    assert problem.message == "257 claims"


def test_the_nesting_of_else_is_bounded():
    source = {"path": "a", "if": "b"}
    for _ in range(4):
        source = {"path": "a", "if": "b", "else": source}
    parse_claims({"x": source}, documents=DOCUMENTS)
    (problem,) = problems({"x": {"path": "a", "if": "b", "else": source}})
    assert problem.message == "too many `else` within each other"


@pytest.mark.parametrize("name", sorted(CASTS))
def test_every_cast_can_be_named(name):
    parse_claims({"x": {"path": "a", "as": name}}, documents=DOCUMENTS)
