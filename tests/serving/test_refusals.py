"""Requests that are refused: status, words, and what every answer has."""

from __future__ import annotations

import json
import logging
import time

import pytest
from serving_fakes import HashClassifier

from emoscope.serving.keys import ApiKeys, read_keys
from emoscope.serving.messages import SECURITY

JSON = {"content-type": "application/json"}
SCORING = ["/", "/models/x", "/predict", "/classify", "/v1/classify", "/v1/predict", "/v1/explain", "/v1/sentences"]
OPEN = ["/", "/docs", "/page/index.html", "/health", "/health/ready", "/openapi.json"]
GUARDED = ["/info", "/metrics"]


def message(answer):
    error = answer.json()["error"]
    return error if isinstance(error, str) else error["message"]


@pytest.mark.parametrize("path", SCORING)
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff{}", 400, "byte 0xff at offset 0"),
        (b"[" * 200_000, 400, "nested too deep"),
        (b'{"texts": ' + b"9" * 5000 + b"}", 400, "not JSON"),
        (b"\xef\xbb\xbf{}", 400, "BOM"),
    ],
)
def test_what_is_no_json_is_400(client, path, body, status, words):
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code == status
    assert words in message(answer)


@pytest.mark.parametrize("path", SCORING)
@pytest.mark.parametrize("value", [None, True, 3, "text", [], ["text"], [[]], {}])
def test_what_is_no_request_is_refused_in_words(client, path, value):
    answer = client.post(path, content=json.dumps(value).encode(), headers=JSON)
    assert answer.status_code == (400 if path in ("/", "/models/x") else 422)
    assert "must be" in message(answer)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, 'texts must be a list of strings, got null; write ["a text"]'),
        ({"texts": "one"}, 'texts must be a list of strings, got a string; write ["a text"]'),
        ({"texts": {"a": 1}}, "got an object"),
        ({"texts": []}, "texts is an empty list; give one text at least"),
        ({"texts": ["a", 3]}, "texts[1] must be a string, got a number"),
        ({"texts": ["a", None]}, "texts[1] must be a string, got null"),
        ({"texts": ["a", [True]]}, "texts[1] must be a string, got a list"),
        ({"texts": ["a"], "text": "a"}, "no field 'text'; allowed: texts"),
    ],
)
def test_wrong_texts_are_422_with_their_place(client, body, words):
    answer = client.post("/v1/predict", body)
    assert answer.status_code == 422
    assert words in message(answer)


def test_limits_are_413_with_both_numbers(serve):
    client = serve(max_texts=2, max_characters=10, max_body_bytes=1000, max_explained=1)
    for path, body, code, words in [
        ("/v1/predict", {"texts": ["a"] * 3}, "too_many_texts", "texts has 3 texts, at most 2 are allowed"),
        ("/v1/predict", {"texts": ["a", "b" * 11]}, "text_too_long", "texts[1] has 11 characters, at most 10"),
        ("/v1/explain", {"texts": ["a", "b"]}, "too_many_texts", "at most 1 are explained"),
        ("/v1/predict", {"texts": ["b" * 2000]}, "body_too_large", "larger than 1,000 bytes"),
    ]:
        answer = client.post(path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, code)
        assert words in message(answer)
    sentences = client.post("/v1/sentences", {"text": "a! b! c!"})
    assert (sentences.status_code, sentences.json()["error"]["code"]) == (413, "too_many_texts")


def test_a_body_without_a_length_is_cut_off_at_the_limit(serve):
    sent = []

    async def endless():
        for _ in range(1000):
            sent.append(None)
            yield b"[" * 100

    answer = serve(max_body_bytes=1000).post("/v1/predict", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert len(sent) < 20


def test_an_explanation_that_would_take_too_long_is_413(serve):
    answer = serve(max_explained_tokens=100).post("/v1/explain", {"texts": ["one two three four five six seven"]})
    assert answer.status_code == 200
    answer = serve(max_explained_tokens=100).post(
        "/v1/explain", {"texts": ["one two three four five six seven"], "method": "shapley"}
    )
    assert answer.status_code == 413
    assert "at most 100" in message(answer)
    for separator in (" ", "\n", "\t", ",", "\u3000"):
        text = separator.join(f"word{i}" for i in range(40))
        assert serve(max_explained_tokens=1000).post("/v1/explain", {"texts": [text]}).status_code == 413


@pytest.mark.parametrize("path", SCORING)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_media_type_is_415(client, path, kind):
    answer = client.post(path, content=b'{"texts": ["a"]}', headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in message(answer)


def test_a_charset_is_fine(client):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/predict", content=b'{"texts": ["a"]}', headers=headers).status_code == 200


def test_lone_surrogates_and_nulls_are_texts(client):
    answer = client.post("/v1/predict", content=b'{"texts": ["\\ud800 a", "\\u0000", ""]}', headers=JSON)
    assert answer.status_code == 200
    explained = client.post("/v1/explain", content=b'{"texts": ["\\ud800 a"]}', headers=JSON)
    assert explained.json()["explanations"][0]["text"] == "\ud800 a"


def test_where_there_is_nothing_is_404_and_what_it_does_not_take_is_405(client):
    for path in ("/nothing", "/v1", "/page", "/page/", "/page/nothing.js", "/page/../app.py", "/models", "/models/"):
        assert client.get(path).status_code == 404, path
    answer = client.request("DELETE", "/v1/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert client.request("PUT", "/").headers["allow"] == "GET, POST, OPTIONS, HEAD"
    assert client.request("OPTIONS", "/v1/predict").status_code == 204


def test_every_answer_has_the_security_headers_and_a_request_id(serve):
    client = serve(keys=ApiKeys([b"x" * 32]), cors_origins=("*",))
    seen = set()
    asked = [("GET", path) for path in (*OPEN, *GUARDED, "/nothing")] + [("POST", path) for path in SCORING]
    for method, path in asked:
        answer = client.request(method, path)
        for name, value in SECURITY:
            assert answer.headers[name.decode()] == value.decode()
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == len(asked)
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 200, False), ("ü", False)])
def test_a_sensible_request_id_comes_back(client, given, kept):
    answer = client.get("/health", headers={"X-Request-Id": given.encode()})
    assert (answer.headers["x-request-id"] == given) is kept


