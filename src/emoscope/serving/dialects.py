"""Errors as each kind of client expects them: one table from code to status, and one shape a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emoscope.serving.errors import STATUS, RequestError
from emoscope.serving.messages import Response, json_response

_TEI_TYPES = {
    400: "Validation",
    413: "Validation",
    422: "Validation",
    424: "Backend",
    429: "Overloaded",
    503: "Unhealthy",
}
_OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "internal_error", 503: "unavailable_error"}


@dataclass(frozen=True, eq=False)
class Dialect:
    """How a kind of client is told of an error.

    Attributes:
        shape: status and error to the body.
        status: where it differs from the table.
    """

    shape: Callable[[int, RequestError], Any]
    status: Mapping[str, int] = field(default_factory=dict)

    def response(self, error: RequestError) -> Response:
        """The answer to a request with this error."""
        status = self.status.get(error.code, STATUS[error.code])
        return json_response(self.shape(status, error), status, error.headers)


def _own(status: int, error: RequestError) -> Any:
    return {"error": {"code": error.code, "message": error.message}}


def _hugging_face(status: int, error: RequestError) -> Any:
    return {"error": error.message}


def _tei(status: int, error: RequestError) -> Any:
    kind = "Empty" if error.code == "empty" else _TEI_TYPES.get(status, "Validation")
    return {"error": error.message, "error_type": kind}


def _openai(status: int, error: RequestError) -> Any:
    kind = _OPENAI_TYPES.get(status, "invalid_request_error")
    return {"error": {"message": error.message, "type": kind, "param": None, "code": status}}


OWN = Dialect(_own)
HUGGING_FACE = Dialect(_hugging_face, {"invalid_request": 400, "empty": 400, "deadline_exceeded": 503})
TEI = Dialect(_tei, {"empty": 400, "internal": 424, "deadline_exceeded": 503})
OPENAI = Dialect(_openai, {"deadline_exceeded": 503})
