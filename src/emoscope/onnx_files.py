"""The other files that an ONNX file names, found without ONNX Runtime: several versions of it read whatever is named.

An ONNX file is one message of Protocol Buffers: fields with a number, which hold an integer, bytes or another message.
Only the fields that lead to tensors, and those that say where a tensor's data are, are looked at.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from emoscope.errors import ModelError

_MAX_DEPTH = 100
_MAX_TAG = 2**32 - 1
"""Largest number and type of a field, as one integer; other readers drop the bits above, and see another field."""
_TENSOR = "tensor"
_INNER: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
}
"""Kinds of messages, to the numbers of their fields that hold further messages, and the kinds of these."""
_DIMS, _TYPE, _EXTERNAL, _LOCATION = 1, 2, 13, 14  # fields of a tensor
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16}
"""Types of tensors, to the bits of a value."""


class ExternalData(NamedTuple):
    """Where a tensor's data are, if not in the ONNX file.

    Attributes:
        entries: what the file says: "location", "offset", "length".
        bits: bits that the tensor takes; None for a type of unknown size.
    """

    entries: Mapping[str, str]
    bits: int | None


def check_onnx_file(path: Path, *, alone: bool = False) -> None:
    """Check that an ONNX file reads no file outside its folder, and no more of a file than there is.

    Args:
        path: the file.
        alone: whether it may read no other file at all, because it is loaded from memory, without a folder.

    Raises:
        ModelError: it does, or is not an ONNX file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            tensors = list(_external(content, "model", 0, len(content)))
        problem = next(filter(None, (_problem(path, tensor) for tensor in tensors)), None)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be loaded by ONNX Runtime: it is not an ONNX file ({error})") from error
    if alone and tensors:
        raise ModelError(f"{path} keeps tensors in other files; allowed here: all tensors in the file itself")
    if problem:
        raise ModelError(f"{path} keeps a tensor in another file: {problem}; allowed: whole files in its own folder")


def _problem(path: Path, tensor: ExternalData) -> str | None:
    """Why external data must not, or cannot, be read; None if they can."""
    location = tensor.entries.get("location", "")
    file = path.parent / location
    if not location or Path(location).is_absolute() or not _is_beside(path, file):
        return f"{location!r} is not in {path.parent}"
    if not file.is_file():
        return f"{location!r} is missing"
    numbers = [tensor.entries.get(key, "0") or "0" for key in ("offset", "length")]
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        return f"offset and length are {numbers}, not whole numbers"
    offset, length = map(int, numbers)
    needed = length or math.ceil((tensor.bits or 0) / 8)
    if length and tensor.bits is not None and length * 8 < tensor.bits:
        return f"it has {tensor.bits // 8:,} bytes, {length:,} are named"
    if offset + needed > file.stat().st_size:
        return f"{needed:,} bytes from {offset:,} on are needed, {location!r} has {file.stat().st_size:,}"
    return None


def _is_beside(path: Path, file: Path) -> bool:
    """Whether a file is in the folder of an ONNX file, links followed; in the Hub's cache, both are links to blobs."""
    folder, real, graph = path.parent.resolve(), file.resolve(), path.resolve()
    blobs = graph.parent
    in_cache = blobs.name == "blobs" and (blobs.parent / "snapshots") in folder.parents
    return folder in real.parents or (in_cache and real.parent == blobs and ".." not in Path(file).parts)


def _external(content: Any, kind: str, start: int, end: int, depth: int = 0) -> Iterator[ExternalData]:
    """The tensors with external data in a message of some kind."""
    if kind == _TENSOR:
        yield from _of_tensor(content, start, end)
        return
    if depth > _MAX_DEPTH:
        raise ValueError(f"more than {_MAX_DEPTH} graphs in one another")
    for number, value in _fields(content, start, end):
        if (inner := _INNER[kind].get(number)) and isinstance(value, slice):
            yield from _external(content, inner, value.start, value.stop, depth + 1)


def _of_tensor(content: Any, start: int, end: int) -> Iterator[ExternalData]:
    dims: list[int] = []
    entries: dict[str, str] = {}
    bits, is_external = None, False
    for number, value in _fields(content, start, end):
        if number == _DIMS:
            dims += _packed(content, value.start, value.stop) if isinstance(value, slice) else [value]
        elif number == _TYPE and isinstance(value, int):
            bits = _BITS.get(value)
        elif number == _LOCATION:
            is_external |= value == 1
        elif number == _EXTERNAL and isinstance(value, slice):
            key, text = _entry(content, value)
            if entries.setdefault(key, text) != text:
                raise ValueError(f"a tensor with two values of {key!r}")
    if is_external or entries:
        yield ExternalData(entries, None if bits is None else bits * math.prod(dims))


def _entry(content: Any, where: slice) -> tuple[str, str]:
    """A key and its value."""
    fields = {number: text for number, text in _fields(content, where.start, where.stop) if isinstance(text, slice)}
    key, value = (content[fields.get(number, slice(0, 0))].decode() for number in (1, 2))
    return key, value


def _fields(content: Any, start: int, end: int) -> Iterator[tuple[int, int | slice]]:
    """The fields of a message: their numbers, and an integer, or where the bytes are.

    Numbers of fixed size are skipped: no field that is looked at has them, and a reader that expects bytes skips them.
    """
    at = start
    while at < end:
        tag, at = _varint(content, at, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag > _MAX_TAG:
            raise ValueError(f"a field with the number {number} at byte {at:,}")
        if wire_type == 0:
            value, at = _varint(content, at, end)
            yield number, value
            continue
        if wire_type == 2:
            size, at = _varint(content, at, end)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"a field of type {wire_type} at byte {at:,}")
        if at + size > end:
            raise ValueError(f"a field goes beyond its end at byte {at:,}")
        if wire_type == 2:
            yield number, slice(at, at + size)
        at += size


def _packed(content: Any, start: int, end: int) -> Iterator[int]:
    while start < end:
        value, start = _varint(content, start, end)
        yield value


def _varint(content: Any, at: int, end: int) -> tuple[int, int]:
    """An integer of variable length, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError(f"an integer without an end at byte {at:,}")
