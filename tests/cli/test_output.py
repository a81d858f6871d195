"""Reports that commands write."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from cli.processes import on_terminal, run
from emoscope.cli.output import add_report_arguments, show, write_output, write_report
from emoscope.labels import EMOTIONS


def test_a_report_is_json_and_goes_to_the_file(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_report_arguments(parser).add_argument("--markdown", action="store_true")
    file = tmp_path / "new" / "report.json"
    args = parser.parse_args(["--report", str(file), "--json"])
    text = write_report(args, {"accuracy": 0.5})
    assert json.loads(text) == {"accuracy": 0.5} == json.loads(file.read_text())
    with pytest.raises(SystemExit):
        parser.parse_args(["--json", "--markdown"])


def test_a_path_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        write_output(tmp_path, "{}")
    assert list(tmp_path.iterdir()) == []


HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e"
"""Sets a terminal's title, clears it, changes its colour and turns the order of letters."""


def test_lines_are_shown_without_characters_that_a_terminal_acts_on(capsys: pytest.CaptureFixture[str]) -> None:
    show(f"one {HOSTILE}\ntwo")
    one, two = capsys.readouterr().out.splitlines()
    assert one.isprintable() and one.startswith("one ") and two == "two"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Labelled rows whose file, folder and texts have such characters."""
    folder = tmp_path / f"folder {HOSTILE}"
    folder.mkdir()
    rows = [{"text": f"i feel {HOSTILE} {label} {row}", "label": label} for label in EMOTIONS for row in range(3)]
    file = folder / f"rows {HOSTILE}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": 5, "label": HOSTILE}, *rows[:2]]))
    return file


ROWS = ["--text-column", "text"]
COMMANDS = {
    "audit": lambda file: ["audit", "--data", str(file)],
    "audit, fixed": lambda file: ["audit", "--data", str(file), "--fix", str(file.with_name(f"fixed {HOSTILE}.jsonl"))],
    "evaluate": lambda file: ["evaluate", "bundled", "--data", str(file), "--split", "train"],
    "compare": lambda file: ["compare", "bundled", "bundled", "--data", str(file)],
    "score": lambda file: ["score", str(file), str(file.with_name(f"out {HOSTILE}.jsonl")), *ROWS],
    "score, no column": lambda file: ["score", str(file), str(file.with_name("out.jsonl")), "--text-column", HOSTILE],
    "score, a folder": lambda file: ["score", str(file.parent / "*"), "-", "--output-format", "csv", *ROWS],
    "predict, a file": lambda file: ["predict", "--table", str(file)],
    "timeline": lambda file: ["timeline", "--table", f"One. {HOSTILE}. Two."],
    "no model": lambda file: ["predict", "--model", str(file), "a"],
    "no file": lambda file: ["score", f"{file}.csv", "out.csv", *ROWS],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_show_names_and_texts_without_such_characters(name: str, hostile: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra score")
    if name.startswith("audit"):
        pytest.importorskip("cleanlab", reason="needs the extra audit")
    result = run(*COMMANDS[name](hostile))
    shown = result.stderr.decode() + (result.stdout.decode() if "-" not in result.args else "")
    assert shown
    assert set("\x1b\x07\x9b\u202e").isdisjoint(shown), shown


@pytest.mark.parametrize("command", ["predict", "explain", "timeline"])
def test_terminal_gets_texts_without_such_characters(command: str) -> None:
    shown = on_terminal(command, f"i feel {HOSTILE}. so happy", NO_COLOR="1")
    assert "happy" in shown and shown.replace("\n", "").isprintable()
