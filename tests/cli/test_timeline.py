"""`emoscope timeline`: blocks on a terminal, JSON in a pipe, and a page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cli.processes import on_terminal, run
from emoscope.cli import main
from emoscope.timeline import timeline

TEXT = "I was terrified of the dark stairs.\nI am so happy now!"


def test_standard_input_is_one_text():
    result = run("timeline", stdin=TEXT.encode())
    (row,) = map(json.loads, result.stdout.splitlines())
    assert [sentence["label"] for sentence in row["sentences"]] == ["fear", "joy"]
    assert all(TEXT[each["start"] : each["end"]] == each["text"] for each in row["sentences"])


def test_a_terminal_shows_blocks_and_sentences():
    shown = on_terminal("timeline", TEXT)
    assert re.search(r"over 2 sentences", shown)
    assert re.search(r"fear +\d+\.\d% \x1b\[36m[▅▆▇█]", shown)
    assert re.search(r"2 \x1b\[33m█+ *joy +9\d\.\d%\x1b\[0m I am so happy now!", shown)


def test_a_table_in_a_pipe_has_no_colours(capsys):
    assert main(["timeline", "--table", "One happy sentence.", ""]) == 0
    shown = capsys.readouterr().out
    assert "over 1 sentence\n" in shown and "over 0 sentences\n" in shown and "\x1b" not in shown


def test_a_neutral_sentence_is_no_emotion(monkeypatch, capsys):
    class Flat:
        labels = ("joy", "love")

        def predict_with_neutral(self, texts):
            return np.array([[0.75, 0.25, 0.9 if text == "It came." else 0.1] for text in texts], np.float32)

        def timeline(self, texts):
            return timeline(self, texts)

    monkeypatch.setattr("emoscope.cli.timeline.load_classifier", lambda args: Flat())
    main(["timeline", "--table", "It came. I am glad."])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("joy ") and lines[-3:-1] == [
        "  1 ███████  no emotion  90.0% It came.",
        "  2 ██████   joy         75.0% I am glad.",
    ]


def test_control_characters_never_reach_the_terminal():
    assert "\x1b[2J" not in on_terminal("timeline", "\x1b[2J happy")


def test_a_page_needs_nothing_else(tmp_path, capsys):
    page = tmp_path / "mood.html"
    assert main(["timeline", "--html", str(page), "i am <b>happy</b>. caf\udce9 & tea"]) == 0
    html = page.read_text("utf-8")
    assert capsys.readouterr().out == ""
    assert html.startswith("<!doctype html>") and "<svg" in html and "<b>happy" not in html
    assert not re.search(r"(src|href)=|@import|url\(", html)


def test_bad_utf8_is_one_line():
    result = run("timeline", stdin=b"fine\ncaf\xe9\n")
    error = result.stderr.decode()
    assert result.returncode == 1
    assert "standard input, line 2: byte 0xe9" in error and error.count("\n") == 1


def test_wrong_flags_exit_with_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["timeline", "--json", "--table", "a"])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


CONVERSATIONS = Path(__file__).parents[1] / "data" / "conversations"


def test_a_conversation_has_speakers_and_turning_points(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["timeline", "--table", "--conversation", str(CONVERSATIONS / "WhatsApp Chat with Anna.txt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WhatsApp: 17 messages of 2 speakers; 3 without words")
    assert re.match(r"  Anna: 9 messages: anger \d, joy \d", lines[lines.index("speakers") + 1])
    turn = lines[lines.index("turning points") + 1]
    assert turn == "    9 joy to anger: 2025-04-20 18:30, Anna: They lied to us about the rent. I am furious!"
    assert sum("furious" in line for line in lines[lines.index("messages") :]) == 2


def test_a_conversation_in_a_pipe_is_json(capsys):
    assert main(["timeline", "--conversation", str(CONVERSATIONS / "interview.vtt")]) == 0
    (told,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert [message["speaker"] for message in told["messages"]] == ["Anna", "Ben", "Anna", None]
    assert told["messages"][0]["label"] == "joy" and told["turning_points"] == []


def test_a_conversation_from_standard_input():
    result = run("timeline", "--conversation", "-", stdin=(CONVERSATIONS / "film.srt").read_bytes())
    assert [message["speaker"] for message in json.loads(result.stdout)["messages"]] == [None, "ANNA", None, "BEN"]


def test_a_conversation_as_a_page(tmp_path, capsys):
    page = tmp_path / "chat.html"
    assert main(["timeline", "--html", str(page), "--conversation", str(CONVERSATIONS / "film.srt")]) == 0
    assert capsys.readouterr().out == ""
    html = page.read_text("utf-8")
    assert "Emotions in film.srt" in html and not re.search(r"(src|href)=|@import|url\(", html)


def test_conversations_and_texts_do_not_mix(capsys):
    for arguments in (["--conversation", "a.txt", "a text"], ["--date-order", "day-first", "a text"]):
        with pytest.raises(SystemExit):
            main(["timeline", *arguments])
        assert "--conversation" in capsys.readouterr().err


def test_a_file_that_is_no_conversation_is_one_line(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("id,review\n1,fine\n")
    assert main(["timeline", "--conversation", str(tmp_path / "a.csv")]) == 1
    error = capsys.readouterr().err
    assert "not a conversation" in error and "--text-column" in error and error.count("\n") == 1
