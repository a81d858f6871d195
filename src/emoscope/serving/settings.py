"""Settings of a server, declared once: each is a flag of `emoscope serve` with this default, range and help.

Works on the base install, without the extra `serve`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024


def _setting(default: Any, help: str, minimum: float = 0.0, **flag: Any) -> Any:
    """A setting with its description and, as a flag, its lowest value, name, unit and group in the help."""
    return field(default=default, metadata={"help": help, "minimum": minimum, "unit": 1, "group": "limits"} | flag)


@dataclass(frozen=True)
class Settings:
    """Limits and behaviour of a server. Sizes are in bytes here, in MiB as flags."""

    max_texts: int = _setting(1024, "maximum number of texts in a request", 1)
    max_characters: int = _setting(
        100_000, "maximum number of characters in a text, with emoji and ligatures written out", 1
    )
    max_body_bytes: int = _setting(
        4 * MIB,
        "maximum size of a request's body; /v1/score streams its body, which has no limit",
        0.001,
        name="max-body-mb",
        unit=MIB,
    )
    max_spool_bytes: int = _setting(
        1024 * MIB,
        "temporary disk space per worker for results of /v1/score that clients have not read yet; with more, rows wait",
        name="max-spool-mb",
        unit=MIB,
    )
    max_explained: int = _setting(32, "maximum number of texts to explain in a request", 1)
    max_explained_tokens: int = _setting(
        400_000, "maximum number of tokens that the model reads to explain the texts of a request", 1
    )
    max_connections: int = _setting(10_000, "maximum number of open connections per worker", 1)
    target_latency: float | None = _setting(
        None,
        "seconds; a request that would wait longer for its response is refused with 429 (default: 0.025, or the time "
        "that a slower model takes for 32 typical texts)",
        0.001,
    )
    timeout: float = _setting(10.0, "seconds after which a request without a response fails", 0.001)
    max_batch_tokens: int = _setting(4096, "maximum number of tokens in a batch of the model", 1)
    cache_bytes: int = _setting(
        64 * MIB, "memory per worker for the scores of recent texts; 0 for no cache", name="cache-mb", unit=MIB
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        "origin whose pages may use the server, '*' for any; repeat for several",
        name="cors-origin",
        metavar="ORIGIN",
        group="access",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "name or address in the Host header of requests that are answered, as well as localhost, 127.0.0.1, ::1 and "
        "that of --host; '*' for any; repeat for several (default: any, unless only this machine can reach the server)",
        name="allowed-host",
        metavar="HOST",
        group="access",
    )
    access_log: bool = _setting(False, "log every request", group="logs")
    log_texts: bool = _setting(False, "log every request with its texts", group="logs")
