"""`POST /v1/score`: tables in, the same tables with emotions out, streamed."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import numpy as np
import pytest
from serving_fakes import HashClassifier, emotion, probabilities

from emoscope import EMOTIONS
from emoscope.serving import Settings, create_app, table_stream
from emoscope.serving import score as score_module
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.score import MAX_STREAMS, ROWS, score
from waiting import DEADLINE

CSV, NDJSON = {"content-type": "text/csv"}, {"content-type": "application/x-ndjson"}
SCOPE = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
SCOPE["headers"] = [(b"content-type", b"text/csv")]
ADDED = ["emotion", "emotion_score", *EMOTIONS, "emotion_error"]


def post(client, content, headers=CSV, **query):
    return client.post("/v1/score", content=content, headers=headers, params={"text_column": "text", **query})


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_lone_surrogate_is_scored_as_u_fffd(client):
    line = r'{"text": "so happy \ud83d"}'
    (row,) = map(json.loads, post(client, line, NDJSON).text.splitlines())
    assert (row["text"], row["emotion"]) == ("so happy \ud83d", emotion("so happy \ufffd"))


def test_numbers_that_json_does_not_have_are_returned_as_null(client):
    (line,) = post(client, '{"text": "one", "x": NaN, "y": -Infinity}', NDJSON).text.splitlines()
    row = json.loads(line, parse_constant=pytest.fail)
    assert (row["x"], row["y"], row["emotion"]) == (None, None, emotion("one"))


def test_csv_is_returned_with_new_columns(client):
    content = 'id,text\r\n1,one\r\n2,"two, ""three"""\n3,"over\ntwo lines"\n'
    answer = post(client, content)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.text.split("\n")
    assert lines[0] == "id,text," + ",".join(ADDED)
    assert lines[2].startswith('2,"two, ""three""",')
    for row, text in zip(rows_of(answer), ("one", 'two, "three"', "over\ntwo lines"), strict=True):
        assert row["text"] == text
        assert row["emotion"] == emotion(text)
        assert np.array_equal(np.float32([row[label] for label in EMOTIONS]), probabilities(text))
        assert np.float32(row["emotion_score"]) == probabilities(text).max()
        assert row["emotion_error"] == ""


def test_text_column_named_by_a_number_means_a_csv_without_a_header(client):
    answer = post(client, "1,one\n2,two\n3\n", text_column="1", columns="emotion,emotion_error")
    lines = answer.text.splitlines()
    assert lines[:2] == [f"1,one,{emotion('one')},", f"2,two,{emotion('two')},"]
    assert "line 3" in lines[2]
    assert post(client, "1,one\n", text_column="7").status_code == 422


def test_json_lines_are_returned_with_new_fields(client):
    content = '{"id": 1e2, "text": "one"}\n\n{"text":"two","nested": {"a": [1,  2]} }\n{"text": null}\n{}'
    lines = post(client, content, NDJSON).text.splitlines()
    assert lines[0].startswith('{"id": 1e2, "text": "one", "emotion": ')
    assert lines[1].startswith('{"text":"two","nested": {"a": [1,  2]}, "emotion": ')
    parsed = list(map(json.loads, lines))
    assert [row["emotion"] for row in parsed] == [emotion("one"), emotion("two"), None, None]
    assert np.array_equal(np.float32([parsed[0][label] for label in EMOTIONS]), probabilities("one"))
    assert not any("emotion_error" in row for row in parsed)


def test_probability_of_neutral_is_a_column_and_an_emotion_if_asked_for(calibrated):
    texts = [f"word {i}" for i in range(30)]
    content = "text\n" + "\n".join([*texts, ""]) + "\n"
    for how in ("column", "label"):
        rows = rows_of(post(calibrated, content, neutral=how))
        assert list(rows[0]) == ["text", *ADDED[:-1], "neutral", "emotion_error"]
        counts = 0
        for row, text in zip(rows, texts, strict=False):
            of_neutral = np.float32(1) - probabilities(text).max()
            assert np.float32(row["neutral"]) == of_neutral
            expected = emotion(text), probabilities(text).max()
            if how == "label" and of_neutral >= 0.5:
                expected = "neutral", of_neutral
                counts += 1
            assert (row["emotion"], np.float32(row["emotion_score"])) == expected
        assert (counts > 0) is (how == "label")
    lines = post(calibrated, '{"text": "one"}\n{"text": ""}\n', NDJSON, columns="neutral").text.splitlines()
    assert [type(json.loads(line)["neutral"]) for line in lines] == [float, type(None)]


