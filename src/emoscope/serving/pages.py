"""The files of the page, from the package."""

from __future__ import annotations

import hashlib
import json
from mimetypes import guess_type
from pathlib import Path

from emoscope import __version__
from emoscope.serving.errors import RequestError
from emoscope.serving.messages import Request, Response

FOLDER = Path(__file__).parent / "page"
OPENAPI = "openapi.json"
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".map": "application/json"}
"""Which the system's own table may have differently."""


class Pages:
    """Files in memory, by their path in the folder; nothing else can be asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read the files."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self._files = {path.relative_to(folder).as_posix(): _response(path, path.read_bytes()) for path in files}
        self._files[OPENAPI] = _response(Path(OPENAPI), _document(list(self._files)))

    def __call__(self, request: Request, name: str) -> Response:
        """A file, or 304 where the client has it already.

        Raises:
            RequestError: there is no such file.
        """
        response = self._files.get(name)
        if response is None:
            raise RequestError("not_found", f"nothing at {request.path}; the page is at /")
        etag = response.headers[0][1]
        known = request.headers.get(b"if-none-match", b"").replace(b"W/", b"").split(b",")
        if etag in (tag.strip() for tag in known):
            return Response(b"", 304, response.media_type, response.headers)
        return response


def _document(files: list[str]) -> bytes:
    """The OpenAPI document, with this version and these files."""
    document = json.loads((Path(__file__).parent / OPENAPI).read_text("utf-8"))
    document["info"]["version"] = __version__
    document["paths"]["/page/{file}"]["get"]["parameters"][0]["schema"]["enum"] = files
    return json.dumps(document).encode()


def _response(path: Path, body: bytes) -> Response:
    kind = TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/json":
        kind += "; charset=utf-8"
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    return Response(body, 200, kind.encode(), ((b"etag", etag), (b"cache-control", b"no-cache")))
