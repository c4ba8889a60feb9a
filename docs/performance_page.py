"""How fast it is: tables and plots out of what `make bench` measured.

`performance.json` holds that, and every number about speed in the documents is made of it: the regions of
`performance.md`, README and ARCHITECTURE, and the plots. A benchmark of ``tests/bench`` notes in its ``extra_info`` to
which table it belongs (``row``), labels (``engine``, ``request`` …), medians in seconds and spreads (interquartile
range over median) by rival, and figures with their marks; a table here says what of them is shown, and how.
"""

import json
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import plots
from tables import fill, table

HERE = Path(__file__).parent
KEPT = HERE / "performance.json"
DOCUMENTS = (HERE / "performance.md", HERE.parent / "README.md", HERE.parent / "ARCHITECTURE.md")
LABELS = ("method", "bits", "engine", "request", "requests", "text", "case")
REQUESTS = ("R1", "R2", "R3", "R4", "R5", "R6")
ENGINES = ("native", "pure")
NOTHING = "-"

Row = Mapping[str, Any]


def seconds(value: float) -> str:
    """A time with three digits, in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(value) >= size * 0.9995:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value / 1e-9)} ns"


def times(value: float) -> str:
    """A ratio."""
    return f"{_digits(value)}x"


def rate(value: float) -> str:
    """So many a second."""
    for unit, size in ((" M", 1e6), (" k", 1e3)):
        if value >= size * 0.9995:
            return f"{_digits(value / size)}{unit}/s"
    return f"{_digits(value)}/s"


def octets(value: float) -> str:
    """A size of memory, in KiB."""
    return f"{value / 1024:,.0f} KiB"


def share(value: float) -> str:
    """A part of a whole."""
    return f"{value:.0%}"


def _digits(value: float) -> str:
    rounded = abs(float(f"{value:.3g}"))
    before = math.floor(math.log10(rounded)) + 1 if rounded else 1
    return f"{value:,.{max(0, 3 - before)}f}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a row with its mark: its heading, the keys of both in the row, and which side of the mark is good.

    A dotted key leads into a mapping.
    """

    heading: str
    key: str = "ratio"
    mark: str = "mark"
    write: Callable[[float], str] = times
    is_least: bool = False

    def verdict(self, row: Row) -> str:
        """``met``, or by how much it was missed; nothing where there is no mark."""
        value, mark = found(row, self.key), found(row, self.mark)
        if value is None or mark is None:
            return NOTHING
        beyond = mark / value if self.is_least else value / mark
        if beyond <= 1:
            return "met"
        return f"missed by a factor of {_digits(beyond)}" if beyond > 2 else f"missed by {abs(value / mark - 1):.1%}"

    def written_mark(self, mark: float) -> str:
        """The mark with its side."""
        return f"{'>=' if self.is_least else '<='} {self.write(mark)}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what it shows, its columns (a mapping of each row, and how its values are written), and its figures.

    ``by`` are the labels that the overview keeps apart.
    """

    title: str
    figures: tuple[Figure, ...] = ()
    columns: tuple[tuple[str, Callable[[float], str]], ...] = (("medians", seconds),)
    by: tuple[str, ...] = ("engine",)


FASTER = Figure("times the faster peer", is_least=True)
TABLES: Mapping[str, Table] = {
    "native": Table(
        "native signature",
        (
            FASTER,
            Figure("signers in turn", "ratio_in_turn", is_least=True),
            Figure("the floor", "most", ""),
            Figure("times the floor", "floor_multiple", "floor_mark"),
        ),
        by=("method",),
    ),
    "pure": Table("pure signature", (Figure("times Authlib", is_least=True),)),
    "sign_many": Table(
        "`sign_many`",
        (
            Figure("a second, one thread", "rates.1", "mark", rate, is_least=True),
            Figure("two threads", "scaling", "scaling_mark", is_least=True),
            Figure("two threads of the hash", "bare_scaling", ""),
        ),
        (("rates", rate),),
        by=("requests",),
    ),
    "RSA": Table(
        "RSA signature",
        (
            Figure("of bare `key.sign`"),
            Figure("two threads", "scaling", "scaling_mark", is_least=True),
            Figure("two threads of `key.sign`", "bare_scaling", ""),
        ),
        by=("bits", "engine"),
    ),
    "client, loop": Table(
        "event loop of a client",
        (Figure("longest pause, median of requests", "pause", "pause_mark", seconds),),
        (),
        by=("bits", "engine"),
    ),
    "client, unsigned": Table(
        "client, signed", (Figure("of unsigned requests a second", is_least=True),), by=("request",)
    ),
    "client, authlib": Table("client", (Figure("times Authlib's client", is_least=True),), by=("request",)),
    "verify": Table(
        "`verify`",
        (
            Figure("times signing"),
            Figure("by a `Verifier`", "ratio_of_verifier"),
            Figure("clients in turn", "ratio_in_turn"),
        ),
    ),
    "private_key_jwt": Table("`private_key_jwt`", (Figure("times bare `key.sign`"),), by=("method",)),
    "DPoP proof": Table("DPoP proof", (Figure("times bare `key.sign`"),), by=("case",)),
    "start-up": Table(
        "start-up",
        (
            Figure("processor time", "net", "mark", seconds),
            Figure("at the least", "least", "mark", seconds),
            Figure("of importing aiohttp and pydantic", "share", "share_mark"),
            Figure("which took", "anyway", "", seconds),
        ),
        (),
        by=("case",),
    ),
    "signing, memory": Table("memory after signatures", (Figure("growth", "grown", "grown_mark", octets),), ()),
    "client, memory": Table("memory after 10,000 clients", (Figure("growth", "grown", "grown_mark", octets),), ()),
    "cores": Table("threads and processes", (Figure("one thread", "rate", "", rate),), (("gains", times),)),
    "parameters": Table("parameters"),
    "body": Table("body"),
    "peak memory": Table("peak memory of a signature", (), (("peaks", octets),)),
}
"""``row`` of a benchmark -> its table. A benchmark with another row needs one here."""


def found(row: Row, key: str) -> Any:
    """What a key, dotted or not, leads to; ``None`` if it leads nowhere."""
    value: Any = row
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


# --- what is kept ---------------------------------------------------------------------------------------------------


def keep(measured: Path) -> None:
    """Prints the tables of pytest-benchmark's file, and keeps what they are made of if every table has its rows."""
    made = kept_of(json.loads(measured.read_text("utf-8")))
    unknown = {row["row"] for row in made["rows"]} - TABLES.keys()
    if unknown:
        sys.exit(f"no table for {', '.join(sorted(unknown))}: add one to TABLES, and give {measured} to this again")
    for name, shown in TABLES.items():
        if of(made, name):
            print(f"\n{shown.title}\n{_aligned(render(made, name))}")  # noqa: T201 - the tables are what is asked for
    print(f"\nmarks\n{_aligned(overview(made))}\n\n{_aligned(machine(made))}\n")  # noqa: T201 - as above
    missing = [name for name in TABLES if not of(made, name)]
    if missing:
        print(f"the documents stay as they are: nothing was measured of {', '.join(missing)}")  # noqa: T201 - as above
    else:
        KEPT.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")


