"""The page for everyone: axe-core, narrow screens, the keyboard, screen readers, dark mode, motion and markup."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from page_actions import (
    LOOKS,
    SCREENSHOTS,
    STORY,
    choose_example,
    keep_screenshot,
    upload,
    violations,
    wait_for_animations,
    wait_in_page,
)


def full(page):
    """Words, sentences and the rows of a file at once."""
    page.get_by_label("Your text").fill("I am furious. How sweet of him! And now I am afraid.")
    expect(page.locator("#shaded mark").first).to_be_visible()
    expect(page.locator(".sentence mark").first).to_be_visible()
    page.get_by_role("button", name="Try an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    wait_for_animations(page)


@pytest.mark.parametrize("name", LOOKS)
def test_every_state_is_accessible_and_fits(visit, name):
    page = visit(**LOOKS[name])
    choose_example(page, "In doubt" if "dark" in name else "Ambiguous")
    expect(page.locator("#shaded mark").first).to_be_visible()
    wait_for_animations(page)
    keep_screenshot(page, name)
    full(page)
    upload(page, "a.csv", b"text,n\ni am happy,1\ni am sad,2,3\n")
    page.get_by_text("Why rows were rejected").click()
    page.get_by_text("All sentences as a table").click()
    page.locator("#chart button:enabled").first.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_empty_page_and_key_dialog_are_accessible(page):
    assert violations(page) == []
    page.evaluate("document.getElementById('key-dialog').showModal()")
    assert violations(page) == []


def test_screenshots_for_the_documentation(visit):
    if not SCREENSHOTS:
        pytest.skip("EMOSCOPE_SCREENSHOTS names no folder")
    page = visit(**LOOKS["page"])
    choose_example(page, STORY)
    expect(page.locator(".sentence mark").first).to_be_visible()
    page.get_by_role("button", name="Try an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    keep_screenshot(page, "page-full", full_page=True)
    page = visit("/docs", **LOOKS["page"])
    expect(page.locator(".operation").first).to_be_visible()
    keep_screenshot(page, "page-api")


OUTLINE = """() => {
  const { activeElement: node } = document;
  return getComputedStyle(node.id === "file" ? node.nextElementSibling : node).outlineStyle;
}"""


def test_page_works_with_the_keyboard_alone(page):
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


def test_dark_mode_follows_the_system_until_it_is_chosen(visit):
    page = visit(color_scheme="dark")
    toggle = page.get_by_role("button", name="Dark mode")
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


def test_screen_readers_hear_the_result_once_and_not_every_key(page):
    page.evaluate("""() => {
      window.heard = [];
      new MutationObserver(() => window.heard.push(document.getElementById("live").textContent))
        .observe(document.getElementById("live"), { childList: true, characterData: true, subtree: true });
    }""")
    page.get_by_label("Your text").press_sequentially("i am so very happy", delay=20)
    wait_in_page(page, "window.heard.length > 0")
    score = page.locator("#verdict .score").inner_text()
    assert page.evaluate("window.heard") == [f"joy, {score}"]
    for region in ("#bars", "#verdict"):
        assert page.locator(region).get_attribute("aria-live") is None


def test_reduced_motion_is_respected(page):
    moving = "getComputedStyle(document.querySelector('#bars .bar')).transitionProperty"
    assert page.evaluate(moving) == "translate"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == "none"


def test_texts_never_become_markup(page):
    text = '<img src=x onerror="window.hacked = 1"> <b>happy</b> & \u202e'
    page.get_by_label("Your text").fill(text)
    expect(page.locator("#shaded .shaded")).to_have_text(text)
    upload(page, "<i>.csv", f'"<b>text</b>",n\n"{text.replace(chr(34), chr(34) * 2)}",1\nx,2\n'.encode())
    expect(page.locator("#rows tr").first).to_contain_text("<img src=x")
    assert page.locator("main img, main i, td b").count() == 0
    assert page.evaluate("window.hacked") is None
