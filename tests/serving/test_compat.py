"""Requests and responses of other servers' APIs."""

from __future__ import annotations

import numpy as np
import pytest
from serving_fakes import CalibratedClassifier, probabilities

from emoscope import EMOTIONS

TEXTS = ["one", "two"]


def ranked(scores, top_k=None):
    pairs = sorted(zip(map(float, scores), EMOTIONS, strict=True), reverse=True)
    return [{"label": label, "score": score} for score, label in pairs[:top_k]]


def logits(text):
    return CalibratedClassifier().predict_logits([text])[0]


def same(answer, expected):
    """Whether labels are equal and scores nearly equal, however they are nested."""
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(same, answer, expected))
    return answer["label"] == expected["label"] and np.isclose(answer["score"], expected["score"], atol=1e-6)


@pytest.mark.parametrize("path", ["/", "/models/owner/name", "/models/x"])
def test_hugging_face_gets_one_list_per_text_with_the_highest_score_first(client, path):
    for inputs in ("one", ["one"], TEXTS):
        texts = [inputs] if isinstance(inputs, str) else inputs
        answer = client.post(path, {"inputs": inputs, "options": {"wait_for_model": True}})
        assert answer.status_code == 200
        assert same(answer.json(), [ranked(probabilities(text)) for text in texts])


@pytest.mark.parametrize("top_k", [1, 3, 3.0, 100, None])
def test_hugging_face_gets_top_k_labels(client, top_k):
    answer = client.post("/", {"inputs": "one", "parameters": {"top_k": top_k}}).json()
    assert same(answer, [ranked(probabilities("one"), top_k and int(top_k))])


def test_hugging_face_parameters_of_another_task_are_refused(client):
    answer = client.post("/", {"inputs": "one", "parameters": {"candidate_labels": ["refund", "legal"]}})
    assert answer.status_code == 400
    assert "unknown field 'candidate_labels'; allowed: top_k" in answer.json()["error"]
    tuning = {"padding": True, "batch_size": 8, "max_length": 512, "num_workers": 1, "return_all_scores": True}
    assert client.post("/", {"inputs": "one", "parameters": tuning}).status_code == 200


def test_hugging_face_function_to_apply(calibrated):
    raw = logits("one")
    softmax = probabilities("one")
    sigmoid = 1 / (1 + np.exp(-raw))
    for function, expected in {"softmax": softmax, "sigmoid": sigmoid, "none": raw, None: softmax}.items():
        answer = calibrated.post("/", {"inputs": "one", "parameters": {"function_to_apply": function}}).json()
        assert same(answer, [ranked(expected)])


def test_softmax_of_a_multi_label_model_is_computed_from_logits(serve):
    class MultiLabel(CalibratedClassifier):
        multi_label = True

    client = serve(MultiLabel())
    raw = logits("one")
    softmax = np.exp(raw) / np.exp(raw).sum()
    for function, expected in {"softmax": softmax, "sigmoid": probabilities("one")}.items():
        answer = client.post("/", {"inputs": "one", "parameters": {"function_to_apply": function}}).json()
        assert same(answer, [ranked(expected)])


def test_logits_of_a_model_without_logits_are_an_error(client):
    answer = client.post("/", {"inputs": "one", "parameters": {"function_to_apply": "none"}})
    assert answer.status_code == 400
    assert "no logits" in answer.json()["error"]


def test_tei_gets_a_list_for_one_text_and_lists_for_a_batch(calibrated):
    one = [{"score": pair["score"], "label": pair["label"]} for pair in ranked(probabilities("one"))]
    for inputs in ("one", ["one"]):
        assert same(calibrated.post("/predict", {"inputs": inputs}).json(), one)
    batch = calibrated.post("/predict", {"inputs": [["one"], ["two"]], "truncate": True}).json()
    assert same(batch, [ranked(probabilities(text)) for text in TEXTS])
    raw = calibrated.post("/predict", {"inputs": [["one"]], "raw_scores": True}).json()
    assert same(raw, [ranked(logits("one"))])


