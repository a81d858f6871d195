"""The API page: what it shows of an OpenAPI document, and the form to try an operation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from page_actions import violations

OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "emoscope", "version": "1.0", "description": "Six emotions.\n\nErrors have one `shape`."},
    "tags": [{"name": "texts"}, {"name": "server"}],
    "paths": {
        "/v1/predict": {
            "post": {
                "operationId": "predict",
                "tags": ["texts"],
                "summary": "Label and scores of texts",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Texts"}}},
                },
                "responses": {
                    "200": {
                        "description": "In columns",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Columns"}}},
                    },
                    "429": {"$ref": "#/components/responses/Busy"},
                },
            }
        },
        "/page/{name}": {
            "parameters": [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "icon.svg"}
            ],
            "get": {
                "tags": ["server"],
                "parameters": [
                    {
                        "name": "v",
                        "in": "query",
                        "description": "Of the `file`",
                        "schema": {"type": "integer", "minimum": 1, "default": 2},
                    }
                ],
                "responses": {"200": {"description": "The file"}},
            },
        },
    },
    "components": {
        "schemas": {
            "Texts": {
                "type": "object",
                "required": ["texts"],
                "properties": {
                    "texts": {"type": "array", "items": {"type": "string"}, "minItems": 1, "examples": [["i am happy"]]}
                },
            },
            "Columns": {
                "allOf": [
                    {"type": "object", "properties": {"label": {"type": "array", "items": {"enum": ["joy", "fear"]}}}},
                    {
                        "properties": {
                            "sets": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
                        }
                    },
                ]
            },
            "Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}},
        },
        "responses": {
            "Busy": {
                "description": "Too much waits",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}},
            }
        },
    },
}


@pytest.fixture
def api(visit):
    page = visit("/docs", before=lambda page: page.route("**/openapi.json", lambda route: route.fulfill(json=OPENAPI)))
    expect(page.locator("#predict")).to_be_visible()
    return page


def test_every_operation_is_described(api):
    links = [link.inner_text().split() for link in api.locator("#contents a").all()]
    assert links == [["POST", "/v1/predict"], ["GET", "/page/{name}"]]
    predict = api.locator("#predict")
    expect(predict.locator(".schema").first).to_contain_text("texts")
    expect(predict.locator(".schema").first).to_contain_text("list of strings; at least 1 item")
    expect(predict.locator(".required").first).to_have_text("required")
    assert json.loads(predict.locator("pre").first.inner_text()) == {"texts": ["i am happy"]}
    predict.get_by_text("In columns").click()
    expect(predict.locator(".responses").first).to_contain_text('list of: "joy", "fear"')
    expect(predict.locator(".responses").first).to_contain_text("list of strings or null")
    expect(predict.locator(".responses").first).to_contain_text("1 error429Too much waits")
    other = api.locator(".operation").nth(1)
    expect(other).to_contain_text("integer; at least 1, default 2; in the query")
    expect(other).to_contain_text("Of the file")
    assert violations(api) == []


def test_operations_can_be_tried(api, classifier):
    predict = api.locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_label("Body").fill('{"texts": ["i am afraid"]}')
    predict.get_by_role("button", name="Send").click()
    answer = predict.get_by_role("region", name="Response")
    expect(answer).to_be_visible()
    shown = json.loads(answer.inner_text())
    assert shown["label"] == ["fear"]
    assert np.allclose(shown["scores"], classifier.predict_proba(["i am afraid"]))
    other = api.locator(".operation").nth(1)
    other.get_by_text("Try it").click()
    other.get_by_role("button", name="Send").click()
    expect(other.get_by_role("region", name="Response")).to_contain_text("<svg")


def test_status_of_a_trial_is_shown(api, visit):
    api.route("**/v1/predict", lambda route: route.fulfill(status=200, json={"label": []}))
    predict = api.locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_role("button", name="Send").click()
    expect(predict.get_by_role("status")).to_contain_text("200, in")


@pytest.mark.parametrize("error", ["the model failed", {"message": "the model failed", "code": 424}])
def test_errors_of_every_api_are_shown(visit, error):
    def answers(page):
        page.route("**/openapi.json", lambda route: route.fulfill(json=OPENAPI))
        page.route("**/v1/predict", lambda route: route.fulfill(status=424, json={"error": error}))

    predict = visit("/docs", expected_error="424", before=answers).locator("#predict")
    predict.get_by_text("Try it").click()
    predict.get_by_role("button", name="Send").click()
    expect(predict.get_by_role("status")).to_have_text("424: The model failed.")
