"""Graphs whose tensors are in other files: only files beside them are read, whatever ONNX Runtime would do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.errors import ModelError
from emoscope.model_folder import BUNDLED, GRAPHS
from emoscope.onnx_files import check_onnx_file
from emoscope.runtime import OnnxModel

onnx = pytest.importorskip("onnx")

VALUES = np.arange(6, dtype=np.float32)
SECRET = b"secret bytes that are no weights"


def tensor(entries: Mapping[str, str], dims: tuple[int, ...] = (6,), *, marked: bool = True) -> Any:
    """A tensor whose data are in another file."""
    made = onnx.TensorProto(name="weights", data_type=onnx.TensorProto.FLOAT, dims=dims)
    made.data_location = onnx.TensorProto.EXTERNAL if marked else onnx.TensorProto.DEFAULT
    for key, value in entries.items():
        made.external_data.add(key=key, value=value)
    return made


def graph_of(initializers: tuple[Any, ...] = (), nodes: tuple[Any, ...] = (), name: str = "g") -> Any:
    output = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_graph(nodes, name, [], [output], initializers)


def model_of(graph: Any) -> Any:
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)


def as_initializer(external: Any) -> Any:
    return model_of(graph_of((external,)))


def as_attribute(external: Any) -> Any:
    return model_of(graph_of(nodes=(onnx.helper.make_node("Constant", [], ["out"], value=external),)))


def in_inner_graph(external: Any) -> Any:
    inner = graph_of((external,), name="inner")
    return model_of(
        graph_of(nodes=(onnx.helper.make_node("If", ["c"], ["out"], then_branch=inner, else_branch=inner),))
    )


def in_function(external: Any) -> Any:
    model = model_of(graph_of())
    model.functions.add(name="f").node.append(onnx.helper.make_node("Constant", [], ["out"], value=external))
    return model


def in_sparse(external: Any) -> Any:
    model = model_of(graph_of())
    model.graph.sparse_initializer.add().values.CopyFrom(external)
    return model


def in_training(external: Any) -> Any:
    model = model_of(graph_of())
    model.training_info.add().algorithm.initializer.append(external)
    return model


PLACES = [as_initializer, as_attribute, in_inner_graph, in_function, in_sparse, in_training]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / "data").write_bytes(VALUES.tobytes())
    (tmp_path / "model" / "sub" / "data").write_bytes(VALUES.tobytes())
    (tmp_path / "model" / "link").symlink_to("data")
    (tmp_path / "model" / "out_link").symlink_to(tmp_path / "secret")
    (tmp_path / "model" / "out_folder").symlink_to(tmp_path)
    return tmp_path / "model"


def saved(folder: Path, model: Any) -> Path:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder / "model.onnx"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("location", ["{}/secret", "../secret", "sub/../../secret", "out_link", "out_folder/secret"])
def test_file_elsewhere_is_not_read(folder: Path, place: Callable[[Any], Any], location: str, marked: bool) -> None:
    location = location.format(folder.parent)
    path = saved(folder, place(tensor({"location": location}, marked=marked)))
    with pytest.raises(ModelError, match=f"keeps a tensor in another file: '{location}' is not in .*; allowed: whole"):
        OnnxModel(path)


@pytest.mark.parametrize(
    ("entries", "dims", "words"),
    [
        ({}, (6,), "'' is not in"),
        ({"location": "none"}, (6,), "'none' is missing"),
        ({"location": "sub"}, (6,), "'sub' is missing"),
        ({"location": "*/_ORT_MEM_ADDR_/*", "offset": "4096", "length": "24"}, (6,), "is missing"),
        ({"location": "data"}, (7,), "28 bytes from 0 on are needed, 'data' has 24"),
        ({"location": "data", "offset": "8"}, (6,), "24 bytes from 8 on are needed"),
        ({"location": "data", "offset": "8", "length": "24"}, (6,), "24 bytes from 8 on are needed"),
        ({"location": "data", "length": "8"}, (6,), "it has 24 bytes, 8 are named"),
        ({"location": "data"}, (10**12, 10**12), "bytes from 0 on are needed"),
        ({"location": "data", "offset": "-8"}, (6,), r"offset and length are \['-8', '0'\], not whole numbers"),
        ({"location": "data", "length": "1_0"}, (6,), "not whole numbers"),
        ({"location": "da\0ta"}, (6,), "not an ONNX file"),
    ],
)
def test_wrong_place_in_a_file_is_an_error(
    folder: Path, entries: dict[str, str], dims: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        check_onnx_file(saved(folder, as_initializer(tensor(entries, dims))))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["data", "./data", "sub/data", "link"])
def test_file_in_the_folder_is_allowed(folder: Path, place: Callable[[Any], Any], location: str) -> None:
    check_onnx_file(saved(folder, place(tensor({"location": location, "offset": "0", "length": "24"}))))
    check_onnx_file(saved(folder, place(tensor({"location": location}, (2, 3)))))


def test_two_values_of_a_key_are_an_error(folder: Path) -> None:
    external = tensor({"location": "data"})
    external.external_data.add(key="location", value="../secret")
    with pytest.raises(ModelError, match="a tensor with two values of 'location'"):
        check_onnx_file(saved(folder, as_initializer(external)))


@pytest.mark.parametrize("target", ["blobs/b", "secret"])
def test_links_of_the_hub_cache(tmp_path: Path, target: str) -> None:
    snapshot, blobs = tmp_path / "snapshots" / "revision" / "onnx", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "a").write_bytes(as_initializer(tensor({"location": "model.onnx_data"})).SerializeToString())
    (tmp_path / target).write_bytes(VALUES.tobytes())
    (snapshot / "model.onnx").symlink_to("../../../blobs/a")
    (snapshot / "model.onnx_data").symlink_to(tmp_path / target)
    if target == "blobs/b":
        check_onnx_file(snapshot / "model.onnx")
    else:
        with pytest.raises(ModelError, match="'model.onnx_data' is not in"):
            check_onnx_file(snapshot / "model.onnx")


def test_damaged_file_is_an_error_or_read_alike(folder: Path) -> None:
    """However the bytes are damaged, nothing but a ModelError is raised, and no other file is allowed."""
    content = as_initializer(tensor({"location": "data"})).SerializeToString()
    for at in range(len(content)):
        for changed in (content[:at], content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]):
            (folder / "model.onnx").write_bytes(changed)
            try:
                check_onnx_file(folder / "model.onnx")
            except ModelError as error:
                assert os.fspath(folder) in str(error)


def test_graphs_nested_without_end_are_an_error(folder: Path) -> None:
    graph = b""
    for _ in range(200):
        attribute = b"\x32" + varint(len(graph)) + graph
        node = b"\x2a" + varint(len(attribute)) + attribute
        graph = b"\x0a" + varint(len(node)) + node
    (folder / "model.onnx").write_bytes(b"\x3a" + varint(len(graph)) + graph)
    with pytest.raises(ModelError, match="more than 100 graphs in one another"):
        check_onnx_file(folder / "model.onnx")


NAMED_ELSEWHERE = b"\x0a\x08location\x12\x09../secret"


@pytest.mark.parametrize("hidden", [b"\x15data", b"\x11datadata"], ids=["32 bits", "64 bits"])
def test_number_with_the_number_of_a_name_does_not_replace_it(folder: Path, hidden: bytes) -> None:
    """A field of another type than the schema's is unknown to other readers, which keep the name before it."""
    entry = NAMED_ELSEWHERE + hidden
    content = b"\x08\x06\x10\x01\x6a" + varint(len(entry)) + entry + b"\x70\x01"
    graph = b"\x2a" + varint(len(content)) + content
    (folder / "datadata").write_bytes(VALUES.tobytes())
    (folder / "model.onnx").write_bytes(b"\x3a" + varint(len(graph)) + graph)
    with pytest.raises(ModelError, match="'../secret' is not in"):
        check_onnx_file(folder / "model.onnx")


def test_field_number_beyond_32_bits_is_an_error(folder: Path) -> None:
    """Other readers drop the bits above: this is an initializer to them."""
    content = b"\x08\x06\x10\x01\x6a" + varint(len(NAMED_ELSEWHERE)) + NAMED_ELSEWHERE + b"\x70\x01"
    graph = varint(2**32 | 5 << 3 | 2) + varint(len(content)) + content
    (folder / "model.onnx").write_bytes(b"\x3a" + varint(len(graph)) + graph)
    with pytest.raises(ModelError, match="a field with the number 536,?870,?917"):
        check_onnx_file(folder / "model.onnx")


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def test_graph_that_is_loaded_from_memory_may_read_no_other_file(folder: Path) -> None:
    """It would be searched for in the working folder."""
    path = saved(folder, as_initializer(tensor({"location": "data"})))
    check_onnx_file(path)
    with pytest.raises(ModelError, match="allowed here: all tensors in the file itself"):
        check_onnx_file(path, alone=True)


def test_bundled_model_is_allowed() -> None:
    for name in GRAPHS:
        if (BUNDLED / name).exists():
            check_onnx_file(BUNDLED / name)
