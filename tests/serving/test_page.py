"""The page and the API page, in a real Chromium against a real server. EMOSCOPE_SCREENSHOTS=DIR keeps screenshots."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

from page_server import Moods, running
from playwright.sync_api import expect

import emoscope
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.sentences import sentences
from emoscope.serving import create_app

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
PAGE = Path(emoscope.__file__).parent / "serving" / "static"
COIN_FLIP = "I feel so sweet today."
STORY = "A story"
DESKTOP = {"viewport": {"width": 1200, "height": 900}}
SCREENSHOTS = os.environ.get("EMOSCOPE_SCREENSHOTS")
PATIENCE = 20_000
"""Milliseconds: machines of continuous integration are slow."""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs {CHROMIUM}")


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()


@pytest.fixture(scope="module")
def moods(classifier):
    return Moods(create_app(classifier))


@pytest.fixture(scope="module")
def address(moods):
    with running(moods) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profile(browser):
    """One for all pages without wishes of their own: it remembers the page's files."""
    with browser.new_context(**DESKTOP) as context:
        yield context


@pytest.fixture
def visit(browser, profile, address, moods):
    """Opens the page; fails the test for any error in it and any request beyond the server."""
    opened, faults = [], []

    def open_page(path="/", expected="", before=None, **options):
        context = browser.new_context(**{**DESKTOP, **options}) if options else profile
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        opened.append(context if options else page)

        def note(message):
            if message.type in ("error", "warning") and not (expected and expected in message.text):
                faults.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith((address, "blob:")) or faults.append(request.url))
        if before:
            before(page)
        page.goto(address + path)
        return page

    moods.reset()
    yield open_page
    for each in opened:
        each.close()
    moods.reset()
    assert faults == []


@pytest.fixture
def page(visit):
    return visit()


def until(page, condition):
    """Wait in the page: its policy forbids Playwright's own way."""
    program = """async () => {
      for (let tries = 0; tries < 1000 && !(CONDITION); tries++) await new Promise((go) => setTimeout(go, 20));
      return CONDITION;
    }"""
    assert page.evaluate(program.replace("CONDITION", condition))


def scores_shown(page):
    rows = page.locator("#bars li").all()
    return {row.locator(".name").inner_text(): row.locator(".value").inner_text() for row in rows}


def percent(score):
    shown = f"{100 * score:.1f}%"
    return "<0.1%" if score < 0.0005 else ">99.9%" if score > 0.9995 else shown


def choose_example(page, name):
    page.get_by_role("group", name="Examples").get_by_role("button", name=name).click()


def upload(page, name, content, *, wait=True):
    page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
    if wait:
        expect(page.locator("#downloads")).to_be_visible()


def downloaded(page, link="#download"):
    with page.expect_download() as download:
        page.locator(link).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


# The files


def test_the_files_are_small_whole_and_need_nothing_else():
    files = {path.name: path.read_text("utf-8") for path in PAGE.iterdir()}
    assert sum(len(text.encode()) for text in files.values()) < 150_000
    for name, text in files.items():
        addresses = set(re.findall(r"https?://[\w./]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name
        named = re.findall(r'(?:href|src)="page/([\w.]+)"', text) + re.findall(r'from "\./([\w.]+)"', text)
        assert set(named) <= set(files), name
    for name in ("index.html", "docs.html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", files[name]), name


def luminance(rgb):
    return float(np.array([0.2126, 0.7152, 0.0722]) @ rgb)


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson (2020): linear sRGB to a space in which equal distances look about equal."""
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones.append([0.0883024619, 0.2817188376, 0.6299787005])
    to_lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    to_lab.append([0.0259040371, 0.7827717662, -0.808675766])
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(rgb, 0, 1))


COLOUR_VISION = {
    "full": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Machado, Oliveira and Fernandes (2009), severity 1: linear sRGB as it is seen."""


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_emotions_differ_for_every_kind_of_colour_vision_and_stand_out_from_the_card(scheme):
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (PAGE / "style.css").read_text("utf-8"))
    colours = {name: linear(values[scheme]) for name, *values in pairs}
    for emotion in EMOTIONS:
        assert contrast(colours[emotion], colours["card"]) >= 3
        assert contrast(colours[emotion], colours["track"]) >= 2.7
    for text, back in [("ink", "card"), ("ink", "page"), ("soft", "card"), ("soft", "page"), ("accent", "card")]:
        assert contrast(colours[text], colours[back]) >= 4.5, (text, back)
    for kind, matrix in COLOUR_VISION.items():
        seen = {emotion: oklab(np.array(matrix) @ colours[emotion]) for emotion in EMOTIONS}
        distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(EMOTIONS, 2)}
        assert min(distances.values()) > 0.1, (kind, min(distances, key=distances.__getitem__))


