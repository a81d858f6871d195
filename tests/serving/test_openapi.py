"""The OpenAPI document has the routes, statuses and schemas of the server."""

from __future__ import annotations

import json

import pytest
from serving_fakes import CalibratedClassifier

from emoscope import __version__
from emoscope.pipeline import KEYWORDS
from emoscope.serving import openapi
from emoscope.serving.errors import EMOSCOPE, HUGGING_FACE, OPENAI, STATUS, TEI, RequestError
from emoscope.serving.routes import MODELS, PAGE, ROUTES
from emoscope.serving.schemas import HuggingFaceParameters

DOCUMENT = json.loads(openapi.FILE.read_text("utf-8"))
NAMES = {MODELS: "/models/{model}", PAGE: "/page/{file}"}
OPERATIONS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
OF_CONNECTIONS = {"invalid_http", "request_timeout", "headers_too_large", "too_many_connections"}
"""Errors that occur before the path is known, in emoscope's own format."""
WITHOUT_ROUTE = {"not_found", "method_not_allowed"}
TABLE = {"content-type": "text/csv"}


def test_committed_document_is_the_generated_one():
    assert openapi.FILE.read_text("utf-8") == openapi.text(), "run python -m emoscope.serving.openapi"


def test_ignored_keywords_of_the_pipeline_are_those_of_the_library():
    assert {*HuggingFaceParameters.__struct_fields__} == {*KEYWORDS, "truncate"}


def resolve(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def as_json_schema(node):
    """A schema of OpenAPI 3.0, which has `nullable` instead of the type null, as JSON Schema."""
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def test_types_are_those_that_generators_of_openapi_3_0_read():
    def check(node):
        if isinstance(node, dict):
            assert node.get("type") != "null"
            assert not isinstance(node.get("type"), list)
            assert "const" not in node
            assert "nullable" not in node or ("type" in node and "allOf" not in node and "$ref" not in node)
            list(map(check, node.values()))
        elif isinstance(node, list):
            list(map(check, node))

    assert DOCUMENT["openapi"].startswith("3.0.")
    check(DOCUMENT)


def references(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_route_is_described_and_nothing_else():
    described = {(path, method.upper()) for path, method, _ in OPERATIONS}
    assert described == {(NAMES.get(path, path), method) for path, methods in ROUTES.items() for method in methods}


def test_public_operations_need_no_key():
    for path, method, operation in OPERATIONS:
        (key,) = [key for key in ROUTES if NAMES.get(key, key) == path]
        assert (operation.get("security") == []) is ROUTES[key][method.upper()].is_public


def test_every_error_of_a_route_is_described():
    for path, methods in ROUTES.items():
        for method, route in methods.items():
            described = DOCUMENT["paths"][NAMES.get(path, path)][method.lower()]["responses"]
            if route.scores:
                for code in set(STATUS) - OF_CONNECTIONS - WITHOUT_ROUTE:
                    status = route.error_format.response(RequestError(code, "")).status_code
                    has_status = status != 507 if path != "/v1/score" else status not in (400, 413)
                    assert (str(status) in described) is has_status, (path, code)


def test_references_resolve_and_all_components_are_used():
    used = set(references(DOCUMENT))
    components = {
        f"#/components/{kind}/{name}"
        for kind, values in DOCUMENT["components"].items()
        for name in values
        if kind != "securitySchemes"
    }
    assert used == components


def test_operations_have_ids_summaries_and_examples():
    names = [operation["operationId"] for *_, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    for _, _, operation in OPERATIONS:
        assert operation["summary"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in content or "examples" in content


def requests():
    """Every operation with each of its examples."""
    for path, method, operation in OPERATIONS:
        target = path
        query = {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                target = target.replace(f"{{{parameter['name']}}}", parameter["example"])
            elif parameter.get("required"):
                query[parameter["name"]] = parameter["example"]
        bodies = operation.get("requestBody", {}).get("content", {"": {"example": None}})
        for kind, content in bodies.items():
            examples = (
                [content["example"]] if "example" in content else [e["value"] for e in content["examples"].values()]
            )
            for example in examples:
                yield pytest.param(operation, method, target, query, kind, example, id=f"{method} {target} {kind}")


@pytest.mark.parametrize(("operation", "method", "target", "query", "kind", "example"), list(requests()))
def test_responses_to_the_examples_match_their_schemas(serve, operation, method, target, query, kind, example):
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    content = None if example is None else example if isinstance(example, str) else json.dumps(example)
    headers = {"content-type": kind} if kind else {}
    answer = serve(CalibratedClassifier()).request(method, target, content=content, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    described = operation["responses"]["200"]["content"]
    media_type = answer.headers["content-type"].split(";")[0]
    assert media_type in described or "*/*" in described
    if media_type == "application/json":
        schema = {**described[media_type]["schema"], "components": DOCUMENT["components"]}
        jsonschema.validate(answer.json(), as_json_schema(schema))


@pytest.mark.parametrize(
    "error_format", [EMOSCOPE, HUGGING_FACE, TEI, OPENAI], ids=["own", "hugging face", "tei", "openai"]
)
@pytest.mark.parametrize("code", sorted(STATUS))
def test_errors_match_the_schema_of_their_api(error_format, code):
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    name = {EMOSCOPE: "Error", HUGGING_FACE: "HuggingFaceError", TEI: "TeiError", OPENAI: "OpenAiError"}[error_format]
    response = error_format.response(RequestError(code, "words"))
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema.validate(json.loads(response.body), as_json_schema(schema))
    assert 400 <= response.status_code < 600


def test_served_document_has_the_version_and_the_files(client):
    served = client.get("/openapi.json").json()
    assert served["info"]["version"] == __version__
    files = served["paths"]["/page/{file}"]["get"]["parameters"][0]["schema"].pop("enum")
    assert {"index.html", "docs.html"} <= set(files)
    assert served["paths"] == DOCUMENT["paths"]