def test_without_its_key_nothing_is_answered(serve):
    key = "k" * 20
    client = serve(keys=read_keys(None, {"EMOSCOPE_API_KEYS": f"{key}, {'l' * 20}"}))
    right = [{"Authorization": f"Bearer {key}"}, {"authorization": f"bearer {'l' * 20}"}, {"X-API-Key": key}]
    wrong = [{}, {"Authorization": key}, {"Authorization": f"Basic {key}"}, {"X-API-Key": key[:-1]}, {"X-API-Key": ""}]
    wrong += [{"Authorization": "Bearer " + "k" * 21}, {"Authorization": "Bearer"}]
    for headers in wrong:
        for path in SCORING:
            answer = client.post(path, {"texts": ["a"]}, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        for path in GUARDED:
            assert client.get(path, headers=headers).status_code == 401
        for path in OPEN:
            assert client.get(path, headers=headers).status_code == 200
    for headers in right:
        assert client.post("/v1/predict", {"texts": ["a"]}, headers=headers).status_code == 200
        assert client.get("/info", headers=headers).status_code == 200


def test_other_origins_are_not_told_that_they_may_read(client):
    answer = client.get("/health", headers={"Origin": "https://other.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_origins_that_are_allowed_may_ask(serve):
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
    anybody = serve(cors_origins=("*",)).get("/health", headers={"Origin": "https://x.example"})
    assert anybody.headers["access-control-allow-origin"] == "*"


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
def test_no_page_of_another_origin_puts_the_server_to_work(client, classifier, headers, status):
    table = {"content": "text\na\n", "headers": {"Content-Type": "text/plain"} | headers}
    answer = client.post("/v1/score?text_column=text&format=csv", **table)
    assert answer.status_code == status
    assert client.post("/predict", {"inputs": "a"}, headers=headers).status_code == status


def test_what_the_model_fails_on_is_500_and_in_the_log_without_the_text(client, caplog):
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


def test_texts_are_in_the_log_only_if_asked_for(serve, caplog):
    with caplog.at_level(logging.INFO, "emoscope.serving"):
        serve(access_log=True).post("/v1/predict", {"texts": ["secret"]})
        assert caplog.records[-1].fields["path"] == "/v1/predict"
        assert "texts" not in caplog.records[-1].fields
        serve(access_log=True, log_texts=True).post("/v1/predict", {"texts": ["secret"]})
        assert caplog.records[-1].fields["texts"] == ["secret"]


def test_a_server_that_goes_down_takes_no_new_requests(client):
    client.app.service.draining = True
    for path in SCORING:
        answer = client.post(path, {"texts": ["a"]})
        assert (answer.status_code, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health").status_code == 200


def test_a_full_server_refuses_before_it_reads(serve, classifier):
    client = serve()
    batcher = client.app.service.batcher
    batcher.waiting_tokens = batcher.max_waiting_tokens + 1
    for path in SCORING:
        answer = client.post(path, content=b"never read", headers=JSON)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
    assert client.get("/health").status_code == 200


def test_what_takes_too_long_is_given_up_as_each_dialect_has_it(serve):
    class Slow(HashClassifier):
        def predict_proba(self, texts):
            if "slow" in texts:
                time.sleep(0.3)
            return super().predict_proba(texts)

    client = serve(Slow(), timeout=0.05, target_latency=10)
    client.app.service.batcher.tokens_a_second = 100
    bodies = {
        "/v1/predict": {"texts": ["slow"]},
        "/": {"inputs": "slow"},
        "/predict": {"inputs": "slow"},
        "/classify": {"input": ["slow"]},
    }
    answers = client.many(*(("POST", path, {"json": body}) for path, body in bodies.items()))
    assert [answer.status_code for answer in answers] == [504, 503, 503, 503]
