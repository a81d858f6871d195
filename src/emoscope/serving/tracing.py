"""Spans of requests for OpenTelemetry, made by its own ASGI instrumentation and sent with OTLP. Needs the extra `otel`.

A span has the method, the route, the status and the time, and continues the trace that the request's `traceparent`
names. It has no texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emoscope import __version__
from emoscope.errors import EmoscopeError, require_extra

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.sdk.trace import TracerProvider

    from emoscope.serving.app import App

PATH = "/v1/traces"
"""Path of a collector that takes spans."""


def check_endpoint(endpoint: str) -> None:
    """Check the address of a collector before the model is loaded.

    Raises:
        EmoscopeError: it is not an address of HTTP.
        MissingExtraError: the extra is not installed.
    """
    if not endpoint.startswith(("http://", "https://")):
        raise EmoscopeError(
            f"the OTLP endpoint must begin with http:// or https://, got {endpoint!r:.200}; write the address of a "
            "collector, such as http://localhost:4318"
        )
    require_extra("otel")


def trace_requests(app: App, endpoint: str) -> TracerProvider:
    """Send a span of every request to a collector; what sends them ends with the process.

    Args:
        app: the application.
        endpoint: address of the collector, without `/v1/traces`.

    Raises:
        EmoscopeError: as in `check_endpoint`.
        MissingExtraError: the extra is not installed.
    """
    check_endpoint(endpoint)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "emoscope", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint.rstrip("/") + PATH)))

    def details(scope: MutableMapping[str, Any]) -> tuple[str, dict[str, Any]]:
        route = app.route_name(scope)
        return f"{scope['method']} {route}", {"http.route": route}

    app.wrap(
        lambda inner: OpenTelemetryMiddleware(
            inner, default_span_details=details, tracer_provider=provider, exclude_spans=["receive", "send"]
        )
    )
    return provider
