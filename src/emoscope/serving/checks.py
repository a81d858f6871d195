"""Checks of texts against the limits. Every message says what was found and what is allowed.

`name` is the name of the field, for the message.
"""

from __future__ import annotations

from collections.abc import Sequence

from emoscope.explanation import count_perturbations
from emoscope.sentences import Sentence, sentences
from emoscope.serving.batching import estimated_tokens
from emoscope.serving.errors import RequestError
from emoscope.serving.settings import Settings
from emoscope.text import expanded_size


def check_texts(texts: Sequence[str], name: str, settings: Settings) -> None:
    """Reject no texts, too many, and texts that are too long."""
    if not texts:
        raise RequestError("empty", f"{name} is an empty list; send at least one text")
    if len(texts) > settings.max_texts:
        raise RequestError(
            "too_many_texts",
            f"{name} has {len(texts):,} texts, at most {settings.max_texts:,} are allowed; send several requests, "
            "or stream them to /v1/score",
        )
    check_lengths(texts, name, settings)


def check_lengths(texts: Sequence[str], name: str, settings: Settings) -> None:
    """Reject texts that are too long."""
    for i, text in enumerate(texts):
        if problem := length_problem(text, settings):
            where = name if len(texts) == 1 else f"{name}[{i}]"
            raise RequestError("text_too_long", f"{where} {problem}; shorten it")


def length_problem(text: str, settings: Settings) -> str | None:
    """Why a text is too long; None if it is not. What counts is what the model reads: U+FDFA is 18 letters."""
    limit = settings.max_characters
    size = expanded_size(text).characters
    if size <= limit:
        return None
    written = "" if size == len(text) else " with emoji and ligatures written out"
    return f"has {size:,} characters{written}, at most {limit:,} are allowed"


def check_explained(texts: Sequence[str], method: str, settings: Settings) -> None:
    """Reject more texts than can be explained at once, or texts that are too long to be explained in time."""
    limit = settings.max_explained
    if len(texts) > limit:
        raise RequestError(
            "too_many_texts", f"texts has {len(texts)} texts, at most {limit} can be explained at once; send fewer"
        )
    tokens = sum(count_perturbations(text, method) * estimated_tokens(text) for text in texts)
    if tokens > (limit := settings.max_explained_tokens):
        raise RequestError(
            "text_too_long",
            f"explaining these texts takes about {tokens:,} tokens, at most {limit:,} are allowed; send fewer or "
            "shorter texts",
        )


def sentence_list(text: str, settings: Settings) -> list[Sentence]:
    """The sentences of a text, if they are within the limits."""
    found, limit = sentences(text), settings.max_texts
    if len(found) > limit:
        raise RequestError(
            "too_many_texts", f"text has {len(found):,} sentences, at most {limit:,} are allowed; send it in parts"
        )
    return found