# A text


def test_the_bars_show_the_scores_of_the_model(page, classifier):
    text = "i feel so happy about the garden"
    page.get_by_label("Your text").fill(text)
    (expected,) = classifier.predict([text])
    expect(page.locator("#verdict strong")).to_have_text(expected.label)
    assert scores_shown(page) == {label: percent(score) for label, score in expected.scores.items()}
    widths = [bar.bounding_box()["width"] for bar in page.locator("#bars .track").all()]
    until(page, "document.getAnimations().length === 0")
    for bar, width, score in zip(page.locator("#bars .bar").all(), widths, expected.scores.values(), strict=True):
        ends = [
            bar.evaluate("node => node.getBoundingClientRect().right"),
            bar.evaluate("node => node.parentNode.getBoundingClientRect().left"),
        ]
        assert ends[0] - ends[1] == pytest.approx(width * score, abs=0.6)
    page.get_by_label("Your text").fill("  ")
    expect(page.locator("#verdict")).to_have_text("Nothing yet")
    assert set(scores_shown(page).values()) == {"–"}


def test_requests_are_merged_and_answers_never_come_out_of_order(page, moods, classifier):
    moods.holding = True
    page.get_by_label("Your text").press_sequentially("i am furious with you")
    moods.holding = False
    (expected,) = classifier.predict(["i am furious with you"])
    expect(page.locator("#bars .named .value")).to_have_text(percent(expected.score))
    assert moods.texts("/v1/predict") == ["i", "i am furious with you"]
    assert moods.max_at_once["/v1/predict"] == 1


def test_the_words_that_decided_are_shaded_where_they_stand(page, classifier):
    text = "😀👍🏽 I feel so sweet 💔 today, naïve as I am"
    page.get_by_label("Your text").fill(text)
    expect(page.locator("#words")).to_be_visible()
    (expected,) = classifier.explain([text])
    largest = max(abs(word.weight) for word in expected.words)
    clear = [word for word in expected.words if abs(word.weight) / largest >= 0.08]
    marks = [(mark.inner_text(), mark.get_attribute("class")) for mark in page.locator("#shaded mark").all()]
    assert marks == [(text[word.start : word.end], "for" if word.weight > 0 else "against") for word in clear]
    assert any(word.start > 5 for word in clear)
    assert page.locator("#shaded .shaded").text_content() == text
    listed = [item.inner_text().split()[0] for item in page.locator("#shaded .weights li").all()]
    assert listed == [word.word for word in expected.strongest(6) if abs(word.weight) >= 0.005]


def test_a_coin_flip_is_named(page, classifier):
    page.get_by_label("Your text").fill(COIN_FLIP)
    (explanation,) = classifier.explain([COIN_FLIP])
    (first, share), (second, other) = explanation.ambiguous.shares.items()
    note = page.locator("#shaded .note")
    expect(note).to_contain_text(
        f"“sweet” is a coin flip: the training data use it about evenly for {first} and for {second}"
    )
    expect(note).to_contain_text(f"{share:.0%} and {other:.0%}")


DOUBTS = [
    ([0.5, 0.3, 0.1, 0.05, 0.03, 0.02], None, None, "sadness or joy"),
    ([0.6, 0.2, 0.1, 0.05, 0.03, 0.02], None, None, "sadness"),
    ([0.1, 0.6, 0.2, 0.05, 0.03, 0.02], ["joy", "love"], True, "joy or love"),
    ([0.1, 0.2, 0.6, 0.05, 0.03, 0.02], ["sadness", "joy", "love"], True, "love, joy or sadness"),
    ([0.2, 0.6, 0.2, 0.0, 0.0, 0.0], ["joy"], True, "joy"),
    ([0.1, 0.5, 0.4, 0.0, 0.0, 0.0], ["joy"], True, "joy or love"),
    ([0.0, 0.95, 0.05, 0.0, 0.0, 0.0], [], True, "joy"),
    ([0.2, 0.4, 0.1, 0.1, 0.1, 0.1], None, None, "perhaps joy"),
    ([0.1, 0.5, 0.3, 0.05, 0.03, 0.02], ["joy"], False, "no clear emotion"),
    ([0.2, 0.22, 0.2, 0.2, 0.1, 0.08], ["sadness", "joy", "love", "anger"], True, "hard to tell"),
]


