"""`emoscope explain`: shaded words on a terminal, JSON lines in a pipe, and a page."""

import json
import re

import pytest

from cli.processes import on_terminal, run
from emoscope.cli import main


def test_json_lines_in_a_pipe():
    result = run("explain", "i feel so happy today", "I'm angry 😀")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert [row["label"] for row in rows] == ["joy", "anger"]
    for row in rows:
        assert row["method"] == "loo"
        assert all(row["text"][word["start"] : word["end"]] == word["word"] for word in row["words"])
    assert max(rows[0]["words"], key=lambda word: word["weight"])["word"] == "happy"


def test_a_terminal_shades_the_words_and_lists_the_strongest():
    shown = on_terminal("explain", "i feel so happy today")
    assert "\x1b[1;7;32mhappy\x1b[0m" in shown
    assert re.search(r"happy +\+0\.\d{3}", shown)


def test_no_color_keeps_the_figures():
    shown = on_terminal("explain", "i feel so happy today", NO_COLOR="1")
    assert "\x1b" not in shown
    assert shown.startswith("i feel so happy today\n  joy ") and re.search(r"happy +\+0\.\d{3}", shown)


def test_control_characters_never_reach_the_terminal():
    assert "\x1b[2J" not in on_terminal("explain", "\x1b[2J happy")


def test_json_flag_on_a_terminal():
    assert json.loads(on_terminal("explain", "--json", "i feel so happy today"))["label"] == "joy"


def test_shapley(capsys):
    assert main(["explain", "--method", "shapley", "i feel so happy today"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["method"] == "shapley"
    assert max(row["words"], key=lambda word: word["weight"])["word"] == "happy"


def test_a_page_needs_nothing_else(tmp_path, capsys):
    page = tmp_path / "new" / "why.html"
    assert main(["explain", "--html", str(page), "i am <b>happy</b>", "caf\udce9 & tea"]) == 0
    html = page.read_text("utf-8")
    assert capsys.readouterr().out == ""
    assert html.startswith("<!doctype html>") and "color-scheme: light dark" in html
    assert ">happy</mark>" in html and "<b>happy" not in html
    assert not re.search(r"(src|href)=|@import|url\(", html)


def test_an_empty_text_has_no_words(capsys):
    assert main(["explain", "", " ?! "]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["words"] for row in rows] == [[], []]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--model", "no/such/model/here", "happy"], "no model at 'no/such/model/here'"),
        (["--html", "{folder}", "happy"], "is a folder"),
    ],
)
def test_errors_are_one_line(argv, message, tmp_path, capsys):
    assert main(["explain", *(word.format(folder=tmp_path) for word in argv)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("emoscope explain: error: ") and message in error and error.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["--method", "lime", "happy"]])
def test_wrong_flags_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["explain", *argv])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_blank_text_has_no_label_on_a_terminal():
    shown = on_terminal("explain", " ")
    assert "(no text)" in shown and "joy" not in shown
