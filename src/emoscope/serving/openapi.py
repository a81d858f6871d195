"""The OpenAPI document, made from the routes and the structs of `schemas.py`.

The server sends the committed copy, `openapi.json`. Run `python -m emoscope.serving.openapi` to write it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from emoscope.serving import answers
from emoscope.serving.answers import (
    ExplainAnswer,
    Health,
    InfinityAnswer,
    Info,
    Models,
    PredictAnswer,
    Ranking,
    SentencesAnswer,
    VllmAnswer,
)
from emoscope.serving.errors import EMOSCOPE, STATUS, ErrorFormat
from emoscope.serving.routes import ROUTES, Operation
from emoscope.serving.schemas import (
    EXAMPLES,
    ClassifyRequest,
    ExplainRequest,
    HuggingFaceRequest,
    PredictRequest,
    ScoreQuery,
    SentencesRequest,
    TeiRequest,
    VllmRequest,
)

FILE = Path(__file__).with_name("openapi.json")
ABOUT = (
    "Which of six emotions an English text expresses: sadness, joy, love, anger, fear or surprise. The paths under "
    "`/v1/`, except `/v1/classify`, are emoscope's own API. The other paths take and return what other servers do, so "
    "that their clients work here unchanged. Requests may name any model; the server's only model answers. The limits "
    "described here are the defaults; `/info` has the limits of this server."
)
OWN, COMPATIBLE, SERVER = "emoscope", "compatible APIs", "server"
TAGS = {
    OWN: "emoscope's own API.",
    COMPATIBLE: "The APIs of Hugging Face inference, text-embeddings-inference, infinity and vLLM.",
    SERVER: "State of the server, and its documentation.",
}
JSON = "application/json"
SCORE, READY = "/v1/score", "/health/ready"
STRING = {"schema": {"type": "string"}}
TABLES = {
    "text/csv": "id,review\n1,i feel so happy today\n",
    "application/x-ndjson": '{"id": 1, "review": "i feel sad"}\n',
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, if the server requires one."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
HEADERS = {
    "X-Request-Id": {
        "description": "The id that the request has in this header, else a new id.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}},
}
REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
OTHER_HEADERS: Mapping[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": STRING},
    429: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
}
"""Headers of errors in addition to the id of the request, by status."""
TABLE_HAS_NOT = (
    "invalid_json",
    "invalid_utf8",
    "body_too_large",
    "too_many_texts",
    "text_too_long",
)
"""Errors that a table cannot have: its rows have them."""
WITHOUT_ROUTE = ("invalid_http", "headers_too_large", "too_many_connections", "not_found", "method_not_allowed")
"""Errors that occur before the route is known."""
DESCRIPTIONS = {
    400: "The body is not JSON in UTF-8.",
    401: "An API key is needed.",
    403: "A browser sent the request for a page of another origin, which `--cors-origin` does not allow, or its Host "
    "is not allowed.",
    404: "There is nothing here.",
    408: "The request arrived too slowly.",
    413: "The body, a text or the list of texts is over its limit.",
    415: "The Content-Type or the Content-Encoding is not allowed.",
    422: "A value is not allowed; the message says what is allowed.",
    424: "The model failed.",
    429: "The server is busy; try again after `Retry-After` seconds.",
    500: "The server failed; see its log for the reason.",
    503: "The server is shutting down, or has too many connections.",
    504: "The request took too long.",
    507: "The table is large, and there is no space for temporary files.",
}
OTHER_CODES = {
    ("empty", 400): "or has no text",
    ("invalid_request", 400): "or a value is not allowed",
    ("deadline_exceeded", 503): "or the request took too long",
}
"""What the description of a status says in addition where an API reports another error with it."""


@dataclass(frozen=True)
class Description:
    """What the document says of an operation.

    Attributes:
        id: name of the operation, which generated clients use.
        tag: a key of TAGS.
        summary: one line without a full stop.
        response: the types that a JSON response may have, or the media types of other responses.
        request: the struct of a JSON body; None for none.
        description: more than the summary; empty for nothing.
    """

    id: str
    tag: str
    summary: str
    response: tuple[Any, ...]
    request: type[msgspec.Struct] | None = None
    description: str = ""


DESCRIBED: Mapping[tuple[str, str], Description] = {
    ("/v1/predict", "POST"): Description(
        "predict",
        OWN,
        "Labels and scores of texts, in columns",
        (PredictAnswer,),
        PredictRequest,
        "Every key of the response except `model` and `labels` holds a list with one entry per text. `sets` and "
        "`clear` are old names and will be removed: use `prediction_sets` and `neutral`.",
    ),
    ("/v1/explain", "POST"): Description(
        "explain",
        OWN,
        "How much each word contributes to the label of its text",
        (ExplainAnswer,),
        ExplainRequest,
        "`loo` leaves out one word at a time. `shapley` averages the contribution of a word over random orders, which "
        "is more faithful and takes about ten times as long.",
    ),
    ("/v1/sentences", "POST"): Description(
        "sentences",
        OWN,
        "Scores of a long text, and of each of its sentences",
        (SentencesAnswer,),
        SentencesRequest,
        "The text may have up to 1,024 sentences. `start` and `end` are offsets in characters (code points).",
    ),
    ("/v1/score", "POST"): Description(
        "score",
        OWN,
        "Add emotions to a table of any length",
        tuple(TABLES),
        description="Rows of CSV or JSON lines are returned in their order while they arrive, unchanged, with new "
        "columns at the end: `emotion`, `emotion_score`, one column per label, `neutral` for a model that gives it, "
        "and `emotion_error` with the reason if a row cannot be read. A row without a text gets empty cells. A table "
        "can have any length; a row can have up to 512 KiB.",
    ),
    ("/", "GET"): Description("page", SERVER, "The page", ("text/html",)),
    ("/", "POST"): Description(
        "hugging_face",
        COMPATIBLE,
        "Hugging Face inference",
        (list[Ranking],),
        HuggingFaceRequest,
        "For `huggingface_hub.InferenceClient(model=URL).text_classification`.",
    ),
    ("/models/{model}", "POST"): Description(
        "hugging_face_model",
        COMPATIBLE,
        "Hugging Face inference, with the name of a model",
        (list[Ranking],),
        HuggingFaceRequest,
        "Like `/`, for clients that append the name of a model to the address.",
    ),
    ("/predict", "POST"): Description(
        "tei",
        COMPATIBLE,
        "text-embeddings-inference",
        (Ranking, list[Ranking]),
        TeiRequest,
        "A list of two texts is a pair in this API, and the model does not read pairs: send several texts as a list "
        "of lists.",
    ),
    ("/classify", "POST"): Description(
        "classify",
        COMPATIBLE,
        "infinity, and vLLM",
        (InfinityAnswer, VllmAnswer),
        ClassifyRequest,
        "Text classification of infinity. A string in `input`, or a field of vLLM alone such as `use_activation`, gets "
        "the response of vLLM.",
    ),
    ("/v1/classify", "POST"): Description(
        "vllm",
        COMPATIBLE,
        "vLLM",
        (VllmAnswer,),
        VllmRequest,
        "vLLM's `/classify`: give its clients this server's address with `/v1` appended.",
    ),
    ("/health", "GET"): Description("health", SERVER, "The process is alive", (Health,)),
    ("/health/ready", "GET"): Description("ready", SERVER, "Whether the server accepts requests", (Health,)),
    ("/v1/models", "GET"): Description("models", COMPATIBLE, "The model, as OpenAI lists models", (Models,)),
    ("/models", "GET"): Description(
        "models_without_version", COMPATIBLE, "The model, as OpenAI lists models", (Models,)
    ),
    ("/info", "GET"): Description(
        "info",
        SERVER,
        "The model and the limits",
        (Info,),
        description="Includes the keys of text-embeddings-inference.",
    ),
    ("/metrics", "GET"): Description("metrics", SERVER, "Metrics for Prometheus", ("text/plain",)),
    ("/openapi.json", "GET"): Description("openapi", SERVER, "This document", (dict[str, Any],)),
    ("/docs", "GET"): Description("docs", SERVER, "This document as a page", ("text/html",)),
    ("/page/{file}", "GET"): Description("page_file", SERVER, "A file of the page", ("*/*",)),
}
PATH_PARAMETERS = {
    "/models/{model}": ("model", "Any name; it may contain slashes.", "owner/name"),
    "/page/{file}": ("file", "Name of the file.", "index.html"),
}


def document() -> dict[str, Any]:
    """The OpenAPI document, without the version of emoscope and the names of the page's files."""
    operations = {(each.name, method): each for methods in ROUTES.values() for method, each in methods.items()}
    parts = _Components()
    paths: dict[str, dict[str, Any]] = {}
    for (path, method), described in DESCRIBED.items():
        paths.setdefault(path, {})[method.lower()] = parts.operation(path, described, operations[path, method])
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "emoscope",
            "version": "0",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "description": ABOUT,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{}, {"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "securitySchemes": SECURITY,
            "headers": HEADERS,
            "responses": dict(sorted(parts.responses.items())),
            "schemas": parts.described_schemas(),
        },
    }


