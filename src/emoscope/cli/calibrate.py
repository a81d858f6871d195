"""Fit temperature, prediction sets, neutral texts or thresholds.

The command fits the temperature, so that probabilities match how often the model is right, and prediction sets: for
every coverage from 50 to 99 %, the labels that contain the true one in that share of cases, whichever label is the true
one. The rows of --data must not have been used to train MODEL. The report shows how good the fit is: prediction sets
are fitted on one half of the rows and measured on the other, many times.

With --neutral-data the command also fits the probability of neutral, for a model that has an output for it. D contains
texts labelled neutral and emotional; from a folder of splits, train is used to fit and validation to measure.

With --multi-label, for a model that gives a text any number of labels, it fits the temperature and the threshold of
each label, from which probability on the label applies. Threshold and F1 of each label are shown before and after.

Only emoscope.json, the model card and, with --multi-label, the thresholds in config.json change, in the model folder
or, with --output, in a copy of it. Calibrate what you ship: the exported folder, not the checkpoint it was made from.

examples:
  emoscope calibrate runs/model --data DIR
  emoscope calibrate bundled --data my_rows.csv --output runs/mine --plots plots
  emoscope calibrate owner/name --data DIR --split validation --output runs/mine
  emoscope calibrate runs/model --data DIR --neutral-data runs/neutral_texts
  emoscope calibrate runs/moods --data rows.csv --multi-label
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import (
    add_data_arguments,
    add_multi_label_argument,
    add_split_argument,
    choose_split,
    labels_for,
    read_splits,
)
from emoscope.cli.output import add_report_arguments, show, write_report
from emoscope.terminal import counted, shortened

if TYPE_CHECKING:
    from emoscope.calibration import CalibrationResult
    from emoscope.model_folder import ModelFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("model", metavar="MODEL", help="a model folder, a checkpoint, 'bundled', or a Hub id")
    add_data_arguments(parser, default_labels="the model's")
    add_split_argument(parser)
    add_multi_label_argument(parser)
    parser.add_argument(
        "--neutral-data", metavar="D", help="texts labelled neutral and emotional: a file or a folder of splits"
    )
    parser.add_argument("--clear-from", dest="neutral_data", help=argparse.SUPPRESS)  # its name in 0.1
    parser.add_argument("--keep-temperature", action="store_true", help="do not fit the temperature")
    parser.add_argument(
        "--output", type=Path, metavar="OUT", help="write a copy; required for 'bundled' and for a Hub id"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the report into this folder (extra: plot)")
    add_report_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate the model, write the folder and the report, and print the report."""
    from emoscope.calibration import plot_calibration, write_calibrated
    from emoscope.calibration.folder import require_writable
    from emoscope.calibration.old_keys import with_old_keys
    from emoscope.errors import require_extra
    from emoscope.model_folder import GRAPHS, INSTALLED, WEIGHTS, open_folder, resolve

    if args.plots:
        require_extra("plot")
    folder = open_folder(resolve(args.model, one_of=(GRAPHS, *WEIGHTS)))
    named_by_path = args.model not in INSTALLED and Path(args.model).is_dir()
    require_writable(folder, args.output, named_by_path=named_by_path)
    result = _calibrate(args, folder)
    written = write_calibrated(folder, result, args.output)
    text = write_report(args, result.report if args.multi_label else with_old_keys(result.report))
    if args.plots:
        plot_calibration(result.report, args.plots)
    tables = _multi_label_tables if args.multi_label else _tables
    show(text if args.json else "\n".join([*tables(result.report), "", f"written: {written}"]))
    return 0


def _calibrate(args: argparse.Namespace, folder: ModelFolder) -> CalibrationResult:
    from emoscope.calibration import calibrate, calibrate_multi_label
    from emoscope.calibration.report import NEUTRAL_LABELS
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import load_splits
    from emoscope.errors import ModelError
    from emoscope.evaluation.report import check_multi_label

    if args.multi_label and args.neutral_data:
        raise ModelError("a multi-label model has no output for neutral texts; leave --neutral-data out")
    classifier = EmotionClassifier.from_pretrained(folder.path)
    check_multi_label(classifier, args.multi_label)
    examples = choose_split(read_splits(args, labels_for(args, classifier)), args)
    settings: dict[str, Any] = {"model_name": args.model, "keep_temperature": args.keep_temperature}
    if args.multi_label:
        return calibrate_multi_label(classifier, examples, **settings)
    return calibrate(
        classifier,
        examples,
        **settings,
        neutral_data=load_splits(args.neutral_data, labels=NEUTRAL_LABELS) if args.neutral_data else None,
    )


def _tables(report: dict[str, Any]) -> Iterator[str]:
    yield f"{_title(report)}, accuracy {report['accuracy']:.4f}"
    for lines in (_probabilities, _prediction_sets, _selective_prediction, _neutral):
        yield ""
        yield from lines(report)


