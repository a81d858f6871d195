"""Conversations as sources of `score`: columns, times, resuming, rejected messages, and the report."""

import shutil
from datetime import datetime, time, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, NeutralClassifier, Stopped, StopsAfter, emotion, read, rejected

from emoscope.errors import DataError
from emoscope.scoring import Job, ScoreReport, Scoring, score_table

DATA = Path(__file__).parents[1] / "data" / "conversations"
CHAT = DATA / "WhatsApp Chat with Anna.txt"


def score(source, output, *, classifier=None, part_rows=5, **options):
    job = Job(source, output, Scoring("text", part_rows=part_rows), conversation=True, **options)
    return score_table(job, classifier or HashClassifier())


def test_each_message_is_a_row(tmp_path):
    summary = score(CHAT, tmp_path / "out.csv")
    rows = read(tmp_path / "out.csv")
    assert list(rows[0])[:6] == ["speaker", "time", "text", "conversation", "emotion", "emotion_score"]
    assert rows[3]["text"] == "I love it.\nI am so happy for us!" and rows[3]["time"] == "2025-04-12 21:09:00"
    assert rows[3]["emotion"] == emotion(rows[3]["text"])
    assert (summary.rows, summary.without_text) == (17, 3)
    assert summary.notes == [
        f"{CHAT}: WhatsApp; dates with the day first, as in 13/04/2025; times of the phone or computer, without a "
        "zone; 2 system messages left out"
    ]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("telegram.json", datetime(2025, 4, 12, 19, 7, tzinfo=timezone.utc)),
        ("slack", datetime(2025, 4, 12, 19, 7, tzinfo=timezone.utc)),
        ("telegram_all.json", datetime(2025, 4, 12, 21, 7)),
        ("film.srt", time(0, 0, 1)),
        ("transcript.txt", None),
    ],
)
def test_times_have_the_type_of_their_clock(name, first, tmp_path):
    score(DATA / name, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("time")[0].as_py() == first


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "arrow", "xlsx"])
@pytest.mark.parametrize("name", ["discord.json", "film.srt", "transcript.txt"])
def test_all_formats_are_written(name, suffix, tmp_path):
    summary = score(DATA / name, tmp_path / f"out.{suffix}")
    assert summary.rows > 2 and (tmp_path / f"out.{suffix}").stat().st_size > 100


def test_a_run_that_was_killed_is_resumed_to_the_same_bytes(tmp_path):
    report = ScoreReport(tmp_path / "a.html")
    score(CHAT, tmp_path / "whole.csv", report=report)
    with pytest.raises(Stopped):
        score(CHAT, tmp_path / "out.csv", classifier=StopsAfter(2), report=ScoreReport(tmp_path / "b.html"))
    classifier = HashClassifier()
    resumed = score(
        CHAT, tmp_path / "out.csv", classifier=classifier, resume=True, report=ScoreReport(tmp_path / "b.html")
    )
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()
    assert sum(map(len, classifier.calls)) < 14 and resumed.rows == 17


def test_a_run_is_not_resumed_with_another_order_of_dates(tmp_path):
    source = shutil.copy(DATA / "whatsapp_ambiguous.txt", tmp_path)
    with pytest.raises(Stopped):
        score(source, tmp_path / "o.csv", classifier=StopsAfter(1), part_rows=1, date_order="day-first")
    with pytest.raises(DataError, match="date_order was 'day-first', now it is 'month-first'"):
        score(source, tmp_path / "o.csv", resume=True, part_rows=1, date_order="month-first")


def test_several_files_are_read_in_order(tmp_path):
    summary = score([DATA / "film.srt", DATA / "interview.vtt"], tmp_path / "out.jsonl")
    assert [row["conversation"] for row in read(tmp_path / "out.jsonl")] == ["film"] * 4 + ["interview"] * 4
    assert [note.rpartition(": ")[2] for note in summary.notes] == ["SubRip", "WebVTT"]
    with pytest.raises(DataError, match="different types in one column"):
        score([DATA / "film.srt", CHAT], tmp_path / "other.jsonl")


def test_a_message_that_is_not_text_is_rejected_alone(tmp_path):
    source = tmp_path / "chat.txt"
    source.write_bytes(CHAT.read_bytes() + b"20/04/2025, 18:41 - Ben: caf\xe9\n")
    assert score(source, tmp_path / "out.csv").rejected == 1
    (record,) = rejected(tmp_path / "out.csv")
    assert record["line"] == 22 and "0xe9" in record["reason"]


def test_the_report_has_speakers_turning_points_and_time(tmp_path):
    class Story(NeutralClassifier):
        def predict_with_neutral(self, texts):
            rows = super().predict_with_neutral(texts)
            for row, text in zip(rows, texts, strict=True):
                row[:] = 0.02
                row[1 if "happy" in text or "glad" in text or "thrilled" in text else 3] = 0.88
            return rows

    summary = score(CHAT, tmp_path / "out.csv", classifier=Story(), report=ScoreReport(tmp_path / "page.html"))
    (turn,) = summary.turning_points
    assert (turn["from"], turn["to"], turn["speaker"], turn["time"]) == ("joy", "anger", "Anna", "2025-04-20 18:30")
    assert turn["text"] == "They lied to us about the rent. I am furious!"
    assert [(each["speaker"], each["messages"]) for each in summary.speakers] == [("Anna", 9), ("Ben", 8)]
    page = (tmp_path / "page.html").read_text()
    assert "<h2>By speaker</h2>" in page and "joy → anger" in page and "from the column &#x27;time&#x27;" in page


def test_the_report_of_a_recording_counts_from_its_start(tmp_path):
    score(DATA / "film.srt", tmp_path / "out.csv", report=ScoreReport(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "Shares by minute" in page and "00:01: 1 row" in page and "1970" not in page


def test_the_report_without_times_has_none(tmp_path):
    score(DATA / "transcript.txt", tmp_path / "out.csv", report=ScoreReport(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "Over time" not in page and "By speaker" in page


def test_options_of_tables_are_refused(tmp_path):
    with pytest.raises(DataError, match="in the column 'text', got 'body'"):
        Job(CHAT, tmp_path / "o.csv", Scoring("body"), conversation=True)
    with pytest.raises(DataError, match="times of a conversation are in the column 'time'"):
        Job(CHAT, tmp_path / "o.csv", Scoring("text"), report=ScoreReport("r.html", "when"), conversation=True)
    with pytest.raises(DataError, match="an order of dates is for conversations"):
        Job(CHAT, tmp_path / "o.csv", Scoring("text"), date_order="day-first")


def test_a_file_twice_and_no_file_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"film.srt would be read twice"):
        score([DATA / "film.srt", DATA / "film.srt"], tmp_path / "o.csv")
    with pytest.raises(
        DataError, match="nothing to read at .*; give a file, a glob in quotes, or the folder of a Slack"
    ):
        score(tmp_path / "none.txt", tmp_path / "o.csv")
