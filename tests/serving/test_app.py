"""What the application does with every request: routing, keys, origins, headers, load, errors and the log."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest
from serving_fakes import JSON, SCORING, HashClassifier
from starlette.testclient import TestClient

from emoscope.errors import ModelError
from emoscope.serving import create_app
from emoscope.serving.api_keys import ApiKeys, read_keys
from emoscope.serving.responses import SECURITY_HEADERS

PUBLIC = ["/", "/docs", "/page/index.html", "/health", "/health/ready", "/openapi.json"]
GUARDED = ["/info", "/metrics"]


def test_unknown_path_is_404_and_other_method_is_405(client):
    for path in ("/nothing", "/v1", "/page", "/page/", "/page/nothing.js", "/page/../app.py", "/models/"):
        assert client.get(path).status_code == 404, path
    answer = client.request("DELETE", "/v1/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert client.request("PUT", "/").headers["allow"] == "GET, POST, OPTIONS, HEAD"
    assert client.request("OPTIONS", "/v1/predict").status_code == 204


def test_every_response_has_security_headers_and_a_request_id(serve):
    client = serve(keys=ApiKeys([b"x" * 32]), cors_origins=("*",))
    seen = set()
    requests = [("GET", path) for path in (*PUBLIC, *GUARDED, "/nothing")] + [("POST", path) for path in SCORING]
    for method, path in requests:
        answer = client.request(method, path)
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == len(requests)
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_guarded_paths_need_a_key(serve):
    key = "k" * 20
    client = serve(keys=read_keys(None, {"EMOSCOPE_API_KEYS": f"{key}, {'l' * 20}"}))
    right = [{"Authorization": f"Bearer {key}"}, {"authorization": f"bearer {'l' * 20}"}, {"X-API-Key": key}]
    wrong = [{}, {"Authorization": key}, {"Authorization": f"Basic {key}"}, {"X-API-Key": key[:-1]}, {"X-API-Key": ""}]
    wrong += [{"Authorization": "Bearer " + "k" * 21}, {"Authorization": "Bearer"}]
    for headers in wrong:
        for path in SCORING:
            answer = client.post(path, {"texts": ["a"]}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            has_key = headers.get("X-API-Key") or headers.get("Authorization", "").startswith("Bearer ")
            assert ("unknown API key" if has_key else "an API key is needed") in answer.text
        for path in GUARDED:
            assert client.get(path, headers=headers).status_code == 401
        for path in PUBLIC:
            assert client.get(path, headers=headers).status_code == 200
    for headers in right:
        assert client.post("/v1/predict", {"texts": ["a"]}, headers=headers).status_code == 200
        assert client.get("/info", headers=headers).status_code == 200


def test_responses_have_no_cors_headers_by_default(client):
    answer = client.get("/health", headers={"Origin": "https://other.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_allowed_origins_can_use_the_server(serve):
    client = serve(cors_origins=("https://one.example", "https://two.example"))
    for origin in ("https://one.example", "https://two.example"):
        answer = client.post("/v1/predict", {"texts": ["a"]}, headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "origin"
    preflight = client.request("OPTIONS", "/v1/predict", headers={"Origin": "https://one.example"})
    assert preflight.status_code == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    other = client.post("/v1/predict", {"texts": ["a"]}, headers={"Origin": "https://three.example"})
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers
    response = serve(cors_origins=("*",)).get("/health", headers={"Origin": "https://x.example"})
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://test"}, 200),
        ({"Origin": "https://behind-a-proxy.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://other.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://test", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://sub.test", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_cross_origin_requests_are_403(client, classifier, headers, status):
    table = {"content": "text\na\n", "headers": {"Content-Type": "text/plain"} | headers}
    answer = client.post("/v1/score?text_column=text&format=csv", **table)
    assert answer.status_code == status
    assert client.post("/predict", {"inputs": "a"}, headers=headers).status_code == status


def test_model_failure_is_500_and_logged_without_the_text(client, caplog):
    with caplog.at_level(logging.ERROR, "emoscope.serving"):
        answer = client.post("/v1/predict", {"texts": ["secret", "fail"]})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "broken" not in answer.text
    record = caplog.records[0]
    assert record.fields["request_id"] == answer.headers["x-request-id"]
    assert "a broken model" in caplog.text
    assert "secret" not in caplog.text
    assert client.post("/predict", {"inputs": "fail"}).status_code == 424
    assert client.post("/v1/predict", {"texts": ["fine"]}).status_code == 200


def test_texts_are_logged_only_with_log_texts(serve, caplog):
    with caplog.at_level(logging.INFO, "emoscope.serving"):
        serve(access_log=True).post("/v1/predict", {"texts": ["secret"]})
        assert caplog.records[-1].fields["path"] == "/v1/predict"
        assert "texts" not in caplog.records[-1].fields
        serve(log_texts=True).post("/v1/predict", {"texts": ["secret"]})
        assert caplog.records[-1].fields["texts"] == ["secret"]


def test_draining_server_rejects_new_requests(client):
    client.app.service.draining = True
    for path in SCORING:
        answer = client.post(path, {"texts": ["a"]})
        assert (answer.status_code, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health").status_code == 200


def test_full_server_rejects_before_it_reads_the_body(serve, classifier):
    client = serve()
    batcher = client.app.service.batcher
    batcher._queue.tokens = batcher.max_waiting_tokens + 1
    for path in SCORING:
        answer = client.post(path, content=b"never read", headers=JSON)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
    assert client.get("/health").status_code == 200


def test_timeout_has_the_status_of_each_api(serve):
    class Slow(HashClassifier):
        def predict_proba(self, texts):
            if "slow" in texts:
                time.sleep(0.3)
            return super().predict_proba(texts)

    client = serve(Slow(), timeout=0.05, target_latency=10)
    client.app.service.batcher.tokens_per_second = 100
    bodies = {
        "/v1/predict": {"texts": ["slow"]},
        "/": {"inputs": "slow"},
        "/predict": {"inputs": "slow"},
        "/classify": {"input": ["slow"]},
    }
    answers = client.many(*(("POST", path, {"json": body}) for path, body in bodies.items()))
    assert [answer.status_code for answer in answers] == [504, 503, 503, 503]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("attacker.example", False),
        ("localhost.attacker.example:8000", False),
        ("[::2]", False),
        ("", False),
    ],
)
def test_only_allowed_hosts_are_answered(serve, host, allowed):
    client = serve(allowed_hosts=("localhost", "127.0.0.1", "[::1]"))
    for path in ("/", "/health", "/nothing"):
        answer = client.get(path, headers={"host": host})
        assert (answer.status_code != 403) is allowed
        if not allowed:
            assert answer.json()["error"]["code"] == "foreign_host"
    assert serve(allowed_hosts=("localhost", "*")).get("/health", headers={"host": host}).status_code == 200


def test_exception_that_is_none_gets_a_response(serve):
    """A panic of tokenizers, which is written in Rust, derives from BaseException."""

    class Panic(BaseException):
        pass

    class Panicking(HashClassifier):
        def predict_proba(self, texts):
            if "panic" in texts:
                raise Panic("stack overflow")
            return super().predict_proba(texts)

        def token_counts(self, texts):
            raise Panic("stack overflow")

    client = serve(Panicking())
    requests = [("POST", "/v1/predict", {"json": {"texts": [text]}}) for text in ("panic", "one", "panic")]
    assert [answer.status_code for answer in client.many(*requests)] == [500, 200, 500]
    assert client.post("/v1/explain", {"texts": ["panic"]}).status_code == 500
    assert client.post("/classify", {"input": ["one"]}).status_code == 500
    assert not client.app.service.batcher.waiting_tokens


def test_application_starts_with_any_server_or_says_why_not(classifier):
    with TestClient(create_app(classifier)) as client:
        assert len(classifier.calls) > 1  # the warm-up
        assert client.post("/v1/predict", json={"texts": ["a"]}).status_code == 200

    class Broken(HashClassifier):
        def predict_proba(self, texts):
            raise RuntimeError("no such graph")

    with pytest.raises(ModelError, match="no such graph"), TestClient(create_app(Broken())):
        pass


def test_other_protocols_than_http_are_an_error(client):
    with pytest.raises(RuntimeError, match="speaks HTTP only"):
        asyncio.run(client.app({"type": "websocket", "path": "/", "headers": []}, None, None))
