"""An audit as titled tables of strings, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from emoscope.audit.entries import Entry, Row
from emoscope.audit.examination import Audit
from emoscope.audit.form import CHECKS
from emoscope.audit.label_errors import LabelErrors
from emoscope.audit.shortcut import Shortcut
from emoscope.evaluation.keywords import MIN_ROWS

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: of the table.
        note: what the reader must know of it.
        header: of the columns.
        rows: a cell a column.
    """

    title: str
    note: str
    header: Cells
    rows: Sequence[Cells]


def sections(audit: Audit) -> Iterator[Section]:
    """The tables, those of what was not found left out."""
    yield _labels(audit)
    yield _form(audit)
    for section in (
        _refused(audit),
        *_repeats(audit),
        _near_duplicates(audit),
        *_keywords(audit.shortcut),
        *_suspects(audit.label_errors),
    ):
        if section.rows:
            yield section


def _labels(audit: Audit) -> Section:
    rows = [
        (label, *(cell for split in audit.splits.values() for cell in _counted(split.labels[label], split.rows)))
        for label in audit.labels
    ]
    return Section("Labels", "", _split_header("label", audit), rows)


def _form(audit: Audit) -> Section:
    words = [
        (f"{statistic} words", *(cell for split in audit.splits.values() for cell in (f"{split.words[key]:.4g}", "")))
        for statistic, key in (("mean", "mean"), ("median", "median"), ("most", "most"))
    ]
    checks = [
        (check, *(cell for split in audit.splits.values() for cell in _counted(split.form[check], split.rows)))
        for check in CHECKS
    ]
    return Section(
        "Length and form",
        "Rows of which it is true, after the words a text.",
        _split_header("", audit),
        [*words, *checks],
    )


def _refused(audit: Audit) -> Section:
    rows = [(f"{row.split} {row.number}", row.kind, row.label, row.text) for row in audit.refused]
    note = "They count in no other table; --fix drops them."
    return Section("Rows that training refuses", note, ("row", "why", "label", "text"), rows)


def _split_header(first: str, audit: Audit) -> Cells:
    return (first, *(cell for split in audit.splits for cell in (split, "share")))


def _counted(count: int, rows: int) -> Cells:
    return f"{count:,}", f"{count / rows:.1%}"


def _repeats(audit: Audit) -> Iterator[Section]:
    header = ("rows", "labels", "text")
    for split in audit.splits:
        contradictions = audit.contradictions(split)
        yield Section(
            f"Contradicting labels in {split}", "The same text has them.", header, _entries(contradictions, split)
        )
        same = [entry for entry in audit.duplicates(split) if len(entry.labels(split)) == 1]
        yield Section(f"Duplicates in {split}, with one label", "", header, _entries(same, split))
    for a, b in combinations(audit.splits, 2):
        worse = audit.contradicting_overlap(a, b)
        yield Section(f"In {a} and in {b}, with other labels", "", header, _entries(worse, a, b))
        same = [entry for entry in audit.overlap(a, b) if entry.labels(a) == entry.labels(b)]
        yield Section(f"In {a} and in {b}, with the same labels", "", header, _entries(same, a, b))


def _entries(entries: Sequence[Entry], *splits: str) -> list[Cells]:
    return [(*_places(entry.within(*splits)), entry.text) for entry in entries]


def _places(rows: Sequence[Row]) -> Cells:
    return ", ".join(f"{row.split} {row.number}" for row in rows), ", ".join(row.label for row in rows)


def _near_duplicates(audit: Audit) -> Section:
    rows = [
        (
            f"{pair.similarity:.2f}",
            *_places((pair.second.rows[0], pair.first.rows[0])),
            pair.second.text,
            pair.first.text,
        )
        for pair in audit.near_duplicates
    ]
    note = "Similarity: Jaccard, of the sets of 5 characters in a row."
    return Section("Near-duplicates", note, ("similarity", "rows", "labels", "second text", "text"), rows)


def _keywords(shortcut: Shortcut | None) -> Iterator[Section]:
    if shortcut is None:
        return
    rule = f"{shortcut.accuracy:.1%} on {shortcut.rows:,} held-out rows ({shortcut.held_out})"
    yield Section(
        "Single words",
        "The strongest word of a text names the label that most rows with it have; a rare word stands in fewer than "
        f"{MIN_ROWS} rows. The ceiling is an estimate of the accuracy that ambiguous keywords leave to any "
        "classifier on the held-out rows.",
        ("", ""),
        [
            ("accuracy of one word a text", rule),
            ("with rare words", f"{shortcut.accuracy_with_rare:.1%}"),
            ("of the most frequent label", f"{shortcut.majority:.1%}"),
            ("rows of ambiguous keywords", f"{shortcut.decided:.1%}"),
            ("ceiling", f"{shortcut.ceiling:.3f}"),
        ],
    )
    rows = [(word, f"{word_.rows:,}", word_.label, f"{word_.share:.1%}") for word, word_ in shortcut.ambiguous.items()]
    note = "They decide a label about as a coin does. Share: of the most frequent label."
    yield Section("Ambiguous keywords", note, ("word", "rows", "most frequent", "share"), rows)


def _suspects(errors: LabelErrors | None) -> Iterator[Section]:
    if errors is None:
        return
    rows = [
        (
            f"{suspect.row.split} {suspect.row.number}",
            f"{suspect.row.label} ({suspect.probability:.2f})",
            f"{suspect.suggested} ({suspect.suggested_probability:.2f})",
            "yes" if suspect.coin_flip else "",
            suspect.text,
        )
        for suspect in errors.suspects
    ]
    weak = " (too weak for a hint)" if errors.judge_is_weak else ""
    note = (
        f"Confident learning; judge: {errors.judge}, right on {errors.accuracy:.1%} of {errors.rows:,} rows{weak}. In "
        "brackets the probability. Coin flip: an ambiguous keyword decides the text."
    )
    yield Section("Likely label errors", note, ("row", "label", "rather", "coin flip", "text"), rows)
