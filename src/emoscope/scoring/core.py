"""Arrow tables in, the same tables with emotions out. Knows a classifier, but no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emoscope.columnar.values import plain_column, plain_schema, plain_table
from emoscope.errors import DataError, ModelError
from emoscope.labels import NEUTRAL
from emoscope.prediction import MIN_NEUTRAL, NO_NEUTRAL, NO_PREDICTION_SETS
from emoscope.protocols import Classifier, has_neutral, prediction_sets_of, split_neutral
from emoscope.rows.columns import ABSTAINS, EMOTION, PREDICTION_SET, SCORE, available_columns, chosen_columns
from emoscope.scoring.long_texts import LONG
from emoscope.scoring.projection import Projection
from emoscope.sentences import sentences

PART_BYTES = 32 << 20
"""Approximate maximum number of bytes of the rows of a part."""
NEUTRAL_AS = ("column", "label")
"""How a table shows that a text expresses no emotion."""


@dataclass(frozen=True)
class Scoring:
    """How rows are scored.

    Attributes:
        text_column: name of the column of the texts.
        columns: the columns to add, out of "emotion", "emotion_score", the labels and, for a model that gives it,
            "neutral"; None for all. What `coverage` and `abstain` ask for is added in any case.
        prefix: text before the name of each added column.
        long: how a long text is read. "windows" reads all of it, as the classifier does by itself; "sentences" combines
            the probabilities of its sentences (`emoscope.timeline`); "truncate" reads its first 2,000 characters.
        sentence_rows: with "sentences", whether each sentence becomes a row, with the sentence in the text column.
        part_rows: number of rows that are scored, and kept in case of a crash, at once; fewer suit a slow model.
        neutral: with "label", `emotion` is "neutral", and `emotion_score` the probability of it, where that is at least
            0.5; with "column", `emotion` is always a label.
        coverage: from 0.5 to 0.99: adds a column "prediction_set" with the labels of the prediction set at this
            coverage, separated by spaces; None for no column.
        abstain: from 0 to 1: adds a column "abstains", true where `emotion_score` is below; None for no column.

    Raises:
        DataError: values that are not allowed.
    """

    text_column: str
    columns: tuple[str, ...] | None = None
    prefix: str = ""
    long: str = "windows"
    sentence_rows: bool = False
    part_rows: int = 65_536
    neutral: str = "column"
    coverage: float | None = None
    abstain: float | None = None

    def __post_init__(self) -> None:
        if self.long not in LONG:
            raise DataError(f"long texts cannot be read as {self.long!r}; allowed: {', '.join(LONG)}")
        if self.sentence_rows and self.long != "sentences":
            raise DataError(f"a row for each sentence needs long='sentences', got {self.long!r}")
        if self.part_rows < 1:
            raise DataError(f"a part must have at least one row, got {self.part_rows}")
        if self.neutral not in NEUTRAL_AS:
            raise DataError(f"neutral cannot be shown as {self.neutral!r}; allowed: {', '.join(NEUTRAL_AS)}")
        if self.coverage is not None and not 0.5 <= self.coverage <= 0.99:
            raise DataError(f"the coverage must be from 0.5 to 0.99, got {self.coverage!r}")
        if self.abstain is not None and not 0 <= self.abstain <= 1:
            raise DataError(f"the probability below which to abstain must be from 0 to 1, got {self.abstain!r}")


@dataclass(frozen=True)
class Scored:
    """A table with emotions, and the probabilities behind them.

    Attributes:
        table: the table with the added columns.
        probabilities: float32 (texts, labels), one row for each distinct text of the table.
        neutral: probability that each text expresses no emotion, float32 (texts,); None for a model without it.
        answers: value of `emotion` for each text, as an index of `Scorer.answers`, int64 (texts,).
        scores: value of `emotion_score` for each text, float32 (texts,).
        text_of_row: for each row of the table, the index of its text in `probabilities`; null for a row without text.
        rows_in: number of rows before they were split into sentences.
    """

    table: pa.Table
    probabilities: NDArray[np.float32]
    neutral: NDArray[np.float32] | None
    answers: NDArray[np.int64]
    scores: NDArray[np.float32]
    text_of_row: pa.Array
    rows_in: int


_TYPES = {EMOTION: pa.string(), PREDICTION_SET: pa.string(), ABSTAINS: pa.bool_()}
"""Types of the added columns that are not float32."""


class Scorer:
    """Adds emotions to a table; call it with a `pyarrow.Table`.

    For a null, empty or blank text the added values are null. Equal texts of a table are scored once. A scorer keeps
    nothing of a table, so several threads may call it.

    Attributes:
        has_neutral: whether the classifier returns the probability of neutral.
        answers: the values that `emotion` can have: the labels in index order and, with neutral="label", "neutral".
    """

    def __init__(self, classifier: Classifier, scoring: Scoring) -> None:
        """Choose the added columns.

        Raises:
            DataError: a chosen column does not exist, or is chosen twice.
            ModelError: the model lacks what `scoring` asks for: an output for neutral texts, or prediction sets.
        """
        self._classifier, self._scoring = classifier, scoring
        self.has_neutral = has_neutral(classifier)
        if scoring.neutral == "label" and not self.has_neutral:
            raise ModelError(NO_NEUTRAL)
        labels = classifier.labels
        self.answers = (*labels, NEUTRAL) if scoring.neutral == "label" else labels
        if scoring.coverage is not None and self._sets(np.empty((0, len(labels)), np.float32), ()) is None:
            raise ModelError(NO_PREDICTION_SETS)
        asked = [PREDICTION_SET] * (scoring.coverage is not None) + [ABSTAINS] * (scoring.abstain is not None)
        every = available_columns(labels, *[NEUTRAL] * self.has_neutral, *asked)
        chosen = chosen_columns(scoring.columns, every)
        self._chosen = (*chosen, *(name for name in asked if name not in chosen))

    @property
    def added(self) -> pa.Schema:
        """Schema of the added columns: strings, a boolean for `abstains`, and float32 for probabilities."""
        names = [self._scoring.prefix + name for name in self._chosen]
        types = [_TYPES.get(name, pa.float32()) for name in self._chosen]
        return pa.schema(list(zip(names, types, strict=True)))

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Schema of a scored table.

        Raises:
            DataError: a table with this schema cannot be scored.
        """
        column = self._scoring.text_column
        Projection(column, tuple(self.added.names)).check("the table", schema.names)
        if not _is_text(schema.field(column).type):
            raise DataError(f"the column {column!r} is {schema.field(column).type}; allowed: text")
        if self._scoring.sentence_rows:
            schema = plain_schema(schema).set(schema.get_field_index(column), pa.field(column, pa.string()))
        for field in self.added:
            schema = schema.append(field)
        return schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the added columns, rows in order; raises the errors of `score`."""
        return self.score(table).table

    def score(self, table: pa.Table) -> Scored:
        """The table with the added columns, rows in order, and the probabilities behind them.

        Raises:
            DataError: a table with these columns cannot be scored.
            ModelError: the classifier does not return a row of probabilities for each text.
        """
        schema, rows_in = self.schema(table.schema), table.num_rows
        column = self._scoring.text_column
        if self._scoring.sentence_rows:
            table = _one_row_a_sentence(plain_table(table), column)
        encoded = _texts_to_score(table.column(column)).dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        rows = self._probabilities(texts)
        probabilities, neutral = split_neutral(rows, len(self._classifier.labels))
        answers, scores = self._answers(probabilities, neutral)
        values = self._values(texts, probabilities, neutral, answers, scores)
        added = [values[name].take(encoded.indices) for name in self._chosen]
        scored = pa.Table.from_arrays([*table.columns, *added], schema=schema)
        return Scored(scored, probabilities, neutral, answers, scores, encoded.indices, rows_in)

    def _probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of the labels and, last, of neutral if the model gives it, float32 (texts, columns)."""
        shape = len(texts), len(self._classifier.labels) + self.has_neutral
        if not texts:
            return np.zeros(shape, np.float32)
        scored = LONG[self._scoring.long](self._classifier, texts)
        if scored.shape != shape:
            raise ModelError(f"the model returned probabilities of shape {scored.shape}, expected {shape}")
        if not np.isfinite(scored).all():
            raise ModelError("the model returned probabilities that are NaN or infinite, expected 0 to 1")
        return scored

    def _answers(
        self, probabilities: NDArray[np.float32], neutral: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`answers` and `scores` of `Scored`."""
        answers, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
        if neutral is None or self._scoring.neutral != "label":
            return answers, scores
        is_neutral = neutral >= MIN_NEUTRAL
        return np.where(is_neutral, probabilities.shape[1], answers), np.where(is_neutral, neutral, scores)

    def _values(
        self,
        texts: Sequence[str],
        probabilities: NDArray[np.float32],
        neutral: NDArray[np.float32] | None,
        answers: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> dict[str, pa.Array]:
        """For each column that can be chosen, the values of the texts."""
        labels, scoring = self._classifier.labels, self._scoring
        values = {EMOTION: pa.array(self.answers, pa.string()).take(pa.array(answers)), SCORE: pa.array(scores)}
        values |= dict(zip(labels, map(pa.array, np.ascontiguousarray(probabilities.T)), strict=True))
        if neutral is not None:
            values[NEUTRAL] = pa.array(neutral)
        if (sets := self._sets(probabilities, texts)) is not None:
            values[PREDICTION_SET] = pa.array((" ".join(compress(labels, row)) for row in sets.tolist()), pa.string())
        if scoring.abstain is not None:
            values[ABSTAINS] = pa.array(scores.astype(np.float64) < scoring.abstain)
        return values

    def _sets(self, probabilities: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.bool_] | None:
        coverage = self._scoring.coverage
        return None if coverage is None else prediction_sets_of(self._classifier, probabilities, texts, coverage)


def score_batches(
    batches: Iterable[pa.RecordBatch], classifier: Classifier, scoring: Scoring
) -> Iterator[pa.RecordBatch]:
    """Score a stream of batches, as Spark's `mapInArrow` and similar functions need it.

    Args:
        batches: record batches of any size, with one schema.
        classifier: any classifier.
        scoring: how rows are scored; batches are merged into parts of its `part_rows`.

    Yields:
        Batches with the added columns, all rows in order.

    Raises:
        DataError: batches with these columns cannot be scored.
        ModelError: the classifier does not return a row of probabilities for each text.
    """
    scorer = Scorer(classifier, scoring)
    tables = (pa.Table.from_batches([batch]) for batch in batches)
    for table in grouped(tables, scoring.part_rows):
        yield from scorer(table).combine_chunks().to_batches()


def grouped(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of this many; the last has fewer, as have those with very long rows.

    Where a table ends depends on the given tables alone.
    """
    held: list[pa.Table] = []
    count = size = 0
    for table in tables:
        rest = table
        while rest.num_rows:
            head, rest = rest.slice(0, rows - count), rest.slice(rows - count)
            held.append(head)
            count, size = count + head.num_rows, size + head.nbytes
            if count == rows or size >= PART_BYTES:
                yield pa.concat_tables(held)
                held, count, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)


