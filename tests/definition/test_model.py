"""What models tell beyond their values."""

from datetime import date

import pytest

from oauthreg.definition.model import Lifecycle, When


def test_a_definition_has_a_name_that_is_not_in_its_text(define):
    definition = define().named("acme", "providers/acme.toml")
    assert (definition.name, definition.file) == ("acme", "providers/acme.toml")
    assert "name" not in definition.model_dump()
    assert define().named("other").file == "<string>"


def test_an_example_gives_its_documents(define):
    example = {"userinfo": {"id": 1}, "token": {"x": "y"}, "claims": {"sub": "1"}}
    (made,) = define(claims={"sub": "id"}, example=[example]).example
    assert made.documents == {"userinfo": {"id": 1}, "token": {"x": "y"}}
    assert made.claims == {"sub": "1"}


@pytest.mark.parametrize(
    ("lifecycle", "warning"),
    [
        ({}, ""),
        ({"retires": date(2028, 1, 1)}, ""),
        ({"retires": date(2027, 2, 1)}, "retires on 2027-02-01"),
        ({"retires": date(2026, 1, 1)}, "was to retire on 2026-01-01"),
        ({"retired": date(2026, 1, 1), "replaced_by": "acme2"}, "retired since 2026-01-01; use `acme2`"),
        ({"retired": date(2029, 1, 1)}, ""),
        ({"closed_to_new_apps": date(2026, 1, 1)}, "closed to new applications from 2026-01-01 on"),
        ({"closed_to_new_apps": date(2028, 1, 1)}, ""),
        ({"closed_to_new_apps": date(2026, 1, 1), "retires": date(2026, 12, 1)}, "retires on 2026-12-01"),
    ],
)
def test_an_end_is_announced_half_a_year_before(lifecycle, warning):
    assert Lifecycle(**lifecycle).render_warning(date(2026, 11, 25)) == warning


@pytest.mark.parametrize(
    "table",
    [
        {"path": "a", "present": True},
        {"path": "a", "equals": False},
        {"path": "a", "in": [1, "1"]},
        {"path": "a", "not_in": [0]},
        {"text_prefix": "Error"},
    ],
)
def test_a_test_on_an_answer_is_one_of_five(table):
    assert When.model_validate(table).named() == frozenset(table)
