"""The static site: its files, and what cannot become one."""

from __future__ import annotations

import gzip
import json
import re
from shutil import copytree

import pytest

from emoscope.cli import main
from emoscope.errors import ModelError
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.page import write_site
from emoscope.page.onnxruntime_web import FILES

RUNTIME = {name: b"contents of " + name.encode() for name in FILES}


@pytest.fixture
def site(tmp_path):
    write_site(tmp_path / "site", open_folder(BUNDLED), RUNTIME)
    return tmp_path / "site"


def test_files_refer_only_to_each_other(site):
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    for path in (path for path in site.rglob("*") if path.suffix in (".html", ".js", ".css")):
        text = path.read_text("utf-8")
        assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}, path
        named = re.findall(r'(?:href|src)="(page/[^"]+)"|(?:from "|URL\("(?=\S+ import))([^"]+)"', text)
        for page, module in named:
            target = (path.parent / (page or module)).resolve()
            assert target.is_dir() or target.relative_to(site.resolve()).as_posix() in files, (path, page or module)


def test_the_page_is_the_server_s_without_what_needs_a_server(site):
    page = (site / "index.html").read_text("utf-8")
    assert "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" in page
    for absent in ("<!--", 'href="docs"', "key-dialog", "this server", "openapi"):
        assert absent not in page
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not {path.name for path in site.rglob("*")} & {"docs.html", "docs.js", "schema.js"}


def test_the_model_and_the_runtime_are_part_of_it(site):
    for name in ("config.json", "emoscope.json", "tokenizer.json", "onnx/model.onnx"):
        assert (site / "model" / name).read_bytes() == (BUNDLED / name).read_bytes()
    packed = (site / "runtime" / "ort-wasm-simd-threaded.wasm.gz").read_bytes()
    assert gzip.decompress(packed) == RUNTIME["ort-wasm-simd-threaded.wasm"]
    assert "Microsoft" in (site / "runtime" / "LICENSE.txt").read_text("utf-8")


def test_two_sites_of_a_model_are_equal(site, tmp_path):
    write_site(tmp_path / "again", open_folder(BUNDLED), RUNTIME)
    files = [path for path in site.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert all(path.read_bytes() == (tmp_path / "again" / path.relative_to(site)).read_bytes() for path in files)


def changed(tmp_path, name, change):
    """The bundled folder with a change to one of its files, whose checksum is not recorded."""
    folder = tmp_path / "model"
    copytree(BUNDLED, folder)
    manifest = json.loads((folder / "emoscope.json").read_text("utf-8")) | {"files": {}}
    (folder / "emoscope.json").write_text(json.dumps(manifest))
    values = json.loads((folder / name).read_text("utf-8"))
    change(values)
    (folder / name).write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "tokenizer.json",
            lambda it: it["model"].update(type="BPE"),
            "has BPE, BertNormalizer, .* but the page reads WordPiece",
        ),
        ("tokenizer.json", lambda it: it.update(normalizer=None), "has WordPiece, none, BertPreTokenizer, but"),
        ("emoscope.json", lambda it: it.update(format=1), "no emoscope.json of format 2, .* export the model again"),
    ],
)
def test_models_that_the_engine_cannot_run(tmp_path, name, change, message):
    folder = changed(tmp_path, name, change)
    with pytest.raises(ModelError, match=message):
        write_site(tmp_path / "site", open_folder(folder), RUNTIME)
    assert not (tmp_path / "site").exists()


def test_the_command(tmp_path, capsys):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    assert main(["page", str(tmp_path / "used")]) == 1
    assert "exists and is not empty; give another folder" in capsys.readouterr().err
    assert main(["page", str(tmp_path / "site"), "--runtime", str(tmp_path / "missing")]) == 1
    assert "missing is not there; give a folder with onnxruntime-web" in capsys.readouterr().err
    assert main(["page", str(tmp_path / "site"), "--model", "cascade"]) == 1
    assert "two models, and this needs one" in capsys.readouterr().err
