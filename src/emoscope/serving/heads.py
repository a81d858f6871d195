"""Heads of HTTP requests: what they must have, and the ASGI scope that they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import httptools

Header = tuple[bytes, bytes]


def check_hosts(headers: Sequence[Header], http_version: str) -> None:
    """Reject a head without exactly one Host, which HTTP/1.0 may lack (RFC 9112, 3.2).

    Raises:
        ValueError: there are several, or there is none.
    """
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (not hosts and http_version != "1.0"):
        raise ValueError(f"it has {hosts or 'no'} Host headers; exactly one is allowed")


def asgi_scope(method: bytes, target: bytes, http_version: str, headers: list[Header]) -> dict[str, Any]:
    """The scope of a request, without the addresses of its connection.

    Args:
        method: HTTP method.
        target: path with query string, or an absolute URL.
        http_version: "1.0" or "1.1".
        headers: names in lower case, and values.

    Raises:
        ValueError: the path is not ASCII.
        httptools.HttpParserInvalidURLError: the URL is not valid.
    """
    if not target.startswith(b"/"):
        url = httptools.parse_url(target)
        target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": http_version,
        "method": method.decode("ascii"),
        "scheme": "http",
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
    }
