"""A running server: real clients, and a shutdown that loses no response."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from serving_fakes import CalibratedClassifier, HashClassifier, HeldClassifier, probabilities

from emoscope import EMOTIONS
from emoscope.errors import ModelError
from emoscope.serving import Settings, create_app, run
from emoscope.serving.server import is_loopback, listen, raise_open_files_limit, stop_signals
from waiting import DEADLINE, wait_until


@pytest.fixture
def server(run_server):
    return run_server(create_app(CalibratedClassifier(), Settings(max_texts=3)))


@pytest.mark.parametrize("path", ["", "/", "/models/owner/name"])
def test_client_of_hugging_face_gets_its_scores(server, path):
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


def test_client_of_hugging_face_gets_the_error_message(run_server):
    hub = pytest.importorskip("huggingface_hub")
    server = run_server(create_app(HashClassifier(), Settings(max_characters=5)))
    with pytest.raises(hub.errors.HfHubHTTPError, match="15 characters, at most 5 are allowed"):
        hub.InferenceClient(model=server.url).text_classification("i feel so happy")


def test_many_clients_at_once_get_their_own_scores(server):
    texts = [f"text {i % 50}" for i in range(400)]
    with httpx.Client(timeout=DEADLINE) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: client.post(f"{server.url}/v1/predict", json={"texts": [text]}), texts))
    for text, answer in zip(texts, answers, strict=True):
        assert np.array_equal(np.float32(answer.json()["scores"][0]), probabilities(text))


def test_accepted_requests_are_answered_and_new_ones_rejected_during_shutdown(run_server):
    classifier = HeldClassifier()
    app = create_app(classifier, Settings(timeout=DEADLINE))
    app.service._is_warm = True
    app.service.batcher.tokens_per_second = 100
    server = run_server(app, grace=DEADLINE)
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client, ThreadPoolExecutor(2) as pool:
        accepted = pool.submit(client.post, "/v1/predict", json={"texts": ["accepted"]})
        assert classifier.begun.wait(DEADLINE)
        server.signal()
        refused = client.post("/v1/predict", json={"texts": ["new"]})
        assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health").status_code == 200
        server.end_grace()
        wait_until(lambda: not server.accepts_connections)
        ended = pool.submit(server.end)
        assert not ended.done()
        classifier.go.set()
        assert accepted.result(DEADLINE).json()["label"]
        ended.result(DEADLINE)


def test_table_that_is_being_scored_is_scored_to_its_end(run_server):
    app = create_app(HashClassifier(), Settings(timeout=DEADLINE))
    server = run_server(app)
    go = threading.Event()

    def rows():
        yield b"text\n" + b"one\n" * 1000
        assert go.wait(DEADLINE)
        yield b"two\n" * 1000

    with ThreadPoolExecutor(1) as pool:
        url = f"{server.url}/v1/score?text_column=text"
        answer = pool.submit(httpx.post, url, content=rows(), headers={"content-type": "text/csv"}, timeout=DEADLINE)
        wait_until(lambda: app.service.streams == 1)
        server.signal()
        wait_until(lambda: not server.accepts_connections)
        go.set()
        assert len(answer.result(DEADLINE).text.splitlines()) == 2001


def test_idle_connections_do_not_delay_the_shutdown(server):
    """They would be kept for 75 s."""
    with httpx.Client() as client:
        client.get(f"{server.url}/health", timeout=DEADLINE)
        assert server.end() < 60


def test_metrics_count_requests_texts_and_batches(server):
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
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


def test_model_that_fails_is_not_served():
    class Broken(HashClassifier):
        def predict_proba(self, texts):
            raise RuntimeError("no such graph")

    with listen("127.0.0.1", 0) as listener, pytest.raises(ModelError, match="no such graph"):
        run(create_app(Broken()), listener)


def test_address_in_use_is_an_error_with_advice():
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1, port \d+ .*choose another --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_closing_the_terminal_ends_the_server_unless_it_is_ignored():
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert set(stop_signals()) == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert set(stop_signals()) == {signal.SIGTERM, signal.SIGINT}
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def open_files():
    """Sets the limits of open files as the system has them, and returns those that were set."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    monkeypatch = pytest.MonkeyPatch()
    limits = []

    def start(soft, hard):
        limits[:] = [(soft, hard)]
        monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
        monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append(limit))
        return limits

    yield start
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("soft", "hard", "expected", "warns"),
    [
        (1024, 1_048_576, 10_100, False),
        (1024, -1, 10_100, False),
        (1024, 4096, 4096, True),
        (20_000, 20_000, 20_000, False),
        (-1, -1, -1, False),
    ],
)
def test_limit_of_open_files_is_raised_or_a_warning_says_that_it_is_too_low(
    open_files, caplog, soft, hard, expected, warns
):
    limits = open_files(soft, hard)
    raise_open_files_limit(10_000)
    assert limits[-1] == (expected, hard)
    messages = [record.getMessage() for record in caplog.records]
    assert (
        messages
        == [
            "at most 4096 files can be open, but 10000 connections need 10100; raise the limit (ulimit -n "
            "10100), or lower --max-connections"
        ]
        * warns
    )


def test_loopback_addresses():
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org")))
