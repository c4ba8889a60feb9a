"""The template of ``providers/CONTRIBUTING.md``: copied as it is, it passes every check."""

import re
import tomllib
from pathlib import Path

import aiohttp
import jsonschema
import pytest

from oauthreg import Registry
from oauthreg.cli.app import run
from oauthreg.definition.json_schema import SCHEMA_FILE, build_json_schema
from oauthreg.simulator import Simulator

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


EXAMPLES = re.findall(r"```toml\n(schema = 1\n.*?)```", (PROVIDERS / "README.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.partition('protocol = "')[2].partition('"')[0])
async def test_the_examples_of_the_reference_log_in(tmp_path, capsys, text):
    path = tmp_path / "acme.toml"
    path.write_text(text, "utf-8")
    assert run(["check", str(path)]) == 0
    assert capsys.readouterr().err == "1 definition checked, no problem\n"
    definition = Registry(paths=[tmp_path], environ={}).definition("acme")
    async with Simulator(definition) as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))
        assert (await client.profile()).to_dict() == definition.example[0].claims


def test_there_are_two_examples():
    assert len(EXAMPLES) == 2


def test_the_guide_has_ten_lines_that_name_what_is_there():
    lines = [line for line in (PROVIDERS / "CONTRIBUTING.md").read_text("utf-8").splitlines() if line]
    assert len(lines) <= 10
    assert "template.txt" in lines[1]
