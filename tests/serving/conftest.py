"""Applications for the tests of serving."""

from __future__ import annotations

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytest.importorskip("httpx", reason="needs httpx")

from serving_fakes import Client, HashClassifier

from emoscope.serving import Settings, create_app


@pytest.fixture
def classifier():
    return HashClassifier()


@pytest.fixture
def serve(classifier):
    """A client for an application with these settings."""

    def make(model=classifier, **settings):
        app = create_app(model, Settings(**settings), model="tiny")
        app.service.warm_up()
        return Client(app)

    return make


@pytest.fixture
def client(serve):
    return serve()
