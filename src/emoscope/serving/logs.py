"""The server's log: one JSON object per line on standard error. It holds no texts unless the settings ask for them."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

LOGGER = "emoscope.serving"
FIELDS = "fields"
"""Attribute of a log record with the fields that its line has in addition."""


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON with time, level, message, process and its own fields."""

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
    """Make the server log such lines from this level on, and uvicorn from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for name, lowest in ((LOGGER, level.upper()), ("uvicorn.error", "WARNING")):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(lowest)
