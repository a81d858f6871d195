"""Score labelled data: quality with intervals, calibration, speed and memory.

The data is a folder of splits (train, validation, test), one file (.txt with text;label, .csv, .tsv,
.jsonl, .parquet) or a Hub id. Where it has a train split, the report says as well how far its ambiguous
keywords, words that stand for two labels about alike, limit any classifier.

examples:
  emoscope evaluate --data DIR
  emoscope evaluate --data DIR --split test --report report.json --plots plots
  emoscope evaluate --data rows.csv --text-column comment --label-column emotion --json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.errors import DataError

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation import Report

WIDTH = 80
METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "F1, macro",
    "f1_weighted": "F1, weighted",
    "loss": "log loss",
    "ece": "calibration error",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("--data", required=True, metavar="D", help="folder of splits, file, or Hub id")
    parser.add_argument("--split", metavar="S", help="default: validation if there, else the only one")
    parser.add_argument(
        "--model", default="bundled", metavar="M", help="'bundled' (default), a model folder, or a Hub id"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write the whole report there")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the report there (extra: plot)")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON, no table")
    parser.add_argument("--text-column", default="text", metavar="C", help="default: text")
    parser.add_argument("--label-column", default="label", metavar="C", help="default: label")


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print."""
    from emoscope.errors import require_extra
    from emoscope.evaluation import plot_report

    if args.plots:
        require_extra("plot")
    report = _evaluate(args)
    text = json.dumps(report, indent=2, allow_nan=False)
    if args.report:
        _write(args.report, text + "\n")
    if args.plots:
        plot_report(report, args.plots)
    print(text if args.json else "\n".join(_tables(report)))
    return 0


def _evaluate(args: argparse.Namespace) -> Report:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import load_splits
    from emoscope.evaluation import evaluate, fit_keywords
    from emoscope.labels import EMOTIONS, Labels

    classifier = EmotionClassifier.from_pretrained(args.model)
    labels = Labels() if set(classifier.labels) == set(EMOTIONS) else Labels(classifier.labels)
    splits = load_splits(args.data, labels=labels, text_column=args.text_column, label_column=args.label_column)
    examples = _choose(splits, args)
    keywords = fit_keywords(splits["train"]) if "train" in splits else None
    return evaluate(classifier, examples, model_name=args.model, keywords=keywords)


def _choose(splits: dict[str, Examples], args: argparse.Namespace) -> Examples:
    from emoscope.data import SPLIT_OF_STEM

    if args.split is None and len(splits) == 1:
        return next(iter(splits.values()))
    split = args.split or "validation"
    for name in (split, SPLIT_OF_STEM.get(split, split)):
        if name in splits:
            return splits[name]
    raise DataError(f"{args.data} has no split {split!r}; name one of them: --split {'|'.join(splits)}")


def _write(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _tables(report: Report) -> Iterator[str]:
    dataset = report["dataset"]
    split = f", {dataset['split']}" if dataset["split"] else ""
    yield f"{report['model']} on {dataset['name']}{split}: {dataset['rows']:,} rows"
    for lines in (_headline, _labels, _confusion, _keywords, _cost):
        yield ""
        yield from lines(report)


def _headline(report: Report) -> Iterator[str]:
    yield f"{'metric':<20}{'value':>8}    95 % interval"
    for metric, title in METRICS.items():
        interval = report["intervals"].get(metric)
        between = f"    {interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
        yield f"{title:<20}{report[metric]:>8.4f}{between}"


def _labels(report: Report) -> Iterator[str]:
    averages = {
        kind: {name: report[f"{name}_{kind}"] for name in ("precision", "recall", "f1")}
        | {"support": report["dataset"]["rows"]}
        for kind in ("macro", "weighted")
    }
    yield f"{'label':<20}{'precision':>10}{'recall':>10}{'F1':>10}{'rows':>10}"
    for name, row in (report["per_label"] | averages).items():
        scores = "".join(f"{row[metric]:>10.4f}" for metric in ("precision", "recall", "f1"))
        yield f"{_cut(name, 19):<20}{scores}{row['support']:>10,}"


def _confusion(report: Report) -> Iterator[str]:
    labels, matrix = report["confusion"]["labels"], report["confusion"]["matrix"]
    if 20 + 10 * len(labels) > WIDTH:
        yield f"confusion matrix: {len(labels)} labels are too wide here; see --report or --plots"
        return
    yield _row("true \\ predicted", [_cut(name, 9) for name in labels])
    for name, counts in zip(labels, matrix, strict=True):
        yield _row(name, [f"{count:,}" for count in counts])


def _keywords(report: Report) -> Iterator[str]:
    ambiguity = report["ambiguity"]
    if ambiguity is None:
        yield "ambiguous keywords: not sought, the data has no train split"
        return
    yield f"{'ambiguous keywords':<20}{'rows':>8}    accuracy"
    for key, title in (("with_keyword", "rows with one"), ("without_keyword", "rows without")):
        share = ambiguity[key]
        accuracy = "-" if share["accuracy"] is None else f"{share['accuracy']:.4f}"
        yield f"{title:<20}{share['rows']:>8,}    {accuracy}"
    words, ceiling = ambiguity["keywords"], ambiguity["ceiling"]
    yield f"{words} such words leave an accuracy of about {ceiling:.3f} to any classifier"


def _cost(report: Report) -> Iterator[str]:
    rate, seconds = report["samples_per_second"], report["runtime_seconds"]
    yield f"{'speed':<20}{rate:,.0f} texts/s: {report['dataset']['rows']:,} texts in {seconds:.3f} s"
    for device in ("cpu", "gpu"):
        kept, peak = (report["memory"][f"mem_{device}_{kind}_delta"] for kind in ("alloc", "peaked"))
        yield f"{device.upper() + ' memory':<20}{_megabytes(kept)} kept, {_megabytes(peak)} more at the peak"


def _megabytes(count: int | None) -> str:
    return "not measured" if count is None else f"{count / 1e6:,.1f} MB"


def _row(name: str, cells: Sequence[Any]) -> str:
    return f"{_cut(name, 19):<20}" + "".join(f"{cell:>10}" for cell in cells)


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
