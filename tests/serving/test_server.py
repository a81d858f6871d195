"""A running server: real clients, and an end that loses nobody's answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from serving_fakes import CalibratedClassifier, HashClassifier, HeldClassifier, probabilities

from emoscope import EMOTIONS
from emoscope.errors import ModelError
from emoscope.serving import Settings, create_app, run
from emoscope.serving.server import is_loopback, listen


@pytest.fixture
def server(run_server):
    return run_server(create_app(CalibratedClassifier(), Settings(max_texts=3)))


@pytest.mark.parametrize("path", ["", "/", "/models/owner/name"])
def test_the_client_of_hugging_face(server, path):
    hub = pytest.importorskip("huggingface_hub")
    client = hub.InferenceClient(model=server.url + path, token="a token")
    expected = probabilities("i feel so happy")
    answer = client.text_classification("i feel so happy")
    assert [(each.label, np.float32(each.score)) for each in answer] == [
        (EMOTIONS[i], expected[i]) for i in np.argsort(-expected)
    ]
    assert len(client.text_classification("i feel so happy", top_k=2)) == 2
    logits = client.text_classification("i feel so happy", function_to_apply="none")
    assert logits[0].score == pytest.approx(CalibratedClassifier().predict_logits(["i feel so happy"]).max())


def test_the_client_of_hugging_face_is_told_what_is_wrong(run_server):
    hub = pytest.importorskip("huggingface_hub")
    server = run_server(create_app(HashClassifier(), Settings(max_characters=5)))
    with pytest.raises(hub.errors.HfHubHTTPError, match="15 characters, at most 5 are allowed"):
        hub.InferenceClient(model=server.url).text_classification("i feel so happy")


def test_many_clients_at_once(server):
    texts = [f"text {i % 50}" for i in range(400)]
    with httpx.Client() as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: client.post(f"{server.url}/v1/predict", json={"texts": [text]}), texts))
    for text, answer in zip(texts, answers, strict=True):
        assert np.array_equal(np.float32(answer.json()["scores"][0]), probabilities(text))


def test_what_is_accepted_is_answered_and_what_is_new_is_sent_elsewhere(run_server):
    classifier = HeldClassifier()
    app = create_app(classifier, Settings())
    app.service._is_warm = True
    app.service.batcher.tokens_a_second = 100
    server = run_server(app, grace=0.5)
    with httpx.Client(base_url=server.url) as client, ThreadPoolExecutor(2) as pool:
        accepted = pool.submit(client.post, "/v1/predict", json={"texts": ["accepted"]})
        assert classifier.begun.wait(5)
        server.signal()
        time.sleep(0.2)
        refused = client.post("/v1/predict", json={"texts": ["new"]})
        assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health").status_code == 200
        ended = pool.submit(server.end)
        time.sleep(0.8)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health")
        assert not ended.done()
        classifier.go.set()
        assert accepted.result(5).json()["label"]
        ended.result(5)


def test_a_table_that_is_being_scored_is_scored_to_its_end(run_server):
    server = run_server(create_app(HashClassifier(), Settings()))
    go = threading.Event()

    def rows():
        yield b"text\n" + b"one\n" * 1000
        go.wait(5)
        yield b"two\n" * 1000

    with ThreadPoolExecutor(1) as pool:
        url = f"{server.url}/v1/score?text_column=text"
        answer = pool.submit(httpx.post, url, content=rows(), headers={"content-type": "text/csv"}, timeout=20)
        time.sleep(0.2)
        server.signal()
        time.sleep(0.3)
        go.set()
        assert len(answer.result(10).text.splitlines()) == 2001


def test_clients_that_do_nothing_do_not_hold_up_the_end(server):
    with httpx.Client() as client:
        client.get(f"{server.url}/health")
        assert server.end() < 3


def test_metrics_speak_of_what_was_asked(server):
    with httpx.Client(base_url=server.url) as client:
        for texts in (["a", "b"], ["a"], []):
            client.post("/v1/predict", json={"texts": texts})
        lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[0] != "#")
    counts = {name: float(value) for name, value in lines.items()}
    assert counts['emoscope_requests_total{route="/v1/predict",status="200"}'] == 2
    assert counts['emoscope_requests_total{route="/v1/predict",status="422"}'] == 1
    assert counts['emoscope_request_seconds_count{route="/v1/predict"}'] == 2
    assert counts['emoscope_errors_total{code="empty"}'] == 1
    assert counts["emoscope_texts_total"] == 3
    assert (counts["emoscope_cache_hits_total"], counts["emoscope_cache_misses_total"]) == (1, 2)
    assert (counts["emoscope_batch_texts_sum"], counts["emoscope_batch_texts_count"]) == (2, 1)
    assert counts["emoscope_waiting_tokens"] == 0
    assert counts["emoscope_waiting_tokens_limit"] > 0


def test_a_model_that_fails_is_not_served():
    class Broken(HashClassifier):
        def predict_proba(self, texts):
            raise RuntimeError("no such graph")

    with listen("127.0.0.1", 0) as listener, pytest.raises(ModelError, match="no such graph"):
        run(create_app(Broken()), listener)


def test_an_address_that_is_taken_is_refused_in_words():
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(OSError, match=r"cannot listen at 127\.0\.0\.1, port \d+ .*choose another --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_which_addresses_only_this_machine_reaches():
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org")))
