"""`POST /v1/score`: tables in, the same tables with emotions out, however the bytes come."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_fakes import HashClassifier, emotion, probabilities

from emoscope import EMOTIONS
from emoscope.rows.lines import Block, LineDecoder
from emoscope.serving import score as score_module
from emoscope.serving import table_stream
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.score import MAX_STREAMS, ROWS, score
from emoscope.serving.table_stream import CsvTable, JsonlTable, added_columns

CSV, NDJSON = {"content-type": "text/csv"}, {"content-type": "application/x-ndjson"}
SCOPE = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
SCOPE["headers"] = [(b"content-type", b"text/csv")]
EMOTION_ONLY = added_columns("emotion", EMOTIONS)
ADDED = ["emotion", "emotion_score", *EMOTIONS, "emotion_error"]


def post(client, content, headers=CSV, **query):
    return client.post("/v1/score", content=content, headers=headers, params={"text_column": "text", **query})


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_csv_comes_back_with_new_columns_behind(client):
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


def test_json_lines_come_back_with_new_fields(client):
    content = '{"id": 1e2, "text": "one"}\n\n{"text":"two","nested": {"a": [1,  2]} }\n{"text": null}\n{}'
    lines = post(client, content, NDJSON).text.splitlines()
    assert lines[0].startswith('{"id": 1e2, "text": "one", "emotion": ')
    assert lines[1].startswith('{"text":"two","nested": {"a": [1,  2]}, "emotion": ')
    parsed = list(map(json.loads, lines))
    assert [row["emotion"] for row in parsed] == [emotion("one"), emotion("two"), None, None]
    assert np.array_equal(np.float32([parsed[0][label] for label in EMOTIONS]), probabilities("one"))
    assert not any("emotion_error" in row for row in parsed)


def test_what_cannot_be_read_keeps_its_place_with_the_reason(client):
    content = b'id,text\n1,one\n2,a,b\n3,\xff\n4\n5,"x"y\n6,two\n7,"open\n8,three\n'
    rows = rows_of(post(client, content))
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


def test_json_that_cannot_be_read_keeps_its_place_with_the_reason(client):
    content = b'{"text": "one"}\n[1]\n{"text": 3}\nno\n{"text": "\xff"}\n{"joy": 1, "text": "a"}\n{"text": "two"}\n'
    rows = list(map(json.loads, post(client, content, NDJSON).text.splitlines()))
    assert [row.get("emotion") for row in rows] == [emotion("one"), *[None] * 5, emotion("two")]
    assert rows[1] == {"emotion_error": "line 2: a JSON list, not an object; allowed: one JSON object a line"}
    assert rows[2]["text"] == 3
    assert "'text' is int" in rows[2]["emotion_error"]
    assert "not JSON" in rows[3]["emotion_error"]
    assert "0xff" in rows[4]["emotion_error"]
    assert (rows[5]["joy"], "a column 'joy'" in rows[5]["emotion_error"]) == (1, True)


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\n\t"])
def test_a_row_without_text_has_no_emotion(client, classifier, text):
    row = json.loads(post(client, json.dumps({"text": text}), NDJSON).text)
    assert {row[name] for name in ADDED[:-1]} == {None}
    (record,) = rows_of(post(client, f'a,text\n1,"{text}"\n'))
    assert {record[name] for name in ADDED} == {""}
    assert classifier.asked[-1] != [text]


def test_columns_are_chosen_in_their_order(client):
    answer = post(client, "text\none\n", columns="joy,emotion")
    assert answer.text.splitlines()[0] == "text,joy,emotion"
    lines = post(client, '{"text": "one"}\nno\n', NDJSON, columns="emotion").text.splitlines()
    assert lines == [f'{{"text": "one", "emotion": "{emotion("one")}"}}', "{}"]


def test_the_format_may_stand_in_the_query(client):
    assert post(client, "text\none\n", {}, format="csv").status_code == 200
    assert post(client, '{"text": "one"}', {"content-type": "text/csv"}, format="jsonl").text.startswith('{"text"')


def test_an_empty_table_and_one_of_a_header(client):
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
        ("text\n1\n", CSV, {"columns": "happy"}, 422, "the column 'happy' cannot be added"),
        ("text\n1\n", CSV, {"columns": "joy,joy"}, 422, "once each"),
        ("text\n1\n", CSV, {"text": "a"}, 422, "unknown parameter 'text'"),
        ("text\n1\n", CSV, {"text_column": ""}, 422, "text_column=text"),
    ],
)
def test_what_is_no_table_is_refused_before_the_answer_begins(client, content, headers, query, status, words):
    answer = post(client, content, headers, **query)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_a_text_over_the_limit_is_a_bad_row(serve):
    rows = rows_of(post(serve(max_characters=5), "text\nlonger\nshort\n"))
    assert [row["emotion"] for row in rows] == ["", emotion("short")]
    assert "6 characters, at most 5" in rows[0]["emotion_error"]


def test_a_line_over_the_limit_is_a_bad_row_and_is_not_kept(client, monkeypatch):
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


def test_it_answers_while_the_table_still_comes():
    """Whoever reads as he sends gets the first rows before he has sent the last."""
    from emoscope.serving import Settings, create_app

    app = create_app(HashClassifier(), Settings())
    app.service.warm_up()

    async def run():
        sent, got = asyncio.Queue(), asyncio.Queue()
        scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b"text_column=text"}
        scope["headers"] = [(b"content-type", b"application/x-ndjson")]
        task = asyncio.create_task(app(scope, sent.get, got.put))
        for i in range(5):
            await sent.put({"type": "http.request", "body": b'{"text": "%d"}\n' % i, "more_body": True})
            message = await asyncio.wait_for(got.get(), 5)
            if message["type"] == "http.response.start":
                message = await asyncio.wait_for(got.get(), 5)
            assert json.loads(message["body"])["emotion"] == emotion(str(i))
        await sent.put({"type": "http.request", "body": b"", "more_body": False})
        assert (await asyncio.wait_for(got.get(), 5)) == {"type": "http.response.body", "body": b""}
        await task

    asyncio.run(run())


def test_all_of_it_is_scored_while_nobody_reads_and_memory_does_not_hold_it():
    """Whoever sends all before he reads gets all: what he does not take yet goes to a file."""
    from emoscope.serving import Settings, create_app

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
        await asyncio.wait_for(app(scope, receive, send), 30)
        return b"".join(bodies)

    lines = asyncio.run(run()).splitlines()
    assert len(lines) == 5000
    assert {json.loads(line)["emotion"] for line in lines} == {emotion("one")}


def test_a_stream_that_fails_in_the_middle_is_broken_off():
    from emoscope.serving import Settings, create_app

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


def test_tables_count_from_their_first_byte(client):
    """More than may be scored at once, of which all have sent the names of their columns and no row yet."""
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
        await asyncio.wait(tasks[MAX_STREAMS:], timeout=5)
        assert (statuses, len(waiting)) == ([429] * 4, MAX_STREAMS)
        rows_come.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert statuses[4:] == [200] * MAX_STREAMS
    assert client.app.service.streams == 0


@pytest.mark.parametrize("content", [b"text\none\n", b"text\n", b"other\none\n", b""])
def test_a_table_whose_answer_nobody_takes_counts_no_more(client, content):
    async def run():
        async def receive():
            return {"type": "http.request", "body": content, "more_body": False}

        try:
            response = await score(client.app.service, Request(SCOPE, receive))
        except RequestError:
            return
        assert client.app.service.streams == 1
        await response.body.aclose()

    asyncio.run(run())
    assert client.app.service.streams == 0


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.integers(1, 40))
def test_a_csv_in_any_pieces_is_the_same_csv(rows, size):
    content = io.StringIO(newline="")
    csv.writer(content).writerows([("id", "text"), *rows])
    data = content.getvalue().encode()
    whole = _score(CsvTable("text", EMOTION_ONLY, EMOTIONS), [data])
    pieces = _score(CsvTable("text", EMOTION_ONLY, EMOTIONS), [data[i : i + size] for i in range(0, len(data), size)])
    assert pieces == whole
    read = list(csv.reader(io.StringIO(whole, newline=""), strict=True))[1:]
    expected = [(*row, emotion(row[1]) if row[1].strip() else "") for row in rows]
    assert [row for row in map(tuple, read) if row] == expected


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes_in_any_pieces_are_the_same_lines(data, size):
    for make in (lambda: CsvTable("text", EMOTION_ONLY, EMOTIONS), lambda: JsonlTable("text", EMOTION_ONLY, EMOTIONS)):
        content = b"id,text\n" + data
        pieces = [content[i : i + size] for i in range(0, len(content), size)]
        assert _score(make(), pieces) == _score(make(), [content])


def _score(table, pieces):
    decoder = LineDecoder(table_stream.MAX_ROW_BYTES)
    rows = [row for piece in pieces for row in table.rows(decoder.feed(piece))]
    rows += table.rows(decoder.feed(b"", final=True))
    classifier = HashClassifier()
    lines = []
    for row in rows:
        has_text = row.text and not row.text.isspace() and not row.problem
        values = classifier.predict_proba([row.text])[0] if has_text else None
        scores = None if values is None else (tuple(values.tolist()), int(values.argmax()), None, None)
        lines.append(table.line(row, scores))
    return table.head() + "".join(lines)


def test_a_row_that_stays_open_is_not_read_again_with_every_piece(csv_lines_read):
    table = CsvTable("text", EMOTION_ONLY, EMOTIONS)
    rows = list(table.rows(Block(["text\n", '"open\n'])))
    for _ in range(2000):
        rows += table.rows(Block(["a\n"]))
    rows += table.rows(Block(['end"\n'], final=True))
    (row,) = rows
    assert row.text == "open\n" + "a\n" * 2000 + "end"
    assert csv_lines_read() < 5 * 2000


def test_a_row_that_is_too_long_to_stay_open_is_given_up_once(csv_lines_read, monkeypatch):
    monkeypatch.setattr(table_stream, "MAX_ROW_BYTES", 1000)
    table = CsvTable("text", EMOTION_ONLY, EMOTIONS)
    rows = list(table.rows(Block(["text\n"])))
    for _ in range(2000):
        rows += table.rows(Block(['a","\n']))
    rows += table.rows(Block([], final=True))
    assert len(rows) == 2000
    assert all(row.problem.startswith(f"line {line}: a quote is not closed") for line, row in enumerate(rows, 2))
    assert csv_lines_read() < 10 * 2000


def test_rows_without_text_leave_others_their_turn(client):
    """Nothing of them waits for the model, so that nothing else would let the event loop go on."""
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
def test_it_is_what_emoscope_score_writes(client, classifier, tmp_path, kind):
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