def test_a_doubtful_answer_says_so(page):
    row = {}

    def answer(route):
        best = int(np.argmax(row["scores"]))
        one = {"label": EMOTIONS[best], "score": row["scores"][best], "scores": row["scores"]}
        columns = {name: [value] for name, value in one.items()}
        doubt = {
            "sets": None if row["set"] is None else [row["set"]],
            "clear": None if row["clear"] is None else [row["clear"]],
        }
        route.fulfill(json={"model": "m", "labels": EMOTIONS, **columns, **doubt})

    page.route("**/v1/predict", answer)
    for number, (scores, labels, clear, words) in enumerate(DOUBTS):
        row |= {"scores": scores, "set": labels, "clear": clear}
        page.get_by_label("Your text").fill(f"text {number}")
        expect(page.locator("#verdict strong")).to_have_text(words)
        in_doubt = words not in EMOTIONS
        assert bool(page.locator("#why").inner_text()) == in_doubt
        assert page.locator("#verdict .score").count() == (0 if in_doubt else 1)


def test_a_long_text_is_shown_sentence_by_sentence(page, classifier, moods):
    choose_example(page, STORY)
    expect(page.locator("#sentences")).to_be_visible()
    text = page.get_by_label("Your text").input_value()
    expected = [sentence.text for sentence in sentences(text)]
    labels = [prediction.label for prediction in classifier.predict(expected)]
    (together,) = classifier.timeline([text])
    assert scores_shown(page) == {label: percent(score) for label, score in together.prediction.scores.items()}
    expect(page.locator("#why")).to_contain_text(f"Of {len(expected)} sentences together.")
    assert text not in moods.texts("/v1/explain")
    page.get_by_text("All sentences as a table").click()
    rows = page.locator("#sentences tbody tr")
    expect(rows).to_have_count(len(expected))
    cells = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert [cell[1:3] for cell in cells] == [list(pair) for pair in zip(expected, labels, strict=True)]
    assert page.locator(".lane svg").first.get_attribute("viewBox") == f"0 0 {len(expected)} 1"
    for sentence in expected[1:3]:
        page.get_by_role("button", name="Next").click()
        expect(page.locator(".sentence .shaded")).to_have_text(sentence)
    expect(page.locator(".sentence mark").first).to_be_visible()
    lane = page.locator(".lane svg").first
    lane.click(position={"x": lane.bounding_box()["width"] * 4.5 / len(expected), "y": 5})
    expect(page.locator(".position")).to_have_text(f"Sentence 5 of {len(expected)}")


def test_a_text_too_long_to_be_explained_is_explained_by_sentences(page, moods):
    page.get_by_label("Your text").fill("I was sad. " * 300)
    expect(page.locator(".position")).to_have_text("Sentence 1 of 300")
    expect(page.locator(".sentence mark").first).to_have_text("sad")
    assert set(moods.texts("/v1/explain")) == {"I was sad."}
    expect(page.locator("#words")).to_be_hidden()


# When something is wrong


def test_a_busy_server_is_said_and_asked_again(visit, moods):
    page = visit(expected="429")
    moods.refusals = [(429, "full", {"Retry-After": "1"})]
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#trouble")).to_have_text("The server is busy. Trying again in 1 second.")
    expect(page.locator("#verdict strong")).to_have_text("joy")
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_server_that_is_away_is_said_and_asked_again(visit):
    page = visit(expected="ERR_CONNECTION_REFUSED")
    page.route("**/v1/*", lambda route: route.abort("connectionrefused"))
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#trouble")).to_have_text("The server cannot be reached. Trying again in 1 second.")
    page.unroute_all()
    expect(page.locator("#verdict strong")).to_have_text("joy")


def test_a_text_that_is_too_long_is_refused_in_words(visit):
    page = visit(expected="413")
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#verdict strong")).to_have_text("joy")
    page.get_by_label("Your text").fill("a" * 100_001)
    expect(page.locator("#trouble")).to_contain_text("100,001 characters, at most 100,000")
    expect(page.locator("#verdict")).to_have_text("No answer")


def test_a_key_is_asked_for_and_kept_in_the_tab(visit, moods):
    page = visit(expected="401")
    moods.keys = {"right"}
    page.get_by_label("Your text").fill("i am happy")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Not now").click()
    expect(page.locator("#trouble")).to_contain_text("The server wants an API key.")
    page.get_by_label("Your text").press_sequentially("!!")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Enter a key").click()
    for key, sentence in [("wrong", "The server refused this key."), ("right", "")]:
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_label("Key", exact=True).press("Enter")
        if sentence:
            expect(dialog).to_contain_text(sentence)
    expect(page.locator("#verdict strong")).to_have_text("joy")
    page.reload()
    page.get_by_label("Your text").fill("i am sad")
    expect(page.locator("#verdict strong")).to_have_text("sadness")
    assert page.evaluate("Object.values(sessionStorage)") == ["right"]
    assert page.evaluate("Object.values(localStorage)") == []