@pytest.mark.parametrize(
    ("inputs", "status", "kind", "words"),
    [
        (["one", "two"], 422, "Validation", "pair"),
        ([["one", "two"]], 422, "Validation", "pair"),
        ([], 400, "Empty", "empty"),
        ([[]], 400, "Empty", "empty"),
        ("", 400, "Empty", "empty"),
        ([""], 400, "Empty", "empty"),
        ([["one"], [""]], 400, "Empty", "empty"),
        (None, 422, "Validation", "null"),
        ([["one"], "two"], 422, "Validation", "string"),
        ([[3]], 422, "Validation", "number"),
        ("x" * 200, 413, "Validation", "200 characters"),
        ([["x"]] * 6, 413, "Validation", "6 texts"),
    ],
)
def test_tei_errors(serve, inputs, status, kind, words):
    answer = serve(max_texts=5, max_characters=100).post("/predict", {"inputs": inputs})
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind)
    assert words in answer.json()["error"]


def test_truncation_cuts_texts_that_would_be_rejected(serve, classifier):
    client = serve(max_characters=100)
    long = "x" * 200
    assert client.post("/predict", {"inputs": long, "truncate": True}).status_code == 200
    assert client.post("/", {"inputs": long, "parameters": {"truncation": True}}).status_code == 200
    assert client.post("/v1/classify", {"input": long, "truncate_prompt_tokens": -1}).status_code == 200
    assert ["x" * 100] in classifier.calls


def test_infinity_gets_all_labels_and_the_number_of_tokens(calibrated):
    body = calibrated.post("/classify", {"model": "default", "input": TEXTS}).json()
    assert list(body) == ["object", "data", "model", "usage", "id", "created"]
    assert (body["object"], body["model"]) == ("classify", "tiny")
    assert same(body["data"], [ranked(probabilities(text)) for text in TEXTS])
    assert body["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    assert body["id"].startswith("infinity-")
    raw = calibrated.post("/classify", {"input": TEXTS, "raw_scores": True}).json()
    assert same(raw["data"], [ranked(logits(text)) for text in TEXTS])


@pytest.mark.parametrize("fields", [{"input": "one"}, {"input": ["one"], "use_activation": True}])
def test_requests_that_only_vllm_knows_get_its_response_on_the_path_of_both(client, fields):
    body = client.post("/classify", {"model": "any", **fields}).json()
    assert body["object"] == "list"
    assert [item["label"] for item in body["data"]] == [EMOTIONS[int(probabilities("one").argmax())]]


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_models_are_listed_as_openai_does(client, path):
    body = client.get(path).json()
    assert body["object"] == "list"
    (model,) = body["data"]
    assert (model["id"], model["object"]) == ("tiny", "model")
    assert isinstance(model["created"], int)


def test_info_has_the_name_of_the_served_model(client):
    assert client.get("/info").json()["served_model_name"] == "tiny"


def test_vllm_gets_probabilities_in_index_order(calibrated):
    for given in (TEXTS, TEXTS[0]):
        body = calibrated.post("/v1/classify", {"model": "any", "input": given}).json()
        assert (body["object"], body["model"]) == ("list", "tiny")
        for index, (item, text) in enumerate(zip(body["data"], TEXTS, strict=False)):
            expected = probabilities(text)
            assert list(item) == ["index", "label", "probs", "num_classes"]
            assert (item["index"], item["num_classes"]) == (index, 6)
            assert item["label"] == EMOTIONS[int(expected.argmax())]
            assert np.allclose(item["probs"], expected)
        assert body["usage"]["completion_tokens"] == 0
    raw = calibrated.post("/v1/classify", {"input": TEXTS, "use_activation": False}).json()
    assert np.allclose([item["probs"] for item in raw["data"]], [logits(text) for text in TEXTS], atol=1e-5)


def test_openai_errors_have_message_type_and_code(client):
    for path in ("/classify", "/v1/classify"):
        answer = client.post(path, {"input": 3})
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, 422)
        assert error["message"] == 'input must be a list of strings, got a number; write ["a text"]'