def _is_text(arrow_type: pa.DataType) -> bool:
    """Whether a column may hold texts; a column of only nulls, which has a type of its own, may."""
    values = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(is_type(values) for is_type in kinds)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """The texts of a column in one array of strings."""
    plain = column if pa.types.is_string(column.type) else plain_column(column).cast(pa.string())
    return plain.combine_chunks()


def _texts_to_score(column: pa.ChunkedArray) -> pa.Array:
    """The texts of a column, null where there is nothing to score."""
    texts = _plain(column)
    blank = pc.or_(pc.utf8_is_space(texts), pc.equal(pc.binary_length(texts), 0))
    return pc.if_else(blank, pa.scalar(None, pa.string()), texts) if pc.any(blank).as_py() else texts


def _one_row_a_sentence(table: pa.Table, column: str) -> pa.Table:
    """Each row once for each sentence, with the sentence in the text column; a row without text stays one row."""
    parts = [_sentences(text) for text in _plain(table.column(column)).to_pylist()]
    rows = np.repeat(np.arange(len(parts)), list(map(len, parts)))
    texts = pa.array(chain.from_iterable(parts), pa.string())
    at = table.schema.get_field_index(column)
    without_texts = table.set_column(at, column, pa.nulls(table.num_rows))  # so that long texts are not repeated
    return without_texts.take(pa.array(rows)).set_column(at, column, texts)


def _sentences(text: str | None) -> list[str | None]:
    """The sentences of a text, or the text where it has none."""
    return [sentence.text for sentence in sentences(text or "")] or [text]
