"""Checks of request bodies: the status, and a message that says what was found and what is allowed."""

from __future__ import annotations

import json

import pytest
from serving_fakes import JSON, SCORING, message


@pytest.mark.parametrize("path", SCORING)
@pytest.mark.parametrize("value", [None, True, 3, "text", [], ["text"], [[]], {}])
def test_body_of_the_wrong_type_is_an_error_with_advice(client, path, value):
    answer = client.post(path, content=json.dumps(value).encode(), headers=JSON)
    assert answer.status_code == (400 if path in ("/", "/models/x") else 422)
    assert "must be" in message(answer)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, 'texts must be a list of strings, got null; write ["a text"]'),
        ({"texts": "one"}, 'texts must be a list of strings, got a string; write ["a text"]'),
        ({"texts": {"a": 1}}, "got an object"),
        ({"texts": []}, "texts is an empty list; send at least one text"),
        ({"texts": ["a", 3]}, "texts[1] must be a string, got a number"),
        ({"texts": ["a", None]}, "texts[1] must be a string, got null"),
        ({"texts": ["a", [True]]}, "texts[1] must be a string, got a list"),
        ({"texts": ["a"], "text": "a"}, "unknown field 'text'; allowed: texts"),
    ],
)
def test_wrong_texts_are_422_and_the_message_names_their_place(client, body, words):
    answer = client.post("/v1/predict", body)
    assert answer.status_code == 422
    assert words in message(answer)


def test_body_over_a_limit_is_413_with_both_numbers(serve):
    client = serve(max_texts=2, max_characters=10, max_body_bytes=1000, max_explained=1)
    for path, body, code, words in [
        ("/v1/predict", {"texts": ["a"] * 3}, "too_many_texts", "texts has 3 texts, at most 2 are allowed"),
        ("/v1/predict", {"texts": ["a", "b" * 11]}, "text_too_long", "texts[1] has 11 characters, at most 10"),
        ("/v1/explain", {"texts": ["a", "b"]}, "too_many_texts", "at most 1 can be explained"),
        ("/v1/predict", {"texts": ["b" * 2000]}, "body_too_large", "larger than 1,000 bytes"),
    ]:
        answer = client.post(path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, code)
        assert words in message(answer)
    sentences = client.post("/v1/sentences", {"text": "a! b! c!"})
    assert (sentences.status_code, sentences.json()["error"]["code"]) == (413, "too_many_texts")


@pytest.mark.parametrize(("text", "size"), [("\ufdfa" * 6, 108), ("😀" * 10, 150)])
def test_characters_count_as_what_the_model_reads(serve, classifier, text, size):
    """A few hundred kilobytes would else keep the model busy for seconds."""
    client = serve(max_characters=100)
    answer = client.post("/v1/predict", {"texts": [text]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "text_too_long")
    assert f"has {size} characters with emoji and ligatures written out, at most 100" in message(answer)
    table = client.post(
        "/v1/score?text_column=text", content=f"text\none\n{text}\n", headers={"content-type": "text/csv"}
    )
    assert f"has {size} characters" in table.text
    assert client.post("/predict", {"inputs": text, "truncate": True}).status_code == 200
    assert [text[: len(text) * 100 // size]] in classifier.calls


def test_texts_too_long_to_explain_are_413(serve):
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
