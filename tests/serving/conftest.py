"""Applications and servers for the tests of serving."""

from __future__ import annotations

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytest.importorskip("httpx", reason="needs httpx")

from serving_fakes import CalibratedClassifier, Client, HashClassifier, RunningServer

from emoscope.serving import Settings, create_app


@pytest.fixture
def classifier():
    return HashClassifier()


@pytest.fixture
def serve(classifier):
    """Makes a client of an application with a classifier, API keys and settings."""

    def make(model=None, *, keys=None, **settings):
        app = create_app(model or classifier, Settings(**settings), model="tiny", keys=keys)
        app.service.warm_up()
        return Client(app)

    return make


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def calibrated(serve):
    return serve(CalibratedClassifier())


@pytest.fixture
def run_server():
    """Starts a `RunningServer` of an application; it is ended after the test."""
    started = []

    def start(app, **options):
        running = RunningServer(app, **options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.end()
