"""A server of twenty lines that answers as the page expects, and does what a test tells it: wait, refuse, fail."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import emoscope
from emoscope import EmotionClassifier

PAGE = Path(emoscope.__file__).parent / "serving" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_SENTENCE = re.compile(r"\S[^.!?\n]*[.!?]*")


class StandIn:
    """The endpoints of the page, over a classifier.

    Attributes:
        asked: path and body of every request to /v1, in their order.
        keys: keys that are let in; empty for everybody.
        refusals: answers that go out before any other, the first first.
        delays: seconds that the next answers take, the first first.
    """

    def __init__(self, classifier: EmotionClassifier) -> None:
        self.classifier = classifier
        self.reset()

    def reset(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.keys: set[str] = set()
        self.refusals: list[Response] = []
        self.delays: list[float] = []
        self.doubt: dict[str, tuple[list[str], bool]] = {}

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append((request.url.path, body))
        if self.delays:
            await asyncio.sleep(self.delays.pop(0))
        if self.keys and request.headers.get("authorization", "")[7:] not in self.keys:
            return refusal(401, "no_key", "an API key is needed")
        if self.refusals:
            return self.refusals.pop(0)
        return JSONResponse({"/v1/predict": self.predict, "/v1/explain": self.explain, "/v1/sentences": self.sentences}[request.url.path](body))

    def predict(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = self.classifier.predict(body["texts"])
        doubts = [self.doubt.get(text) for text in body["texts"]]
        return {
            "model": "bundled",
            "labels": list(self.classifier.labels),
            "label": [row.label for row in rows],
            "score": [row.score for row in rows],
            "scores": [list(row.scores.values()) for row in rows],
            "sets": [doubt[0] if doubt else [row.label] for doubt, row in zip(doubts, rows)] if self.doubt else None,
            "clear": [doubt[1] if doubt else True for doubt in doubts] if self.doubt else None,
        }

    def explain(self, body: dict[str, Any]) -> dict[str, Any]:
        explanations = self.classifier.explain(body["texts"], method=body["method"])
        return {"explanations": [asdict(explanation) for explanation in explanations]}

    def sentences(self, body: dict[str, Any]) -> dict[str, Any]:
        spans = [match.span() for match in _SENTENCE.finditer(body["text"])]
        texts = [body["text"][start:end] for start, end in spans]
        scored = self.predict({"texts": [*texts, body["text"]]})
        rows = zip(texts, spans, scored["label"], scored["score"], scored["scores"])
        return {
            "labels": scored["labels"],
            "sentences": [{"text": t, "start": s[0], "end": s[1], "label": n, "score": p, "scores": r} for t, s, n, p, r in rows],
            "label": scored["label"][-1],
            "score": scored["score"][-1],
            "scores": scored["scores"][-1],
        }

    def app(self) -> Starlette:
        async def file(request: Request) -> Response:
            name = {"/": "index.html", "/docs": "docs.html"}[request.url.path]
            return FileResponse(PAGE / name, headers={"Content-Security-Policy": POLICY})

        async def info(request: Request) -> Response:
            return JSONResponse({"model_id": "bundled", "version": emoscope.__version__, "max_client_batch_size": 64})

        return Starlette(
            routes=[
                Route("/", file),
                Route("/docs", file),
                Route("/info", info),
                *(Route(f"/v1/{name}", self._answer, methods=["POST"]) for name in ("predict", "explain", "sentences")),
                Mount("/page", StaticFiles(directory=PAGE)),
            ]
        )


def refusal(status: int, code: str, message: str, **headers: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)
