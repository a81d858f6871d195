"""ONNX Runtime for browsers from a folder, a tarball and a registry, and what is wrong with each."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from emoscope.errors import ChecksumError, ModelError
from emoscope.page import onnxruntime_web
from emoscope.page.onnxruntime_web import FILES, VERSION, read_runtime

CONTENTS = {name: f"contents of {name}".encode() for name in FILES}
NAME = f"onnxruntime-web-{VERSION}.tgz"


def tarball() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in {**CONTENTS, "other.js": b"1"}.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def packed(monkeypatch):
    """A small package in place of the pinned one."""
    content = tarball()
    monkeypatch.setattr(onnxruntime_web, "SHA512", hashlib.sha512(content).hexdigest())
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()}
    monkeypatch.setattr(onnxruntime_web, "FILES", digests)
    return content


@pytest.fixture
def registry(tmp_path, monkeypatch, serve_folder):
    """Where a registry on loopback has the tarball; the cache is empty."""
    path = tmp_path / "registry" / "onnxruntime-web" / "-" / NAME
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{serve_folder(tmp_path / 'registry')}/")
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return path


@pytest.mark.parametrize("place", ["", "dist", "node_modules/onnxruntime-web/dist"])
def test_folders_with_the_package(packed, tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(data)
    assert read_runtime(tmp_path) == CONTENTS
    (folder / next(iter(FILES))).write_bytes(b"another version")
    with pytest.raises(ChecksumError, match=f"is not of onnxruntime-web {VERSION}, or is damaged; run npm pack"):
        read_runtime(tmp_path)


def test_tarballs(packed, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(packed)
    assert read_runtime(path) == CONTENTS
    path.write_bytes(packed[:-1])
    with pytest.raises(ChecksumError, match="is not the tarball of onnxruntime-web"):
        read_runtime(path)


def test_paths_without_the_package(tmp_path):
    with pytest.raises(
        ModelError, match=r"has no ort\.wasm\.bundle\.min\.mjs and .*; give a folder with onnxruntime-web"
    ):
        read_runtime(tmp_path)
    with pytest.raises(ModelError, match="is not there; give a folder"):
        read_runtime(tmp_path / "missing")


def test_download_is_checked_and_kept(packed, registry):
    registry.write_bytes(packed)
    assert read_runtime() == CONTENTS
    registry.unlink()
    assert read_runtime() == CONTENTS


def test_a_damaged_cache_is_downloaded_again(packed, registry, tmp_path):
    registry.write_bytes(packed)
    read_runtime()
    kept = next((tmp_path / "cache").rglob("*.wasm"))
    kept.write_bytes(b"damaged")
    assert read_runtime() == CONTENTS
    assert kept.read_bytes() == CONTENTS[kept.name]


def test_failed_downloads(packed, registry, monkeypatch):
    with pytest.raises(
        ModelError, match=r"cannot be downloaded \(HTTP Error 404.*run npm pack onnxruntime-web@"
    ) as failed:
        read_runtime()
    assert failed.value.temporary
    registry.write_bytes(b"not the package")
    with pytest.raises(ChecksumError, match="or is damaged"):
        read_runtime()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "file:///etc")
    with pytest.raises(ModelError, match="NPM_CONFIG_REGISTRY is 'file:///etc'; allowed: an address of https"):
        read_runtime()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set; run npm pack"):
        read_runtime()
