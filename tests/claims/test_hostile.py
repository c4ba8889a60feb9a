"""Whatever a template says and whatever an answer holds: a typed error at load, and no error when rendering."""

import json
from datetime import UTC, date, datetime

from hypothesis import given, settings, strategies as st

from oauthreg.claims import (
    CASTS,
    FILTERS,
    STANDARD_CLAIMS,
    ClaimsSyntaxError,
    Profile,
    TemplateSyntaxError,
    parse_claims,
    parse_condition,
    parse_document_text,
    parse_path,
    parse_text_template,
)
from oauthreg.claims.casts import is_true
from oauthreg.claims.dates import DIRECTIVES, parse_date_pattern
from oauthreg.errors import MalformedResponseError

DOCUMENTS = ("userinfo", "token", "id_token", "callback", "form", "emails")
KEYS = ("a", "b", "0", "x y", "id", "")
DEADLINE = 2000  # milliseconds for one example, however hostile

odd_characters = st.sampled_from(["\ud800", "\0", "\u2028", "İ", "%", "&#0;", "&lt", "%FF", "2024-01-01", "1" * 400])
texts = st.one_of(st.text(max_size=12), odd_characters, st.sampled_from(["true", "false", "0", "http://x", "1e400"]))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([2**64, -(2**63), 10**300, 10**1000]))
moments = st.one_of(st.dates(), st.datetimes(), st.just(date.min), st.just(datetime.max.replace(tzinfo=UTC)))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, moments, st.binary(max_size=3), st.just(object()))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), scalars), inner, max_size=5),
    ),
    max_leaves=25,
)
documents = st.dictionaries(st.sampled_from(DOCUMENTS), values, max_size=6)


@st.composite
def tangled_documents(draw):
    """Documents whose parts contain each other, wide and without an end."""
    nodes = [{"id": number} for number in range(draw(st.integers(1, 4)))]
    for node in nodes:
        for key in KEYS:
            node[key] = draw(st.sampled_from([[draw(st.sampled_from(nodes))] * draw(st.integers(0, 1500)), *nodes, 7]))
    return dict.fromkeys(DOCUMENTS, nodes[0])


segments = st.sampled_from(
    ["a", "b", "0", "-1", "'x y'", '["id"]', "[0]", "[-1]", "[]", "*", "[a]", "[b=1]", "[a.b^=x]"]
)
keys_found = st.sampled_from(["{a}", "{token:a.b}", "x{b[0]}y", "{a[]}"])
prefixes = st.sampled_from(["", "", "", *(f"{name}:" for name in DOCUMENTS), "nobody:"])


@st.composite
def paths(draw):
    steps = draw(st.lists(st.one_of(segments, keys_found), min_size=1, max_size=8))
    dotted = steps[0] + "".join(step if step.startswith("[") else f".{step}" for step in steps[1:])
    return draw(prefixes) + draw(st.sampled_from([dotted, dotted, dotted, "."]))


any_text = st.one_of(st.text(max_size=30), st.text("ab.[]{}\"'*:=^?|\\ 0-", max_size=20))
path_texts = st.one_of(paths(), any_text)
formats = st.lists(
    st.one_of(paths().map(lambda path: f"{{{path}}}"), paths().map(lambda path: f"{{{path}?}}"), any_text)
)
arguments = {
    "if": st.one_of(path_texts, path_texts.map(lambda path: f"not {path}")),
    "as": st.sampled_from([*CASTS, "strr"]),
    "format_in": st.sampled_from(["%d.%m.%Y", "%Y%m%d", "%d"]),
    "map": st.dictionaries(texts, st.one_of(texts, st.integers(), st.booleans()), max_size=3),
    "strip_prefix": texts,
    "join": texts,
    "unknown": scalars,
    **dict.fromkeys(("https", "lower", "urldecode", "html_unescape"), st.booleans()),
}
sources = st.one_of(
    st.fixed_dictionaries({"path": path_texts}, optional=arguments),
    st.fixed_dictionaries({"format": formats.map("".join)}, optional=arguments),
    st.fixed_dictionaries({"value": st.one_of(texts, st.integers(), st.booleans())}, optional={"if": arguments["if"]}),
)
valid_paths = paths().filter(lambda path: not path.startswith("nobody"))
claims = st.recursive(
    st.one_of(valid_paths, path_texts, sources, scalars),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.fixed_dictionaries({"path": paths(), "if": paths(), "else": inner})
    ),
    max_leaves=6,
)
names = st.one_of(st.sampled_from([*STANDARD_CLAIMS]), st.text(max_size=5))
tables = st.dictionaries(names, claims, max_size=6)
valid_tables = st.dictionaries(
    names,
    st.one_of(
        valid_paths, st.fixed_dictionaries({"path": valid_paths, "join": texts}), st.lists(valid_paths, min_size=1)
    ),
    min_size=1,
    max_size=6,
)


def outcome(call, error_class):
    """What the call returns, or its error of this class; any other error fails the test."""
    try:
        return call()
    except error_class as error:
        return error