def kept_of(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What of pytest-benchmark's file the tables are made of: no host, no revision, no single samples."""
    benches = [bench for bench in measured["benchmarks"] if "row" in bench["extra_info"]]
    cases = {bench["extra_info"].get("case"): bench["stats"] for bench in benches}
    rows = []
    for bench in benches:
        row, stats = dict(bench["extra_info"]), bench["stats"]
        if "less" in row:  # measured by pytest-benchmark itself, perhaps over what another one takes
            row |= {
                "net": stats["median"] - (cases[row["less"]]["median"] if row["less"] else 0.0),
                "least": stats["min"] - (cases[row["less"]]["min"] if row["less"] else 0.0),
                "spreads": {"": stats["iqr"] / stats["median"]},
            }
        rows.append(row)
    return _rounded({"machine": measured["machine_info"]["measured"], "rows": rows})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return {name: _rounded(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def kept() -> dict[str, Any]:
    """What was measured last."""
    return json.loads(KEPT.read_text("utf-8"))


def of(measured: Row, name: str, **labels: Any) -> list[Row]:
    """The rows of a table with these labels."""
    return [
        row
        for row in measured["rows"]
        if row["row"] == name and all(row.get(label) == value for label, value in labels.items())
    ]


# --- tables ---------------------------------------------------------------------------------------------------------


def render(measured: Row, name: str) -> str:
    """The table of a row's name."""
    shown, rows = TABLES[name], of(measured, name)
    if not rows:
        return "Not measured yet."
    labels = [label for label in LABELS if any(label in row for row in rows)]
    columns = [
        (key, column, write)
        for key, write in shown.columns
        for column in dict.fromkeys(column for row in rows for column in row[key])
    ]
    figures = [figure for figure in shown.figures if any(found(row, figure.key) is not None for row in rows)]
    headings = [*labels, *(column for _, column, _ in columns)]
    has_spread = any("spreads" in row for row in rows)
    headings += ["spread"] if has_spread else []
    for figure in figures:
        headings += [figure.heading, *(["mark", ""] if _is_marked(figure, rows) else [])]
    lines = []
    for row in rows:
        cells = [str(row.get(label, NOTHING)) for label in labels]
        cells += [write(row[key][column]) if column in row[key] else NOTHING for key, column, write in columns]
        cells += [share(max(row["spreads"].values()))] if has_spread else []
        for figure in figures:
            cells += list(_cells(figure, row, is_marked=_is_marked(figure, rows)))
        lines.append(cells)
    return table(headings, lines)


def _is_marked(figure: Figure, rows: Iterable[Row]) -> bool:
    return any(found(row, figure.mark) is not None for row in rows)


def _cells(figure: Figure, row: Row, *, is_marked: bool) -> Iterator[str]:
    value, mark = found(row, figure.key), found(row, figure.mark)
    yield NOTHING if value is None else figure.write(value)
    if is_marked:
        yield NOTHING if mark is None else figure.written_mark(mark)
        yield figure.verdict(row)


def overview(measured: Row) -> str:
    """Every mark in one line for each kind of thing."""
    lines = []
    for name, shown in TABLES.items():
        for figure in shown.figures:
            rows = [row for row in of(measured, name) if None not in (found(row, figure.key), found(row, figure.mark))]
            for group in dict.fromkeys(tuple(str(row.get(label, "")) for label in shown.by) for row in rows):
                those = [row for row in rows if tuple(str(row.get(label, "")) for label in shown.by) == group]
                lines.append([", ".join([shown.title, *filter(None, group)]), *_overviewed(figure, those, shown.by)])
    return table(("what", "figure", "mark", "measured", ""), lines)


def _overviewed(figure: Figure, rows: list[Row], by: tuple[str, ...]) -> Iterator[str]:
    values, marks = ([found(row, key) for row in rows] for key in (figure.key, figure.mark))
    yield figure.heading
    yield figure.written_mark(min(marks)) + ("" if len(set(marks)) == 1 else f" to {figure.write(max(marks))}")
    yield figure.write(min(values)) + ("" if len(rows) == 1 else f" to {figure.write(max(values))}")
    missed = [(row, verdict) for row in rows if (verdict := figure.verdict(row)) != "met"]
    if len(rows) == 1:
        yield figure.verdict(rows[0])
    elif not missed:
        yield f"met by all {len(rows)}"
    else:
        named = [f"{_named(row, by)} {verdict.removeprefix('missed ')}" for row, verdict in missed]
        yield f"met by {len(rows) - len(missed)} of {len(rows)}; missed: {', '.join(named)}"


def _named(row: Row, by: tuple[str, ...]) -> str:
    return " ".join(str(row[label]) for label in LABELS if label in row and label not in by)


Line: TypeAlias = tuple[str, str, str | Callable[[Row], float], Callable[[float], str], Mapping[str, Any]]
"""A heading, the name of a table, a figure (its key, or what makes it of a row), how it is written, and labels."""


def by_request(measured: Row, lines: Iterable[Line]) -> str:
    """Figures over the six requests."""
    written = []
    for heading, name, figure, write, labels in lines:
        rows = {row["request"]: row for row in of(measured, name, **labels)}
        make = partial(found, key=figure) if isinstance(figure, str) else figure
        written.append([heading, *(write(make(rows[request])) if request in rows else NOTHING for request in REQUESTS)])
    return table(("", *REQUESTS), written)


def _aligned(text: str) -> str:
    """A Markdown table with columns of one width, for terminals."""
    rows = [line[2:-2].split(" | ") for line in text.split("\n") if not line.startswith("|---")]
    if not text.startswith("|"):
        return text
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


# --- the regions ----------------------------------------------------------------------------------------------------


def machine(measured: Row) -> str:
    """What it was measured on, with what, when, and what ran beside."""
    known = measured["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    lines = [
        ("processor", f"{known['processor']}, {known['processors']} of it"),
        ("system", f"{known['system']}, {known['kernel']}"),
        ("Python", known["python"]),
        ("packages", packages),
        ("native engine", f"built with `OAUTHREG_BUILD={known['build']}`"),
        ("measured", f"{known['date']}, in {known['minutes']:.1f} minutes"),
        ("other work meanwhile", f"{known['others']:.0%} of the processors' time"),
    ]
    return table(("", ""), lines)


def signing(measured: Row) -> str:
    """A signature over the six requests, as ratios, for those who build it."""
    labels = {"method": "HMAC-SHA1"}
    return by_request(
        measured,
        [
            ("native, time", "native", "medians.native", seconds, labels),
            ("native, times the faster peer", "native", "ratio", times, labels),
            ("native, times the hard floor", "native", "floor_multiple", times, labels),
            ("pure, time", "native", "medians.pure", seconds, labels),
            ("pure, times Authlib", "pure", "ratio", times, {}),
            ("`verify`, native, times signing", "verify", "ratio", times, {"engine": "native"}),
        ],
    )


def headline(measured: Row) -> str:
    """What a user wants to know first."""
    labels = {"method": "HMAC-SHA1"}
    rivals = (("native engine", "native"), ("pure engine", "pure"), ("Authlib", "authlib"), ("oauthlib", "oauthlib"))
    times_faster = [
        (f"{rival}, times the faster of both", "native", partial(_times_faster, rival=rival), times, labels)
        for rival in ENGINES
    ]
    lines = by_request(
        measured,
        [(heading, "native", f"medians.{rival}", seconds, labels) for heading, rival in rivals] + times_faster,
    )
    (get,) = of(measured, "client, unsigned", request="GET")
    (peer,) = of(measured, "client, authlib", request="GET")
    (facade,) = of(measured, "start-up", case="import oauthreg")
    text = (
        f"A client on aiohttp sends {times(get['ratio'])} as many signed requests as unsigned ones in the same time, "
        f"{times(peer['ratio'])} as many as Authlib's own asynchronous client. `import oauthreg` takes "
        f"{seconds(facade['net'])} over bare Python."
    )
    return f"{lines}\n\n{_wrapped(text)}"


def rsa(measured: Row) -> str:
    """The native engine's RSA signature, in a sentence."""
    parts = []
    for bits in (2048, 4096):
        rows = of(measured, "RSA", engine="native", bits=bits)
        ratios, gains = [row["ratio"] for row in rows], [row["scaling"] for row in rows]
        parts.append(f"{_span(ratios)} of bare `key.sign` at {bits} bits (two threads: {_span(gains)} of one)")
    return _wrapped(f"A whole `Signer.authorization` with RSA takes {', and '.join(parts)}.")


def _times_faster(row: Row, *, rival: str) -> float:
    return min(row["medians"][peer] for peer in ("authlib", "oauthlib")) / row["medians"][rival]


def _span(values: list[float]) -> str:
    least, most = times(min(values)), times(max(values))
    return least if least == most else f"{least} to {most}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


REGIONS: Mapping[str, Callable[[Row], str]] = {
    "machine": machine,
    "marks": overview,
    "headline": headline,
    "signing": signing,
    "rsa": rsa,
    **{f"table {name}": partial(render, name=name) for name in TABLES},
}
"""Name of a region -> what stands in it."""


# --- plots ----------------------------------------------------------------------------------------------------------


def plot_signatures(measured: Row) -> str:
    """A signature of each request, by engine and peer."""
    groups = {}
    for request in REQUESTS:
        (row,) = of(measured, "native", request=request, method="HMAC-SHA1")
        groups[request] = row["medians"]
    return plots.bars("One HMAC-SHA1 signature", "median time, logarithmic", groups, seconds)


def plot_clients(measured: Row) -> str:
    """Requests a second of a client."""
    groups = {}
    for request in ("GET", "POST"):
        (ours,), (peer,) = (of(measured, f"client, {name}", request=request) for name in ("unsigned", "authlib"))
        medians = ours["medians"] | {"authlib": peer["medians"]["authlib"]}
        groups[request] = {
            rival: 1 / medians[rival]
            for rival in ("unsigned", "constant header", "bare middleware", "native", "pure", "authlib")
        }
    title = "Requests a second of one client, 16 in flight, keep-alive on loopback"
    return plots.bars(title, "requests in a second of processor time", groups, rate, is_log=False)


def plot_cores(measured: Row) -> str:
    """What a second thread or process adds."""
    groups = {f"{row['method']}, {row['engine']}": dict(row["gains"]) for row in of(measured, "cores")}
    return plots.bars(
        "Threads and processes", "signatures a second, in times of one thread", groups, times, is_log=False
    )


def plot_parameters(measured: Row) -> str:
    """A signature over its number of parameters."""
    series = {engine: _by_size(row) for engine in ENGINES for row in of(measured, "parameters", engine=engine)}
    laws = {"n log n": lambda count: count * math.log2(count + 6)}  # six of its own
    names = (lambda count: f"{count:,.0f}", seconds)
    return plots.lines("A signature over its parameters", ("parameters", "median time"), series, names, laws)


def plot_bodies(measured: Row) -> str:
    """A signature over the size of a form and of a hashed body."""
    series = {
        f"{engine}, {kind}": _by_size(row)
        for text, kind in (("escaped", "form"), ("body hash", "body hash"))
        for engine in ENGINES
        for row in of(measured, "body", text=text, engine=engine)
    }
    names = (lambda size: f"{size / 1000:,.0f} KB", seconds)
    return plots.lines("A signature over the size of its body", ("body", "median time"), series, names, {"n": float})


def _by_size(row: Row) -> dict[float, float]:
    return {float(size): value for size, value in row["medians"].items()}


PLOTS: Mapping[str, Callable[[Row], str]] = {
    "signatures": plot_signatures,
    "clients": plot_clients,
    "cores": plot_cores,
    "parameters": plot_parameters,
    "bodies": plot_bodies,
}
"""``performance-<name>.svg`` -> what it shows."""


def pages() -> dict[Path, str]:
    """Path -> text, of the documents with their regions and of the plots."""
    measured = kept()
    regions = {name: partial(make, measured) for name, make in REGIONS.items()}
    documents = {path: fill(path.read_text("utf-8"), regions) for path in DOCUMENTS}
    return documents | {HERE / f"performance-{name}.svg": draw(measured) for name, draw in PLOTS.items()}