class _Components:
    """Describes operations, and collects the schemas and the responses that they refer to."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}
        self.responses: dict[str, Any] = {}
        self.described: list[Any] = [self.responses]
        """What refers to the schemas."""

    def operation(self, path: str, described: Description, operation: Operation) -> dict[str, Any]:
        """An operation with its parameters, body and responses."""
        found: dict[str, Any] = {"operationId": described.id, "summary": described.summary, "tags": [described.tag]}
        if described.description:
            found["description"] = described.description
        if operation.is_public:
            found["security"] = []
        if parameters := self._parameters(path):
            found["parameters"] = parameters
        if described.request:
            found["requestBody"] = {"required": True, "content": {JSON: self._body(described.request)}}
        elif path == SCORE:
            content = {kind: STRING | {"example": table} for kind, table in TABLES.items()}
            found["requestBody"] = {"required": True, "content": content}
        found["responses"] = self._responses(path, described, operation)
        self.described.append(found)
        return found

    def described_schemas(self) -> dict[str, Any]:
        """The schemas that the document refers to."""
        schemas = {name: _of_3_0(schema, self.schemas) for name, schema in sorted(self.schemas.items())}
        written_out = {name for name in schemas if f'schemas/{name}"' not in json.dumps([schemas, self.described])}
        return {name: schema for name, schema in schemas.items() if name not in written_out}

    def _parameters(self, path: str) -> list[dict[str, Any]]:
        if path in PATH_PARAMETERS:
            name, description, example = PATH_PARAMETERS[path]
            schema = {"type": "string", "minLength": 1}
            return [
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "description": description,
                    "schema": schema,
                    "example": example,
                }
            ]
        return list(_query_parameters(ScoreQuery)) if path == SCORE else []

    def _body(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        examples = EXAMPLES[kind]
        if len(examples) == 1:
            return {"schema": self._schema(kind), "example": examples[0]}
        named = {name: {"value": value} for name, value in zip(("one", "several"), examples, strict=True)}
        return {"schema": self._schema(kind), "examples": named}

    def _schema(self, *kinds: Any) -> dict[str, Any]:
        """The schema of a type, or of one of several."""
        schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
        self.schemas |= components
        found = [_of_3_0(schema, components) for schema in schemas]
        return found[0] if len(found) == 1 else {"oneOf": found}

    def _responses(self, path: str, described: Description, operation: Operation) -> dict[str, Any]:
        kinds = [kind for kind in described.response if not isinstance(kind, str)]
        content = {kind: STRING for kind in described.response if isinstance(kind, str)}
        if kinds:
            content[JSON] = {"schema": self._schema(*kinds)}
            content[JSON] |= {"example": answers.EXAMPLES[kinds[0]]} if kinds[0] in answers.EXAMPLES else {}
        found: dict[str, Any] = {"200": {"description": "Success.", "headers": REQUEST_ID, "content": content}}
        if path == READY:
            found["503"] = {"description": "The server is shutting down.", "headers": REQUEST_ID, "content": content}
        for status, codes in sorted(_errors(operation).items()):
            found[str(status)] = {
                "$ref": f"#/components/responses/{self._error(operation.error_format, status, codes)}"
            }
        return found

    def _error(self, error_format: ErrorFormat, status: int, codes: Sequence[str]) -> str:
        """The name of the response of an API with this status."""
        name = f"{error_format.name}{status}"
        others = [text for (code, other), text in OTHER_CODES.items() if other == status and code in codes]
        self.responses[name] = {
            "description": ", ".join([DESCRIPTIONS[status].removesuffix("."), *others]) + ".",
            "headers": REQUEST_ID | OTHER_HEADERS.get(status, {}),
            "content": {JSON: {"schema": self._schema(error_format.kind)}},
        }
        return name


def _errors(operation: Operation) -> dict[int, list[str]]:
    """The error codes of an operation by status."""
    codes: tuple[str, ...]
    if not operation.scores:
        codes = () if operation.is_public else ("unauthorized",)
        codes += ("not_found",) if operation.name in PATH_PARAMETERS else ()
    else:
        is_table = operation.name == SCORE
        without = {*WITHOUT_ROUTE, *(TABLE_HAS_NOT if is_table else ("insufficient_storage",))}
        without |= set() if operation.error_format is EMOSCOPE else {"request_timeout"}
        codes = tuple(code for code in STATUS if code not in without)
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(operation.error_format.status(code), []).append(code)
    return found


def _query_parameters(kind: type[msgspec.Struct]) -> Iterator[dict[str, Any]]:
    """The fields of a struct as parameters of a query."""
    described = _of_3_0(msgspec.json.schema_components([kind])[1][kind.__name__], {})
    for name, schema in described["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in described.get("required", ())}
        parameter |= {key: schema.pop(key) for key in ("description", "example") if key in schema}
        schema.pop("nullable", None)
        yield parameter | {"schema": schema}


def _of_3_0(node: Any, components: Mapping[str, Any]) -> Any:
    """A JSON Schema as OpenAPI 3.0 has it: without null as a type and titles, and with one example.

    What may be null is written out instead of referred to: generators ignore that a reference may be.
    """
    if isinstance(node, list):
        return [_of_3_0(each, components) for each in node]
    if not isinstance(node, dict):
        return node
    found = {
        name: {key: _of_3_0(value, components) for key, value in content.items()}
        if name == "properties"
        else _of_3_0(content, components)
        for name, content in node.items()
        if name not in ("title", "examples") and not (name in ("required", "default") and content in ([], None))
    }
    if "examples" in node:
        found["example"] = node["examples"][0]
    choices = [choice for choice in found.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) < len(found.get("anyOf", [])):
        (only,) = choices
        if "$ref" in only:
            only = _of_3_0(components[only["$ref"].rpartition("/")[2]], components)
        found = only | {name: value for name, value in found.items() if name != "anyOf"} | {"nullable": True}
    if "enum" in found:
        found |= {"type": "string"} | ({"enum": [*found["enum"], None]} if found.get("nullable") else {})
    return found


def text() -> str:
    """The document as it is in FILE."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