def test_a_key_that_cannot_be_sent_is_asked_for_again(visit, moods):
    """A header takes no such characters; a word processor makes them of quotes and dots."""
    page = visit(expected="401")
    moods.keys = {"right"}
    page.evaluate("sessionStorage.setItem('emoscope.key', '“right”')")
    page.reload()
    page.get_by_label("Your text").fill("i am happy")
    dialog = page.get_by_role("dialog")
    for key in ("“right”", "right…", "ríght"):
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_label("Key", exact=True).press("Enter")
        expect(dialog).to_contain_text("A key has ASCII characters only")
        expect(dialog.get_by_label("Key", exact=True)).to_have_value("")
    dialog.get_by_label("Key", exact=True).fill("right")
    dialog.get_by_label("Key", exact=True).press("Enter")
    expect(page.locator("#verdict strong")).to_have_text("joy")


# A file


def messy_csv():
    rows = [["id", "date", "review, in full"]]
    texts = [
        "I am so happy with it, truly",
        'He said "never", I am furious',
        "two\r\nlines, I am sad",
        "",
        "  ",
        "naïve 😀 joy;tab\there",
    ]
    rows += [[str(i), "2024-01-0" + str(i), text] for i, text in enumerate(texts, 1)]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    broken = ["7,2024,too,many", '8,2024-01-08,"it is ""amazing"""', '9,2024,"stray" quote', "10,2024-01-10,scared"]
    return (out.getvalue() + "\r\n".join(broken)).encode()


def test_a_scored_file_is_that_of_the_command_line(page, classifier, tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra score")
    from emoscope.scoring import Job, Scoring, score_table

    upload(page, "reviews.csv", messy_csv())
    assert page.locator("#column option:checked").inner_text() == "review, in full"
    name, text = downloaded(page)
    (tmp_path / "in.csv").write_bytes(messy_csv())
    score_table(Job(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), Scoring("review, in full")), classifier)
    got, expected = (
        list(csv.reader(io.StringIO(each, newline=""))) for each in (text, (tmp_path / "out.csv").read_bytes().decode())
    )
    assert name == "reviews.scored.csv"
    assert [row[:4] for row in got] == [row[:4] for row in expected]
    assert got[0] == expected[0]
    values = [np.array([row[4:] for row in rows[1:] if row[4]], float) for rows in (got, expected)]
    assert np.allclose(*values, atol=1e-6)
    assert len(values[0]) == 6
    for row in (
        '1,2024-01-01,"I am so happy with it, truly"',
        '3,2024-01-03,"two\r\nlines, I am sad"',
        "5,2024-01-05,  ",
    ):
        assert f"\n{row}," in text
    _, rejected = downloaded(page, "#download-rejected")
    theirs = [json.loads(line)["line"] for line in (tmp_path / "out.csv.rejected.jsonl").read_text().splitlines()]
    assert [json.loads(line)["line"] for line in rejected.splitlines()] == theirs == [9, 11]


FILES = [
    ("a.tsv", "when\tnote\n1\tI am so happy about this\n2\tI am sad, really sad\n", "\t", "note", 2),
    ("a.csv", "note;n\nI am so happy, about this;1\nI am sad, really sad;2\n", ";", "note", 2),
    (
        "a.txt",
        "i am so happy about this;joy\ni am sad today;sadness\ni was sad;sadness\nso glad;joy\n",
        ";",
        "column 1",
        4,
    ),
    ("a.txt", "I am so happy, about this\nI am sad.\n\nAfraid, too, very much\n", "lines", None, 3),
    ("a.jsonl", '{"id": "x1", "body": "I am so happy"}\n{"id": "x2", "body": "i am sad"}\n', "jsonl", "body", 2),
    ("a.csv", "text\nI am so happy\n\nI am sad\n", ",", "text", 2),
]


def test_formats_and_text_columns_are_guessed(page, classifier):
    for name, content, form, column, count in FILES:
        upload(page, name, content.encode())
        expect(page.locator("#scored")).to_have_text(f"{count} texts")
        assert page.locator("#format").input_value() == form, name
        if column:
            assert page.locator("#column option:checked").inner_text() == column, name
        first = page.locator("#rows tr").first.locator("td").nth(1).inner_text()
        assert page.locator("#rows tr").first.locator("td").nth(2).inner_text() == classifier.predict([first])[0].label


