"""The frame of pages: raw text is escaped, nothing is loaded, and labels have one colour everywhere."""

import re

from emoscope.html_page import DARK, LIGHT, escaped, fragments_page, html_page, label_colour, label_colours
from emoscope.labels import EMOTIONS


def test_text_is_escaped_and_what_html_cannot_hold_is_replaced():
    assert escaped("<b>&'\"\x00\ud800\n") == "&lt;b&gt;&amp;&#x27;&quot;\ufffd\ufffd\n"


def test_page_is_whole_and_loads_nothing():
    page = html_page("a < b", ["<p>text</p>"], "p { color: red; }\n")
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert "<title>a &lt; b</title>" in page and "<h1>a &lt; b</h1>\n<p>text</p>" in page and "color: red" in page
    assert not re.search(r"(src|href)=|@import|url\(|<script", page)


def test_style_is_for_light_and_dark_screens_and_for_paper():
    page = fragments_page("title", ["<p>one</p>", "<p>two</p>"], "green & red")
    assert '<p class="note">green &amp; red</p>' in page
    assert page.count("<section>") == 2
    assert "@media screen and (prefers-color-scheme: dark)" in page and "@media print" in page
    for index, (light, dark) in enumerate(zip(LIGHT, DARK, strict=True)):
        assert [f"--label-{index}: {colour};" in page for colour in (light, dark)] == [True, True]


def test_colours_of_labels_repeat_after_the_last():
    assert label_colour(0) == f"var(--label-0, {LIGHT[0]})" == label_colour(len(LIGHT))


def test_an_emotion_has_its_colour_in_every_order():
    assert label_colours(EMOTIONS) == [0, 1, 2, 3, 4, 5]
    assert label_colours(EMOTIONS[::-1]) == [5, 4, 3, 2, 1, 0]
    assert label_colours(["neutral", "joy", "anger"]) == [0, 1, 3]
    assert label_colours([*EMOTIONS, "neutral", "other", "third"])[6:] == [6, 7, 6]
    assert len(set(label_colours([f"label {i}" for i in range(len(LIGHT))]))) == len(LIGHT)


def test_words_in_tables_are_not_broken_into_letters():
    """A cell that may break anywhere is as narrow as a letter unless it has a minimum."""
    rules = dict(re.findall(r"^(td[^{]*) \{ (.*) \}$", html_page("title", []), re.MULTILINE))
    assert "overflow-wrap: anywhere" in rules["td"] and "min-width: 4.6rem" in rules["td"]
    assert rules["td:last-child:not(.figure, :empty, [colspan])"] == "min-width: 12rem;"