def test_broken_csv_rows_keep_their_place_with_the_reason(client):
    content = b'id,text\n1,one\n2,a,b\n3,\xff\n4\n5,"x"y\n6,two\n7,"open\n8,three\n'
    rows = rows_of(post(client, content, allow_rejected="true"))
    assert [row["id"] for row in rows] == ["1", "", "", "", "", "6", "", "8"]
    assert [row["emotion"] for row in rows] == [emotion("one"), *[""] * 4, emotion("two"), "", emotion("three")]
    errors = [row["emotion_error"] for row in rows if row["emotion_error"]]
    expected = [
        "line 3: 3 fields",
        "line 4: the byte 0xff",
        "line 5: 1 fields",
        "line 6: there is text",
        "line 8: a quote",
    ]
    assert [error[: len(start)] for error, start in zip(errors, expected, strict=True)] == expected


def test_broken_json_lines_keep_their_place_with_the_reason(client):
    content = b'{"text": "one"}\n[1]\n{"text": 3}\nno\n{"text": "\xff"}\n{"joy": 1, "text": "a"}\n{"text": "two"}\n'
    rows = list(map(json.loads, post(client, content, NDJSON, allow_rejected="true").text.splitlines()))
    assert [row.get("emotion") for row in rows] == [emotion("one"), *[None] * 5, emotion("two")]
    assert rows[1] == {"emotion_error": "line 2: a JSON list, not an object; allowed: one JSON object a line"}
    assert rows[2]["text"] == 3
    assert "'text' is int" in rows[2]["emotion_error"]
    assert "not JSON" in rows[3]["emotion_error"]
    assert "0xff" in rows[4]["emotion_error"]
    assert (rows[5]["joy"], "a column 'joy'" in rows[5]["emotion_error"]) == (1, True)


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\n\t"])
def test_row_without_text_has_no_emotion(client, classifier, text):
    row = json.loads(post(client, json.dumps({"text": text}), NDJSON).text)
    assert {row[name] for name in ADDED[:-1]} == {None}
    (record,) = rows_of(post(client, f'a,text\n1,"{text}"\n'))
    assert {record[name] for name in ADDED} == {""}
    assert classifier.calls[-1] != [text]


def test_chosen_columns_keep_their_order(client):
    answer = post(client, "text\none\n", columns="joy,emotion")
    assert answer.text.splitlines()[0] == "text,joy,emotion"
    lines = post(client, '{"text": "one"}\nno\n', NDJSON, columns="emotion").text.splitlines()
    assert lines == [f'{{"text": "one", "emotion": "{emotion("one")}"}}', "{}"]


def test_format_can_be_a_parameter(client):
    assert post(client, "text\none\n", {}, format="csv").status_code == 200
    assert post(client, '{"text": "one"}', {"content-type": "text/csv"}, format="jsonl").text.startswith('{"text"')


def test_empty_table_and_table_without_rows(client):
    assert post(client, "text\n").text == "text," + ",".join(ADDED) + "\n"
    assert post(client, "", NDJSON).text == ""
    assert post(client, "").status_code == 422


@pytest.mark.parametrize(
    ("content", "headers", "query", "status", "words"),
    [
        (",".join(["text", *(f"c{i}" for i in range(2000))]), CSV, {}, 422, "2,001 columns, at most 2,000 are allowed"),
        ("a,b\n1,2\n", CSV, {}, 422, "no column 'text'; the columns are: 'a', 'b'"),
        ("text,text\n1,2\n", CSV, {}, 422, "more than one column 'text'"),
        ("text,joy\n1,2\n", CSV, {}, 422, "there is a column 'joy' already"),
        ('"text\n1\n', CSV, {}, 422, "the first line cannot be read"),
        (b"t\xff,text\n", CSV, {}, 422, "0xff"),
        ("text\n1\n", {"content-type": "application/json"}, {}, 415, "text/csv"),
        ("text\n1\n", {}, {}, 415, "'none'"),
        ("text\n1\n", CSV, {"format": "xml"}, 422, "format must be csv or jsonl"),
        ("text\n1\n", CSV, {"allow_rejected": "1"}, 422, "allow_rejected must be true or false"),
        ("text\n1\n", CSV, {"columns": "happy"}, 422, "the column 'happy' cannot be added"),
        ("text\n1\n", CSV, {"columns": "joy,joy"}, 422, "once each"),
        ("text\n1\n", CSV, {"text": "a"}, 422, "unknown parameter 'text'"),
        ("text\n1\n", CSV, {"neutral": "row"}, 422, "neutral must be column or label, got 'row'"),
        ("text\n1\n", CSV, {"neutral": "label"}, 422, "the model has no output for neutral texts"),
        ("text\n1\n", CSV, {"text_column": ""}, 422, "text_column=text"),
    ],
)
def test_wrong_table_is_an_error_before_the_response_begins(client, content, headers, query, status, words):
    answer = post(client, content, headers, **query)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        ('[{"text": "one"}, {"text": "two"}]', NDJSON, "a JSON array; allowed: one JSON object a line"),
        ('{\n "text": "one"\n}\n', NDJSON, "an object that goes on in the next lines"),
        ('{"text": "one"},\n{"text": "two"},\n', NDJSON, "objects with commas between them"),
        ("text\n" + "1,one\n" * 400 + "two\n" * 400, CSV, "256 of the first 256 rows cannot be read"),
        ("text\n1,one\n2,two\nthree\n", CSV, "2 of the first 3 rows cannot be read; the first is line 2: 2 fields"),
    ],
)
def test_table_of_another_layout_is_an_error(client, content, headers, words):
    answer = post(client, content, headers)
    assert (answer.status_code, words in answer.json()["error"]["message"]) == (422, True)


