"""Settings of a server, declared once: each is a flag of `emoscope serve` with this default, range and help.

Works on the base install, without the extra `serve`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024


def setting(
    default: Any, help: str, minimum: float = 0.0, *, flag: str = "", unit: int = 1, group: str = "limits"
) -> Any:
    """A field of `Settings`.

    Args:
        default: its default.
        help: its description.
        minimum: its lowest value as a flag.
        flag: name of the flag, if it is not that of the field.
        unit: what the value of the flag is multiplied with.
        group: heading in the help of `emoscope serve`.
    """
    options = {"help": help, "minimum": minimum, "flag": flag, "unit": unit, "group": group}
    return field(default=default, metadata=options)


@dataclass(frozen=True)
class Settings:
    """Limits and behaviour of a server. Sizes are in bytes here, in MiB as flags."""

    max_texts: int = setting(1024, "maximum number of texts in a request", 1)
    max_characters: int = setting(100_000, "maximum number of characters in a text", 1)
    max_body_bytes: int = setting(
        4 * MIB,
        "maximum size of a request's body; /v1/score streams its body, which has no limit",
        0.001,
        flag="max-body-mb",
        unit=MIB,
    )
    max_explained: int = setting(32, "maximum number of texts to explain in a request", 1)
    max_explained_tokens: int = setting(
        400_000, "maximum number of tokens that the model reads to explain the texts of a request", 1
    )
    max_connections: int = setting(10_000, "maximum number of open connections per worker", 1)
    target_latency: float | None = setting(
        None,
        "seconds; a request that would wait longer for its response is refused with 429 (default: 0.025, or the time "
        "that a slower model takes for 32 typical texts)",
        0.001,
    )
    timeout: float = setting(10.0, "seconds after which a request without a response fails", 0.001)
    max_batch_tokens: int = setting(4096, "maximum number of tokens in a batch of the model", 1)
    cache_bytes: int = setting(
        64 * MIB, "memory per worker for the scores of recent texts; 0 for no cache", flag="cache-mb", unit=MIB
    )
    cors_origins: tuple[str, ...] = setting(
        (), "origin whose pages may use the server, '*' for any; repeat for several", flag="cors-origin", group="access"
    )
    access_log: bool = setting(False, "log every request", group="logs")
    log_texts: bool = setting(False, "log every request with its texts", group="logs")
