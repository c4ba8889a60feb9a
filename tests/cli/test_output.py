import io
import json
import sys

from oauthreg.cli.output import echo_json, echo_table, note, render_columns


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_columns_are_aligned_without_space_at_the_end():
    assert (
        render_columns(("a", "long"), [("wide cell", "x"), ("", "y")]) == "a          long\nwide cell  x\n           y"
    )


def test_a_table_is_plain_off_a_terminal_and_drawn_on_one(capsys, monkeypatch):
    echo_table(("name",), [("[red]acme[/]",)])
    assert capsys.readouterr().out == "name\n[red]acme[/]\n"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    echo_table(("name",), [("[red]acme[/]",)])
    assert "─" in terminal.getvalue()
    assert "[red]acme[/]" in terminal.getvalue()


def test_data_and_notes_part_ways(capsys):
    echo_json({"ä": 1})
    note("by the way")
    captured = capsys.readouterr()
    assert (json.loads(captured.out), "ä" in captured.out, captured.err) == ({"ä": 1}, True, "by the way\n")
