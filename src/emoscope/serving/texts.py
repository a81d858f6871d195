"""What clients may ask for, checked by hand: every message says what was got and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emoscope.serving.errors import RequestError
from emoscope.serving.settings import Settings

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else _KINDS[type(value)]


def json_object(value: Any, example: str, name: str = "the body") -> dict[str, Any]:
    """The value, if it is an object.

    Args:
        value: of the body or of a field.
        example: how it looks.
        name: of the field.
    """
    if not isinstance(value, dict):
        raise RequestError("invalid_request", f"{name} must be an object, got {kind(value)}; write {example}")
    return value


def known_fields(body: dict[str, Any], *allowed: str) -> None:
    """Refuse a field that would be ignored."""
    for name in body:
        if name not in allowed:
            raise RequestError("invalid_request", f"no field {name!r:.80}; allowed: {', '.join(allowed)}")


def text_list(value: Any, name: str, settings: Settings) -> list[str]:
    """The value, if it is a list of texts within the limits.

    Args:
        value: of the field.
        name: of the field.
        settings: with the limits.
    """
    if not isinstance(value, list):
        raise RequestError("invalid_request", f'{name} must be a list of strings, got {kind(value)}; write ["a text"]')
    if not value:
        raise RequestError("empty", f"{name} is an empty list; give one text at least")
    if len(value) > settings.max_texts:
        raise RequestError(
            "too_many_texts",
            f"{name} has {len(value):,} texts, at most {settings.max_texts:,} are allowed; send several requests, "
            "or stream them to /v1/score",
        )
    for i, text in enumerate(value):
        if not isinstance(text, str):
            raise RequestError("invalid_request", f"{name}[{i}] must be a string, got {kind(text)}")
    check_lengths(value, name, settings)
    return value


def check_lengths(texts: Sequence[str], name: str, settings: Settings) -> None:
    """Refuse texts that are too long."""
    for i, text in enumerate(texts):
        if len(text) > settings.max_characters:
            where = name if len(texts) == 1 else f"{name}[{i}]"
            raise RequestError(
                "text_too_long",
                f"{where} has {len(text):,} characters, at most {settings.max_characters:,} are allowed; cut it",
            )


def one_text(value: Any, name: str, settings: Settings) -> str:
    """The value, if it is a text within the limits."""
    if not isinstance(value, str):
        raise RequestError("invalid_request", f"{name} must be a string, got {kind(value)}")
    check_lengths([value], name, settings)
    return value


def choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """The value, if it is one of those allowed."""
    if value not in allowed or not isinstance(value, str):
        got = repr(value) if isinstance(value, str) else kind(value)
        raise RequestError("invalid_request", f"{name} must be one of {', '.join(allowed)}; got {got:.80}")
    return value


def flag(body: dict[str, Any], name: str, default: bool = False) -> bool:
    """The boolean of that name, or what it is without one."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError("invalid_request", f"{name} must be true or false, got {kind(value)}")
    return default if value is None else value
