"""Requests of hostile clients, as bytes, and the responses they get. Knows nothing of the server but its port."""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from waiting import DEADLINE

POSTS = (
    "/v1/predict",
    "/v1/explain",
    "/v1/sentences",
    "/v1/score?text_column=text",
    "/",
    "/models/bundled",
    "/predict",
    "/classify",
)
GETS = ("/", "/health", "/health/ready", "/info", "/metrics", "/openapi.json", "/docs", "/page/app.js")
BODIES = {
    "/v1/predict": b'{"texts": ["i feel happy", "i am so angry"]}',
    "/v1/explain": b'{"texts": ["i feel happy"], "method": "loo"}',
    "/v1/sentences": b'{"text": "i was sad. now i am happy."}',
    "/v1/score?text_column=text": b"id,text\n1,i feel happy\n2,i am so angry\n",
    "/": b'{"inputs": "i feel happy", "parameters": {"top_k": 2}}',
    "/models/bundled": b'{"inputs": ["i feel happy"]}',
    "/predict": b'{"inputs": [["i feel happy"], ["i am so angry"]]}',
    "/classify": b'{"model": "bundled", "input": ["i feel happy"]}',
}
"""A valid body for each path that takes one."""
KINDS = ("flip", "cut", "repeat", "insert", "truncate")
SOON = 0.3
"""Seconds to wait for a response before the client ends its half of the connection: some requests are incomplete."""


@dataclass(frozen=True)
class Response:
    """A response: status 0 if the connection closed without one, -1 if it stayed open without one."""

    status: int
    head: bytes = b""
    body: bytes = b""

    @property
    def is_failure(self) -> bool:
        """Whether the server failed: 5xx, except 503 for shedding and draining, or no response at all."""
        return self.status == -1 or (self.status >= 500 and self.status != 503)

    @property
    def has_scores(self) -> bool:
        """Whether it has scores of the model."""
        return self.status == 200 and re.search(rb'"(score|scores|words)"|emotion_score', self.body) is not None


@dataclass(frozen=True)
class HostileRequest:
    """One hostile request."""

    name: str
    data: bytes


def send(port: int, data: bytes, *, soon: float = SOON, latest: float = DEADLINE) -> Response:
    """Send bytes on a connection of their own and read the first final response."""
    with socket.create_connection(("127.0.0.1", port), timeout=latest) as connection:
        with suppress(OSError):  # the server may respond and close before it has read everything
            connection.sendall(data)
        received = b""
        connection.settimeout(soon)
        while True:
            try:
                part = connection.recv(1 << 16)
            except TimeoutError:
                if connection.gettimeout() == latest:
                    return Response(-1, received)
                connection.settimeout(latest)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                continue
            except OSError:
                part = b""
            received += part
            response = _parsed(received)
            if response.status or not part:
                return response


