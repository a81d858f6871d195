"""JSON to the structs of `schemas.py`, and the errors of values that do not fit: what was found, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from re import compile as regex
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from emoscope.serving.errors import RequestError
from emoscope.serving.schemas import EXAMPLES

T = TypeVar("T", bound=msgspec.Struct)
_EXPECTED_TYPES = regex(r"Expected `([^`]+)`, got")
_STEP = regex(r"(\w+)|\[(\d+)\]")
_PATH = regex(r" - at `\$\.?([^`]*)`$")
_MISSING = regex(r"^Object missing required field `(\w+)`")
_WORDS = {"array": "a list of strings", "str": "a string", "object": "an object", "bool": "true or false"}
"""Types in words; of several that are allowed, messages name the first."""
_TYPES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def json_type(value: Any) -> str:
    """The JSON type of a value, in words."""
    return "null" if value is None else _TYPES[type(value)]


def decode(body: bytes, kind: type[T]) -> T:
    """The body of a request as a struct.

    Raises:
        RequestError: the body is not JSON in UTF-8, or has a value that is not allowed.
    """
    try:
        decoded: T = _decoder(kind).decode(body)
    except (msgspec.DecodeError, RecursionError):
        return convert(_loaded(body), kind)
    return decoded


@lru_cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)


def _loaded(body: bytes) -> Any:
    """The body as the standard library reads it, which allows lone surrogates, and words errors better."""
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise RequestError(
            "invalid_utf8", f"byte 0x{body[error.start]:02x} at offset {error.start} of the body is not UTF-8"
        ) from None
    except RecursionError:
        raise RequestError("invalid_json", "the JSON is nested too deeply; send texts as one flat list") from None
    except ValueError as error:
        raise RequestError("invalid_json", f"the body is not JSON: {error}") from None


def convert(value: Any, kind: type[T], *, field: str = "field") -> T:
    """A value as a struct; `field` is what messages call a field.

    Raises:
        RequestError: it does not fit.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason = str(error)
    if missing := _MISSING.search(reason):
        return convert({**value, missing[1]: None}, kind, field=field)
    raise RequestError("invalid_request", _message(reason, value, kind, field))


def _message(reason: str, value: Any, kind: type[msgspec.Struct], field: str) -> str:
    found = _PATH.search(reason)
    path = found[1] if found else ""
    got = _value_at(value, path)
    if reason.startswith("Object contains unknown field"):
        allowed = _struct_at(kind, path).__struct_encode_fields__
        unknown = next(name for name in got if name not in allowed)
        return f"unknown {field} {unknown!r:.80}; allowed: {', '.join(allowed)}"
    name = path.rpartition(".")[2] or "the body"
    if choices := _choices_at(kind, path):
        given = repr(got) if isinstance(got, str) else json_type(got)
        return f"{name} must be {' or '.join(choices)}, got {given:.80}"
    types = _EXPECTED_TYPES.match(reason)
    named = next(word for word in _WORDS if types and word in types[1].split(" | "))
    advice = '; write ["a text"]' if named == "array" else ""
    if named == "object":
        advice = f"; write {json.dumps(EXAMPLES[_struct_at(kind, path)][0])}"
    return f"{name} must be {_WORDS[named]}, got {json_type(got)}{advice}"


def _value_at(value: Any, path: str) -> Any:
    """The value at a path such as `parameters.top_k` or `texts[3]`."""
    for name, index in _STEP.findall(path):
        value = value[int(index)] if index else value[name]
    return value


def _hints_at(kind: type[msgspec.Struct], path: str) -> list[Any]:
    """The type at a path, and the types that it consists of."""
    hints: list[Any] = [kind]
    for name, index in _STEP.findall(path):
        if not index:
            owner = next(hint for hint in hints if isinstance(hint, type) and issubclass(hint, msgspec.Struct))
            hints = list(_parts(get_type_hints(owner)[name]))
    return hints


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _struct_at(kind: type[msgspec.Struct], path: str) -> type[msgspec.Struct]:
    return next(hint for hint in _hints_at(kind, path) if isinstance(hint, type) and issubclass(hint, msgspec.Struct))


def _choices_at(kind: type[msgspec.Struct], path: str) -> tuple[str, ...]:
    """The values that are allowed at a path; none if any value of a type is."""
    return next((get_args(hint) for hint in _hints_at(kind, path) if get_origin(hint) is Literal), ())
