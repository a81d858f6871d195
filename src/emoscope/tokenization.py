"""Normalized texts to `TokenBatch`: token ids without padding, from a word cache, in groups of equal length.

The ids always equal those of the library `tokenizers`. Knows no model and no label.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from emoscope.errors import ModelError, first_line
from emoscope.word_units import WordUnits, word_units

CACHED_WORDS = 100_000
"""Maximum number of words in the cache."""
MAX_CACHED_WORD = 64
"""Characters of the longest word that is cached."""
_SLAB = 512  # texts; the lists of their words fit into the processor's cache
_BYTES = np.dtype(np.int32).itemsize
_FAILS = "the tokenizer fails"
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TokenBatch:
    """Token ids of many rows, packed without padding: row i holds `ids[offsets[i]:offsets[i + 1]]`.

    A text longer than the model's longest input has several rows (windows). No row is empty.

    Attributes:
        ids: int32 (tokens,), read-only.
        offsets: int64 (rows + 1,), from 0 to tokens.
        text_index: int64 (rows,), index of the text that each row belongs to; it never decreases.
        texts: number of texts.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    text_index: NDArray[np.int64]
    texts: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each row, int64 (rows,)."""
        return np.diff(self.offsets)

    def groups(
        self, max_tokens: int, *, call_rows: float = 0.0
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Groups of rows of equal length, the longest first, as dense arrays of about the same size.

        Args:
            max_tokens: maximum number of tokens of a group; a single row may exceed it.
            call_rows: fixed cost of a call of the model, in rows of the same length. Rows of several lengths share a
                group if their padding (id 0, at the end) costs less than a call of their own.

        Yields:
            Indices of rows, int64 (n,), and their ids, int64 (n, length of the longest). Every row occurs once.
        """
        lengths = self.lengths
        if lengths.size == 1:
            yield np.zeros(1, np.int64), self.ids.astype(np.int64)[None]
            return
        for similar in _similar(lengths, call_rows):
            pieces = -(-similar.size // max(1, max_tokens // int(lengths[similar[0]])))
            for rows in np.array_split(similar, pieces):
                yield rows, self._dense(rows, lengths[rows])

    def parts(self, max_tokens: int) -> Iterator[TokenBatch]:
        """Consecutive rows as batches of their own, in which each row is a text.

        Args:
            max_tokens: maximum number of tokens of a part; a single row may exceed it.
        """
        start, offsets = 0, self.offsets
        while start + 1 < len(offsets):
            stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + max_tokens, "right")) - 1)
            ids, rows = self.ids[offsets[start] : offsets[stop]], stop - start
            yield TokenBatch(ids, offsets[start : stop + 1] - offsets[start], np.arange(rows), rows)
            start = stop

    def text_means(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """From one row of results for each row of tokens to one for each text.

        For a text in several windows, that is the mean of their results, weighted by their number of tokens.

        Args:
            rows: float32 (rows, size).

        Returns:
            float32 (texts, size).
        """
        if len(rows) == self.texts:
            return rows
        starts = np.flatnonzero(np.diff(self.text_index, prepend=-1))
        weights = self.lengths.astype(np.float32)
        total = np.add.reduceat(weights, starts)
        mean = np.add.reduceat(rows * weights[:, None], starts) / total[:, None]
        return mean.astype(np.float32)

    def _dense(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        places = self.offsets[rows][:, None] + np.arange(lengths[0])
        ids = self.ids.take(places, mode="clip").astype(np.int64)
        if lengths[-1] < lengths[0]:
            ids[np.arange(lengths[0]) >= lengths[:, None]] = 0
        return ids


def _similar(lengths: NDArray[np.int64], call_rows: float) -> list[NDArray[np.int64]]:
    """Indices of the rows from long to short, in runs of lengths that may share a group."""
    order = np.argsort(-lengths, kind="stable")
    equal = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1) if lengths.size else []
    runs: list[list[NDArray[np.int64]]] = []
    for rows in equal:
        length = lengths[rows[0]]
        if runs and rows.size * (lengths[runs[-1][0][0]] - length) < call_rows * length:
            runs[-1].append(rows)
        else:
            runs.append([rows])
    return [np.concatenate(run) for run in runs]


def in_row_order(groups: Sequence[NDArray[np.int64]], values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Results of groups, put back into the order of the rows.

    Args:
        groups: indices of the rows of each group, as `TokenBatch.groups` yields them.
        values: results of each group, (n, size).

    Returns:
        float32 (rows, size).
    """
    grouped = np.concatenate(values)
    ordered = np.empty_like(grouped)
    ordered[np.concatenate(groups)] = grouped
    return ordered


class Tokenizer:
    """A `tokenizers.Tokenizer` with a bounded word cache; the ids always equal those of the wrapped tokenizer.

    WordPiece, byte-level BPE and Unigram with Metaspace never join characters across a single space (`word_units` has
    the exact conditions), so the ids of a text are the ids of its words in sequence. Other texts, and all texts of
    other tokenizers, are encoded as a whole. Several threads may encode at once.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer, *, max_length: int) -> None:
        """Wrap a tokenizer, and switch off its truncation and padding.

        Args:
            tokenizer: any tokenizer of the library.
            max_length: maximum number of tokens of a row, special tokens included.

        Raises:
            ModelError: `max_length` leaves no space for tokens other than the special tokens, or the tokenizer fails.
        """
        with tokenizer_errors(_FAILS):
            tokenizer.no_truncation()
            tokenizer.no_padding()
            before, after = _special_tokens(tokenizer)
            self._units = word_units(tokenizer)
        self._tokenizer = tokenizer
        self._before, self._after = _packed(before), _packed(after)
        self._specials = len(before) + len(after)
        self._empty = b"" if self._specials else _packed([_filler(tokenizer)])
        self._max_content = max_length - self._specials
        if self._max_content < 1:
            raise ModelError(
                f"max_length is {max_length}, but every text has {self._specials} special tokens; "
                f"give at least {self._specials + 1}"
            )
        self._cache: dict[str, bytes] = {}

    @classmethod
    def from_file(cls, path: str | Path, *, max_length: int) -> Tokenizer:
        """Read a `tokenizer.json`; its truncation and padding are switched off.

        Raises:
            ModelError: the file cannot be read, or is not a tokenizer.
        """
        with tokenizer_errors(f"{path} is not a tokenizer"):
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        return cls(tokenizer, max_length=max_length)

    def encode(self, texts: Sequence[str]) -> TokenBatch:
        """Token ids of the texts, special tokens included.

        A text longer than the longest input is divided into consecutive windows of nearly equal length. A text without
        tokens is one row of only the special tokens (of one padding token, if the tokenizer has no special tokens). A
        lone surrogate is read as U+FFFD.

        Raises:
            ModelError: the tokenizer fails, for example because it has no token for unknown words.
        """
        contents: list[bytes] = []
        for start in range(0, len(texts), _SLAB):
            slab = texts[start : start + _SLAB]
            contents += self._encode_by_word(self._units, slab) if self._units else self._encode_whole(slab)
        return self._batch(contents)

    @property
    def specials(self) -> tuple[int, int]:
        """Number of special tokens before and after the tokens of every row."""
        return len(self._before) // _BYTES, len(self._after) // _BYTES

    @property
    def has_types(self) -> bool:
        """Whether a special token has a token type other than 0, as in XLNet and Funnel."""
        return any(self._tokenizer.encode("").type_ids)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token in a text, in characters; without special tokens."""
        with tokenizer_errors(_FAILS):
            encoding = self._tokenizer.encode(_SURROGATES.sub("\ufffd", text), add_special_tokens=False)
        spans: list[tuple[int, int]] = encoding.offsets
        return spans

    def first_id(self, names: Iterable[str]) -> int | None:
        """Id of the first of these tokens that is in the vocabulary; None if none is."""
        return _first_id(self._tokenizer, names)

    def _encode_by_word(self, units: WordUnits, texts: Sequence[str]) -> list[bytes]:
        ids_of, join, split = self._cache.__getitem__, b"".join, units.split
        contents: list[bytes] = []
        unknown: list[int] = []
        for text in texts:
            try:
                contents.append(join(map(ids_of, split(text))))
            except KeyError:
                unknown.append(len(contents))
                contents.append(b"")
        for i, ids in zip(unknown, self._encode_unknown(units, [texts[i] for i in unknown]), strict=True):
            contents[i] = ids
        return contents

    def _encode_unknown(self, units: WordUnits, texts: Sequence[str]) -> list[bytes]:
        """Ids of texts with words that are not cached yet, or cannot be cached."""
        rows = [units.split(text) for text in texts]
        word_ids, dependent = self._word_ids(units, set(chain.from_iterable(rows)))
        whole = [i for i, row in enumerate(rows) if not dependent.isdisjoint(row)]
        for i in whole:
            rows[i] = []
        contents = [b"".join(map(word_ids.__getitem__, row)) for row in rows]
        for i, ids in zip(whole, self._encode_whole(texts[i] for i in whole), strict=True):
            contents[i] = ids
        return contents

    def _encode_whole(self, texts: Iterable[str]) -> list[bytes]:
        valid = [_SURROGATES.sub("\ufffd", text) for text in texts]
        with tokenizer_errors(_FAILS):
            encodings = self._tokenizer.encode_batch_fast(valid, add_special_tokens=False)
        return [_packed(encoding.ids) for encoding in encodings]

    def _word_ids(self, units: WordUnits, words: set[str]) -> tuple[dict[str, bytes], set[str]]:
        """Ids of the words that can be encoded alone (and possibly of others), and the words that cannot."""
        cache = self._cache
        missing = words.difference(cache)
        if not missing:
            return cache, missing
        dependent = {word for word in missing if not units.is_independent(word)}
        alone = missing - dependent
        new = dict(zip(alone, self._encode_whole(alone), strict=True))
        word_ids = {word: cache[word] for word in words - missing} | new
        self._remember(new, word_ids)
        return word_ids, dependent

    def _remember(self, new: dict[str, bytes], in_use: dict[str, bytes]) -> None:
        """Cache new words; a full cache starts again with the words in use, most of which are frequent."""
        full = len(self._cache) + len(new) > CACHED_WORDS
        words = in_use if full else new
        short = ((word, ids) for word, ids in words.items() if len(word) <= MAX_CACHED_WORD)
        if full:
            self._cache = dict(islice(short, CACHED_WORDS))
        else:
            self._cache.update(short)

    def _batch(self, contents: list[bytes]) -> TokenBatch:
        texts = len(contents)
        sizes = np.fromiter(map(len, contents), np.int64, texts) // _BYTES
        windows = np.maximum(1, -(-sizes // self._max_content))
        if windows.sum() > texts:
            contents = [row for ids, n in zip(contents, windows.tolist(), strict=True) for row in _windows(ids, n)]
        if self._empty:
            contents = [ids or self._empty for ids in contents]
        rows = len(contents)
        offsets = np.zeros(rows + 1, np.int64)
        np.cumsum(np.fromiter(map(len, contents), np.int64, rows) // _BYTES + self._specials, out=offsets[1:])
        between = self._after + self._before
        packed = self._before + between.join(contents) + self._after if contents else b""
        text_index = np.repeat(np.arange(texts, dtype=np.int64), windows)
        return TokenBatch(np.frombuffer(packed, np.int32), offsets, text_index, texts)


@contextmanager
def tokenizer_errors(problem: str) -> Iterator[None]:
    """Errors of the library as ModelError: it raises bare exceptions, and panics, which are not even exceptions."""
    try:
        yield
    except ModelError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{problem} ({first_line(error)}); give the tokenizer.json of a Hugging Face model") from error


def _packed(ids: Sequence[int]) -> bytes:
    try:
        return array("i", ids).tobytes()
    except OverflowError:
        raise ModelError(f"the tokenizer has the token id {max(ids):,}; allowed: less than 2^31") from None


def _windows(ids: bytes, count: int) -> list[bytes]:
    """Divide into `count` windows whose lengths differ by at most one token."""
    size = len(ids) // _BYTES
    cuts = [_BYTES * (size * i // count) for i in range(count + 1)]
    return [ids[start:stop] for start, stop in pairwise(cuts)]


def _special_tokens(tokenizer: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """Ids that the post-processor adds before and after every text."""
    for probe in _probes(tokenizer):
        content = tokenizer.encode(probe, add_special_tokens=False).ids
        whole = tokenizer.encode(probe, add_special_tokens=True).ids
        found = [i for i in range(len(whole)) if whole[i : i + len(content)] == content]
        if content and len(found) == 1:
            return whole[: found[0]], whole[found[0] + len(content) :]
    raise ModelError(
        "the tokenizer's post-processor puts special tokens inside a text, or its vocabulary is empty; "
        "give the tokenizer.json of an encoder, which puts them before and after"
    )


def _probes(tokenizer: tokenizers.Tokenizer) -> Iterator[str]:
    yield "a"
    yield from tokenizer.get_vocab()


def _filler(tokenizer: tokenizers.Tokenizer) -> int:
    """Id for a text without tokens, for a tokenizer without special tokens."""
    return _first_id(tokenizer, ("[PAD]", "<pad>", "[UNK]", "<unk>", "<|endoftext|>")) or 0


def _first_id(tokenizer: tokenizers.Tokenizer, names: Iterable[str]) -> int | None:
    return next((id_ for id_ in map(tokenizer.token_to_id, names) if id_ is not None), None)
