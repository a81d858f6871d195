"""The static site in Chromium: the scores, explanations and tables of Python, with the network off, and odd input."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from queue import Queue

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="needs playwright")

from playwright.sync_api import expect

from chromium import DESKTOP, TIMEOUT, launched
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.page import read_runtime, write_site
from page_actions import LOOKS, choose_example, downloaded, keep_screenshot, shown_scores, upload, violations

ROOT = Path(__file__).parents[2]
MAX_BYTES = 12_000_000
TOLERANCE = 1e-4
ASK = """async ([path, body]) => (await import(new URL("page/client.js", document.baseURI))).call(path, body)"""
CONFORM = """async () => {
  const { call } = await import(new URL("page/client.js", document.baseURI));
  const lines = (await (await fetch("../conformance.jsonl")).text()).trim().split("\\n").map(JSON.parse);
  const answer = { label: [], scores: [], neutral: [] };
  for (let start = 0; start < lines.length; start += 500) {
    const part = await call("v1/predict", { texts: lines.slice(start, start + 500).map(({ text }) => text) });
    for (const name of Object.keys(answer)) answer[name].push(...part[name]);
  }
  return answer;
}"""

if not (ROOT / "js" / "node_modules" / "onnxruntime-web").is_dir():
    pytest.skip("needs the npm packages: npm ci in js/", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site in a folder of a server, beside the conformance file."""
    folder = tmp_path_factory.mktemp("served")
    size = write_site(folder / "site", open_folder(BUNDLED), read_runtime(ROOT / "js"))
    assert size <= MAX_BYTES
    (folder / "conformance.jsonl").write_bytes((ROOT / "js" / "test" / "conformance.jsonl").read_bytes())
    return folder


@pytest.fixture(scope="module")
def address(folder, serve_folder):
    return serve_folder(folder)


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def visit(browser, address):
    """Opens the site; errors in its console and requests to other servers fail the tests of the file."""
    errors = []

    def open_site(**options):
        page = browser.new_page(**{**DESKTOP, **options})
        page.set_default_timeout(TIMEOUT)
        page.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: request.url.startswith((address, "blob:")) or errors.append(request.url))
        page.goto(f"{address}/site/")
        expect(page.locator("#model")).to_contain_text("Model: bundled")
        return page

    yield open_site
    assert errors == []


@pytest.fixture(scope="module")
def page(visit):
    """One page for all tests, offline once its model is loaded."""
    page = visit()
    page.evaluate(ASK, ["v1/predict", {"texts": ["happy"] * 100}])  # starts the second worker
    page.wait_for_timeout(100)
    yield page
    page.close()


def test_conformance(page):
    lines = (ROOT / "js" / "test" / "conformance.jsonl").read_text("utf-8").splitlines()
    expected = [json.loads(line) for line in lines]
    found = page.evaluate(CONFORM)
    assert found["label"] == [line["label"] for line in expected]
    rows = np.column_stack([np.array(found["scores"]), found["neutral"]])
    assert np.abs(rows - [[*line["scores"], line["neutral"]] for line in expected]).max() <= TOLERANCE


def test_bars_and_words_while_the_network_is_off(page, classifier):
    page.context.set_offline(True)
    text = "I was so happy about it, but my brother was furious! 😀"
    page.fill("#text", text)
    prediction = classifier.predict([text])[0]
    expect(page.locator("#verdict")).to_contain_text(prediction.label)
    assert shown_scores(page)[prediction.label] == f"{100 * prediction.score:.1f}%"
    expect(page.locator("#shaded mark").first).to_be_visible()
    explanation = classifier.explain([text])[0]
    found = page.evaluate(ASK, ["v1/explain", {"texts": [text]}])["explanations"][0]
    assert [(word["word"], word["start"], word["end"]) for word in found["words"]] == [
        (word.word, word.start, word.end) for word in explanation.words
    ]
    assert np.allclose(
        [word["weight"] for word in found["words"]], [word.weight for word in explanation.words], atol=2e-4
    )
    page.context.set_offline(False)


def test_ambiguous_word(page, classifier):
    page.fill("#text", "I feel so sweet today.")
    expect(page.locator("#shaded .note")).to_contain_text("sweet")
    found = page.evaluate(ASK, ["v1/explain", {"texts": ["I feel so sweet today."]}])["explanations"][0]["ambiguous"]
    assert found["word"] == "sweet"
    assert found["shares"] == dict(classifier.ambiguous_keywords["sweet"])


def test_sentences(page, classifier):
    choose_example(page, "A story")
    expect(page.locator("#why")).to_contain_text("Combined from")
    expect(page.locator("#timeline .lane")).to_have_count(6)
    text = page.locator("#text").input_value()
    found, expected = page.evaluate(ASK, ["v1/sentences", {"text": text}]), classifier.timeline([text])[0].to_json()
    assert found["labels"] == expected["labels"]
    for ours, theirs in zip([found, *found["sentences"]], [expected, *expected["sentences"]], strict=True):
        assert (ours["label"], ours.get("start")) == (theirs["label"], theirs.get("start"))
        assert np.allclose([*ours["scores"], ours["neutral"]], [*theirs["scores"], theirs["neutral"]], atol=2e-4)


