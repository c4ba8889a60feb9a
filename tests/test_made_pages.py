"""What is made in the documents is what its sources give: providers' files, and what `make bench` measured.

``OAUTHREG_UPDATE_GOLDEN=1`` writes it anew.
"""

import importlib
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BENCH = ROOT / "tests/bench"


def load(name):
    """A module of ``docs/``, which is no package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module(name)


make_pages, performance_page, plots, tables = map(load, ("make_pages", "performance_page", "plots", "tables"))


@pytest.fixture(scope="module")
def pages():
    if os.environ.get("OAUTHREG_UPDATE_GOLDEN") == "1":
        make_pages.write()
    return make_pages.pages()


def test_what_is_made_stands_in_the_documents(pages):
    assert {path.name for path in pages} >= {"README.md", "ARCHITECTURE.md", "performance.md", "providers.md"}
    old = [path.name for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    assert old == [], "`make docs` writes them"


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "docs/performance.md"])
def test_a_number_that_was_typed_is_found(name):
    regions = {region: lambda: "1.00x" for region in performance_page.REGIONS}
    text = (ROOT / name).read_text("utf-8")
    filled = tables.fill(text, regions)
    assert tables.names(filled) == tables.names(text) != []
    assert tables.fill(filled.replace("1.00x", "1.01x"), regions) == filled


def test_a_region_that_nobody_makes_is_an_error():
    with pytest.raises(KeyError, match="unknown"):
        tables.fill("<!-- made by make bench: unknown -->\n<!-- end -->", {})


def test_the_page_shows_every_table_and_every_plot_once():
    page = (DOCS / "performance.md").read_text("utf-8")
    shown = [name.removeprefix("table ") for name in tables.names(page) if name.startswith("table ")]
    assert sorted(shown) == sorted(performance_page.TABLES)
    assert sorted(re.findall(r"\]\(performance-(\w+)\.svg\)", page)) == sorted(performance_page.PLOTS)


def test_every_benchmark_has_its_table():
    sources = "".join(path.read_text("utf-8") for path in BENCH.rglob("test_*.py"))
    rows = set(re.findall(r'\brow="([^"{]+)"', sources)) | {"client, unsigned", "client, authlib", "start-up"}
    assert rows <= performance_page.TABLES.keys()
    measured = {row["row"] for row in performance_page.kept()["rows"]}
    assert measured <= performance_page.TABLES.keys()


def test_what_is_kept_names_neither_host_nor_revision():
    kept = performance_page.kept()
    assert kept.keys() == {"machine", "rows"}
    assert not {"node", "commit", "branch", "host"} & kept["machine"].keys()
    assert "Authlib" in kept["machine"]["packages"]


class TestFigures:
    """Verdicts and how numbers are written."""

    @pytest.mark.parametrize(
        ("is_least", "value", "verdict"),
        [
            (True, 250, "met"),
            (True, 251, "met"),
            (True, 240, "missed by 4.0%"),
            (False, 250, "met"),
            (False, 249, "met"),
            (False, 260, "missed by 4.0%"),
            (False, 1000, "missed by a factor of 4.00"),
            (True, 50, "missed by a factor of 5.00"),
            (False, None, "-"),
        ],
    )
    def test_a_verdict(self, is_least, value, verdict):
        figure = performance_page.Figure("times", is_least=is_least)
        assert figure.verdict({"ratio": value, "mark": 250}) == verdict
        assert figure.verdict({"ratio": value, "mark": None}) == "-"
        assert figure.written_mark(250) == (">= 250x" if is_least else "<= 250x")

    @pytest.mark.parametrize(
        ("write", "value", "text"),
        [
            ("seconds", 0.85e-6, "850 ns"),
            ("seconds", 1.034e-6, "1.03 us"),
            ("seconds", 999.9e-9, "1.00 us"),
            ("seconds", 0.04256, "42.6 ms"),
            ("seconds", 2.5, "2.50 s"),
            ("seconds", -4.849e-3, "-4.85 ms"),
            ("times", 266.4, "266x"),
            ("times", 0.9659, "0.966x"),
            ("times", 1.976, "1.98x"),
            ("rate", 0.87e6, "870 k/s"),
            ("rate", 1.31e6, "1.31 M/s"),
            ("rate", 2565, "2.56 k/s"),
            ("octets", 0, "0 KiB"),
            ("octets", 2**20, "1,024 KiB"),
            ("share", 0.034, "3%"),
        ],
    )
    def test_how_a_value_is_written(self, write, value, text):
        assert getattr(performance_page, write)(value) == text

    def test_a_cell_may_hold_a_bar(self):
        assert tables.table(("a", "b"), [["x|y", "z"]]) == "| a | b |\n|---|---|\n| x\\|y | z |"


def measurement(*rows):
    """A file of pytest-benchmark, with these rows."""
    stats = {"median": 3.0, "min": 2.0, "iqr": 0.3}
    machine = dict.fromkeys(("processor", "processors", "system", "kernel", "python", "build", "date"), "")
    return {
        "machine_info": {"measured": machine | {"packages": {}, "others": 0.0, "minutes": 1.0}, "node": "a-host"},
        "commit_info": {"id": "a-revision"},
        "benchmarks": [{"extra_info": row, "stats": stats | row.pop("stats", {})} for row in rows],
    }


class TestKeeping:
    """What `make bench` does with what it measured."""

    @pytest.fixture
    def keep(self, tmp_path, monkeypatch):
        monkeypatch.setattr(performance_page, "KEPT", tmp_path / "kept.json")

        def run(*rows):
            path = tmp_path / "measured.json"
            path.write_text(json.dumps(measurement(*rows)))
            performance_page.keep(path)
            return json.loads((tmp_path / "kept.json").read_text()) if (tmp_path / "kept.json").exists() else None

        return run

    def test_a_part_is_printed_and_not_kept(self, keep, capsys):
        row = {"row": "verify", "engine": "native", "request": "R1", "medians": {"verify": 1.2345678e-6, "sign": 1e-6}}
        row |= {"spreads": {"verify": 0.02, "sign": 0.01}, "ratio": 1.2345678, "ratio_of_verifier": 1.1, "mark": 1.2}
        assert keep(row) is None
        printed = capsys.readouterr().out
        assert re.search(r"native +R1 +1\.23 us +1\.00 us +2% +1\.23x +<= 1\.20x +missed by 2\.9%", printed)
        assert "nothing was measured of native, pure" in printed

    def test_all_is_kept_rounded_and_without_what_is_nobodys_business(self, keep):
        rows = [
            {"row": name, "value": 1.2345678} | {key: {} for key, _ in shown.columns}
            for name, shown in performance_page.TABLES.items()
            if name != "start-up"
        ]
        base = {"row": "start-up", "case": "base", "less": "", "mark": None}
        over = {"row": "start-up", "case": "over", "less": "base", "mark": 1.0, "stats": {"median": 5.0, "min": 3.5}}
        kept = keep(*rows, base, over)
        assert kept["rows"][0] == {"row": "native", "value": 1.2346, "medians": {}}
        assert [(row["net"], row["least"]) for row in kept["rows"][-2:]] == [(3.0, 2.0), (2.0, 1.5)]
        assert "a-host" not in str(kept)
        assert "a-revision" not in str(kept)

    def test_a_row_without_a_table_says_what_to_do(self, keep):
        with pytest.raises(SystemExit, match="no table for new: add one to TABLES"):
            keep({"row": "new"})


class TestPlots:
    """SVG of our own."""

    @pytest.mark.parametrize("name", performance_page.PLOTS)
    def test_a_plot_is_readable_anywhere(self, name):
        text = (DOCS / f"performance-{name}.svg").read_text("utf-8")
        root = ET.fromstring(text)
        space = "{http://www.w3.org/2000/svg}"
        assert root.find(f"{space}title").text
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"href|url\(|<script|nan|inf\b", text)
        _, _, width, height = map(float, root.get("viewBox").split())
        texts = root.findall(f"{space}text")
        assert len(texts) > 8
        for element in texts:
            room = len(element.text) * 7.5 * {"start": 1, "middle": 0.5, "end": 0}[element.get("text-anchor")]
            assert 0 < float(element.get("x")) + room * (element.get("class") != "title") < width, element.text
            assert 0 < float(element.get("y")) < height
        for bar in root.findall(f"{space}rect"):
            assert float(bar.get("x")) + float(bar.get("width")) <= width

    def test_a_bar_is_as_long_as_its_value(self):
        text = plots.bars("t", "a", {"g": {"one": 1.0, "two": 2.0}}, str, is_log=False)
        one, two = (float(width) for width in re.findall(r'width="([\d.]+)" height="13"', text))
        assert two == pytest.approx(2 * one, rel=1e-3)
        logarithmic = plots.bars("t", "a", {"g": {"one": 1.0, "two": 10.0, "three": 100.0}}, str)
        _, ten, hundred = (float(width) for width in re.findall(r'width="([\d.]+)" height="13"', logarithmic))
        assert hundred == pytest.approx(2 * ten, rel=1e-3)

    def test_a_law_goes_through_the_last_point(self):
        text = plots.lines("t", ("x", "y"), {"s": {1.0: 5.0, 10.0: 20.0}}, (str, str), {"n": float})
        guide, line = re.findall(r' d="(M[\d. L-]+)"', text)[-2:]
        assert guide.split("L")[-1] == line.split("L")[-1]
