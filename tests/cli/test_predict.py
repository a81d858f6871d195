"""`emoscope predict`: bars on a terminal, JSON lines in a pipe, prediction sets and neutral texts."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from cli.processes import EMOSCOPE, on_terminal, process_on_terminal, run, run_process
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.cli import main
from emoscope.model_folder import BUNDLED


def test_json_lines_in_a_pipe():
    result = run_process("predict", "i feel so happy today", "i am angry")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0
    assert [row["text"] for row in rows] == ["i feel so happy today", "i am angry"]
    assert [row["label"] for row in rows] == ["joy", "anger"]
    assert list(rows[0]["scores"]) == list(EMOTIONS)
    assert rows[0]["score"] == rows[0]["scores"]["joy"]


def test_lines_of_standard_input_keep_their_number_and_order():
    result = run("predict", stdin="i feel happy\r\n\ni am sad\u2028still one line\nlast without newline".encode())
    texts = [json.loads(line)["text"] for line in result.stdout.decode().split("\n")[:-1]]
    assert texts == ["i feel happy", "", "i am sad\u2028still one line", "last without newline"]


def test_lines_are_scored_as_they_arrive():
    with subprocess.Popen([*EMOSCOPE, "predict"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"i feel happy\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["label"] == "joy"
        process.stdin.write(b"i am angry\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["label"] == "anger"


def test_table_on_a_terminal_has_bars_and_colour():
    shown = process_on_terminal("predict", "i feel so happy today")
    assert "joy" in shown and "█" in shown and "\x1b[" in shown


def test_no_color_switches_colour_off():
    shown = on_terminal("predict", "i feel so happy today", NO_COLOR="1")
    assert "█" in shown and "\x1b" not in shown


@pytest.mark.parametrize("blank", ["", " \t", "\u3000"])
def test_table_shows_that_a_blank_text_is_neutral_instead_of_a_label(blank):
    shown = run("predict", "--table", blank, "i am sad").stdout.decode()
    nothing, rest = shown.split("\n\n", 1)
    assert nothing.split("  ")[0] == "(no text)\n" and "neutral  100.00%" in nothing
    assert "joy" not in nothing and rest.startswith("i am sad\n")
    (row, _) = map(json.loads, run("predict", blank, "i am sad").stdout.decode().splitlines())
    assert row["neutral"] == 1.0


def test_json_flag_on_a_terminal():
    assert json.loads(on_terminal("predict", "--json", "i feel so happy today"))["label"] == "joy"


def test_table_flag_in_a_pipe_prints_no_colour():
    shown = run("predict", "--table", "i feel so happy today").stdout.decode()
    assert shown.startswith("i feel so happy today\n") and "█" in shown and "\x1b" not in shown


def test_control_characters_never_reach_the_terminal():
    assert b"\x1b" not in run("predict", "--table", "\x1b[2J happy").stdout


def test_bad_utf8_is_an_error_after_the_rows_before_it():
    result = run("predict", stdin=b"i feel happy\n" * 3 + b"caf\xe9\n")
    assert result.returncode == 1
    assert "line 4" in result.stderr.decode() and "0xe9 at column 4" in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()


def test_a_bad_utf8_argument_is_scored():
    result = run_process("predict", b"caf\xe9 happy")
    assert result.returncode == 0
    assert json.loads(result.stdout)["text"] == "caf\udce9 happy"


def test_a_closed_pipe_is_not_an_error():
    result = subprocess.run(
        f"{sys.executable} -m emoscope predict < {__file__} | head -n 1 > /dev/null; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("0\n", "")


def test_interrupt_is_one_line(capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("emoscope.classifier.EmotionClassifier.predict", interrupt)
    assert main(["predict", "i feel happy"]) == 130
    assert capsys.readouterr().err == "emoscope predict: interrupted\n"


def test_an_unknown_model_is_one_line(capsys):
    assert main(["predict", "--model", "no/such/model/here", "text"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("emoscope predict: error: no model at 'no/such/model/here'") and error.count("\n") == 1


@pytest.mark.parametrize("argv", [["nonsense"], ["predict", "--nonsense"], ["predict", "--json", "--table", "x"]])
def test_wrong_flags_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_empty_input_gives_no_rows():
    result = run("predict")
    assert (result.returncode, result.stdout) == (0, b"")


def rows_of(capsys, *argv):
    assert main(["predict", "--json", *argv]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_reports_neutral_texts(capsys):
    rows = rows_of(capsys, "i feel so happy today", "the bus leaves at nine", "")
    assert [row["neutral"] >= 0.5 for row in rows] == [False, True, True]
    assert all(row["clear"] is (row["neutral"] < 0.5) for row in rows)
    assert all("prediction_set" not in row and "abstains" not in row for row in rows)


def test_coverage_and_abstention_in_json(capsys):
    flags = ("--coverage", "0.97", "--abstain", "0.8")
    rows = rows_of(capsys, *flags, "i feel so happy today", "i feel weird about it")
    assert [row["prediction_set"] for row in rows] == [["joy"], ["fear", "surprise"]]
    assert all(row["set"] == row["prediction_set"] for row in rows)
    assert [row["abstains"] for row in rows] == [False, True]


def test_coverage_and_abstention_in_the_table(capsys):
    argv = ["predict", "--table", "--coverage", "0.97", "--abstain", "0.8", "i feel weird about it", "the bus leaves"]
    assert main(argv) == 0
    weird, bus = capsys.readouterr().out.split("\n\n")[:2]
    assert "  97%: fear or surprise\n  no answer: no probability is 0.8 or more" in weird
    assert "no emotion" not in weird and re.search(r"  no emotion: [5-9]\d%$", bus)
    assert main(["predict", "--table", "--coverage", "0.5", "i feel weird about it"]) == 0
    assert "  50%: typical of none" in capsys.readouterr().out


@pytest.mark.parametrize(("coverage", "shown"), [("0.971", "98%"), ("0.57", "57%"), ("0.5", "50%"), ("0.99", "99%")])
def test_the_table_names_the_coverage_of_its_sets(coverage, shown, capsys):
    text = "i feel weird about it"
    assert main(["predict", "--table", "--coverage", coverage, text]) == 0
    (prediction,) = EmotionClassifier.from_pretrained().predict([text])
    names = " or ".join(prediction.prediction_set(float(coverage))) or "typical of none"
    assert f"  {shown}: {names}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [("--coverage", "0.4"), ("--coverage", "1"), ("--coverage", "nan"), ("--coverage", "x"), ("--abstain", "2")],
)
def test_a_share_out_of_range_is_an_error(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", *flags, "text"])
    assert caught.value.code == 2
    assert "must be a number from" in capsys.readouterr().err


def test_a_model_without_prediction_sets_is_an_error(tmp_path, capsys):
    folder = shutil.copytree(BUNDLED, tmp_path / "model")
    (folder / "emoscope.json").unlink()
    assert main(["predict", "--model", str(folder), "--coverage", "0.9", "text"]) == 1
    assert "emoscope calibrate" in capsys.readouterr().err
    assert "prediction_set" not in rows_of(capsys, "--model", str(folder), "text")[0]


@pytest.mark.parametrize("command", ["predict", "explain", "timeline"])
def test_name_of_a_file_gets_a_hint(tmp_path, capsys, command):
    (tmp_path / "reviews.csv").write_text("text\none\n")
    assert main([command, "a text", str(tmp_path / "reviews.csv"), "x" * 5000]) == 0
    shown = capsys.readouterr()
    assert shown.out and f"emoscope {command}: note: " in shown.err
    assert "reviews.csv' is a file, and its name is scored; for the rows of a table: emoscope score IN OUT" in shown.err
    main([command, "reviews.csv is no file here", "\0"])
    assert "note" not in capsys.readouterr().err
