"""Actions and checks that the tests of the page share."""

from __future__ import annotations

import os
from pathlib import Path

from axe_playwright_python import sync_playwright as axe
from playwright.sync_api import expect

SCREENSHOTS = os.environ.get("EMOSCOPE_SCREENSHOTS")
AMBIGUOUS = "I feel so sweet today."
STORY = "A story"
LOOKS = {
    "page": {"color_scheme": "light"},
    "page-dark": {"color_scheme": "dark"},
    "page-phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}
"""Names of screenshots, and the options of the pages that they show."""


def wait_in_page(page, condition):
    """Wait for a condition in JavaScript: the page's policy forbids Playwright's own way."""
    program = """async () => {
      for (let tries = 0; tries < 6000 && !(CONDITION); tries++) await new Promise((go) => setTimeout(go, 20));
      return CONDITION;
    }"""
    assert page.evaluate(program.replace("CONDITION", condition))


def wait_for_animations(page):
    wait_in_page(page, "document.getAnimations().length === 0")


def shown_scores(page):
    rows = page.locator("#bars li").all()
    return {row.locator(".name").inner_text(): row.locator(".value").inner_text() for row in rows}


def percent(score):
    return "<0.1%" if score < 0.0005 else ">99.9%" if score > 0.9995 else f"{100 * score:.1f}%"


def choose_example(page, name):
    page.get_by_role("group", name="Examples").get_by_role("button", name=name).click()


def upload(page, name, content, *, wait=True):
    page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
    if wait:
        expect(page.locator("#downloads")).to_be_visible()


def downloaded(page, link="#download"):
    """Name and text of a downloaded file."""
    with page.expect_download() as download:
        page.locator(link).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


def violations(page):
    """What axe-core reports about accessibility."""
    found = axe.Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


def keep_screenshot(page, name, **options):
    if SCREENSHOTS:
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.mouse.move(0, 0)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", **options)
