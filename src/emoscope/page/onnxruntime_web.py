"""The files of ONNX Runtime for browsers, from its pinned npm package: a folder, a tarball or the registry."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from urllib.error import HTTPError
from urllib.request import urlopen

from emoscope.errors import ChecksumError, ModelError, first_line, temporary
from emoscope.files import write_atomically

VERSION = "1.30.0"
"""Version of the npm package `onnxruntime-web`; js/package.json names the same."""
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
"""SHA-512 of its tarball, in hex; js/package-lock.json has the same in base 64."""
FILES: Mapping[str, str] = MappingProxyType(
    {
        "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
        "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    }
)
"""SHA-256 of the files that a page needs, in hex."""
FOLDERS = ("", "dist", "onnxruntime-web/dist", "node_modules/onnxruntime-web/dist")
"""Where the files are in a folder that contains the package."""
REGISTRY = "https://registry.npmjs.org"
"""Registry of npm, unless NPM_CONFIG_REGISTRY names a mirror."""
MAX_TARBALL = 100_000_000
TIMEOUT = 60
"""Seconds without a byte after which a download fails."""
_INSTEAD = f"run npm pack onnxruntime-web@{VERSION} where there is a network, and give the file with --runtime"


def read_runtime(source: Path | None = None) -> dict[str, bytes]:
    """The contents of FILES by their names, compared with their checksums.

    Args:
        source: a folder with the npm package, or its tarball; None to download the tarball once, and to keep the files
            in the folder of the Hub's client (HF_HOME).

    Raises:
        ModelError: the source is neither, or the package cannot be downloaded.
        ChecksumError: a file is damaged, or of another version.
    """
    if source is None:
        return _cached()
    if source.is_dir():
        return _of_folder(source)
    if not source.is_file():
        raise ModelError(f"{source} is not there; give a folder with onnxruntime-web {VERSION}, or its tarball")
    return _of_tarball(source.read_bytes(), str(source))


def _cached() -> dict[str, bytes]:
    from huggingface_hub.constants import HF_HOME

    folder = Path(HF_HOME) / "emoscope" / f"onnxruntime-web-{VERSION}"
    if all((folder / name).is_file() for name in FILES):
        try:
            return _of_folder(folder)
        except ChecksumError:
            pass  # it is downloaded again
    contents = _download()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return contents


def _download() -> dict[str, bytes]:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise ModelError(f"onnxruntime-web {VERSION} is not in the cache, and HF_HUB_OFFLINE is set; {_INSTEAD}")
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY
    if not registry.startswith(("https://", "http://")):
        raise ModelError(f"NPM_CONFIG_REGISTRY is {registry!r:.80}; allowed: an address of https")
    url = f"{registry.rstrip('/')}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
    try:
        with urlopen(url, timeout=TIMEOUT) as response:
            content = response.read(MAX_TARBALL)
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise temporary(ModelError(f"{url} cannot be downloaded ({first_line(error)}); {_INSTEAD}")) from error
    return _of_tarball(content, url)


def _of_tarball(content: bytes, name: str) -> dict[str, bytes]:
    if hashlib.sha512(content).hexdigest() != SHA512:
        raise ChecksumError(f"{name} is not the tarball of onnxruntime-web {VERSION}, or is damaged; {_INSTEAD}")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {file: archive.extractfile(f"package/dist/{file}") for file in FILES}
        return {file: member.read() for file, member in members.items() if member}


def _of_folder(source: Path) -> dict[str, bytes]:
    for folder in (source / place for place in FOLDERS):
        if all((folder / name).is_file() for name in FILES):
            contents = {name: (folder / name).read_bytes() for name in FILES}
            for name, content in contents.items():
                _check(folder / name, content, FILES[name])
            return contents
    raise ModelError(
        f"{source} has no {' and '.join(FILES)}; give a folder with onnxruntime-web {VERSION}, or its tarball"
    )


def _check(path: Path, content: bytes, expected: str) -> None:
    if hashlib.sha256(content).hexdigest() != expected:
        raise ChecksumError(f"{path} is not of onnxruntime-web {VERSION}, or is damaged; {_INSTEAD}")