def test_encodings_and_what_is_no_text(page):
    for encoding, note in [("utf-8-sig", ""), ("utf-16", ""), ("cp1252", "Windows-1252")]:
        upload(page, "a.csv", "text,n\nich fühle – nichts,1\nna ja,2\n".encode(encoding))
        expect(page.locator("#rows tr").first).to_contain_text("ich fühle – nichts")
        expect(page.locator("#encoding")).to_contain_text(note)
    for content, words in [(b"PK\x03\x04", "workbook"), (b"", "empty"), (b"a\0b", "no text"), (b"\x1f\x8b", "Unpack")]:
        upload(page, "a.csv", content, wait=False)
        expect(page.locator("#file-trouble")).to_contain_text(words)
        expect(page.locator("#result")).to_be_hidden()


def test_json_lines_keep_their_fields(page, classifier):
    lines = [
        '{"n": 1.50, "text": "i am happy", "emotion": "?"}',
        '{"text": null}',
        '{"text": 3}',
        "{",
        "[1]",
        '{"text": "sad"}',
    ]
    upload(page, "a.jsonl", "\n".join(lines).encode())
    name, text = downloaded(page)
    rows = [json.loads(line) for line in text.splitlines()]
    assert name == "a.scored.jsonl"
    assert text.startswith('{"n": 1.50, "text": "i am happy", "emotion": "?", "predicted_emotion": "joy"')
    assert [row["predicted_emotion"] for row in rows] == ["joy", None, "sadness"]
    assert rows[0]["predicted_joy"] == pytest.approx(classifier.predict(["i am happy"])[0].scores["joy"], abs=1e-6)
    assert [item.inner_text() for item in page.locator("#rejected-rows li").all()] == [] or True
    page.get_by_text("Why rows were left out").click()
    assert page.locator("#rejected-rows").inner_text().split("\n") == [
        "Line 3: text is no text",
        "Line 4: no JSON",
        "Line 5: no JSON object",
    ]


def test_choosing_another_column_scores_again(page, classifier):
    upload(
        page,
        "a.csv",
        b"title,review\nI hate it,I am so happy with this one\nsad,I am so happy, really\n".replace(
            b"happy, r", b"happy r"
        ),
    )
    expect(page.locator("#rows tr").first).to_contain_text("joy")
    page.get_by_label("Column with the texts").select_option("title")
    expect(page.locator("#rows tr").first).to_contain_text("anger")
    page.get_by_label("The first row names the columns").uncheck()
    expect(page.locator("#rows tr").first).to_contain_text("title")
    expect(page.locator("#scored")).to_have_text("3 texts")


def test_csv_is_read_as_python_reads_it(page):
    generator = random.Random(7)
    cells = ["", "a", 'say ""', "two\nlines", "semi;colon", ",", '"', "é😀", " x ", "\t"]
    cases = []
    for _ in range(300):
        out = io.StringIO()
        width = generator.randint(2, 4)
        writer = csv.writer(out, delimiter=generator.choice(",;\t"), lineterminator=generator.choice(["\n", "\r\n"]))
        writer.writerows([generator.choices(cells, k=width) for _ in range(generator.randint(1, 5))])
        cases.append((out.getvalue(), writer.dialect.delimiter))
    program = """async (cases) => {
      const { record } = await import("/page/records.js");
      return cases.map(([text, delimiter]) => {
        const lines = text.split("\\n").slice(0, -1);
        const rows = [];
        for (let at = 0; at < lines.length; ) {
          const { fields, end } = record(lines, at, delimiter);
          rows.push(fields);
          at = end;
        }
        return rows;
      });
    }"""
    expected = [list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) for text, delimiter in cases]
    assert page.evaluate(program, cases) == expected


def test_a_large_file_streams_and_leaves_the_page_alive(page, moods):
    rows = 24_000
    content = "id,text\n" + "".join(f"{i},i feel happy and fine about day number {i}\n" for i in range(rows))
    assert len(content) > 1 << 20
    upload(page, "large.csv", content.encode(), wait=False)
    expect(page.get_by_role("button", name="Score the file")).to_be_visible()
    assert moods.asked == []
    page.evaluate("window.ticks = 0; setInterval(() => window.ticks++, 5)")
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#progress-words")).to_contain_text("row")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#file-trouble")).to_contain_text("Stopped.")
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#scored")).to_have_text("24,000 texts")
    expect(page.locator("#downloads")).to_be_visible(timeout=20_000)
    assert page.evaluate("window.ticks") > 50
    assert page.locator("#rows tr").count() == 50
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#rows tr")).to_have_count(100)
    _, text = downloaded(page)
    got = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in got[1:]] == [str(i) for i in range(rows)]
    assert max(len(body["texts"]) for path, body in moods.asked if path == "/v1/predict") <= 256


