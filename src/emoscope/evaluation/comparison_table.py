"""A comparison as tables, for a terminal or as GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from emoscope.terminal import shortened

WIDTH = 120
MIN_NAME = 12
"""Fewest characters of a model's name, however wide the other columns are."""
LEFT_ALIGNED = ("", "model", "pair", "verdict")
"""Headers of the columns that are aligned to the left; all others hold numbers."""

Cell = Callable[[Mapping[str, Any]], str]
"""Text of a cell, from a model or a pair of a comparison."""


@dataclass(frozen=True)
class ComparisonTable:
    """One table: header -> a cell for every row, and a note that explains the figures."""

    title: str
    columns: Mapping[str, Sequence[str]]
    note: str

    def text(self) -> str:
        """Aligned columns in at most WIDTH characters, as long as the names of the models can be cut at the front."""
        widths = {header: max(map(len, (header, *cells))) for header, cells in self.columns.items()}
        names = "model" if "model" in widths else next(iter(widths))
        others = sum(2 + width for header, width in widths.items() if header != names)
        widths[names] = min(widths[names], max(WIDTH - others, MIN_NAME))
        lines = [self.title]
        for row in (list(self.columns), *self.rows()):
            cells = zip(row, widths.items(), strict=True)
            lines.append("  ".join(_aligned(cell, header, width) for cell, (header, width) in cells).rstrip())
        return "\n".join([*lines, *wrap(self.note, max(sum(widths.values()), 80))])

    def markdown(self) -> str:
        """GitHub's Markdown."""
        rules = ["---" if header in LEFT_ALIGNED else "---:" for header in self.columns]
        lines = [_markdown_row(row) for row in (list(self.columns), rules, *self.rows())]
        return "\n".join([f"**{self.title}**", "", *lines, "", self.note])

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The cells of each row."""
        return zip(*self.columns.values(), strict=True)


def comparison_text(comparison: Mapping[str, Any]) -> str:
    """The comparison for a terminal: aligned, at most 120 columns, long model names cut at the front."""
    return "\n\n".join(table.text() for table in comparison_tables(comparison))


def comparison_markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as GitHub's Markdown."""
    return "\n\n".join(table.markdown() for table in comparison_tables(comparison))


def comparison_tables(comparison: Mapping[str, Any]) -> Iterator[ComparisonTable]:
    """The tables of a comparison (see `compare`): quality, pairs, cost and, for some data, published figures."""
    letters = {row["model"]: _letter(i) for i, row in enumerate(comparison["models"])}
    yield _quality(comparison, letters)
    if comparison["pairs"]:
        yield _pairs(comparison, letters)
    yield _cost(comparison, letters)
    if comparison["published"]:
        yield _published(comparison["published"])


def _table(title: str, entries: Sequence[Mapping[str, Any]], cells: Mapping[str, Cell], note: str) -> ComparisonTable:
    """A table with one row for each entry, and a column for each function in `cells`."""
    columns = {header: [cell(entry) for entry in entries] for header, cell in cells.items()}
    return ComparisonTable(title, columns, note)


