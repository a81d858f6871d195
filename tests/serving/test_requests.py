"""Requests as handlers read them: JSON, media types, body limits and request ids."""

from __future__ import annotations

import pytest
from serving_fakes import JSON, SCORING, message


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
def test_malformed_json_is_400(client, path, body, status, words):
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code == status
    assert words in message(answer)


def test_chunked_body_is_rejected_at_the_limit(serve):
    sent = []

    async def endless():
        for _ in range(1000):
            sent.append(None)
            yield b"[" * 100

    answer = serve(max_body_bytes=1000).post("/v1/predict", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert len(sent) < 20


@pytest.mark.parametrize("path", SCORING)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_other_media_type_is_415(client, path, kind):
    answer = client.post(path, content=b'{"texts": ["a"]}', headers={"content-type": kind} if kind else {})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in message(answer)


def test_charset_in_the_media_type_is_allowed(client):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/predict", content=b'{"texts": ["a"]}', headers=headers).status_code == 200


def test_lone_surrogates_and_null_characters_are_allowed_in_texts(client):
    answer = client.post("/v1/predict", content=b'{"texts": ["\\ud800 a", "\\u0000", ""]}', headers=JSON)
    assert answer.status_code == 200
    explained = client.post("/v1/explain", content=b'{"texts": ["\\ud800 a"]}', headers=JSON)
    assert explained.json()["explanations"][0]["text"] == "\ud800 a"


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 200, False), ("ü", False)])
def test_well_formed_request_id_is_returned(client, given, kept):
    answer = client.get("/health", headers={"X-Request-Id": given.encode()})
    assert (answer.headers["x-request-id"] == given) is kept
