"""Problems as a person reads them: place, line, caret, hint. The many kinds of mistakes stand in ``cases``."""

import pytest

from oauthreg.definition.diagnostics import (
    Finding,
    Problem,
    place,
    place_at,
    render_path,
    render_problem,
    render_problems,
)
from oauthreg.definition.spans import Span, Spans


def shown(text, finding):
    return render_problem(place(finding, "acme.toml", Spans(text)))


def test_a_problem_has_its_place_its_line_a_caret_and_a_hint():
    finding = Finding(("oauth1", "placment"), "unknown key: 'placment'", "did you mean `placement`?", at="key")
    assert shown('[oauth1]\nplacment = "query"\n', finding) == (
        "acme.toml:2:1: unknown key: 'placment'\n  placment = \"query\"\n  ^^^^^^^^\n  hint: did you mean `placement`?"
    )


def test_without_a_hint_there_is_no_hint():
    assert shown("a = 1", Finding(("a",), "wrong")) == "acme.toml:1:5: wrong\n  a = 1\n      ^"


def test_what_is_missing_is_shown_at_its_table():
    assert shown("[a]\nb = 1", Finding(("a", "c"), "missing", at="table")).splitlines()[:3] == [
        "acme.toml:1:2: missing",
        "  [a]",
        "   ^",
    ]


def test_an_empty_text_has_no_line_to_show():
    assert shown("", Finding(("a",), "missing", at="table")) == "acme.toml:1:1: missing"


def test_indentation_is_left_out_and_tabs_count_one():
    assert shown("[a]\n\t\tb\t= 7", Finding(("a", "b"), "wrong")) == "acme.toml:2:7: wrong\n  b = 7\n      ^"


def test_wide_letters_move_the_caret_and_combining_ones_do_not():
    assert shown('a = ["日本", 7]', Finding(("a", 1), "wrong")).splitlines()[2] == "  " + " " * 13 + "^"
    assert shown('a = ["e\u0301", 7]', Finding(("a", 1), "wrong")).splitlines()[2] == "  " + " " * 10 + "^"


def test_what_no_terminal_should_print_is_replaced():
    assert "\u202e" not in shown('a = "\u202etxt.exe"', Finding(("a",), "wrong"))
    assert "\ufffd" in shown('a = "\u202etxt.exe"', Finding(("a",), "wrong"))


@pytest.mark.parametrize("at", [0, 50, 99])
def test_a_long_line_is_cut_around_the_place(at):
    text = "a = [" + ", ".join(f"{number:05}" for number in range(10000, 10100)) + "]"
    _, line, carets = shown(text, Finding(("a", at), "wrong")).splitlines()
    assert len(line) <= 124
    assert line[carets.index("^") : carets.rindex("^") + 1] == str(10000 + at)


@pytest.mark.parametrize("name", ["client_secret", "consumer_secret", "private_key", "passphrase", "password"])
@pytest.mark.parametrize("form", ['{} = "hunter2"', "api = {{ x = 1, {} = 'hunter2' }}", '"{}" = "hunter2"'])
def test_a_line_with_a_secret_is_shown_without_it(name, form):
    text = form.format(name)
    for path in (("api",), (name,), ("api", name), ("api", "x")):
        assert "hunter2" not in shown(text, Finding(path, "wrong"))
        assert "^" in shown(text, Finding(path, "wrong"))


SPELLINGS = [
    "CLIENT_SECRET",
    "clientSecret",
    "client-secret",
    "client_secert",
    "secret",
    "acme_app_secret",
    "passwd",
    "X-Api-Key",
    "authorization",
    "authorisation",
    "authorization_header",
    "Proxy-Authorization",
]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize(
    "form", ['{} = "hunter2"', "x = {{ y = 1, {} = 'hunter2' }}", '[{}]\ny = "hunter2"', "{}: hunter2"]
)
def test_a_secret_may_be_spelt_in_any_way(name, form):
    text = form.format(name)
    spans = Spans(text)
    assert not any("hunter2" in render_problem(place_at(Span(line, 1), "", spans, "wrong")) for line in (1, 2))


@pytest.mark.parametrize(
    "text",
    [
        'private_key = """\n-----BEGIN\nhunter2\n"""',
        "client_secret = [\n  1,\n'hunter2', {},\n]",
        "client_secret = {\n  a = 1,\nb = 'hunter2',\n}",
        "client_secret = [\n}, 'hunter2'",
        "[variables.client_secret]\ndefault = 1\ndefault = 'hunter2'\ndefault = 3",
        "a = [1,\nclient_secret = 'hunter2'\n",
    ],
)
def test_a_secret_may_have_several_lines(text):
    spans = Spans(text)
    problems = [place_at(Span(line, 1), "", spans, "wrong") for line in range(1, text.count("\n") + 2)]
    assert "hunter2" not in render_problems(problems)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "{client_id}"',
        'x-api-key = "{client_id}:{key}"',
        'Authorization = "Bearer {token:access_token} {foo}"',
        'token = "x"',
        'oauth_token_secret = "x"',
        'authorization_endpoint = "http://acme.example/"',
        'AuthorizationCode = "invalid_grant"',
    ],
)
def test_what_only_names_a_value_is_shown(line):
    assert shown(line, Finding((line.partition(" ")[0],), "wrong")).splitlines()[1] == f"  {line}"


def test_many_names_on_a_line_are_looked_at_once():
    text = "x = {" + ", ".join(f"k{number} = 1" for number in range(20000)) + "}"
    spans = Spans(text)
    problems = [place(Finding(("x", f"k{number}"), "wrong"), "", spans) for number in range(5000)]
    assert len({problem.column for problem in problems}) == 5000


def test_a_value_may_be_kept_out_of_its_line():
    finding = Finding(("url",), "a URL with user information", mask=True)
    assert shown('url = "https://a:hunter2@b.example/"', finding) == (
        "acme.toml:1:7: a URL with user information\n  url = …\n        ^"
    )


def test_problems_are_rendered_in_the_given_order():
    problems = [Problem("a.toml", 1, 1, "", "first"), Problem("a.toml", 2, 1, "", "second")]
    assert render_problems(problems) == "a.toml:1:1: first\na.toml:2:1: second"


def test_a_path_reads_as_it_is_written():
    assert render_path(("identity", "request", 0, "url")) == "identity.request[0].url"
    assert render_path(()) == ""


def test_a_problem_compares_and_shows_no_source():
    problem = place(Finding(("a",), "wrong"), "a.toml", Spans("a = 1"))
    assert problem == place(Finding(("a",), "wrong"), "a.toml", Spans("a = 1"))
    assert (problem.file, problem.line, problem.column, problem.key, problem.message) == ("a.toml", 1, 5, "a", "wrong")
    assert "a = 1" not in repr(problem)
