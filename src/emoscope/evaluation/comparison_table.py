"""A comparison as tables, for a terminal or in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from emoscope.terminal import shortened

if TYPE_CHECKING:
    from emoscope.evaluation.comparison import Comparison

WIDTH = 120
SHORTEST_NAME = 12
TEXT_COLUMNS = ("", "model", "pair", "verdict")
"""Headers of the columns that stand at the left, all others being figures."""


@dataclass(frozen=True)
class Table:
    """One table: a cell of every row for each header, and what the reader must know of the figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str


def comparison_text(comparison: Comparison) -> str:
    """The comparison for a terminal: aligned, at most 120 columns, long model names cut at the front."""
    return "\n\n".join("\n".join(_text(table)) for table in _tables(comparison))


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as GitHub's Markdown."""
    return "\n\n".join("\n".join(_markdown(table)) for table in _tables(comparison))


def _tables(comparison: Comparison) -> Iterator[Table]:
    names = {row["model"]: _letter(i) for i, row in enumerate(comparison["models"])}
    yield _quality(comparison, names)
    if comparison["pairs"]:
        yield _pairs(comparison, names)
    yield _cost(comparison, names)
    yield _published(comparison["published"])


def _letter(index: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def _quality(comparison: Comparison, names: Mapping[str, str]) -> Table:
    dataset = comparison["dataset"]
    split = f", {dataset['split']} split" if dataset["split"] else ""
    rows = [
        (
            names[row["model"]],
            row["model"],
            *(_between(row, metric) for metric in ("accuracy", "f1_macro", "f1_weighted")),
            f"{row['loss']:.4f}",
            f"{row['ece']:.4f}",
        )
        for row in comparison["models"]
    ]
    return Table(
        f"Measured on {dataset['name']}{split}, {dataset['rows']:,} rows",
        ("", "model", "accuracy", "F1, macro", "F1, weighted", "loss", "ECE"),
        rows,
        f"In brackets: {comparison['settings']['level']:.0%} interval, bootstrap over the rows. Loss: nats. ECE: "
        "expected calibration error.",
    )


def _between(row: Mapping[str, Any], metric: str) -> str:
    interval = row["intervals"][metric]
    return f"{row[metric]:.4f} ({interval['low']:.4f}–{interval['high']:.4f})"


def _pairs(comparison: Comparison, names: Mapping[str, str]) -> Table:
    pairs = comparison["pairs"]
    level, alpha, power = (comparison["settings"][key] for key in ("level", "alpha", "power"))
    rows = [
        (
            f"{names[pair['a']]} vs {names[pair['b']]}",
            f"{pair['mcnemar']['only_a']:,} : {pair['mcnemar']['only_b']:,}",
            _p(pair["mcnemar"]["p"]),
            _p(pair["mcnemar"]["p_holm"]),
            _difference(pair["accuracy"]),
            _difference(pair["f1_macro"]),
            _rows_needed(pair["sample_size"]["rows"]),
            _verdict(pair, names),
        )
        for pair in pairs
    ]
    return Table(
        "Paired tests",
        (
            "pair",
            "alone right",
            "McNemar p",
            "Holm p",
            "accuracy difference",
            "F1 macro difference",
            "needs",
            "verdict",
        ),
        rows,
        "Alone right: rows that only the first, only the second has right. Difference: the first less the second, in "
        f"brackets the {level:.0%} interval of the paired bootstrap. McNemar: exact, two-sided; Holm corrects it for "
        f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'}; a tie unless that p is below {alpha}. Needs: rows in "
        f"which McNemar's test alone would find such a difference in accuracy nearly {power:.0%} of the time. "
        f"{_detectable(comparison)}",
    )


def _rows_needed(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def _detectable(comparison: Comparison) -> str:
    """From which difference on the rows at hand would do, as a range over the pairs."""
    least = [pair["sample_size"]["detectable"] for pair in comparison["pairs"]]
    known = sorted(value for value in least if value is not None)
    if not known:
        return f"These {comparison['dataset']['rows']:,} rows show no difference that often."
    points = " to ".join(dict.fromkeys(f"{100 * value:.1f}" for value in (known[0], known[-1])))
    return f"These {comparison['dataset']['rows']:,} rows show one of {points} points that often."


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "<0.0001"


def _difference(test: Mapping[str, float]) -> str:
    return f"{test['difference']:+.4f} ({test['low']:+.4f} to {test['high']:+.4f})"


def _verdict(pair: Mapping[str, Any], names: Mapping[str, str]) -> str:
    better = next((names[pair[side]] for side in "ab" if pair["verdict"] == f"{pair[side]} better"), None)
    return f"{better} better" if better else "tie"


def _cost(comparison: Comparison, names: Mapping[str, str]) -> Table:
    settings = comparison["settings"]
    rows = [
        (
            names[row["model"]],
            row["model"],
            _rate(row["samples_per_second"]["median"]),
            "–".join(_rate(row["samples_per_second"][end]) for end in ("low", "high")),
            "unknown" if row["parameters"] is None else f"{row['parameters']:,}",
            _megabytes(row["size_bytes"]),
            _megabytes(row["peak_rss_bytes"]),
        )
        for row in comparison["models"]
    ]
    return Table(
        "Measured speed and size",
        ("", "model", "texts/s", "slowest–fastest", "parameters", "on disk", "peak memory"),
        rows,
        f"Texts/s: median of {settings['rounds']} rounds over the first {settings['speed_texts']:,} texts, the "
        "models in turns on this machine, each after it scored all rows once. Peak memory: resident, of a process that "
        "loads the model and scores those texts, Python and libraries included.",
    )


def _published(published: Mapping[str, Any]) -> Table:
    rows = [
        (
            row["model"],
            *(_share(row[key]) for key in ("accuracy", "f1_weighted")),
            _rate(row["samples_per_second"]),
            *(_share(row[key]) for key in ("test_accuracy", "test_f1_macro")),
        )
        for row in published["models"]
    ]
    return Table(
        "For reference, not measured here: the public model card",
        ("model", "accuracy", "F1, weighted", "texts/s", "test accuracy", "test F1, macro"),
        rows,
        f"Accuracy, weighted F1: {published['note']}. Texts/s: on the card's own GPU. Test: {published['test_note']}.",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _megabytes(count: int | None) -> str:
    return "not measured" if count is None else f"{count / 1e6:,.1f} MB"


def _text(table: Table) -> Iterator[str]:
    names = table.header.index("model") if "model" in table.header else 0
    columns = [list(column) for column in zip(table.header, *table.rows, strict=True)]
    others = sum(2 + max(map(len, column)) for column in columns) - max(map(len, columns[names]))
    columns[names] = [shortened(cell, max(WIDTH - others, SHORTEST_NAME), keep_end=True) for cell in columns[names]]
    widths = [max(map(len, column)) for column in columns]
    yield table.title
    for row in zip(*columns, strict=True):
        yield "  ".join(_aligned(*cell) for cell in zip(row, table.header, widths, strict=True)).rstrip()
    yield from wrap(table.note, max(sum(widths), 80))


def _aligned(cell: str, header: str, width: int) -> str:
    return cell.ljust(width) if header in TEXT_COLUMNS else cell.rjust(width)


def _markdown(table: Table) -> Iterator[str]:
    yield from (f"**{table.title}**", "", _cells(table.header))
    yield _cells(["---" if header in TEXT_COLUMNS else "---:" for header in table.header])
    yield from map(_cells, table.rows)
    yield from ("", table.note)


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
