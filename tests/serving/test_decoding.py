"""Bodies as structs: what the fast decoder does not take is read again, and errors say what is allowed."""

from __future__ import annotations

import json

import pytest

from emoscope.serving.decoding import convert, decode
from emoscope.serving.errors import RequestError
from emoscope.serving.schemas import ExplainRequest, HuggingFaceRequest, PredictRequest, ScoreQuery, VllmRequest


def error(body, kind):
    with pytest.raises(RequestError) as raised:
        decode(body if isinstance(body, bytes) else json.dumps(body).encode(), kind)
    return raised.value.code, raised.value.message


def test_lone_surrogates_are_decoded():
    assert decode(b'{"texts": ["\\ud800 a"]}', PredictRequest).texts == ["\ud800 a"]


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (PredictRequest, {"texts": ["a", {}]}, "texts[1] must be a string, got an object"),
        (ExplainRequest, {"texts": ["a"], "method": "x"}, "method must be loo or shapley, got 'x'"),
        (ExplainRequest, {"texts": ["a"], "method": None}, "method must be loo or shapley, got null"),
        (HuggingFaceRequest, {"inputs": "a", "parameters": 3}, "parameters must be an object, got a number; write {"),
        (HuggingFaceRequest, {"inputs": "a", "parameters": {"truncation": 1}}, "truncation must be true or false, got"),
        (HuggingFaceRequest, {"inputs": "a", "parameters": {"x": 1}}, "unknown field 'x'; allowed: top_k, function_to"),
        (HuggingFaceRequest, {"parameters": {}}, 'inputs must be a list of strings, got null; write ["a text"]'),
        (VllmRequest, {"input": "a", "softmax": "no"}, "softmax must be true or false, got a string"),
    ],
)
def test_value_that_does_not_fit_is_named_with_what_is_allowed(kind, body, message):
    code, found = error(body, kind)
    assert code == "invalid_request"
    assert found.startswith(message)


def test_json_that_is_malformed_after_a_wrong_value_is_malformed():
    assert error(b'{"texts": 3, ', PredictRequest)[0] == "invalid_json"
    assert error(b'{"texts": 3, "a": "\xff"}', PredictRequest)[0] == "invalid_utf8"
    assert error(b'{"texts": [NaN]}', PredictRequest) == ("invalid_request", "texts[0] must be a string, got a number")


def test_parameters_of_a_query_are_called_so():
    with pytest.raises(RequestError, match="unknown parameter 'a'; allowed: text_column, columns"):
        convert({"text_column": "text", "a": "1"}, ScoreQuery, field="parameter")
