"""A real Chromium, a real server, and the helpers that the tests of the page share.

EMOSCOPE_SCREENSHOTS=DIR keeps screenshots. All tests of a file share one browser and one server.
"""

from __future__ import annotations

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

from intercepted_server import Interceptor, running

from chromium import DESKTOP, TIMEOUT, launched
from emoscope import EmotionClassifier
from emoscope.serving import create_app


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()


@pytest.fixture(scope="module")
def intercepted(classifier):
    """The application with an `Interceptor`, and its address."""
    interceptor = Interceptor(create_app(classifier))
    with running(interceptor) as address:
        yield interceptor, address


@pytest.fixture
def interceptor(intercepted):
    intercepted[0].reset()
    yield intercepted[0]
    intercepted[0].reset()


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def shared_context(browser):
    """The context of all pages that need no options of their own; it caches the page's files."""
    with browser.new_context(**DESKTOP) as context:
        yield context


@pytest.fixture
def visit(browser, shared_context, intercepted, interceptor):
    """Opens the page; any error in its console and any request to another server fails the test."""
    _, address = intercepted
    opened, errors = [], []

    def open_page(path="/", expected_error="", before=None, **options):
        context = browser.new_context(**{**DESKTOP, **options}) if options else shared_context
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        opened.append(context if options else page)

        def on_console(message):
            if message.type in ("error", "warning") and not (expected_error and expected_error in message.text):
                errors.append(message.text)

        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: request.url.startswith((address, "blob:")) or errors.append(request.url))
        if before:
            before(page)
        page.goto(address + path)
        return page

    yield open_page
    for each in opened:
        each.close()
    assert errors == []


@pytest.fixture
def page(visit):
    return visit()
