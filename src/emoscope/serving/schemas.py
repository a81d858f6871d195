"""Checks of request bodies. Every message says what was found and what is allowed.

The checks return a valid value unchanged. `name` (of the field) and `example` (a valid value) are for the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emoscope.explanation import count_perturbations
from emoscope.sentences import Sentence, sentences
from emoscope.serving.batching import estimated_tokens
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.settings import Settings
from emoscope.text import expanded_size

METHODS = ("loo", "shapley")
"""Methods of explanations."""
_TYPES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def json_type(value: Any) -> str:
    """The JSON type of a value, in words."""
    return "null" if value is None else _TYPES[type(value)]


async def json_body(request: Request, settings: Settings, example: str) -> dict[str, Any]:
    """The body of a request, which must be a JSON object within the limit of bytes.

    Raises:
        RequestError: the body is not JSON, not an object, or too long.
        DisconnectedError: the client closed the connection.
    """
    return json_object(await request.json(settings.max_body_bytes), example)


def json_object(value: Any, example: str, name: str = "the body") -> dict[str, Any]:
    """The value, if it is an object."""
    if not isinstance(value, dict):
        raise RequestError("invalid_request", f"{name} must be an object, got {json_type(value)}; write {example}")
    return value


def known_fields(body: dict[str, Any], *allowed: str) -> None:
    """Reject a field that would be ignored."""
    for name in body:
        if name not in allowed:
            raise RequestError("invalid_request", f"unknown field {name!r:.80}; allowed: {', '.join(allowed)}")


def text_list(value: Any, name: str, settings: Settings) -> list[str]:
    """The value, if it is a list of texts within the limits."""
    if not isinstance(value, list):
        raise RequestError(
            "invalid_request", f'{name} must be a list of strings, got {json_type(value)}; write ["a text"]'
        )
    if not value:
        raise RequestError("empty", f"{name} is an empty list; send at least one text")
    if len(value) > settings.max_texts:
        raise RequestError(
            "too_many_texts",
            f"{name} has {len(value):,} texts, at most {settings.max_texts:,} are allowed; send several requests, "
            "or stream them to /v1/score",
        )
    for i, text in enumerate(value):
        if not isinstance(text, str):
            raise RequestError("invalid_request", f"{name}[{i}] must be a string, got {json_type(text)}")
    check_lengths(value, name, settings)
    return value


def check_lengths(texts: Sequence[str], name: str, settings: Settings) -> None:
    """Reject texts that are too long."""
    for i, text in enumerate(texts):
        if problem := length_problem(text, settings):
            where = name if len(texts) == 1 else f"{name}[{i}]"
            raise RequestError("text_too_long", f"{where} {problem}; shorten it")


def length_problem(text: str, settings: Settings) -> str | None:
    """Why a text is too long; None if it is not. What counts is what the model reads: U+FDFA is 18 letters."""
    limit = settings.max_characters
    size = expanded_size(text).characters
    if size <= limit:
        return None
    written = "" if size == len(text) else " with emoji and ligatures written out"
    return f"has {size:,} characters{written}, at most {limit:,} are allowed"


def one_text(value: Any, name: str, settings: Settings) -> str:
    """The value, if it is a text within the limits."""
    if not isinstance(value, str):
        raise RequestError("invalid_request", f"{name} must be a string, got {json_type(value)}")
    check_lengths([value], name, settings)
    return value


def check_explained(texts: Sequence[str], method: str, settings: Settings) -> None:
    """Reject more texts than can be explained at once, or texts that are too long to be explained in time."""
    limit = settings.max_explained
    if len(texts) > limit:
        raise RequestError(
            "too_many_texts", f"texts has {len(texts)} texts, at most {limit} can be explained at once; send fewer"
        )
    tokens = sum(count_perturbations(text, method) * estimated_tokens(text) for text in texts)
    if tokens > (limit := settings.max_explained_tokens):
        raise RequestError(
            "text_too_long",
            f"explaining these texts takes about {tokens:,} tokens, at most {limit:,} are allowed; send fewer or "
            "shorter texts",
        )


def sentence_list(text: str, settings: Settings) -> list[Sentence]:
    """The sentences of a text, if they are within the limits."""
    found, limit = sentences(text), settings.max_texts
    if len(found) > limit:
        raise RequestError(
            "too_many_texts", f"text has {len(found):,} sentences, at most {limit:,} are allowed; send it in parts"
        )
    return found


def choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """The value, if it is one of the allowed ones."""
    if value not in allowed or not isinstance(value, str):
        got = repr(value) if isinstance(value, str) else json_type(value)
        raise RequestError("invalid_request", f"{name} must be one of {', '.join(allowed)}; got {got:.80}")
    return value


def flag(body: dict[str, Any], name: str, default: bool = False) -> bool:
    """The boolean with that name in the body, or the default if it is absent or null."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError("invalid_request", f"{name} must be true or false, got {json_type(value)}")
    return default if value is None else value
