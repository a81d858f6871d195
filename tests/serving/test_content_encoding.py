"""Bodies with a Content-Encoding."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from functools import partial

import pytest
from serving_fakes import JSON, emotion, message

from emoscope.serving.content_encoding import decoded

GZIP = {**JSON, "content-encoding": "gzip"}
BODY = json.dumps({"texts": ["one"]}).encode()
compressed = partial(gzip.compress, mtime=0)  # the names of the tests contain the bytes, and must always be the same


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", compressed(BODY)),
        ("X-GZIP", compressed(BODY)),
        ("gzip", compressed(BODY[:5]) + compressed(BODY[5:])),
        ("identity", BODY),
        ("", BODY),
    ],
)
def test_gzip_is_decoded(client, encoding, body):
    answer = client.post("/v1/predict", content=body, headers={**JSON, "content-encoding": encoding})
    assert answer.json()["label"] == [emotion("one")]


def test_gzip_of_many_pieces_is_decoded(serve):
    texts = [f"text {i} " * 5 for i in range(1000)]
    body = compressed(json.dumps({"texts": texts}).encode())

    async def pieces():
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = serve(target_latency=100).post("/v1/predict", content=pieces(), headers=GZIP)
    assert answer.json()["label"] == list(map(emotion, texts))


def test_table_may_be_gzip(client):
    headers = {"content-type": "text/csv", "content-encoding": "gzip"}
    query = {"text_column": "text", "columns": "emotion"}
    answer = client.post("/v1/score", content=compressed(b"text\none\n"), headers=headers, params=query)
    assert answer.text == f"text,emotion\none,{emotion('one')}\n"
    broken = client.post("/v1/score", content=b"text\none\n", headers=headers, params=query)
    assert broken.status_code == 422


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_are_415(client, encoding):
    answer = client.post("/v1/predict", content=BODY, headers={**JSON, "content-encoding": encoding})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")
    assert encoding in message(answer)


@pytest.mark.parametrize(
    ("body", "words"), [(BODY, "the body is not"), (compressed(BODY)[:-9], "cut off"), (b"", "cut off")]
)
def test_what_is_not_gzip_is_an_error(client, body, words):
    answer = client.post("/v1/predict", content=body, headers=GZIP)
    assert answer.status_code == 422
    assert words in message(answer)


def test_others_have_a_turn_between_the_pieces_of_a_body():
    """A few bytes decode to many pieces."""
    body = compressed(bytes(10_000_000))
    turns = pieces = 0

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run():
        nonlocal pieces
        task = asyncio.create_task(others())
        decode, more = decoded(receive, b"gzip"), True
        while more:
            more = (await decode())["more_body"]
            pieces += 1
        task.cancel()

    asyncio.run(run())
    assert turns >= pieces - 1 > 100


def test_limit_holds_for_the_decoded_body(serve):
    client = serve(max_body_bytes=1_000_000)
    body = compressed(b"x" * 100_000_000)
    tracemalloc.start()
    answer = client.post("/v1/predict", content=body, headers=GZIP)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 20_000_000
