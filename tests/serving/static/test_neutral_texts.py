"""Texts without emotion on the page: the table, the totals, the downloaded file and the sentences agree."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from playwright.sync_api import expect

from emoscope import EMOTIONS, EmotionClassifier
from page_actions import downloaded, upload, violations

PARCELS = ["the parcel arrived on time", "the parcel has two handles", "the parcel came by post"]
ROWS = [*PARCELS, "i am so happy with it", "i am furious about this", "", "i am so glad"]


class KnowsParcels:
    """The bundled model, for which a text about a parcel expresses no emotion."""

    def __init__(self):
        self._classifier = EmotionClassifier.from_pretrained()
        self.labels = self._classifier.labels

    def predict_proba(self, texts):
        return self._classifier.predict_proba(texts)

    def predict_with_neutral(self, texts):
        neutral = np.array([0.9375 if "parcel" in text else 0.0625 for text in texts], np.float32)
        return np.column_stack([self.predict_proba(texts), neutral])


@pytest.fixture(scope="module")
def classifier():
    return KnowsParcels()


def totals(page):
    rows = page.locator("#chart li").all()
    return {row.locator(".name").inner_text(): row.locator(".value").inner_text() for row in rows}


@pytest.mark.parametrize("width", [390, 1280])
def test_table_totals_and_file_agree(visit, width):
    page = visit(viewport={"width": width, "height": 900})
    upload(page, "a.csv", ("text,n\n" + "".join(f"{text},{i}\n" for i, text in enumerate(ROWS))).encode())
    _, text = downloaded(page)
    emotions = [row["emotion"] for row in csv.DictReader(io.StringIO(text))]
    assert emotions == [*["neutral"] * 3, "joy", "anger", "", "joy"]
    assert totals(page) == {label: str(emotions.count(label)) for label in EMOTIONS} | {"no emotion": "3"}
    cells = page.locator("#rows tr").nth(0).locator("td").all_inner_texts()
    assert cells[2:] == ["no emotion", "93.8%"]
    page.locator("#chart").get_by_role("button", name="no emotion").click()
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("#caption")).to_have_text("All 3 rows without emotion")
    assert violations(page) == []


def test_file_is_that_of_the_command_with_neutral_as_a_label(visit, classifier, tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra score")
    from emoscope.scoring import Job, Scoring, score_table

    page = visit()
    content = "".join(json.dumps({"text": text}) + "\n" for text in ROWS)
    upload(page, "a.jsonl", content.encode())
    _, text = downloaded(page)
    (tmp_path / "in.jsonl").write_text(content)
    job = Job(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Scoring("text", neutral="label"))
    summary = score_table(job, classifier)
    assert totals(page) == {{"neutral": "no emotion"}.get(name, name): str(n) for name, n in summary.labels.items()}
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    for got, expected in zip(map(json.loads, text.splitlines()), map(json.loads, lines), strict=True):
        assert list(got) == list(expected) and got["emotion"] == expected["emotion"]
        numbers = [name for name in got if name not in ("text", "emotion")]
        assert [got[name] for name in numbers] == [pytest.approx(expected[name], abs=1e-6) for name in numbers]


@pytest.mark.parametrize("width", [390, 1280])
def test_sentences_without_emotion_are_no_emotion(visit, width):
    page = visit(viewport={"width": width, "height": 900})
    page.get_by_label("Your text").fill("The parcel came. I am so happy. The parcel is red. I am furious. I am glad.")
    chart = page.locator(".timeline")
    expect(chart).to_have_attribute(
        "aria-label", "Scores of 5 sentences, one column each. Highest score: joy in 2, no emotion in 2, anger in 1."
    )
    expect(page.locator(".sentence .head")).to_have_text("no emotion 93.8%")
    page.get_by_text("All sentences as a table").click()
    assert [cell.inner_text() for cell in page.locator("#timeline td.emotion").all()] == [
        "no emotion",
        "joy",
        "no emotion",
        "anger",
        "joy",
    ]
    assert violations(page) == []


def test_long_text_without_emotion_has_the_verdict_of_its_sentences(visit):
    page = visit()
    page.get_by_label("Your text").fill("The parcel came. " * 6)
    expect(page.locator("#verdict strong")).to_have_text("no emotion")
