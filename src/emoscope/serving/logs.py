"""The server's log on standard error: one JSON object per line, or plain text on a terminal.

It holds no texts unless the settings ask for them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import suppress
from queue import Full, Queue
from threading import Thread
from typing import Any

LOGGER = "emoscope.serving"
SERVING, ENDED = "serving", "ended"
"""Messages at the begin and at the end of a server."""
MAX_WAITING_LINES = 10_000
"""Maximum number of lines that wait to be written."""
CLOSE_SECONDS = 2.0
"""Seconds to wait at the end for a reader that stalls."""
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


class BackgroundHandler(logging.Handler):
    """Writes lines in a thread, so that the server goes on if the reader of its log does not. Then it drops lines."""

    def __init__(self, descriptor: int) -> None:
        """Starts the thread; `descriptor` is the file to write to, past the buffers of Python."""
        super().__init__()
        self._descriptor = descriptor
        self._lines: Queue[str | None] = Queue(MAX_WAITING_LINES)
        self._dropped = 0
        self._thread = Thread(target=self._write, name="emoscope-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a record, after one about those that were dropped before it."""
        try:
            if self._dropped:
                self._lines.put_nowait(self.format(_dropped(self._dropped)))
                self._dropped = 0
            self._lines.put_nowait(self.format(record))
        except Full:
            self._dropped += 1
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Wait until the lines are written, for a reader that stalls at most CLOSE_SECONDS."""
        with suppress(Full):
            self._lines.put_nowait(None)
            self._thread.join(CLOSE_SECONDS)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            rest = f"{line}\n".encode("utf-8", "backslashreplace")
            with suppress(OSError):  # no one reads any more
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]


def _dropped(count: int) -> logging.LogRecord:
    message = f"{count} lines of the log were dropped, because its reader is too slow"
    return logging.LogRecord(LOGGER, logging.WARNING, __file__, 0, message, None, None)


def _handler() -> logging.Handler:
    try:
        return BackgroundHandler(sys.stderr.fileno())
    except OSError:  # not a file
        return logging.StreamHandler()


def configure_logging(level: str = "info", *, worker: bool = False) -> None:
    """Make the server log from this level on, and uvicorn from warnings on.

    Args:
        level: the lowest level.
        worker: whether this process is one of several workers; on a terminal, only their supervisor says when the
            server begins and ends.
    """
    handler = _handler()
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
