"""An audit as titled tables of strings, which the text report and the HTML report show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from emoscope.audit.label_issues import LabelIssues
from emoscope.audit.report import Audit
from emoscope.audit.shortcut import Shortcut
from emoscope.audit.split_summary import CHECKS
from emoscope.audit.unique_texts import RowRef, UniqueText
from emoscope.evaluation.keywords import MIN_ROWS

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: title of the table.
        note: what readers need to know to understand it.
        header: names of the columns.
        rows: one cell for each column.
    """

    title: str
    note: str
    header: Cells
    rows: Sequence[Cells]

    @property
    def lists_texts(self) -> bool:
        """Whether the rows are texts of the data, which may be many."""
        return self.header[-1] == "text"


def sections(audit: Audit) -> Iterator[Section]:
    """The tables of an audit, without the empty ones."""
    tables = chain(
        (_labels(audit), _form(audit), _rejected(audit)),
        _repeats(audit),
        (_near_duplicates(audit),),
        _keywords(audit.shortcut),
        _label_issues(audit.label_issues),
    )
    return (table for table in tables if table.rows)


def is_figure(cell: str) -> bool:
    """Whether a cell is a number or a share, which is aligned to the right."""
    return cell.rstrip("%").replace(",", "").replace(".", "", 1).isdecimal()


def _labels(audit: Audit) -> Section:
    splits = audit.splits.values()
    rows = [(label, *chain(*(_counted(split.labels[label], split.rows) for split in splits))) for label in audit.labels]
    return Section("Labels", "", _split_header("label", audit), rows)


def _form(audit: Audit) -> Section:
    splits = audit.splits.values()
    words = [
        (f"words, {statistic}", *chain(*((f"{split.words[key]:.4g}", "") for split in splits)))
        for statistic, key in (("mean", "mean"), ("median", "median"), ("maximum", "max"))
    ]
    checks = [(check, *chain(*(_counted(split.form[check], split.rows) for split in splits))) for check in CHECKS]
    note = "Words per text, then the number of rows with each property."
    return Section("Length and form", note, _split_header("", audit), [*words, *checks])


def _rejected(audit: Audit) -> Section:
    rows = [(f"{row.split} {row.number}", row.kind, row.label, row.text) for row in audit.rejected]
    note = "No other table counts them; --fix drops them."
    return Section("Rows that training rejects", note, ("row", "reason", "label", "text"), rows)


def _split_header(first: str, audit: Audit) -> Cells:
    return (first, *(cell for split in audit.splits for cell in (split, "share")))


def _counted(count: int, rows: int) -> Cells:
    return f"{count:,}", f"{count / rows:.1%}"


def _repeats(audit: Audit) -> Iterator[Section]:
    header = ("rows", "labels", "text")
    for split in audit.splits:
        same = [unique for unique in audit.duplicates(split) if len(unique.labels_in(split)) == 1]
        titled = {
            f"Equal texts with different labels in {split}": audit.contradictions(split),
            f"Equal texts with the same label in {split}": same,
        }
        yield from (Section(title, "", header, _texts(texts, split)) for title, texts in titled.items())
    for a, b in combinations(audit.splits, 2):
        same = [unique for unique in audit.overlap(a, b) if unique.labels_in(a) == unique.labels_in(b)]
        titled = {
            f"Texts in {a} and {b} with different labels": audit.contradicting_overlap(a, b),
            f"Texts in {a} and {b} with the same labels": same,
        }
        yield from (Section(title, "", header, _texts(texts, a, b)) for title, texts in titled.items())


def _texts(texts: Sequence[UniqueText], *splits: str) -> list[Cells]:
    return [(*_places(unique.rows_in(*splits)), unique.text) for unique in texts]


def _places(rows: Sequence[RowRef]) -> Cells:
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
    note = "Similarity: Jaccard similarity of the sets of 5-character shingles."
    return Section("Near-duplicates", note, ("similarity", "rows", "labels", "second text", "text"), rows)


def _keywords(shortcut: Shortcut | None) -> Iterator[Section]:
    if shortcut is None:
        return
    yield Section(
        "Single words",
        f"Measured on {shortcut.rows:,} rows ({shortcut.evaluated_on}). A text's strongest word predicts the label of "
        f"most training rows with that word. Rare words are in fewer than {MIN_ROWS} rows. The ceiling is the "
        "estimated highest accuracy of any classifier, given the ambiguous keywords.",
        ("", ""),
        [
            ("accuracy, one word", f"{shortcut.accuracy:.1%}"),
            ("accuracy, with rare words", f"{shortcut.accuracy_with_rare:.1%}"),
            ("accuracy, most frequent label", f"{shortcut.majority:.1%}"),
            ("rows with ambiguous keywords", f"{shortcut.decided:.1%}"),
            ("ceiling", f"{shortcut.ceiling:.3f}"),
        ],
    )
    rows = [
        (word, f"{keyword.rows:,}", keyword.label, f"{keyword.share:.1%}")
        for word, keyword in shortcut.ambiguous.items()
    ]
    note = "Words that two labels share almost evenly. Share: rows of the most frequent label."
    yield Section("Ambiguous keywords", note, ("word", "rows", "most frequent", "share"), rows)


def _label_issues(found: LabelIssues | None) -> Iterator[Section]:
    if found is None:
        return
    rows = [
        (
            f"{issue.row.split} {issue.row.number}",
            f"{issue.row.label} ({issue.probability:.2f})",
            f"{issue.suggested} ({issue.suggested_probability:.2f})",
            "yes" if issue.ambiguous else "",
            issue.text,
        )
        for issue in found.issues
    ]
    weak = ", too weak for a hint" if found.model_is_weak else ""
    note = (
        f"Confident learning. Model: {found.model}, right on {found.accuracy:.1%} of {found.rows:,} rows{weak}. "
        "Probabilities in brackets. Ambiguous: an ambiguous keyword decides the text."
    )
    yield Section("Likely label errors", note, ("row", "label", "suggested", "ambiguous", "text"), rows)