def test_half_of_the_first_rows_decides_wherever_the_pieces_end(client):
    content = b'no\n{"text": "one"}\n' * 3
    for size in (1, 7, 100):
        answer = post(client, _stream([content[i : i + size] for i in range(0, len(content), size)]), NDJSON)
        rows = list(map(json.loads, answer.text.splitlines()))
        assert [row.get("emotion") for row in rows] == [None, emotion("one")] * 3


def test_text_over_the_limit_is_an_error_of_its_row(serve):
    rows = rows_of(post(serve(max_characters=5), "text\nlonger\nshort\n"))
    assert [row["emotion"] for row in rows] == ["", emotion("short")]
    assert "6 characters, at most 5" in rows[0]["emotion_error"]


def test_line_over_the_limit_is_an_error_of_its_row_and_is_not_kept(client, monkeypatch):
    monkeypatch.setattr(table_stream, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(score_module, "MAX_ROW_BYTES", 100)
    long = json.dumps({"text": "x" * 500})
    for size in (7, 64, 10_000):
        content = f'{{"text": "one"}}\n{long}\n{{"text": "two"}}\n{long}'.encode()
        chunks = [content[i : i + size] for i in range(0, len(content), size)]
        answer = post(client, _stream(chunks), NDJSON).text.splitlines()
        rows = list(map(json.loads, answer))
        assert [row.get("emotion") for row in rows] == [emotion("one"), None, emotion("two"), None]
        assert all("longer than 100 bytes" in row["emotion_error"] for row in rows[1::2])


async def _stream(chunks):
    for chunk in chunks:
        yield chunk


def test_rows_are_returned_while_the_table_still_arrives():
    """A client that reads while it sends gets the first rows before it has sent the last."""
    app = create_app(HashClassifier(), Settings())
    app.service.warm_up()

    async def run():
        sent, got = asyncio.Queue(), asyncio.Queue()
        scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
        scope["headers"] = [(b"content-type", b"application/x-ndjson")]
        task = asyncio.create_task(app(scope, sent.get, got.put))
        for i in range(5):
            await sent.put({"type": "http.request", "body": b'{"text": "%d"}\n' % i, "more_body": True})
            message = await asyncio.wait_for(got.get(), DEADLINE)
            if message["type"] == "http.response.start":
                message = await asyncio.wait_for(got.get(), DEADLINE)
            assert json.loads(message["body"])["emotion"] == emotion(str(i))
        await sent.put({"type": "http.request", "body": b"", "more_body": False})
        last = await asyncio.wait_for(got.get(), DEADLINE)
        assert (last["body"], last.get("more_body", False)) == (b"", False)
        await task

    asyncio.run(run())


def test_whole_table_is_scored_while_the_client_reads_nothing():
    """What the client has not read yet goes to a file, not to memory."""
    app = create_app(HashClassifier(), Settings())
    app.service.warm_up()
    row = json.dumps({"text": "one", "more": "x" * 1000}).encode() + b"\n"

    async def run():
        reading = asyncio.Event()
        bodies = []
        left = iter([row * 50] * 100)

        async def receive():
            body = next(left, None)
            if body is None:
                reading.set()
            return {"type": "http.request", "body": body or b"", "more_body": body is not None}

        async def send(message):
            if message["type"] == "http.response.body":
                bodies.append(message["body"])
                await reading.wait()

        scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
        scope["headers"] = [(b"content-type", b"application/x-ndjson")]
        await asyncio.wait_for(app(scope, receive, send), DEADLINE)
        return b"".join(bodies)

    lines = asyncio.run(run()).splitlines()
    assert len(lines) == 5000
    assert {json.loads(line)["emotion"] for line in lines} == {emotion("one")}


def test_without_space_for_a_temporary_file_only_small_tables_are_accepted(client, monkeypatch):
    monkeypatch.setattr(score_module, "has_space", lambda: False)

    async def pieces():
        yield b"text\none\n"

    refused = post(client, pieces())
    assert (refused.status_code, refused.json()["error"]["code"]) == (507, "insufficient_storage")
    assert post(client, b"text\n" + b"one\n" * 100_000).status_code == 507
    assert post(client, b"text\none\n").status_code == 200
    assert client.app.service.streams == 0


def test_stream_that_fails_halfway_is_broken_off():
    app = create_app(HashClassifier(), Settings())
    app.service.warm_up()
    messages = []

    async def run():
        left = iter([b'{"text": "one"}\n', b'{"text": "fail"}\n'])

        async def receive():
            body = next(left, None)
            return {"type": "http.request", "body": body or b"", "more_body": body is not None}

        async def send(message):
            messages.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
        scope["headers"] = [(b"content-type", b"application/x-ndjson")]
        await app(scope, receive, send)

    asyncio.run(run())
    assert messages[0]["status"] == 200
    assert all(message.get("more_body") for message in messages[1:])
    assert app.service.streams == 0


def test_tables_count_towards_the_limit_from_their_first_byte(client):
    """More tables than allowed have sent their header and no row yet."""
    statuses, waiting = [], []

    async def ask(rows_come):
        left = [{"type": "http.request", "body": b"text\n", "more_body": True}]

        async def receive():
            if left:
                return left.pop()
            waiting.append(rows_come)
            await rows_come.wait()
            return {"type": "http.request", "body": b"one\n", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await client.app(SCOPE, receive, send)

    async def run():
        rows_come = asyncio.Event()
        tasks = [asyncio.create_task(ask(rows_come)) for _ in range(MAX_STREAMS + 4)]
        await asyncio.wait(tasks[MAX_STREAMS:], timeout=DEADLINE)
        assert (statuses, len(waiting)) == ([429] * 4, MAX_STREAMS)
        rows_come.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert statuses[4:] == [200] * MAX_STREAMS
    assert client.app.service.streams == 0


@pytest.mark.parametrize("content", [b"text\none\n", b"text\n", b"other\none\n", b""])
def test_table_whose_response_is_dropped_no_longer_counts(client, content):
    async def run():
        async def receive():
            return {"type": "http.request", "body": content, "more_body": False}

        try:
            response = await score(client.app.service, Request(SCOPE, receive))
        except RequestError:
            return
        assert client.app.service.streams == 1
        await response.body_iterator.aclose()

    asyncio.run(run())
    assert client.app.service.streams == 0


def test_rows_without_text_let_other_tasks_run(client):
    """These rows never wait for the model, so nothing else would let the event loop run other tasks."""
    turns = 0

    async def run():
        sent = [{"type": "http.request", "body": b"text\n" + b" \n" * 20 * ROWS, "more_body": False}]

        async def receive():
            return sent.pop()

        async def send(message):
            pass

        async def other():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        await client.app(SCOPE, receive, send)
        task.cancel()

    asyncio.run(run())
    assert turns >= 20


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_output_equals_that_of_emoscope_score(client, classifier, tmp_path, kind):
    pytest.importorskip("pyarrow", reason="needs the extra score")
    from emoscope.scoring import Job, Scoring, score_table

    if kind == "csv":
        content = 'id,text\r\n007,one\n8,"two\nlines"\n9,\n10, \n11,"q ""quoted"""\n'
    else:
        content = '{"id": 007, "text": "bad"}\n{"id": 1.50, "text": "one"}\n{"text": null}\n{"x": {}}\n'
    source, output = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    source.write_text(content, newline="")
    score_table(Job(str(source), str(output), Scoring(text_column="text", columns=("emotion",))), classifier)
    headers = CSV if kind == "csv" else NDJSON
    lines = post(client, content, headers, columns="emotion").text.splitlines()
    rejected = (tmp_path / f"out.{kind}.rejected.jsonl").exists()
    assert rejected is (kind == "jsonl")
    assert [line for line in lines if line != "{}"] == output.read_text().splitlines()
