"""Spans of requests: their names, their traces, and that they hold no texts."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytest.importorskip("opentelemetry.instrumentation.asgi", reason="needs the extra otel")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from emoscope import errors
from emoscope.cli import main
from emoscope.serving.tracing import trace_requests

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector():
    """A collector on loopback, and the bodies that it gets."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_request_has_a_span_without_texts(client, collector):
    url, bodies = collector
    provider = trace_requests(client.app, f"{url}/")
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    assert client.post("/v1/predict", {"texts": ["a secret"]}, headers=headers).status_code == 200
    assert client.post("/models/owner/name", {"inputs": 3}).status_code == 400
    assert client.get("/nothing").status_code == 404
    provider.shutdown()
    (spans,) = [
        each.spans
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for each in resource.scope_spans
    ]
    assert [span.name for span in spans] == ["POST /v1/predict", "POST /models/{model}", "GET unknown"]
    assert spans[0].trace_id.hex() == TRACE
    statuses = [value.value.int_value for span in spans for value in span.attributes if "status_code" in value.key]
    assert statuses == [200, 400, 404]
    assert b"secret" not in b"".join(bodies)


def test_endpoint_must_be_an_address_of_http(capsys):
    assert main(["serve", "--port", "0", "--otlp-endpoint", "localhost:4318"]) == 1
    assert "must begin with http:// or https://, got 'localhost:4318'" in capsys.readouterr().err


def test_missing_extra_is_an_error_before_the_model_is_loaded(monkeypatch, capsys):
    monkeypatch.setitem(errors.EXTRAS, "otel", ("no_such_package.of_tracing",))
    assert main(["serve", "--port", "0", "--otlp-endpoint", "http://localhost:4318"]) == 1
    assert "pip install 'emoscope[otel]'" in capsys.readouterr().err
