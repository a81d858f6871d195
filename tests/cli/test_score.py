"""The command emoscope score."""

import errno
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

for module in ("pyarrow", "fsspec", "tqdm"):
    pytest.importorskip(module, reason="needs the extra score")

import pyarrow as pa
import pyarrow.parquet as pq

from cli.processes import EMOSCOPE, run
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.cli import main
from emoscope.scoring.model import LoadedModel
from emoscope.terminal import counted
from scoring.scoring_fakes import NeutralClassifier, neutral, probabilities

TEXTS = ["i feel so happy today", "i am angry", "", "i am scared"]


@pytest.fixture(autouse=True)
def _arrow_memory():
    """The command chooses where Arrow takes its memory from, for its own process."""
    before = pa.default_memory_pool()
    yield
    pa.set_memory_pool(before)


@pytest.fixture
def source(tmp_path):
    pq.write_table(pa.table({"id": range(4), "text": TEXTS}), tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def test_table_is_scored_and_the_summary_shown(source, tmp_path, capsys):
    assert main(["score", str(source), str(tmp_path / "out.csv"), "--text-column", "text"]) == 0
    shown = capsys.readouterr()
    assert "4 rows in" in shown.out and "joy" in shown.out and "33.33%" in shown.out
    assert "1 row without text: null scores" in shown.out
    assert "row/s" in shown.err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 5


def test_scores_are_those_of_the_model(source, tmp_path):
    main(["score", str(source), str(tmp_path / "out.parquet"), "--text-column", "text"])
    scored = pq.read_table(tmp_path / "out.parquet").to_pylist()
    expected = EmotionClassifier.from_pretrained().predict([TEXTS[0]])[0]
    assert scored[0]["emotion"] == expected.label
    assert {label: scored[0][label] for label in EMOTIONS} == pytest.approx(expected.scores, rel=1e-5)


def test_json_summary(tmp_path, capsys):
    (tmp_path / "in.csv").write_text("text\ni am angry\nbroken,row\n")
    assert main(["score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), "--text-column", "text", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows_in"], summary["rows"], summary["rejected"], summary["labels"]["anger"]) == (2, 1, 1, 1)
    assert summary["first_rejected"].endswith("in.csv, line 3: 2 fields; allowed: 1, as in the first line")
    assert summary["seconds"] > 0 and summary["rows_per_second"] > 0


@pytest.fixture
def neutral_model(monkeypatch):
    model = LoadedModel(NeutralClassifier(), "x")
    monkeypatch.setattr("emoscope.scoring.model.load_model", lambda *_: model)


def test_neutral_is_counted_as_a_label_if_asked_for(neutral_model, source, tmp_path, capsys):
    flags = ["score", str(source), str(tmp_path / "out.parquet"), "--text-column", "text", "--overwrite"]
    count = sum(neutral(text) >= 0.5 for text in TEXTS if text)
    assert 0 < count < 3
    main(flags)
    words = f"{counted(count, 'row')} more likely without emotion; --neutral label counts them as neutral"
    assert words in capsys.readouterr().out
    main([*flags, "--neutral", "label"])
    shown = capsys.readouterr().out
    assert re.search(rf"neutral +{count} +\d", shown) and "more likely" not in shown
    scored = pq.read_table(tmp_path / "out.parquet")["emotion"].to_pylist()
    main([*flags, "--neutral", "label", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert summary["neutral"] == summary["labels"]["neutral"] == scored.count("neutral") == count


def test_columns_of_decisions_are_added(neutral_model, source, tmp_path):
    flags = ["--text-column", "text", "--columns", "neutral", "--coverage", "0.9", "--abstain", "0.5"]
    main(["score", str(source), str(tmp_path / "out.csv"), *flags])
    header, first, *_ = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "id,text,neutral,prediction_set,abstains"
    names = " ".join(label for label, p in zip(EMOTIONS, probabilities(TEXTS[0]), strict=True) if p >= 0.2)
    assert first.split(",")[3:] == [names or '""', str(probabilities(TEXTS[0]).max() < 0.5).lower()]


def test_several_inputs_are_read_one_after_the_other(tmp_path, capsys):
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"text\n{name}\n")
    files = [str(tmp_path / name) for name in ("b.csv", "a.csv", "out.csv")]
    assert main(["score", *files, "--text-column", "text", "--columns", "emotion"]) == 0
    assert [line[:1] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["t", "b", "a"]
    with pytest.raises(SystemExit, match="2"):
        main(["score", "-", files[0], "out.csv", "--text-column", "text"])
    assert "standard input is read alone" in capsys.readouterr().err


def test_rejected_rows_are_shown(tmp_path, capsys):
    (tmp_path / "in.csv").write_text("text\ni am angry\nbroken,row\n")
    main(["score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), "--text-column", "text"])
    shown = capsys.readouterr().out
    assert "1 row rejected, see" in shown and "out.csv.rejected.jsonl; the first is" in shown


def test_options_are_passed_on(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"body": "I am happy. I am sad."}\n')
    files = [str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    flags = ["--columns", "emotion", "--prefix", "p_", "--long", "sentences", "--sentence-rows"]
    main(["score", *files, "--text-column", "body", *flags])
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    expected = [("I am happy.", "joy"), ("I am sad.", "sadness")]
    assert rows == [{"body": text, "p_emotion": emotion} for text, emotion in expected]


def test_pipes_carry_only_rows():
    rows = b"id,text\n1,i am angry\n2\n"
    result = run("score", "-", "-", "--input-format", "csv", "--text-column", "text", stdin=rows)
    assert result.returncode == 0
    assert [line.split(b",")[:3] for line in result.stdout.splitlines()[1:]] == [[b"1", b"i am angry", b"anger"]]
    errors = result.stderr.decode()
    assert '"line": 3' in errors and "1 row in" in errors


def test_report_is_written_and_named_in_the_summary(tmp_path, capsys):
    page = tmp_path / "page.html"
    rows = {"text": TEXTS, "when": [f"2024-05-0{day}" for day in range(1, 5)]}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    flags = ["--text-column", "text", "--report", str(page), "--time-column", "when"]
    assert main(["score", str(tmp_path / "in.parquet"), str(tmp_path / "out.csv"), *flags]) == 0
    assert f"report: {page}" in capsys.readouterr().out
    shown = page.read_text("utf-8")
    assert all(label in shown for label in EMOTIONS) and re.search(r"emoscope [\d.]+, model [0-9a-f]{12}\.", shown)


def test_rows_left_out_of_the_report_are_said(tmp_path, capsys):
    pq.write_table(pa.table({"text": TEXTS, "when": ["31.12.2024"] * len(TEXTS)}), tmp_path / "in.parquet")
    flags = ["--text-column", "text", "--report", str(tmp_path / "page.html"), "--time-column", "when", "--overwrite"]
    arguments = ["score", str(tmp_path / "in.parquet"), str(tmp_path / "out.csv"), *flags]
    assert main(arguments) == 0
    rows = sum(bool(text and text.strip()) for text in TEXTS)
    left_out = f"{rows} rows without a time that can be read in 'when' left out of the report, such as '31.12.2024'"
    assert left_out in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["without_time"] == rows
    assert main([*arguments, "--time-format", "%d.%m.%Y"]) == 0
    assert "without a time" not in capsys.readouterr().out
    assert main([*arguments, "--time-format", "%Q"]) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_no_progress_bar_between_rows_on_a_terminal(source, capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert main(["score", str(source), "-", "--output-format", "csv", "--text-column", "text"]) == 0
    assert ("row/s" in capsys.readouterr().err) is not terminal


def test_pipe_that_is_closed_early_is_not_an_error(tmp_path):
    (tmp_path / "in.csv").write_text("text\n" + "i am angry\n" * 5_000)
    score = f"{' '.join(EMOSCOPE)} score in.csv - --output-format csv --text-column text"
    command = f"{score} | head -n 2; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        command, shell=True, executable="/bin/bash", cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "0" and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-", "out.csv"], "standard input needs --input-format"),
        (["in.csv", "-"], "standard output needs --output-format"),
        (["in.csv", "-", "--output-format", "csv", "--resume"], "cannot be resumed"),
        (["in.csv", "out.csv", "--sentence-rows"], "--sentence-rows goes with --long sentences"),
        (["in.csv", "out.csv", "--long", "half"], "invalid choice"),
        (["in.csv", "out.csv", "--time-column", "when"], "--time-column goes with --report"),
        (["in.csv", "out.csv", "--time-format", "%d.%m.%Y"], "--time-format goes with --time-column"),
        (["in.csv", "out.csv", "--address", "auto"], "--address and --workers go with --engine ray"),
        (["in.csv", "out.csv", "--workers", "2"], "--address and --workers go with --engine ray"),
        (["in.csv", "out.csv", "--engine", "spark"], "invalid choice"),
        (["in.csv", "out.csv", "--neutral", "row"], "invalid choice"),
        (["in.csv", "out.csv", "--coverage", "1"], "must be a number from 0.5 to 0.99"),
        (["in.csv", "out.csv", "--abstain", "80"], "must be a number from 0 to 1"),
        (["in.csv", "out.csv", "--part-rows", "x"], "invalid int"),
        (["in.csv"], "required: OUT"),
    ],
)
def test_wrong_use_exits_with_2(args, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["score", *args, "--text-column", "text"])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing.csv", "out.csv"], "nothing to read at nothing.csv"),
        (["in.parquet", "out.csv", "--part-rows", "0"], "a part must have at least one row, got 0"),
        (["in.parquet", "out.csv", "--columns", "joy,glee"], "the column 'glee' cannot be added"),
        (["in.parquet", "in.parquet"], "in.parquet is among the files to read"),
        (["in.parquet", "out.txt"], "out.txt: no known format"),
        (["in.parquet", "nosuch://out.csv"], "no filesystem for this address"),
        (["in.parquet", "out.csv", "--model", "no/such/model/here"], "no model at"),
    ],
)
def test_failure_is_one_line(source, tmp_path, monkeypatch, capsys, args, words):
    monkeypatch.chdir(tmp_path)
    assert main(["score", *args, "--text-column", "text"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("emoscope score: error: ") and words in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet"]


def test_control_characters_of_names_do_not_reach_the_terminal(tmp_path, capsys):
    name = str(tmp_path / "in\x1b[31m.csv")
    with open(name, "w") as file:  # noqa: PTH123
        file.write("text\na\nb,c\n")
    assert main(["score", name, str(tmp_path / "out.csv"), "--text-column", "text"]) == 0
    assert main(["score", name, str(tmp_path / "\x1b[32m.csv"), "--text-column", "no\x1b[32m"]) == 1
    shown = capsys.readouterr()
    assert "in\ufffd[31m.csv" in shown.out + shown.err and "\x1b[3" not in shown.out + shown.err


def test_damaged_input_is_scored_with_exit_code_1(tmp_path, capsys):
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"text\na\nb\n")[:-1])
    flags = ["score", str(tmp_path / "in.csv.gz"), str(tmp_path / "out.csv"), "--text-column", "text"]
    assert main(flags) == 1
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    shown = capsys.readouterr().out
    assert "1 row rejected" in shown and "the input is damaged: what could be read of it is scored" in shown
    assert main([*flags, "--overwrite", "--allow-rejected", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["breaks"] == 1


def test_failure_of_the_machine_has_a_code_of_its_own(source, tmp_path, monkeypatch, capsys):
    """So that a loop with --resume ends on an error that stays, and only then."""
    flags = ["score", str(source), str(tmp_path / "out.csv"), "--text-column", "text", "--resume"]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr("emoscope.scoring.target.Target.receive", mock.Mock(side_effect=full))
        assert main(flags) == 75
    assert "No space left on device; 1 parts are kept in" in capsys.readouterr().err
    assert main(flags) == 0
    assert main(flags) == 1
    assert main([*flags[:2], str(tmp_path / "none" / "out.csv"), *flags[3:], "--report", str(source / "x")]) == 1


def test_run_of_another_model_is_not_continued(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def interrupt(self, texts, original=EmotionClassifier.predict_with_neutral):
        if TEXTS[3] in texts:
            raise KeyboardInterrupt
        return original(self, texts)

    flags = ["score", "in.parquet", "out.csv", "--text-column", "text", "--part-rows", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(EmotionClassifier, "predict_with_neutral", interrupt)
        assert main(flags) == 130
    last = "interrupted; 1 parts are kept in out.csv.parts: the same command with --resume continues from there"
    assert capsys.readouterr().err.splitlines()[-1] == f"emoscope score: {last}"
    with monkeypatch.context() as patch:
        patch.setattr("emoscope.pickled.model_checksum", lambda folder: "another")
        assert main([*flags, "--resume"]) == 1
    assert "it was begun with another model" in capsys.readouterr().err
    assert main([*flags, "--resume"]) == 0


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    assert "examples:\n  emoscope score" in capsys.readouterr().out


def test_missing_extra_is_an_error_with_the_line_that_installs_it(source, tmp_path):
    program = "import sys; sys.modules['pyarrow'] = None\nfrom emoscope.cli import main; sys.exit(main(sys.argv[1:]))"
    args = ["score", source, tmp_path / "out.csv", "--text-column", "text"]
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, args)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and "pip install 'emoscope[score]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_output_has_the_permissions_of_any_new_file(source, tmp_path):
    main(["score", str(source), str(tmp_path / "out.csv"), "--text-column", "text"])
    (tmp_path / "other").write_text("")
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


CONVERSATIONS = Path(__file__).parents[1] / "data" / "conversations"


def test_without_a_text_column_the_input_is_a_conversation(tmp_path, capsys):
    chat, output = CONVERSATIONS / "WhatsApp Chat with Anna.txt", tmp_path / "out.csv"
    assert main(["score", str(chat), str(output), "--report", str(tmp_path / "page.html")]) == 0
    shown = capsys.readouterr().out
    assert "WhatsApp; dates with the day first, as in 13/04/2025" in shown
    assert "turns from joy to anger: 2025-04-20 18:30, Anna: They lied to us" in shown
    assert output.read_text().startswith("speaker,time,text,conversation,emotion,")
    assert "Turning points" in (tmp_path / "page.html").read_text()


def test_a_conversation_comes_from_standard_input_too():
    content = (CONVERSATIONS / "interview.vtt").read_bytes()
    result = run("score", "-", "-", "--output-format", "jsonl", stdin=content)
    assert [json.loads(line)["speaker"] for line in result.stdout.splitlines()] == ["Anna", "Ben", "Anna", None]


def test_a_table_without_a_text_column_says_what_to_do(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("id,review\n1,fine\n")
    assert main(["score", str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]) == 1
    assert "for a table of texts, name their column: emoscope score IN OUT --text-column C" in capsys.readouterr().err


def test_a_conversation_with_a_text_column_says_what_to_do(tmp_path, capsys):
    assert main(["score", str(CONVERSATIONS / "film.srt"), str(tmp_path / "b.csv"), "--text-column", "text"]) == 1
    assert "for a chat, subtitles or a transcript, leave --text-column out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags", [["--time-column", "when", "--report", "r.html"], ["--input-format", "csv"]], ids=lambda flags: flags[0]
)
def test_flags_of_tables_need_a_text_column(flags, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["score", "chat.txt", str(tmp_path / "b.csv"), *flags])
    assert "are for tables, which need --text-column" in capsys.readouterr().err
