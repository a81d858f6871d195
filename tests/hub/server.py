"""A small Hugging Face Hub on loopback, for the real clients, unmodified, with HF_ENDPOINT set to it.

A repository is a folder, `root/models/OWNER/NAME` or `root/datasets/OWNER/NAME`, read again for each request.
Names without an owner redirect to names with one, as on the Hub. Anyone may read; writing needs a token, which may be
any.

| endpoint ({kind}: models, datasets; {id}: OWNER/NAME or NAME; {rev}: main or the commit) | response |
|---|---|
| GET /api/{kind}/{id}[/revision/{rev}] | info: sha, siblings (with sizes: ?blobs), pipeline_tag |
| GET /api/{kind}/{id}/tree/{rev}[/{path}] | files and folders; ?recursive, ?expand |
| POST /api/{kind}/{id}/paths-info/{rev} | the same for the paths in the body |
| GET /api/{kind}/{id}/refs | the only branch |
| GET, HEAD /[datasets/]{id}/resolve/{rev}/{path} | the file or a Range of it; for a large file a redirect to /cdn |
| GET, HEAD /cdn/{kind}/{id}/{path} | a large file or a Range of it, under another host name, as on the Hub |
| GET /api/whoami-v2, POST /api/validate-yaml, POST /api/repos/create | account, card, new repository |
| POST /api/{kind}/{id}/preupload/{rev} | how to send each file: in the commit, or by LFS |
| POST /[datasets/]{id}.git/info/lfs/objects/batch, PUT /lfs/{sha256} | large files, basic transfer |
| POST /api/{kind}/{id}/commit/{rev} | the commit, NDJSON |

Xet is missing. A download uses it only if a header names it, but an upload uses it wherever `hf_xet` is installed, so a
push needs HF_HUB_DISABLE_XET=1. Without a token the Hub answers 401 for a missing repository, and the client recognises
that by the https address; here the response carries `X-Error-Code: RepoNotFound` instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from hub.faults import Fault, Faults
from hub.storage import GIT_ATTRIBUTES, File, HubError, Repository, is_large

REDIRECTS = {
    "distilbert-base-uncased": "distilbert/distilbert-base-uncased",
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "roberta-base": "FacebookAI/roberta-base",
    "albert-base-v2": "albert/albert-base-v2",
    "emotion": "dair-ai/emotion",
}
DEFAULTS = {"kind": "models", "revision": "main", "path": ""}
FAULT_CODES = {403: "GatedRepo", 404: "RepoNotFound"}
BAD_TOKEN = "Invalid credentials in Authorization header"


@dataclass(frozen=True)
class Request:
    """A request that was answered; the path is unquoted and without its query."""

    method: str
    path: str
    status: int


class Hub:
    """The server; it runs while its context is entered.

    Attributes:
        root: folder of the repositories.
        endpoint: address for HF_ENDPOINT.
        cdn: address of the large files.
        port: port of both.
        requests: the requests so far, in order.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uploads = root / "uploads"
        self.requests: list[Request] = []
        self.faults = Faults()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.port = self._server.server_address[1]
        self.endpoint, self.cdn = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}/cdn"

    def __enter__(self) -> Hub:
        self.uploads.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def repository(self, repo_id: str, kind: str = "models") -> Repository:
        """The repository of this id with an owner, whether or not its folder exists."""
        return Repository(self.root / kind / repo_id, kind, repo_id)

    def fail(self, pattern: str, how: int | str, times: int | None = None) -> AbstractContextManager[Fault]:
        """Let the requests that match the pattern fail inside the block, as `Fault` describes; it counts its `hits`."""
        return self.faults.add(pattern, how, times)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self) -> None:
        self.path, _, query = self.path.partition("?")
        self.query = {name: values[0].lower() == "true" for name, values in parse_qs(query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.route()
        except HubError as error:
            names = {"X-Error-Code": error.code, "X-Error-Message": str(error)} | error.headers
            headers = {name: value for name, value in names.items() if value}
            self.send(json.dumps({"error": str(error)}).encode(), error.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def route(self) -> None:
        if isinstance(status := self.hub.faults.next(unquote(self.path), body=False), int):
            self.fail(status)
        for methods, pattern, handler in ROUTES:
            if self.command in methods and (match := re.fullmatch(pattern, self.path)):
                if moved := REDIRECTS.get(match.groupdict().get("repo_id", "")):
                    start, end = match.span("repo_id")
                    return self.redirect(f"{self.path[:start]}{moved}{self.path[end:]}", 307)
                parts = match.groupdict().items()
                return handler(self, **{name: unquote(value or DEFAULTS[name]) for name, value in parts})
        raise HubError(404, "", f"no route for {self.command} {self.path}")

    # -- shared by the routes

    def repository(self, kind: str, repo_id: str, revision: str = "main") -> Repository:
        repository = self.hub.repository(repo_id, kind)
        if "/" not in repo_id or not repository.folder.is_dir():
            raise HubError(404 if self.has_token() else 401, "RepoNotFound", "Repository not found")
        repository.check(revision)
        return repository

    def has_token(self) -> bool:
        return (self.headers.get("Authorization") or "").startswith("Bearer ")

    def fail(self, status: int) -> None:
        """Answer as the Hub does with this status: bad token, gated or missing repository, missing file, or failure."""
        missing_file = status == 404 and not self.path.startswith("/api/")
        code = "EntryNotFound" if missing_file else FAULT_CODES.get(status, "")
        retry = {"Retry-After": "0"} if status >= 500 else {}
        raise HubError(status, code, BAD_TOKEN if status == 401 else f"Fault {status}", **retry)

    def require_token(self) -> None:
        if not self.has_token():
            raise HubError(401, "", "Invalid username or password.")

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        defaults = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in (defaults | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_json(self, value: Any) -> None:
        self.send(json.dumps(value).encode())

    def redirect(self, location: str, status: int, headers: dict[str, str] | None = None) -> None:
        self.send(b"", status, {"Location": location} | (headers or {}))

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        self.hub.requests.append(Request(self.command, unquote(self.path), int(code)))

    # -- reading

    def info(self, kind: str, repo_id: str, revision: str = "main") -> None:
        self.send_json(self.repository(kind, repo_id, revision).info(self.query.get("blobs", False)))

    def tree(self, kind: str, repo_id: str, revision: str, path: str) -> None:
        entries = self.repository(kind, repo_id, revision).tree(self.query.get("expand", False))
        if path and {"directory"} != {entry["type"] for entry in entries if entry["path"] == path}:
            raise HubError(404, "EntryNotFound", f"{path} does not exist on {revision}")
        folder = f"{path}/" if path else ""
        below = [entry for entry in entries if entry["path"].startswith(folder)]
        deep = self.query.get("recursive", False)
        self.send_json([entry for entry in below if deep or "/" not in entry["path"].removeprefix(folder)])

    def paths_info(self, kind: str, repo_id: str, revision: str) -> None:
        form = parse_qs(self.body.decode())
        entries = self.repository(kind, repo_id, revision).tree(form.get("expand") == ["true"])
        self.send_json([entry for entry in entries if entry["path"] in form.get("paths", ())])

    def refs(self, kind: str, repo_id: str) -> None:
        main = {"name": "main", "ref": "refs/heads/main"}
        commit = self.repository(kind, repo_id).commit
        self.send_json({"branches": [main | {"targetCommit": commit}], "tags": [], "converts": []})

    def resolve(self, kind: str, repo_id: str, revision: str, path: str) -> None:
        repository = self.repository(kind, repo_id, revision)
        file = repository.file(path)
        commit = {"X-Repo-Commit": repository.commit}
        if not file.large:
            return self.send_file(file, commit)
        linked = {"X-Linked-Etag": file.etag, "X-Linked-Size": str(file.size)}
        return self.redirect(f"{self.hub.cdn}/{kind}/{repo_id}/{quote(path)}", 302, commit | linked)

    def content(self, kind: str, repo_id: str, path: str) -> None:
        self.send_file(self.repository(kind, repo_id).file(path), {})

    def send_file(self, file: File, headers: dict[str, str]) -> None:
        body, start, status = file.location.read_bytes(), 0, 200
        headers |= {"ETag": file.etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if span := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, stop = int(span[1]), min(int(span[2] or file.size), file.size - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
            if start >= file.size:
                raise HubError(416, "", "Range not satisfiable", **{"Content-Range": f"bytes */{file.size}"})
            body, status = body[start:stop], 206
        how = None if self.command == "HEAD" else self.hub.faults.next(unquote(self.path), body=True)
        if how is None:
            return self.send(body, status, headers)
        return self.send_badly(body, max(0, file.size // 2 - start), how, status, headers)

    def send_badly(self, body: bytes, middle: int, how: Any, status: int, headers: dict[str, str]) -> None:
        if how == "corrupt":
            inverted = bytes(byte ^ 0xFF for byte in body[middle : middle + 16])
            return self.send(body[:middle] + inverted + body[middle + 16 :], status, headers)
        self.send(b"", status, headers | {"Content-Length": str(len(body))})
        if how == "slow":
            step = len(body) // 20 + 1
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(0.1)
            return None
        self.wfile.write(body[:middle])
        self.close_connection = True
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        return None

    # -- writing

    def whoami(self) -> None:
        self.require_token()
        self.send_json({"type": "user", "id": "1", "name": "tests", "fullname": "Tests", "orgs": []})

    def validate_yaml(self) -> None:
        self.send_json({"errors": [], "warnings": []})

    def create(self) -> None:
        self.require_token()
        request = json.loads(self.body)
        kind = f"{request.get('type') or 'model'}s"
        repository = self.hub.repository(f"{request.get('organization') or 'tests'}/{request['name']}", kind)
        address = f"{self.hub.endpoint}/{'datasets/' if kind == 'datasets' else ''}{repository.id}"
        if repository.folder.exists():
            taken = {"error": "You already created this repo", "url": address}
            return self.send(json.dumps(taken).encode(), 409)
        repository.folder.mkdir(parents=True)
        (repository.folder / ".gitattributes").write_text(GIT_ATTRIBUTES, encoding="utf-8")
        return self.send_json({"url": address, "name": repository.id, "id": repository.commit[:24]})

    def preupload(self, kind: str, repo_id: str, revision: str) -> None:
        self.require_token()
        known = self.repository(kind, repo_id, revision).files()
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
                "oid": known[file["path"]].oid if file["path"] in known else None,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.send_json({"files": files})

    def lfs_batch(self, kind: str, repo_id: str) -> None:
        self.require_token()
        self.repository(kind, repo_id)
        objects = [{"oid": file["oid"], "size": file["size"]} for file in json.loads(self.body)["objects"]]
        for item in objects:
            if not (self.hub.uploads / item["oid"]).is_file():
                item["actions"] = {"upload": {"href": f"{self.hub.endpoint}/lfs/{item['oid']}"}}
        self.send_json({"transfer": "basic", "objects": objects})

    def lfs_upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "", "the SHA-256 of the body differs from the one in the path")
        (self.hub.uploads / oid).write_bytes(self.body)
        self.send(b"")

    def commit(self, kind: str, repo_id: str, revision: str) -> None:
        self.require_token()
        repository = self.repository(kind, repo_id, revision)
        for line in self.body.splitlines():
            change = json.loads(line)
            if change["key"] != "header":
                repository.apply(change["key"], change["value"], self.hub.uploads)
        address = f"{self.hub.endpoint}/{'datasets/' if kind == 'datasets' else ''}{repo_id}"
        oid = repository.commit
        self.send_json({"success": True, "commitOid": oid, "commitUrl": f"{address}/commit/{oid}"})


_ID = r"(?P<repo_id>[\w.-]+(?:/[\w.-]+)?)"
_API = rf"/api/(?P<kind>models|datasets)/{_ID}"
_FILE = rf"/(?:(?P<kind>datasets)/)?{_ID}"
_REVISION = r"(?P<revision>[^/]+)"
ROUTES = (
    (("GET",), rf"{_API}/tree/{_REVISION}(?:/(?P<path>.+))?", _Handler.tree),
    (("POST",), rf"{_API}/paths-info/{_REVISION}", _Handler.paths_info),
    (("GET",), rf"{_API}/refs", _Handler.refs),
    (("GET",), rf"{_API}(?:/revision/{_REVISION})?", _Handler.info),
    (("GET", "HEAD"), r"/cdn/(?P<kind>models|datasets)/(?P<repo_id>[^/]+/[^/]+)/(?P<path>.+)", _Handler.content),
    (("GET", "HEAD"), rf"{_FILE}/resolve/{_REVISION}/(?P<path>.+)", _Handler.resolve),
    (("GET",), "/api/whoami-v2", _Handler.whoami),
    (("POST",), "/api/validate-yaml", _Handler.validate_yaml),
    (("POST",), "/api/repos/create", _Handler.create),
    (("POST",), rf"{_API}/preupload/{_REVISION}", _Handler.preupload),
    (("POST",), rf"{_FILE}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (("PUT",), r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_upload),
    (("POST",), rf"{_API}/commit/{_REVISION}", _Handler.commit),
)