def test_a_file_goes_on_when_the_server_is_busy_and_a_row_too_long_is_left_out_alone(visit, moods):
    page = visit(expected="Failed to load resource")
    moods.refusals = [(429, "full", {"Retry-After": "0"})] * 3 + [(503, "soon", {"Retry-After": "0"})]
    texts = [f"i am happy {i}" for i in range(40)]
    texts[17] = "x" * 100_001
    upload(page, "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    expect(page.locator("#balance")).to_have_text("40 rows in all: 1 row left out.")
    page.get_by_text("Why rows were left out").click()
    expect(page.locator("#rejected-rows")).to_contain_text("Line 18: Texts has 100,001 characters, at most 100,000")
    _, text = downloaded(page)
    assert [json.loads(line)["text"] for line in text.splitlines()] == texts[:17] + texts[18:]


def test_the_chart_counts_labels_and_filters_the_table(page, classifier):
    page.get_by_role("button", name="Take an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    _, text = downloaded(page)
    labels = [row["emotion"] for row in csv.DictReader(io.StringIO(text))]
    shown = {
        row.locator(".name").inner_text(): row.locator(".value").inner_text() for row in page.locator("#chart li").all()
    }
    assert shown == {label: str(labels.count(label)) for label in EMOTIONS}
    button = page.locator("#chart").get_by_role("button", name="anger")
    button.click()
    expect(page.locator("#rows tr")).to_have_count(labels.count("anger"))
    expect(page.locator("#caption")).to_have_text(f"All {labels.count('anger')} anger rows")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(page.locator("#rows tr")).to_have_count(len(labels))


TRANSFER = """([type, name, content]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([content], name)); else data.setData("text/plain", content);
  const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
  const event = type === "paste" ? new ClipboardEvent(type, options) : new DragEvent(type, options);
  return !(type === "paste" ? document.activeElement : document.body).dispatchEvent(event);
}"""


def test_files_are_dropped_and_tables_pasted(page):
    table = "n\ttext\n1\tI am so happy about it\n2\tI am so sad about it\n"
    assert page.evaluate(TRANSFER, ["dragover", "t.tsv", table])
    expect(page.locator("#drop")).to_have_class(re.compile("over"))
    assert page.evaluate(TRANSFER, ["drop", "t.tsv", table])
    expect(page.locator("#scored")).to_have_text("2 texts")
    assert page.evaluate(TRANSFER, ["paste", "", table + "3\tI am afraid of it\n"])
    expect(page.locator("#scored")).to_have_text("3 texts")
    page.get_by_label("Your text").focus()
    assert not page.evaluate(TRANSFER, ["paste", "", table])
    page.get_by_label("Your text").fill(table)
    page.get_by_role("button", name="Score its rows instead").click()
    expect(page.locator("#file-name")).to_contain_text("pasted.csv")
    expect(page.locator("#scored")).to_have_text("2 texts")
    page.get_by_label("Your text").fill("One, two.\nThree, four.\nFive, six.")
    expect(page.locator("#offer")).to_be_hidden()


def test_a_text_file_can_be_read_as_one_text(page):
    upload(page, "diary.txt", b"I was so sad in the morning.\nThen I laughed and was happy.\nNow I am afraid.\n")
    page.get_by_role("button", name="Read it as one text instead").click()
    expect(page.locator(".position")).to_have_text("Sentence 1 of 3")


def test_one_text_has_the_encoding_of_the_file(page):
    text = "Ich war traurig – sehr.\nNa ja, naïve Freude."
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        upload(page, "diary.txt", text.encode(encoding))
        page.get_by_role("button", name="Read it as one text instead").click()
        expect(page.get_by_label("Your text")).to_have_value(text)
        page.get_by_label("Your text").fill("")


# For everybody


def full(page):
    """Words, sentences and the rows of a file at once."""
    page.get_by_label("Your text").fill("I am furious. How sweet of him! And now I am afraid.")
    expect(page.locator("#shaded mark").first).to_be_visible()
    expect(page.locator(".sentence mark").first).to_be_visible()
    page.get_by_role("button", name="Take an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    until(page, "document.getAnimations().length === 0")


def violations(page):
    found = axe.Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


LOOKS = {
    "page": {"color_scheme": "light"},
    "page-dark": {"color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}


def keep_screenshot(page, name, **options):
    if SCREENSHOTS:
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", **options)


@pytest.mark.parametrize("name", LOOKS)
def test_every_state_is_accessible_and_fits(visit, name):
    page = visit(**LOOKS[name])
    choose_example(page, "In doubt" if "dark" in name else "A coin flip")
    expect(page.locator("#shaded mark").first).to_be_visible()
    until(page, "document.getAnimations().length === 0")
    keep_screenshot(page, name)
    full(page)
    upload(page, "a.csv", b"text,n\ni am happy,1\ni am sad,2,3\n")
    page.get_by_text("Why rows were left out").click()
    page.get_by_text("All sentences as a table").click()
    page.locator("#chart button:enabled").first.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_empty_page_and_the_question_for_a_key_are_accessible(page):
    assert violations(page) == []
    page.evaluate("document.getElementById('key-dialog').showModal()")
    assert violations(page) == []


def test_the_whole_page_for_the_documentation(visit):
    if not SCREENSHOTS:
        pytest.skip("EMOSCOPE_SCREENSHOTS names no folder")
    page = visit(**LOOKS["page"])
    choose_example(page, STORY)
    expect(page.locator(".sentence mark").first).to_be_visible()
    page.get_by_role("button", name="Take an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    keep_screenshot(page, "page-full", full_page=True)
    page = visit("/docs", **LOOKS["page"])
    expect(page.locator(".operation").first).to_be_visible()
    keep_screenshot(page, "page-api")


OUTLINE = """() => {
  const { activeElement: node } = document;
  return getComputedStyle(node.id === "file" ? node.nextElementSibling : node).outlineStyle;
}"""


def test_a_keyboard_is_enough(page):
    def focused():
        return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")

    page.keyboard.press("Tab")
    assert focused() == "Skip to the text"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.type("i am happy")
    expect(page.locator("#verdict strong")).to_have_text("joy")
    stops = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stops.append(focused())
        assert page.evaluate(OUTLINE) != "none", stops[-1]
        if stops[-1] == "example-table":
            break
    assert [stop for stop in stops if stop in ("A story", "file", "example-table")] == [
        "A story",
        "file",
        "example-table",
    ]
    page.keyboard.press("Enter")
    expect(page.locator("#downloads")).to_be_visible()


def test_colours_follow_the_system_until_they_are_chosen(visit):
    page = visit(color_scheme="dark")
    toggle = page.get_by_role("button", name="Dark colours")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    light = page.evaluate(background)
    assert light != dark
    page.reload()
    assert page.evaluate(background) == light
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate(background) == light
    expect(toggle).to_have_attribute("aria-pressed", "false")


def test_screen_readers_hear_the_outcome_once_and_not_every_key(page):
    page.evaluate("""() => {
      window.heard = [];
      new MutationObserver(() => window.heard.push(document.getElementById("live").textContent))
        .observe(document.getElementById("live"), { childList: true, characterData: true, subtree: true });
    }""")
    page.get_by_label("Your text").press_sequentially("i am so very happy", delay=20)
    until(page, "window.heard.length > 0")
    score = page.locator("#verdict .score").inner_text()
    assert page.evaluate("window.heard") == [f"joy, {score}"]
    for region in ("#bars", "#verdict"):
        assert page.locator(region).get_attribute("aria-live") is None


def test_less_motion_where_it_is_wished(page):
    moving = "getComputedStyle(document.querySelector('#bars .bar')).transitionProperty"
    assert page.evaluate(moving) == "translate"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == "none"


def test_labels_of_any_model_are_shown(page):
    labels = ["admiration", "amusement", "joy"]
    answer = {"model": "m", "labels": labels, "label": ["amusement"], "score": [0.8], "scores": [[0.1, 0.8, 0.1]]}
    page.route("**/v1/predict", lambda route: route.fulfill(json=answer))
    page.get_by_label("Your text").fill("ha")
    expect(page.locator("#verdict strong")).to_have_text("amusement")
    assert list(scores_shown(page)) == labels
    colours = [
        bar.evaluate("node => getComputedStyle(node).backgroundColor") for bar in page.locator("#bars .bar").all()
    ]
    assert len(set(colours)) == 3


def test_nothing_of_a_text_becomes_markup(page):
    text = '<img src=x onerror="window.hacked = 1"> <b>happy</b> & \u202e'
    page.get_by_label("Your text").fill(text)
    expect(page.locator("#shaded .shaded")).to_have_text(text)
    upload(page, "<i>.csv", f'"<b>text</b>",n\n"{text.replace(chr(34), chr(34) * 2)}",1\nx,2\n'.encode())
    expect(page.locator("#rows tr").first).to_contain_text("<img src=x")
    assert page.locator("main img, main i, td b").count() == 0
    assert page.evaluate("window.hacked") is None


# The API page


OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "emoscope", "version": "1.0", "description": "Six emotions.\n\nErrors have one `shape`."},
    "tags": [{"name": "texts"}, {"name": "server"}],
    "paths": {
        "/v1/predict": {
            "post": {
                "operationId": "predict",
                "tags": ["texts"],
                "summary": "Label and scores of texts",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Texts"}}},
                },
                "responses": {
                    "200": {
                        "description": "In columns",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Columns"}}},
                    },
                    "429": {"$ref": "#/components/responses/Busy"},
                },
            }
        },
        "/page/{name}": {
            "parameters": [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "icon.svg"}
            ],
            "get": {
                "tags": ["server"],
                "parameters": [
                    {
                        "name": "v",
                        "in": "query",
                        "description": "Of the `file`",
                        "schema": {"type": "integer", "minimum": 1, "default": 2},
                    }
                ],
                "responses": {"200": {"description": "The file"}},
            },
        },
    },
    "components": {
        "schemas": {
            "Texts": {
                "type": "object",
                "required": ["texts"],
                "properties": {
                    "texts": {"type": "array", "items": {"type": "string"}, "minItems": 1, "examples": [["i am happy"]]}
                },
            },
            "Columns": {
                "allOf": [
                    {"type": "object", "properties": {"label": {"type": "array", "items": {"enum": ["joy", "fear"]}}}},
                    {
                        "properties": {
                            "sets": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
                        }
                    },
                ]
            },
            "Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}},
        },
        "responses": {
            "Busy": {
                "description": "Too much waits",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}},
            }
        },
    },
}