def test_a_table_gets_the_columns_of_the_command_line(page, classifier):
    texts = ["I am so happy, truly", 'He said "never", I am furious', "two\nlines, I am sad", "", "naïve 😀 joy"] * 60
    out = io.StringIO()
    csv.writer(out).writerows([["id", "review"], *([str(i), text] for i, text in enumerate(texts))])
    upload(page, "reviews.csv", out.getvalue().encode())
    expect(page.locator("#scored")).to_have_text("240 texts")
    name, content = downloaded(page)
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert name == "reviews.scored.csv"
    assert rows[0] == ["id", "review", "emotion", "emotion_score", *classifier.labels, "neutral"]
    expected = classifier.predict_with_neutral(texts)
    for row, text, values in zip(rows[1:], texts, expected, strict=True):
        assert row[1] == text
        assert np.allclose([float(cell or 0) for cell in row[4:]], values if text else 0, atol=TOLERANCE)
    for row, prediction in zip(rows[1:], classifier.predict(texts), strict=True):
        assert row[2] == ("" if not row[1] else "neutral" if prediction.is_neutral else prediction.label)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40, "not a text file"),
        (b"PK\3\4" + bytes(100), "spreadsheet"),
        (b"id,n\n1,2024-03-01\n2,2024-03-02\n", "No texts found"),
    ],
)
def test_files_that_are_no_tables_of_texts(page, content, words):
    upload(page, "a.csv", content, wait=False)
    expect(page.locator("#file-error")).to_contain_text(words)
    expect(page.locator("#result")).to_be_hidden()


def test_a_text_of_a_megabyte(page):
    page.evaluate("""() => {
      const field = document.getElementById("text");
      field.value = "I was sad, and the rain never stopped. ".repeat(25_600);
      field.dispatchEvent(new Event("input"));
    }""")
    expect(page.locator("#timeline")).to_contain_text("The text has 25600 sentences; 1024 are shown at most.")
    expect(page.locator("#verdict")).to_contain_text("sadness")
    page.fill("#text", "happy again")
    expect(page.locator("#verdict")).to_contain_text("joy")


def test_a_word_that_is_too_long_to_explain(page):
    page.fill("#text", "Well. " + "so sad " * 2_000 + ". Well. Well. Well.")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".sentence")).to_contain_text("so sad so sad")


def test_a_model_that_is_missing(folder, browser, address):
    page = browser.new_page()
    page.route("**/model/tokenizer.json", lambda route: route.fulfill(status=404))
    page.goto(f"{address}/site/")
    expect(page.locator("#error")).to_contain_text("/site/model/tokenizer.json cannot be read (status 404)")
    page.fill("#text", "I am happy")
    expect(page.locator("#verdict")).to_have_text("No result")
    page.close()


def test_what_is_typed_before_the_model_is_there(browser, address):
    page, held = browser.new_page(), Queue()

    def hold(route):
        held.put(route)

    page.route("**/onnx/model.onnx", hold)
    page.goto(f"{address}/site/")
    page.fill("#text", "I am so happy today")
    while held.empty():
        page.wait_for_timeout(20)
    expect(page.locator("#loading")).to_be_visible()
    expect(page.locator("#verdict")).to_have_text("No text yet")
    held.get().continue_()
    expect(page.locator("#verdict")).to_contain_text("joy")
    expect(page.locator("#loading")).to_be_hidden()
    page.close()


def test_a_server_that_unpacks_on_the_way(folder, browser, address):
    packed = (folder / "site" / "runtime" / "ort-wasm-simd-threaded.wasm.gz").read_bytes()
    page = browser.new_page()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/wasm"}
    page.route("**/*.wasm.gz", lambda route: route.fulfill(body=packed, headers=headers))
    page.goto(f"{address}/site/")
    expect(page.locator("#model")).to_contain_text("Model: bundled")
    page.close()


def test_a_page_that_was_opened_as_a_file(folder, browser):
    page = browser.new_page()
    page.goto(f"file://{folder}/site/index.html")
    expect(page.locator("#unserved")).to_contain_text("python -m http.server")
    page.close()


@pytest.mark.parametrize("look", LOOKS)
def test_looks(visit, look):
    page = visit(**LOOKS[look])
    expect(page.locator("#unserved")).to_be_hidden()
    choose_example(page, "Good news")
    expect(page.locator("#shaded mark").first).to_be_visible()
    page.locator("#example-table").click()
    expect(page.locator("#downloads")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep_screenshot(page, f"site-{look}", full_page=True)
    page.close()