def _letter(index: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def _quality(comparison: Mapping[str, Any], letters: Mapping[str, str]) -> ComparisonTable:
    dataset = comparison["dataset"]
    split = f", {dataset['split']} split" if dataset["split"] else ""
    return _table(
        f"Measured on {dataset['name']}{split}, {dataset['rows']:,} rows",
        comparison["models"],
        {
            "": lambda row: letters[row["model"]],
            "model": lambda row: row["model"],
            "accuracy": lambda row: _with_interval(row, "accuracy"),
            "F1, macro": lambda row: _with_interval(row, "f1_macro"),
            "F1, weighted": lambda row: _with_interval(row, "f1_weighted"),
            "loss": lambda row: f"{row['loss']:.4f}",
            "ECE": lambda row: f"{row['ece']:.4f}",
        },
        f"In parentheses: {comparison['settings']['level']:.0%} bootstrap interval over the rows. Loss: in nats. ECE: "
        "expected calibration error.",
    )


def _with_interval(row: Mapping[str, Any], metric: str) -> str:
    interval = row["intervals"][metric]
    return f"{row[metric]:.4f} ({interval['low']:.4f}–{interval['high']:.4f})"


def _pairs(comparison: Mapping[str, Any], letters: Mapping[str, str]) -> ComparisonTable:
    pairs = comparison["pairs"]
    level, alpha, power = (comparison["settings"][key] for key in ("level", "alpha", "power"))
    return _table(
        "Paired tests",
        pairs,
        {
            "pair": lambda pair: f"{letters[pair['a']]} vs {letters[pair['b']]}",
            "discordant": lambda pair: f"{pair['mcnemar']['only_a']:,} : {pair['mcnemar']['only_b']:,}",
            "McNemar p": lambda pair: _p(pair["mcnemar"]["p"]),
            "Holm p": lambda pair: _p(pair["mcnemar"]["p_holm"]),
            "accuracy difference": lambda pair: _difference(pair["accuracy"]),
            "F1 macro difference": lambda pair: _difference(pair["f1_macro"]),
            "needed": lambda pair: _count(pair["sample_size"]["rows"], "-"),
            "verdict": lambda pair: _verdict(pair, letters),
        },
        "Discordant: rows that only the first, and only the second model has right. Difference: the first minus the "
        f"second, in parentheses the {level:.0%} interval of the paired bootstrap. McNemar: exact, two-sided; Holm "
        f"corrects it for {len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}; a tie unless that p is below {alpha}. "
        f"Needed: rows with which McNemar's test alone would find such a difference in accuracy in nearly {power:.0%} "
        f"of new samples.{_detectable(comparison)}",
    )


def _detectable(comparison: Mapping[str, Any]) -> str:
    """For the ties, the smallest difference that as many rows would show, as a range over these pairs."""
    ties = [pair["sample_size"]["detectable"] for pair in comparison["pairs"] if pair["verdict"] == "tie"]
    known = sorted(value for value in ties if value is not None)
    rows = f"{comparison['dataset']['rows']:,}"
    if not ties:
        return ""
    if not known:
        return f" A tie does not prove that two models are equal: {rows} rows show hardly any difference that often."
    points = " to ".join(dict.fromkeys(f"{100 * value:.1f}" for value in (known[0], known[-1])))
    return f" Ties: {rows} rows show a difference of {points} points that often, a smaller one more rarely."


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "<0.0001"


def _difference(test: Mapping[str, Any]) -> str:
    if test["low"] is None:
        return f"{test['difference']:+.4f} (too few rows differ)"
    return f"{test['difference']:+.4f} ({test['low']:+.4f} to {test['high']:+.4f})"


def _verdict(pair: Mapping[str, Any], letters: Mapping[str, str]) -> str:
    better = next((letters[pair[side]] for side in "ab" if pair["verdict"] == f"{pair[side]} better"), None)
    return f"{better} better" if better else "tie"


def _cost(comparison: Mapping[str, Any], letters: Mapping[str, str]) -> ComparisonTable:
    settings = comparison["settings"]
    return _table(
        "Measured speed and size",
        comparison["models"],
        {
            "": lambda row: letters[row["model"]],
            "model": lambda row: row["model"],
            "texts/s": lambda row: _rate(row["samples_per_second"]["median"]),
            "slowest–fastest": lambda row: "–".join(_rate(row["samples_per_second"][end]) for end in ("low", "high")),
            "parameters": lambda row: _count(row["parameters"], "unknown"),
            "on disk": lambda row: _megabytes(row["size_bytes"]),
            "peak memory": lambda row: _megabytes(row["peak_rss_bytes"]),
        },
        f"Texts/s: median of {settings['rounds']} rounds over the first {settings['speed_texts']:,} texts, the models "
        "in turns on this machine, each after it scored all rows once. Peak memory: resident memory of a process that "
        "loads the model and scores those texts, including Python and libraries.",
    )


def _published(published: Mapping[str, Any]) -> ComparisonTable:
    return _table(
        "For reference, not measured here: the public model card",
        published["models"],
        {
            "model": lambda row: row["model"],
            "accuracy": lambda row: _share(row["accuracy"]),
            "F1, weighted": lambda row: _share(row["f1_weighted"]),
            "texts/s": lambda row: _rate(row["samples_per_second"]),
            "test accuracy": lambda row: _share(row["test_accuracy"]),
            "test F1, macro": lambda row: _share(row["test_f1_macro"]),
        },
        f"Accuracy, weighted F1: {published['note']}. Texts/s: on the card's own GPU. Test: {published['test_note']}.",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _count(value: int | None, unknown: str) -> str:
    return unknown if value is None else f"{value:,}"


def _megabytes(count: int | None) -> str:
    return "not measured" if count is None else f"{count / 1e6:,.1f} MB"


def _aligned(cell: str, header: str, width: int) -> str:
    cell = shortened(cell, width, keep_end=True)
    return cell.ljust(width) if header in LEFT_ALIGNED else cell.rjust(width)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
