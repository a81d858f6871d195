"""The server's log on standard error: one JSON object per line, or plain text on a terminal.

It holds no texts unless the settings ask for them.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

LOGGER = "emoscope.serving"
SERVING, ENDED = "serving", "ended"
"""Messages at the begin and at the end of a server."""
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


class PlainFormatter(logging.Formatter):
    """Formats a record for a person: where to open the page; other messages with their level and their fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the lines of an exception."""
        fields, message = getattr(record, FIELDS, {}), record.getMessage()
        address = fields.get("url") or fields.get("address")  # of this process, or of all workers together
        if message == SERVING and address:
            return f"open {address} (Ctrl-C ends the server)"
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        line = " ".join([f"{level}{message}", *(f"{name}={value}" for name, value in fields.items())])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(level: str = "info", *, worker: bool = False) -> None:
    """Make the server log from this level on, and uvicorn from warnings on.

    Args:
        level: the lowest level.
        worker: whether this process is one of several workers; on a terminal, only their supervisor says when the
            server begins and ends.
    """
    handler = logging.StreamHandler()
    if sys.stderr.isatty():
        handler.setFormatter(PlainFormatter())
        handler.addFilter(lambda record: not worker or record.getMessage() not in (SERVING, ENDED))
    else:
        handler.setFormatter(JsonFormatter())
    for name, lowest in ((LOGGER, level.upper()), ("uvicorn.error", "WARNING")):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(lowest)
