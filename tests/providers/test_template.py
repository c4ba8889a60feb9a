"""The template of ``providers/CONTRIBUTING.md``: copied as it is, it passes every check."""

import tomllib
from pathlib import Path

import jsonschema

from oauthreg.cli.app import run
from oauthreg.definition.json_schema import SCHEMA_FILE, build_json_schema

PROVIDERS = Path(__file__).parents[2] / "providers"
TEMPLATE = PROVIDERS / "template.txt"


def test_the_template_passes_the_check(tmp_path, capsys):
    copy = tmp_path / "acme.toml"
    copy.write_text(TEMPLATE.read_text("utf-8"), "utf-8")
    assert run(["check", str(copy)]) == 0
    assert capsys.readouterr().err == "1 definition checked, no problem\n"


def test_the_template_fits_the_schema_that_it_names():
    text = TEMPLATE.read_text("utf-8")
    first, data = text.splitlines()[0], tomllib.loads(text)
    assert (PROVIDERS / first.removeprefix("#:schema ")).resolve() == SCHEMA_FILE.resolve()
    data["meta"]["checked"] = data["meta"]["checked"].isoformat()
    jsonschema.Draft7Validator(build_json_schema()).validate(data)


def test_the_guide_has_ten_lines_that_name_what_is_there():
    lines = [line for line in (PROVIDERS / "CONTRIBUTING.md").read_text("utf-8").splitlines() if line]
    assert len(lines) <= 10
    assert "template.txt" in lines[1]