def _multi_label_tables(report: dict[str, Any]) -> Iterator[str]:
    quality = report["half_splits"]
    yield _title(report)
    yield ""
    yield from _before_and_after(report)
    yield ""
    yield f"fitted on one half of the rows and measured on the other, {quality['repeats']} times"
    yield _row("", ("before", "after"))
    for key, title in (("f1_macro", "F1, macro"), ("loss", "log loss"), ("ece", "calibration error")):
        yield _row(title, (_spread(quality[key][time]) for time in ("before", "after")))
    yield ""
    yield _row("label (rows)", ("threshold before", "after", "F1 before", "after"))
    for name, rows in report["rows"].items():
        threshold, f1 = report["thresholds"][name], quality["label_f1"][name]
        cells = [f"{threshold[time]:.4f}" for time in ("before", "after")]
        cells += [_spread(f1[time]) for time in ("before", "after")]
        yield _row(f"{shortened(name, 19)} ({rows:,})", cells)
    yield "the thresholds written are fitted on all rows, not on half; a label without rows keeps its own"


def _title(report: dict[str, Any]) -> str:
    dataset = report["dataset"]
    split = f", {dataset['split']}" if dataset["split"] else ""
    return f"{report['model']} on {dataset['name']}{split}: {counted(dataset['rows'], 'row')}"


def _before_and_after(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'probabilities':<20}{'before':>10}{'after':>10}"
    for key, title in (("temperature", "temperature"), ("loss", "log loss"), ("ece", "calibration error")):
        yield f"{title:<20}{report[key]['before']:>10.4f}{report[key]['after']:>10.4f}"


def _probabilities(report: dict[str, Any]) -> Iterator[str]:
    yield from _before_and_after(report)
    if report["accuracy"] == 1:
        yield "the temperature was kept: the model is right on every row, so none can be fitted"


def _prediction_sets(report: dict[str, Any]) -> Iterator[str]:
    sets = report["prediction_sets"]
    qualities = list(sets.values())
    yield f"prediction sets, fitted on one half of the rows and measured on the other, {qualities[0]['repeats']} times"
    yield _row("coverage", (f"{percent} %" for percent in sets))
    yield _row("measured coverage", (_spread(quality["coverage"]) for quality in qualities))
    yield _row("labels per set", (f"{quality['size']['mean']:.2f}" for quality in qualities))
    titles = {
        "empty": "empty sets",
        "multiple": "sets of several labels",
        "singleton_accuracy": "sets of one label: right",
    }
    for key, title in titles.items():
        yield _row(title, (_share(quality[key]["mean"]) for quality in qualities))
    for name, rows in report["rows"].items():
        title = f"coverage of {shortened(name, 12)} ({rows:,})"
        yield _row(title, (_spread(quality["label_coverage"][name]) for quality in qualities))
    yield from _fitted_on_all_rows(report["rows"], [int(percent) for percent in sets])


def _row(title: str, cells: Iterable[str]) -> str:
    return f"{title:<32}" + "".join(f"{cell:>16}" for cell in cells)


def _fitted_on_all_rows(rows: dict[str, int], percents: list[int]) -> Iterator[str]:
    """Notes on the prediction sets that are written."""
    from emoscope.calibration.coverage import coverage_spread, rows_needed

    yield "the prediction sets written are fitted on all rows, not on half; with few rows they are usually smaller"
    enough = {label: count for label, count in rows.items() if count >= rows_needed(90)}
    if enough:
        label, fewest = min(enough.items(), key=lambda item: item[1])
        spread = f"± {coverage_spread(fewest, 90):.3f} with {counted(fewest, 'row')}"
        yield f"true coverage of {label} at 90 %: uncertain by {spread}"
    for label, count in rows.items():
        short = [f"{percent} % (needs {rows_needed(percent)})" for percent in percents if count < rows_needed(percent)]
        if short:
            yield f"{label[:19]} ({count}): too few rows to be left out of any set at {', '.join(short)}"


def _selective_prediction(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'answers at or above':<20}{'rows answered':>16}{'accuracy':>10}"
    for point in report["selective_prediction"]:
        yield f"{point['threshold']:<20g}{point['coverage']:>16.1%}{_share(point['accuracy']):>10}"
    yield f"area under the risk-coverage curve: {report['aurc']:.5f}"


def _neutral(report: dict[str, Any]) -> Iterator[str]:
    neutral = report["neutral"]
    if neutral is None:
        yield "neutral: not fitted; --neutral-data fits it, for a model with an output for neutral texts"
        return
    measured_on, auroc = neutral["measured_on"], neutral["auroc"]
    same = " (the texts fitted on)" if measured_on == neutral["fitted_on"] else ""
    yield f"neutral: {measured_on['neutral']:,} neutral and {measured_on['emotional']:,} emotional texts{same}"
    yield f"{'AUROC':<20}{auroc['neutral']:>10.4f}    highest probability of a label: {auroc['max_probability']:.4f}"
    for kind, title in (("neutral", "neutral texts"), ("emotional", "emotional texts"), ("data", "rows of --data")):
        yield f"{title:<20}{neutral['predicted_neutral'][kind]:>10.2%}    predicted neutral"


def _spread(spread: dict[str, float | None]) -> str:
    if spread["mean"] is None:
        return "-"
    return f"{spread['mean']:.3f} ± {spread['standard_deviation']:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
