"""Tables of rows to label, as `emoscope sample` writes them and people fill them, in CSV or Excel."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DataError
from emoscope.files import write_atomically
from emoscope.labelled_rows import Cells, short, whole_number
from emoscope.shares.blocks import TextFormat, probability, text_of
from emoscope.shares.sampling import Allocation, Strata, StratumSums, draw_ordinals
from emoscope.shares.tables import ScoredTable

ROW, TEXT, STRATUM, PROBABILITY, LABEL = "row", "text", "stratum", "sampling_probability", "label"
"""Columns of a table of rows to label."""
EXCEL = ".xlsx"


@dataclass(frozen=True)
class LabelledSample:
    """The labels in a table of rows to label.

    Attributes:
        numbers: number of each labelled row in the scored table, from 1, int64 (labelled,).
        labels: the labels of each row, one for each labeller, empty where one gave none.
        probability: probability with which it was drawn and labelled, float64 (labelled,); None if the table has none.
        strata: its stratum, (labelled,); None likewise.
        without_label: number of rows without any label.
    """

    numbers: NDArray[np.int64]
    labels: tuple[tuple[str, ...], ...]
    probability: NDArray[np.float64] | None
    strata: NDArray[Any] | None
    without_label: int

    @property
    def names(self) -> set[str]:
        """The labels that occur."""
        return {label for labels in self.labels for label in labels} - {""}

    def choices(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Index of the class that each labeller chose, int64 (labelled, labellers), -1 for none."""
        index = {name: position for position, name in enumerate(classes)} | {"": -1}
        return np.array([[index[label] for label in labels] for labels in self.labels], np.int64)


def read_sample(file: Path, form: TextFormat, label_columns: Sequence[str] = (LABEL,)) -> LabelledSample:
    """The labels in a table of rows to label, with their row numbers and, if it has them, probabilities and strata.

    Rows without a label lower the probability of the other rows of their stratum.

    Raises:
        DataError: the file cannot be read, lacks a column, has a row twice, or a cell is not what its column holds.
    """
    drawn = form.has(file, PROBABILITY)
    has_strata = drawn and form.has(file, STRATUM)
    columns = [*label_columns, ROW, *([PROBABILITY] * drawn), *([STRATUM] * has_strata)]
    numbers: dict[int, None] = {}
    labels, chances, strata, asked = [], [], [], []
    for row in form.cells(file, columns):
        stratum = text_of(row.values[-1]) if has_strata else ""
        asked.append(stratum)
        given = tuple(text_of(value).strip() for value in row.values[: len(label_columns)])
        if not any(given):
            continue
        number = whole_number(row.values[len(label_columns)])
        if number is None or number < 1:
            found = short(row.values[len(label_columns)])
            raise DataError(f"{row.place}: {ROW} is {found}; allowed: the number of a scored row, from 1")
        if number in numbers:
            raise DataError(f"{row.place}: row {number} is labelled twice; give each row once")
        numbers[number] = None
        labels.append(given)
        strata.append(stratum)
        chances.append(_chance(row, row.values[len(label_columns) + 1]) if drawn else 1.0)
    answered = {name: strata.count(name) / asked.count(name) for name in set(strata)}
    rates = np.array([answered[name] for name in strata])
    return LabelledSample(
        np.array(list(numbers), np.int64),
        tuple(labels),
        np.array(chances) * rates if drawn else None,
        _numbered(strata) if has_strata else None,
        len(asked) - len(labels),
    )


def _numbered(strata: Sequence[str]) -> NDArray[Any]:
    """Strata as numbers, if all are: their order says which are alike."""
    numbers = [whole_number(stratum) for stratum in strata]
    return np.array(strata) if None in numbers else np.array(numbers, np.int64)


def _chance(row: Cells, value: Any) -> float:
    chance = probability(row, value, PROBABILITY)
    if not chance > 0:
        raise DataError(f"{row.place}: {PROBABILITY} is {short(value)}; allowed: above 0 and at most 1")
    return chance


@dataclass(frozen=True)
class DrawnRow:
    """A row to label.

    Attributes:
        number: its number in the scored table, from 1.
        text: its text.
        stratum: index of its stratum.
        probability: the probability with which it was drawn.
    """

    number: int
    text: str
    stratum: int
    probability: float


def count_strata(table: ScoredTable) -> tuple[Strata, StratumSums]:
    """The strata of a scored table.

    Raises:
        DataError: the table cannot be read.
    """
    strata = Strata()
    for rows in table.rows():
        strata.add(rows.answers, rows.scores, rows.groups)
    return strata, strata.sums()


def draw_sample(
    table: ScoredTable, strata: Strata, allocation: Allocation, text_column: str, seed: int
) -> list[DrawnRow]:
    """The rows to label, in random order; the table is read once more.

    Raises:
        DataError: the table cannot be read, has no such column, or has changed since its strata were counted.
    """
    chosen, ordinals = draw_ordinals(allocation, seed)
    places = {pair: place for place, pair in enumerate(zip(chosen.tolist(), ordinals.tolist(), strict=True))}
    stratum_of, seen = allocation.of_finest[strata.order], np.zeros(len(allocation.rows), np.int64)
    found: dict[int, DrawnRow] = {}
    for rows in table.rows(texts=[text_column]):
        numbers = strata.of(rows.answers, rows.scores, rows.groups)
        if len(numbers) and numbers.max() >= len(stratum_of):
            raise DataError(f"{table.file} was changed while rows were drawn; run the command again")
        texts = rows.texts[0]
        for index, place in _hits(stratum_of[numbers], seen, places):
            stratum = int(stratum_of[numbers[index]])
            found[place] = DrawnRow(
                int(rows.numbers[index]),
                texts.values[texts.codes[index]],
                stratum,
                float(allocation.probability[stratum]),
            )
    if len(found) != len(places):
        raise DataError(f"{table.file} was changed while rows were drawn; run the command again")
    return [found[place] for place in range(len(places))]


def _hits(
    strata: NDArray[np.int64], seen: NDArray[np.int64], places: Mapping[tuple[int, int], int]
) -> Iterator[tuple[int, int]]:
    """Index and place of the drawn ones among some rows; `seen` counts the rows of each stratum so far."""
    order = np.argsort(strata, kind="stable")
    counts = np.bincount(strata, minlength=len(seen))
    starts = np.cumsum(counts) - counts
    for (stratum, ordinal), place in places.items():
        at = ordinal - seen[stratum]
        if 0 <= at < counts[stratum]:
            yield int(order[starts[stratum] + at]), place
    seen += counts


def write_sample(file: Path, rows: Sequence[DrawnRow], labels: Sequence[str], labellers: int = 1) -> None:
    """Write the rows to label as CSV or Excel, without the predictions, so that these do not influence the labels.

    Args:
        file: the `.csv` or `.xlsx` to write.
        rows: the rows.
        labels: the labels that can be given; Excel offers them.
        labellers: number of columns of labels.

    Raises:
        OSError: the file cannot be written.
        MissingExtraError: `.xlsx` without the extra "excel".
    """
    columns = [LABEL] if labellers == 1 else [f"{LABEL}_{number}" for number in range(1, labellers + 1)]
    header = [ROW, TEXT, *columns, STRATUM, PROBABILITY]
    cells = [[row.number, row.text, *[""] * labellers, row.stratum, row.probability] for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix.lower() == EXCEL:
        from emoscope.shares.excel import write_excel

        write_excel(file, header, cells, dict.fromkeys(columns, labels))
        return
    output = io.StringIO(newline="")
    csv.writer(output, lineterminator="\n").writerows([header, *cells])
    write_atomically(file, output.getvalue())
