"""The files of the page and the OpenAPI document, held in memory."""

from __future__ import annotations

import hashlib
import json
from mimetypes import guess_type
from pathlib import Path

from starlette.responses import Response

from emoscope import __version__
from emoscope.page.site import STATIC
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request

OPENAPI = "openapi.json"
CACHING = ("etag", "cache-control")
"""Headers that a client keeps with a file."""
MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".map": "application/json"}
"""Media types that the operating system's own table may have differently, by suffix."""


class StaticFiles:
    """Files by their path in a folder; no other path can be requested."""

    def __init__(self, folder: Path = STATIC) -> None:
        """Read all files."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self._files = {path.relative_to(folder).as_posix(): _response(path, path.read_bytes()) for path in files}
        self._files[OPENAPI] = _response(Path(OPENAPI), _openapi(list(self._files)))

    def __call__(self, request: Request, name: str) -> Response:
        """A file, or 304 if the client has it already.

        Raises:
            RequestError: there is no such file.
        """
        response = self._files.get(name)
        if response is None:
            raise RequestError("not_found", f"there is nothing at {request.path}; the page is at /")
        cached = request.headers.get(b"if-none-match", b"").decode("latin-1").replace("W/", "").split(",")
        if response.headers["etag"] in (tag.strip() for tag in cached):
            return Response(status_code=304, headers={name: response.headers[name] for name in CACHING})
        return response


def _openapi(files: list[str]) -> bytes:
    """The OpenAPI document, with the version of emoscope and the names of the files filled in."""
    document = json.loads((Path(__file__).parent / OPENAPI).read_text("utf-8"))
    document["info"]["version"] = __version__
    document["paths"]["/page/{file}"]["get"]["parameters"][0]["schema"]["enum"] = files
    return json.dumps(document).encode()


def _response(path: Path, body: bytes) -> Response:
    media_type = MEDIA_TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
    caching = dict(zip(CACHING, (f'"{hashlib.sha256(body).hexdigest()[:32]}"', "no-cache"), strict=True))
    return Response(body, headers=caching, media_type=media_type)