def cancel(port: int, data: bytes, *, reset: bool) -> None:
    """Send a request and disconnect at once, with a FIN or a RST."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
        connection.sendall(data)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def request(path: str, body: bytes | None = None, headers: Sequence[str] = (), method: str | None = None) -> bytes:
    """A well-formed request."""
    kind = "text/csv" if path.startswith("/v1/score") else "application/json"
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body is not None:
        lines += [f"Content-Length: {len(body)}"]
        lines += [] if any(line.lower().startswith("content-type") for line in headers) else [f"Content-Type: {kind}"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


# -- broken HTTP


def heads() -> Iterator[HostileRequest]:
    """Requests that are malformed HTTP or exceed its limits."""
    body = BODIES["/v1/predict"]
    right = request("/v1/predict", body)
    start = b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    yield HostileRequest("a header of 1 MB", request("/v1/predict", body, ["X-A: " + "a" * 1_000_000]))
    yield HostileRequest("20,000 headers", request("/v1/predict", body, [f"X-{i}: {i}" for i in range(20_000)]))
    yield HostileRequest("a path of 1 MB", request("/" + "a" * 1_000_000))
    yield HostileRequest("a query of 1 MB", request("/v1/score?text_column=" + "a" * 1_000_000, b"a\n"))
    yield HostileRequest("a header name of 100 kB", request("/v1/predict", body, ["X" * 100_000 + ": a"]))
    yield HostileRequest("a request id of 100 kB", request("/v1/predict", body, ["X-Request-Id: " + "r" * 50_000]))
    yield HostileRequest(
        "a request id with other lines", request("/v1/predict", body, ["X-Request-Id: a\tb\x7f\u00e9"])
    )
    yield HostileRequest("no host", right.replace(b"Host: 127.0.0.1\r\n", b""))
    yield HostileRequest("two hosts", request("/v1/predict", body, ["Host: b"]))
    yield HostileRequest("negative length", start + b"Content-Length: -1\r\n\r\n" + body)
    yield HostileRequest("a length that is not a number", start + b"Content-Length: ten\r\n\r\n" + body)
    yield HostileRequest("two lengths", start + b"Content-Length: 45\r\nContent-Length: 4\r\n\r\n" + body)
    yield HostileRequest("a length of 10 TB", start + b"Content-Length: 10000000000000\r\n\r\n" + body)
    yield HostileRequest("a length of 30 digits", start + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + body)
    yield HostileRequest("a length that is too long", start + b"Content-Length: 4000\r\n\r\n" + body)
    yield HostileRequest("a length that is too short", start + b"Content-Length: 7\r\n\r\n" + body)
    chunked = start + b"Transfer-Encoding: chunked\r\n"
    yield HostileRequest("length and chunks", chunked + b"Content-Length: 3\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    yield HostileRequest("a chunk size that is not a number", chunked + b"\r\nxyz\r\n{}\r\n0\r\n\r\n")
    yield HostileRequest("a chunk of 2**64", chunked + b"\r\n" + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n")
    yield HostileRequest("chunks that never end", chunked + b"\r\n2\r\n{}\r\n")
    yield HostileRequest(
        "many tiny chunks", chunked + b"\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    )
    yield HostileRequest("chunk extensions", chunked + b"\r\n2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n")
    yield HostileRequest("an unknown encoding", start + b"Transfer-Encoding: rot13\r\nContent-Length: 2\r\n\r\n{}")
    yield HostileRequest("bare line feeds", right.replace(b"\r\n", b"\n"))
    yield HostileRequest("a folded header", right.replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\n  more"))
    yield HostileRequest("a null byte in a header", right.replace(b"Host: 127", b"Host: \x00127"))
    yield HostileRequest("a space before the colon", right.replace(b"Host:", b"Host :"))
    yield HostileRequest("a header that is not ASCII", right.replace(b"127.0.0.1", b"\xff\xfe\x80"))
    yield HostileRequest("a path that is not ASCII", b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n")
    yield HostileRequest("an expectation", request("/v1/predict", body, ["Expect: 100-continue"]))
    yield HostileRequest("another expectation", request("/v1/predict", body, ["Expect: 200-ok"]))
    yield HostileRequest("an upgrade", request("/v1/predict", None, ["Upgrade: websocket", "Connection: Upgrade"]))
    yield HostileRequest("an upgrade to h2c", request("/v1/predict", body, ["Upgrade: h2c", "Connection: Upgrade"]))
    yield HostileRequest("an absolute path", request("http://example.org/v1/predict", body))
    yield HostileRequest("HTTP 0.9", b"GET /\r\n\r\n")
    yield HostileRequest("HTTP 1.0", right.replace(b"HTTP/1.1", b"HTTP/1.0"))
    yield HostileRequest("HTTP 9.9", right.replace(b"HTTP/1.1", b"HTTP/9.9"))
    yield HostileRequest("the preface of HTTP 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    yield HostileRequest("a hello of TLS", bytes.fromhex("16030100a5010000a1030300") + b"\x00" * 100)
    yield HostileRequest("nothing", b"")
    yield HostileRequest("blank lines", b"\r\n" * 1000)
    yield HostileRequest("a hundred requests at once", right * 100)
    for method in ("TRACE", "CONNECT", "OPTIONS", "PUT", "DELETE", "PATCH", "HEAD", "get", "A" * 10_000, "PROPFIND"):
        yield HostileRequest(f"method {method[:20]}", request("/v1/predict", None, method=method))
    for path in PATHS:
        yield HostileRequest(f"path {path}", request(path))
        yield HostileRequest(f"post to path {path}", request(path, b"{}"))


PATHS = (
    "/page/../../../../etc/passwd",
    "/page/..%2f..%2f..%2fetc/passwd",
    "/page/%2e%2e/%2e%2e/settings.py",
    "/page//etc/passwd",
    "/page/..%5c..%5csettings.py",
    "/page/%00",
    "/page/index.html%00.js",
    "/page/",
    "//",
    "/%",
    "/%ff",
    "/%F0%9F%98%80",
    "/v1/predict/",
    "/v1//predict",
    "/V1/PREDICT",
    "/v1/score",
    "/v1/score?text_column=",
    "/v1/score?text_column=%ff",
    "/v1/score?text_column=text&text_column=b",
    "/v1/score?text_column=text&format=xml",
    "/v1/score?text_column=text&columns=,,",
    "/v1/score?&&&===%zz",
    "/models/",
    "/models/../info",
    "/models/" + "a/" * 500,
    "/docs/../metrics",
    "/?" + "&" * 1000,
    "*",
)


# -- broken bodies


def bodies(path: str) -> Iterator[HostileRequest]:
    """Bodies that are wrong for the path."""
    right = BODIES[path]
    many: dict[str, bytes] = {
        "empty": b"",
        "blank": b" \n\t ",
        "null": b"null",
        "a number": b"1",
        "a string": b'"i feel happy"',
        "an empty list": b"[]",
        "an empty object": b"{}",
        "100,000 brackets": b"[" * 100_000,
        "100,000 brackets, closed": b"[" * 100_000 + b"]" * 100_000,
        "100,000 objects": b'{"texts":' * 100_000 + b"1" + b"}" * 100_000,
        "invalid UTF-8": right.replace(b"happy", b"\xff\xfe\xc3\x28\xed\xa0\x80"),
        "half a surrogate": right.replace(b"happy", b"\\ud800"),
        "two halves in the wrong order": right.replace(b"happy", b"\\udc00\\ud800"),
        "null characters": right.replace(b"happy", b"\\u0000" * 100),
        "raw control characters": right.replace(b"happy", bytes(range(1, 32))),
        "UTF-16": right.decode().encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + right,
        "half of it": right[: len(right) // 2],
        "more behind it": right + right,
        "a number of 10,000 digits": b'{"texts": [' + b"9" * 10_000 + b"]}",
        "1e999999": b'{"inputs": 1e999999, "texts": 1e999999, "input": 1e999999}',
        "NaN": b'{"texts": NaN, "inputs": Infinity, "input": -Infinity}',
        "a key twice": right[:-1] + b", " + right[1:],
        "a million characters": right.replace(b"happy", b"happy " * 170_000),
        "one word of 90,000 letters": right.replace(b"happy", b"x" * 90_000),
        "90,000 marks": right.replace(b"happy", b"!" * 90_000),
        "90,000 blanks": right.replace(b"happy", b" " * 90_000),
        "combining characters": right.replace(b"happy", ("a" + "\u0301" * 20_000).encode()),
        "emoji": right.replace(b"happy", ("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2_000).encode()),
        "direction marks": right.replace(b"happy", "\u202e\u2066\u200f\ufeff".encode() * 1_000),
        "5 MB": b'{"texts": ["' + b"a" * 5_000_000 + b'"]}',
        "quotes and markup": right.replace(b"happy", b"<script>alert(1)</script>\\\"\\\\',;--"),
        "gzip": b"\x1f\x8b\x08\x00" + bytes(20),
    }
    for name in ("texts", "inputs", "input", "text"):
        for value in (
            "null",
            "1",
            "true",
            '""',
            "[]",
            "{}",
            '[""]',
            "[1]",
            "[null]",
            "[[]]",
            '[["a", "b"]]',
            '{"a": 1}',
        ):
            many[f"{name} {value}"] = f'{{"{name}": {value}}}'.encode()
        many[f"20,000 {name}"] = json.dumps({name: ["a"] * 20_000}).encode()
        many[f"1,000 empty {name}"] = json.dumps({name: [""] * 1_000}).encode()
    for more in MORE:
        many[more] = right[:-1] + f", {more}}}".encode()
    for name, body in many.items():
        yield HostileRequest(f"{path}: {name}", request(path, body))
    for kind in (
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/json; charset=utf-16",
        "a" * 9_000,
        "",
    ):
        yield HostileRequest(f"{path}: content type {kind[:40]}", request(path, right, [f"Content-Type: {kind}"]))
    for encoding in ("gzip", "br", "identity", "gzip, gzip"):
        yield HostileRequest(
            f"{path}: content encoding {encoding}", request(path, right, [f"Content-Encoding: {encoding}"])
        )


MORE = (
    '"method": "magic"',
    '"method": 1',
    '"model": 1',
    '"parameters": 1',
    '"parameters": {"top_k": -1}',
    '"parameters": {"top_k": 1e99, "function_to_apply": 3}',
    '"raw_scores": "yes"',
    '"truncate": []',
)


def tables() -> Iterator[HostileRequest]:
    """Tables that `/v1/score` cannot score completely."""
    path = "/v1/score?text_column=text"
    rows = {
        "no header": b"",
        "a header alone": b"text\n",
        "no such column": b"a,b\n1,2\n",
        "the column twice": b"text,text\na,b\n",
        "a quote that is not closed": b'text\n"abc\ndef\n',
        "a field of 20 MB": b"text\n" + b"a" * 20_000_000 + b"\n",
        "100,000 columns": b",".join(b"c%d" % i for i in range(100_000)) + b",text\n",
        "rows of different widths": b"id,text\n1\n1,2,3\n,,,,\n1,a\n",
        "invalid UTF-8": b"text\n\xff\xfe\n",
        "null characters": b"text\n\x00\x00\n",
        "carriage returns": b"text\r\r\r\na\r",
        "one of our columns": b"emotion,text\na,b\n",
    }
    for name, body in rows.items():
        yield HostileRequest(f"{path}: {name}", request(path, body))
    for name, body in {
        "not an object": b"[1]\n",
        "no text": b"{}\n",
        "a text that is a number": b'{"text": 1}\n',
        "deep": b"[" * 100_000 + b"\n",
        "a line of 20 MB": b'{"text": "' + b"a" * 20_000_000 + b'"}\n',
    }.items():
        yield HostileRequest(f"{path}: lines, {name}", request(path, body, ["Content-Type: application/x-ndjson"]))


def mutations(seed: int) -> Iterator[HostileRequest]:
    """Valid requests with some bytes changed, without end."""
    chance = random.Random(seed)
    while True:
        path = chance.choice(POSTS)
        data = bytearray(request(path, BODIES[path]))
        for _ in range(chance.randint(1, 6)):
            _mutate(data, chance)
        yield HostileRequest(f"mutated {path}", bytes(data))


def _mutate(data: bytearray, chance: random.Random) -> None:
    place, length = chance.randrange(len(data) + 1), chance.randint(1, 20)
    kind = chance.choice(KINDS)
    if kind == "flip" and place < len(data):
        data[place] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[place : place + length]
    elif kind == "repeat":
        data[place:place] = data[place : place + length] * chance.randint(1, 50)
    elif kind == "insert":
        data[place:place] = chance.randbytes(length)
    elif kind == "truncate" and chance.random() < 0.2:
        del data[place:]


def every_kind() -> list[HostileRequest]:
    """One request of every kind."""
    return [*heads(), *(hostile for path in POSTS for hostile in bodies(path)), *tables()]


def schemathesis(schema: str, *, examples: int, seed: int = 0) -> list[str]:
    """The command that checks a server against its OpenAPI document, except for tables: no schema describes columns."""
    config = str(Path(__file__).with_name("schemathesis.toml"))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", schema, "--no-color"]
    flags = ["--checks", "all", "--max-examples", str(examples), "--seed", str(seed), "--exclude-path", "/v1/score"]
    return [*command, *flags]


# -- keys


def wrong_credentials(key: str) -> dict[str, list[str]]:
    """Wrong credentials as headers, by what is wrong with them."""
    return {
        "none": [],
        "an empty one": ["Authorization:"],
        "no key": ["Authorization: Bearer"],
        "an empty key": ["Authorization: Bearer "],
        "another key": ["Authorization: Bearer " + "x" * len(key)],
        "the start of it": [f"Authorization: Bearer {key[:-1]}"],
        "more than it": [f"Authorization: Bearer {key}x"],
        "upper case": [f"Authorization: Bearer {key.upper()}"],
        "it twice": [f"Authorization: Bearer {key} {key}"],
        "another scheme": [f"Authorization: Basic {key}"],
        "no scheme": [f"Authorization: {key}"],
        "another header": [f"X-Key: {key}", f"Cookie: key={key}", f"Proxy-Authorization: Bearer {key}"],
        "an empty X-API-Key": ["X-API-Key: "],
        "a wrong X-API-Key": [f"X-API-Key: {key[1:]}"],
        "bytes that are not UTF-8": ["Authorization: Bearer \udcff\udcfe"],
        "null": ["Authorization: Bearer null"],
        "a list": [f'Authorization: Bearer ["{key}"]'],
        "60 kB": ["Authorization: Bearer " + "a" * 60_000],
    }


def _parsed(received: bytes) -> Response:
    """The first final response in the received bytes; status 0 while it is incomplete."""
    while True:
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return Response(0, received)
        head, rest = received[:end], received[end + 4 :]
        status = int(head[9:12]) if re.match(rb"HTTP/1\.\d \d{3}", head) else -1
        if 100 <= status < 200:
            received = rest
            continue
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        whole = rest.endswith(b"0\r\n\r\n") if length is None else len(rest) >= int(length.group(1))
        return Response(status, head, rest) if whole or status in (204, 304) else Response(0, received)
