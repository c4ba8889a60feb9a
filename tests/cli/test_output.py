import io
import json
import sys

import pytest

from oauthreg.cli.output import echo_body, echo_json, echo_table, note, render_columns, tolerate_any_text


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_columns_are_aligned_without_space_at_the_end():
    lines = ["a          long", "wide cell  x", "           y"]
    assert render_columns(("a", "long"), [("wide cell", "x"), ("", "y")]) == lines


def test_a_table_is_plain_off_a_terminal_and_drawn_on_one(capsys, monkeypatch):
    echo_table(("name",), [("[red]acme[/]",)])
    assert capsys.readouterr().out == "name\n[red]acme[/]\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    echo_table(("name",), [("[red]acme[/]",)])
    assert "─" in terminal.getvalue()
    assert "[red]acme[/]" in terminal.getvalue()


@pytest.fixture
def foreign(oauthreg, folder, monkeypatch):
    """Runs a command line whose stdout has another encoding, and gives what is written there."""
    path = folder / "providers" / "acme.toml"
    path.write_text(path.read_text().replace('"Acme"', '"Acmé … 日本 😀"'), "utf-8")

    def call(encoding, *arguments):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
        done = oauthreg(*arguments)
        assert (done.code, "Traceback" in done.err) == (0, False)
        return written.getvalue()

    return call


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "cp437", "ascii"])
class TestAnyEncoding:
    """What is a file or a document is the same everywhere; what a person reads is escaped where it must be."""

    @pytest.mark.parametrize("arguments", [("schema",), ("show", "acme", "--raw"), ("show", "acme")])
    def test_a_file_is_utf8(self, foreign, encoding, arguments):
        assert foreign(encoding, *arguments) == foreign("utf-8", *arguments)

    @pytest.mark.parametrize("arguments", [("list",), ("show", "acme"), ("show", "acme", "--raw"), ("demo", "acme")])
    def test_a_document_is_json_of_the_standard(self, foreign, encoding, arguments):
        told = foreign(encoding, *arguments, "--json").decode("utf-8")
        assert "Acmé … 日本 😀" in json.dumps(json.loads(told), ensure_ascii=False)

    @pytest.mark.parametrize("arguments", [("list",), ("demo", "acme")])
    def test_a_text_is_escaped_where_it_cannot_be_written(self, foreign, encoding, arguments):
        told = foreign(encoding, *arguments)
        # click writes UTF-8 where Python means ASCII, which is mostly a missing locale.
        written = told.decode("utf-8" if encoding == "ascii" else encoding)
        assert "Acm" in written
        assert "日本" in written or r"\u65e5\u672c" in written


def test_another_way_with_what_cannot_be_written_is_kept(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdout", stream)
    tolerate_any_text()
    assert stream.errors == "surrogateescape"


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("doctor",), ("schema",), ("show", "acme")])
def test_nothing_is_written_where_there_is_no_stdout(oauthreg, monkeypatch, arguments):
    monkeypatch.setattr(sys, "stdout", None)
    done = oauthreg(*arguments)
    assert (done.code, "Traceback" in done.err) == (0, False)


@pytest.mark.parametrize("arguments", [("schema",), ("show", "acme", "--raw"), ("show", "acme")])
def test_a_file_is_text_where_stdout_takes_no_octets(oauthreg, monkeypatch, arguments):
    told = oauthreg(*arguments).out
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert oauthreg(*arguments).code == 0
    assert sys.stdout.getvalue() == told


CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


class TestControls:
    """What a terminal would obey is shown to it instead."""

    @pytest.fixture(params=[io.StringIO, Terminal], ids=["plain", "terminal"])
    def written(self, request, monkeypatch):
        """Gives what is written by a call."""
        monkeypatch.setenv("NO_COLOR", "1")

        def call(echo, *arguments):
            monkeypatch.setattr(sys, "stdout", request.param())
            echo(*arguments)
            return sys.stdout.getvalue()

        return call

    def test_a_line_has_none(self, capsys):
        note(f"a{CONTROLS}b", "c")
        said = capsys.readouterr().err
        assert json.loads(f'"{said.splitlines()[0]}"') == f"a{CONTROLS}b"
        assert said.splitlines()[1:] == ["c"]
        assert not set(said) & {*CONTROLS} - {"\n"}

    def test_a_table_has_none(self, written):
        said = written(echo_table, ("name",), [("\x1b]0;evil\x07\x9b2J\nok",)])
        assert r"\u001b]0;evil\u0007\u009b2J\nok" in said
        assert "\x9b" not in said

    def test_a_document_has_none_and_says_the_same(self, written):
        said = written(echo_json, {CONTROLS: [CONTROLS]})
        assert json.loads(said) == {CONTROLS: [CONTROLS]}
        assert not set(said) & {*CONTROLS} - {"\n"}

    @pytest.mark.parametrize(
        ("is_terminal", "written"),
        [(False, b"a:\tb\r\n\x1b[2J\xc2\x9b\rc\n"), (True, b"a:      b\n\\u001b[2J\\u009b\\rc\n")],
    )
    def test_an_answer_has_none_on_a_terminal(self, monkeypatch, is_terminal, written):
        out = io.BytesIO()
        stream = io.TextIOWrapper(out, encoding="utf-8", newline="\n", write_through=True)
        stream.isatty = lambda: is_terminal
        monkeypatch.setattr(sys, "stdout", stream)
        echo_body(b"a:\tb\r\n\x1b[2J\xc2\x9b\rc\n", "utf-8")
        assert out.getvalue() == written


def test_data_and_notes_part_ways(capsys):
    echo_json({"ä": 1})
    note("by the way")
    captured = capsys.readouterr()
    assert (json.loads(captured.out), "ä" in captured.out, captured.err) == ({"ä": 1}, True, "by the way\n")