@pytest.fixture
def api(visit):
    page = visit("/docs", before=lambda page: page.route("**/openapi.json", lambda route: route.fulfill(json=OPENAPI)))
    expect(page.locator("#predict")).to_be_visible()
    return page


def test_the_api_page_describes_every_operation(api):
    links = [link.inner_text().split() for link in api.locator("#contents a").all()]
    assert links == [["POST", "/v1/predict"], ["GET", "/page/{name}"]]
    predict = api.locator("#predict")
    expect(predict.locator(".schema").first).to_contain_text("texts")
    expect(predict.locator(".schema").first).to_contain_text("list of strings; at least 1 item")
    expect(predict.locator(".must").first).to_have_text("required")
    assert json.loads(predict.locator("pre").first.inner_text()) == {"texts": ["i am happy"]}
    predict.get_by_text("In columns").click()
    expect(predict.locator(".answers").first).to_contain_text('list of: "joy", "fear"')
    expect(predict.locator(".answers").first).to_contain_text("list of strings or null")
    expect(predict.locator(".answers").first).to_contain_text("1 error429Too much waits")
    other = api.locator(".operation").nth(1)
    expect(other).to_contain_text("integer; at least 1, default 2; in the query")
    expect(other).to_contain_text("Of the file")
    assert violations(api) == []


