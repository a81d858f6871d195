"""The log: one JSON object a line, on standard error. No text stands in it unless that is asked for."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

LOGGER = "emoscope.serving"
FIELDS = "fields"
"""Attribute of a record with further fields of its line."""
_NAMES = {"uvicorn.error": "server", LOGGER: "server"}


class JsonFormatter(logging.Formatter):
    """Time, level, message and further fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "process": record.process,
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(level: str = "info") -> None:
    """Let the server and uvicorn write such lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name in (LOGGER, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper() if name == LOGGER else "WARNING")
