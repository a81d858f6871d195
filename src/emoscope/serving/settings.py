"""What can be set of a server; the flags of `emoscope serve` are these fields."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Limits and behaviour of a server.

    Attributes:
        max_body_bytes: of a request but for `/v1/score`, whose body is streamed.
        max_texts: texts of a request.
        max_characters: of a text.
        max_explained: texts that one request may have explained.
        max_explained_tokens: tokens of all the variants that an explanation scores.
        max_batch_tokens: tokens that go to the model in one call.
        target_latency: seconds; no more stays in flight than is answered within them, the rest is refused. None for
            0.025, or for the time of 32 ordinary texts where the model takes longer.
        timeout: seconds; a request that is not answered by then is given up.
        cache_bytes: memory for the scores of texts seen lately; 0 for none.
        max_connections: open at once; a further one is refused.
        cors_origins: origins whose pages may ask, "*" for any; empty for none.
        access_log: one line a request.
        log_texts: texts stand in the log too.
    """

    max_body_bytes: int = 4 * MIB
    max_texts: int = 1024
    max_characters: int = 100_000
    max_explained: int = 32
    max_explained_tokens: int = 400_000
    max_batch_tokens: int = 4096
    target_latency: float | None = None
    timeout: float = 10.0
    cache_bytes: int = 64 * MIB
    max_connections: int = 10_000
    cors_origins: tuple[str, ...] = ()
    access_log: bool = False
    log_texts: bool = False