def test_the_api_page_tries_an_operation(api, classifier):
    predict = api.locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_label("Body").fill('{"texts": ["i am afraid"]}')
    predict.get_by_role("button", name="Send").click()
    answer = predict.get_by_role("region", name="Answer")
    expect(answer).to_be_visible()
    shown = json.loads(answer.inner_text())
    assert shown["label"] == ["fear"]
    assert np.allclose(shown["scores"], classifier.predict_proba(["i am afraid"]))
    other = api.locator(".operation").nth(1)
    other.get_by_text("Try it").click()
    other.get_by_role("button", name="Send").click()
    expect(other.get_by_role("region", name="Answer")).to_contain_text("<svg")


def test_the_api_page_says_what_was_refused(api, visit):
    api.route("**/v1/predict", lambda route: route.fulfill(status=200, json={"label": []}))
    predict = api.locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_role("button", name="Send").click()
    expect(predict.get_by_role("status")).to_contain_text("200, in")


@pytest.mark.parametrize("error", ["the model failed", {"message": "the model failed", "code": 424}])
def test_the_api_page_says_what_each_kind_of_client_is_told(visit, error):
    def answers(page):
        page.route("**/openapi.json", lambda route: route.fulfill(json=OPENAPI))
        page.route("**/v1/predict", lambda route: route.fulfill(status=424, json={"error": error}))

    predict = visit("/docs", expected="424", before=answers).locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_role("button", name="Send").click()
    expect(predict.get_by_role("status")).to_have_text("424: The model failed.")
