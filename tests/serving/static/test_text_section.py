"""The text section of the page: scores, verdicts, words and sentences, and what it shows when the server fails."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from emoscope import EMOTIONS
from emoscope.sentences import sentences
from page_actions import AMBIGUOUS, STORY, choose_example, percent, shown_scores, wait_for_animations


def test_bars_show_the_scores_of_the_model(page, classifier):
    text = "i feel so happy about the garden"
    page.get_by_label("Your text").fill(text)
    (expected,) = classifier.predict([text])
    expect(page.locator("#verdict strong")).to_have_text(expected.label)
    assert shown_scores(page) == {label: percent(score) for label, score in expected.scores.items()}
    widths = [bar.bounding_box()["width"] for bar in page.locator("#bars .track").all()]
    wait_for_animations(page)
    for bar, width, score in zip(page.locator("#bars .bar").all(), widths, expected.scores.values(), strict=True):
        ends = [
            bar.evaluate("node => node.getBoundingClientRect().right"),
            bar.evaluate("node => node.parentNode.getBoundingClientRect().left"),
        ]
        assert ends[0] - ends[1] == pytest.approx(width * score, abs=0.6)
    page.get_by_label("Your text").fill("  ")
    expect(page.locator("#verdict")).to_have_text("No text yet")
    assert set(shown_scores(page).values()) == {"–"}


def test_only_the_newest_text_is_requested_one_at_a_time(page, interceptor, classifier):
    interceptor.is_holding = True
    page.get_by_label("Your text").press_sequentially("i am furious with you")
    interceptor.is_holding = False
    (expected,) = classifier.predict(["i am furious with you"])
    expect(page.locator("#bars .highlighted .value").first).to_have_text(percent(expected.score))
    assert interceptor.texts("/v1/predict") == ["i", "i am furious with you"]
    assert interceptor.max_concurrent["/v1/predict"] == 1


def test_words_that_decided_are_shaded_in_place(page, classifier):
    text = "😀👍🏽 I feel so sweet 💔 today, naïve as I am"
    page.get_by_label("Your text").fill(text)
    expect(page.locator("#words")).to_be_visible()
    (expected,) = classifier.explain([text])
    largest = max(abs(word.weight) for word in expected.words)
    strong = [word for word in expected.words if abs(word.weight) / largest >= 0.08]
    marks = [(mark.inner_text(), mark.get_attribute("class")) for mark in page.locator("#shaded mark").all()]
    assert marks == [(text[word.start : word.end], "for" if word.weight > 0 else "against") for word in strong]
    assert any(word.start > 5 for word in strong)
    assert page.locator("#shaded .shaded").text_content() == text
    listed = [item.inner_text().split()[0] for item in page.locator("#shaded .weights li").all()]
    assert listed == [word.word for word in expected.strongest(6) if abs(word.weight) >= 0.005]


def test_ambiguous_word_has_a_note(page, classifier):
    page.get_by_label("Your text").fill(AMBIGUOUS)
    (explanation,) = classifier.explain([AMBIGUOUS])
    (first, share), (second, other_share) = explanation.ambiguous.shares.items()
    note = page.locator("#shaded .note")
    expect(note).to_contain_text(
        f"“sweet” is ambiguous: the training data uses it about equally often for {first} and for {second}"
    )
    expect(note).to_contain_text(f"{share:.0%} and {other_share:.0%}")


DOUBTS = [
    ([0.5, 0.3, 0.1, 0.05, 0.03, 0.02], None, "sadness or joy"),
    ([0.6, 0.2, 0.1, 0.05, 0.03, 0.02], 0.1, "sadness"),
    ([0.3, 0.22, 0.38, 0.05, 0.03, 0.02], 0.1, "love, sadness or joy"),
    ([0.1, 0.5, 0.4, 0.0, 0.0, 0.0], 0.1, "joy or love"),
    ([0.0, 0.95, 0.05, 0.0, 0.0, 0.0], 0.1, "joy"),
    ([0.2, 0.4, 0.1, 0.1, 0.1, 0.1], None, "perhaps joy"),
    ([0.1, 0.5, 0.3, 0.05, 0.03, 0.02], 0.6, "no emotion"),
    ([0.2, 0.22, 0.2, 0.2, 0.1, 0.08], 0.1, "hard to tell"),
]
"""Scores, probability that the text is neutral, verdict."""


def test_verdict_says_when_it_is_in_doubt(page):
    row = {}

    def answer(route):
        best = int(np.argmax(row["scores"]))
        one = {"label": EMOTIONS[best], "score": row["scores"][best], "scores": row["scores"]}
        columns = {name: [value] for name, value in one.items()}
        neutral = None if row["neutral"] is None else [row["neutral"]]
        route.fulfill(json={"model": "m", "labels": EMOTIONS, **columns, "neutral": neutral})

    page.route("**/v1/predict", answer)
    for number, (scores, neutral, words) in enumerate(DOUBTS):
        row |= {"scores": scores, "neutral": neutral}
        page.get_by_label("Your text").fill(f"text {number}")
        expect(page.locator("#verdict strong")).to_have_text(words)
        in_doubt = words not in EMOTIONS
        assert bool(page.locator("#why").inner_text()) == in_doubt
        assert page.locator("#verdict .score").count() == (0 if in_doubt else 1)


def test_long_text_is_shown_sentence_by_sentence(page, classifier, interceptor):
    choose_example(page, STORY)
    expect(page.locator("#sentences")).to_be_visible()
    text = page.get_by_label("Your text").input_value()
    expected = [sentence.text for sentence in sentences(text)]
    predictions = classifier.predict(expected)
    labels = ["no emotion" if prediction.is_neutral else prediction.label for prediction in predictions]
    (together,) = classifier.timeline([text])
    assert shown_scores(page) == {label: percent(score) for label, score in together.prediction.scores.items()}
    expect(page.locator("#why")).to_contain_text(f"Combined from {len(expected)} sentences.")
    assert text not in interceptor.texts("/v1/explain")
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


def test_text_too_long_to_explain_is_explained_by_sentence(page, interceptor):
    page.get_by_label("Your text").fill("I was sad. " * 300)
    expect(page.locator(".position")).to_have_text("Sentence 1 of 300")
    expect(page.locator(".sentence mark").first).to_have_text("sad")
    assert set(interceptor.texts("/v1/explain")) == {"I was sad."}
    expect(page.locator("#words")).to_be_hidden()


def test_busy_server_is_reported_and_retried(visit, interceptor):
    page = visit(expected_error="429")
    interceptor.refusals = [(429, "full", {"Retry-After": "1"})]
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#error")).to_have_text("The server is busy. Trying again in 1 second.")
    expect(page.locator("#verdict strong")).to_have_text("joy")
    expect(page.locator("#error")).to_be_hidden()


def test_unreachable_server_is_reported_and_retried(visit):
    page = visit(expected_error="ERR_CONNECTION_REFUSED")
    page.route("**/v1/*", lambda route: route.abort("connectionrefused"))
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#error")).to_have_text("The server cannot be reached. Trying again in 1 second.")
    page.unroute_all()
    expect(page.locator("#verdict strong")).to_have_text("joy")


def test_text_over_the_limit_is_an_error(visit):
    page = visit(expected_error="413")
    page.get_by_label("Your text").fill("i am happy")
    expect(page.locator("#verdict strong")).to_have_text("joy")
    page.get_by_label("Your text").fill("a" * 100_001)
    expect(page.locator("#error")).to_contain_text("100,001 characters, at most 100,000")
    expect(page.locator("#verdict")).to_have_text("No result")


def test_key_is_asked_for_and_kept_in_the_tab(visit, interceptor):
    page = visit(expected_error="401")
    interceptor.keys = {"right"}
    page.get_by_label("Your text").fill("i am happy")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Not now").click()
    expect(page.locator("#error")).to_contain_text("The server requires an API key.")
    page.get_by_label("Your text").press_sequentially("!!")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Enter a key").click()
    for key, sentence in [("wrong", "The server rejected this key."), ("right", "")]:
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


def test_key_that_is_not_ascii_is_asked_for_again(visit, interceptor):
    """A header takes no such characters; a word processor makes them of quotes and dots."""
    page = visit(expected_error="401")
    interceptor.keys = {"right"}
    page.evaluate("sessionStorage.setItem('emoscope.key', '“right”')")
    page.reload()
    page.get_by_label("Your text").fill("i am happy")
    dialog = page.get_by_role("dialog")
    for key in ("“right”", "right…", "ríght"):
        dialog.get_by_label("Key", exact=True).fill(key)
        dialog.get_by_label("Key", exact=True).press("Enter")
        expect(dialog).to_contain_text("Keys have ASCII characters only")
        expect(dialog.get_by_label("Key", exact=True)).to_have_value("")
    dialog.get_by_label("Key", exact=True).fill("right")
    dialog.get_by_label("Key", exact=True).press("Enter")
    expect(page.locator("#verdict strong")).to_have_text("joy")


def test_labels_of_any_model_are_shown(page):
    labels = ["admiration", "amusement", "joy"]
    answer = {"model": "m", "labels": labels, "label": ["amusement"], "score": [0.8], "scores": [[0.1, 0.8, 0.1]]}
    page.route("**/v1/predict", lambda route: route.fulfill(json=answer))
    page.get_by_label("Your text").fill("ha")
    expect(page.locator("#verdict strong")).to_have_text("amusement")
    assert list(shown_scores(page)) == labels
    colours = [
        bar.evaluate("node => getComputedStyle(node).backgroundColor") for bar in page.locator("#bars .bar").all()
    ]
    assert len(set(colours)) == 3