def rendered(table, answers):
    """Check what the template gives, or that its refusal says where the faults are."""
    template = outcome(lambda: parse_claims(table, documents=DOCUMENTS), ClaimsSyntaxError)
    if isinstance(template, ClaimsSyntaxError):
        assert template.problems
        assert all(is_located(table, problem.key_path) for problem in template.problems)
    else:
        assert template.documents <= set(DOCUMENTS)
        check(template, answers)


def is_located(table, key_path):
    value = table
    for key in key_path:
        value = value[key]
    return True


def check(template, answers):
    claims = template.render(answers)
    assert claims.keys() <= set(template.names)
    for name, value in claims.items():
        assert value is not None
        assert name not in STANDARD_CLAIMS or isinstance(value, STANDARD_CLAIMS[name])
        assert len(json.dumps(value)) < 20 * 65_536  # plain data, and no more of it than the bounds say
    profile = outcome(lambda: Profile.from_claims(claims, raw=answers), MalformedResponseError)
    if isinstance(profile, MalformedResponseError):
        assert profile.code == "missing-sub"
        assert "sub" not in claims
    else:
        assert profile.sub == claims["sub"] != ""
        assert repr(profile)


@settings(deadline=DEADLINE, max_examples=150)
@given(tables, documents)
def test_any_template_on_any_answer(table, answers):
    rendered(table, answers)


@settings(deadline=DEADLINE, max_examples=150)
@given(valid_tables, st.one_of(documents, tangled_documents()))
def test_valid_templates_on_any_answer(table, answers):
    rendered(table, answers)


@settings(deadline=DEADLINE, max_examples=100)
@given(st.lists(valid_paths, min_size=10, max_size=60), tangled_documents())
def test_many_claims_on_a_tangled_answer(found, answers):
    rendered({f"claim{number}": [path, path] for number, path in enumerate(found)}, answers)


@settings(max_examples=150)
@given(st.dictionaries(names, values, max_size=8))
def test_any_claims_make_a_profile_or_say_that_there_is_no_user(claims):
    profile = outcome(lambda: Profile.from_claims(claims), MalformedResponseError)
    if isinstance(profile, MalformedResponseError):
        assert profile.code == "missing-sub"
    else:
        assert isinstance(profile.sub, str)
        assert profile.sub.strip()


@settings(max_examples=150)
@given(path_texts, documents)
def test_any_text_is_a_path_or_refused(text, answers):
    path = outcome(lambda: parse_path(text, documents=DOCUMENTS), TemplateSyntaxError)
    condition = outcome(lambda: parse_condition(f"not {text}", documents=DOCUMENTS), TemplateSyntaxError)
    if isinstance(path, TemplateSyntaxError):
        assert len(path.problems) == 1
    else:
        assert condition.holds(answers) is not is_true(path.find(answers))


@settings(max_examples=150)
@given(formats.map("".join), documents)
def test_any_text_is_a_document_text_or_refused(text, answers):
    template = outcome(lambda: parse_document_text(text, documents=DOCUMENTS), TemplateSyntaxError)
    if isinstance(template, TemplateSyntaxError):
        assert template.problems
    else:
        assert isinstance(template.render(answers), str | None)


variables = st.sampled_from(["{a}", "{host}", "{token:x}", "{{", "}}", "://", "/", "?", "#"])


@given(st.lists(st.one_of(variables, any_text)).map("".join))
def test_any_text_is_a_text_template_or_refused(text):
    template = outcome(lambda: parse_text_template(text), TemplateSyntaxError)
    if isinstance(template, TemplateSyntaxError):
        assert template.problems
    else:
        values = dict.fromkeys(template.names, "x")
        assert parse_text_template(template.text) == template
        assert template.render(values) == template.fill(values).render({})


@given(st.lists(st.one_of(st.sampled_from([*DIRECTIVES]), st.text(max_size=3))).map("".join), st.one_of(texts, values))
def test_any_text_is_a_date_pattern_or_refused(text, value):
    pattern = outcome(lambda: parse_date_pattern(text), TemplateSyntaxError)
    if isinstance(pattern, TemplateSyntaxError):
        assert len(pattern.problems) == 1
    else:
        assert (pattern.as_date(value) is None) is (pattern.as_timestamp(value) is None)


date_parts = st.integers(0, 99).map(lambda number: f"{number:02}")


@given(st.tuples(date_parts, date_parts, date_parts, date_parts, date_parts))
def test_any_digits_are_a_date_or_absent(parts):
    day, month, century, year, zone = parts
    pattern = parse_date_pattern("%d.%m.%Y %z")
    found = pattern.as_date(f"{day}.{month}.{century}{year} +{zone}:00")
    try:
        real = date(int(century + year), int(month), int(day))
    except ValueError:
        assert found is None
    else:
        assert found == (real.isoformat() if int(zone) < 24 else None)


@given(values)
def test_no_cast_and_no_filter_raises(value):
    for cast in CASTS.values():
        cast(value)
    for name, argument in {"https": True, "lower": True, "urldecode": True, "html_unescape": True, "join": ","}.items():
        apply = FILTERS[name](argument)
        assert apply is not None
        apply(value)
