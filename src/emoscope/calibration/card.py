"""Calibration section of a model card: what was fitted on which rows, and how good it is."""

from __future__ import annotations

import re
from textwrap import fill
from typing import Any

TITLE = "## Calibration"
SECTION = re.compile(rf"^(?:{TITLE}|## How sure)\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
"""The section, also under its title of emoscope 0.1."""
NEXT_SECTION = "## Training"
"""Section of a card that ours precedes, if the card has it."""

INTRODUCTION = """\
{title}

By `emoscope calibrate`, after training, on {rows:,} rows of `{name}`{split} (SHA-256 of the rows
`{fingerprint}`). {temperature}
"""
SINGLE_LABEL = """
`prediction_set(0.9)` returns a set of labels that contains the true one in 90 % of cases, whichever label is the true
one. It is empty if the text is typical of no label at that coverage. Fitted on one half of these rows and measured on
the other, {repeats} times, mean and standard deviation:

| coverage | measured coverage | labels per set | empty sets | sets of several labels | coverage by label |
|---|---|---|---|---|---|
{sets}

Selective prediction, where only probabilities at or above a threshold count as answers (area under the risk-coverage
curve: {aurc:.5f}):

| threshold | rows answered | accuracy |
|---|---|---|
{selective}
"""
MULTI_LABEL = """
A label applies if its probability reaches the label's threshold, the one with the highest F1 on these rows. Temperature
and thresholds fitted on one half of these rows and measured on the other, {repeats} times, mean and standard deviation:

| metric | before | after |
|---|---|---|
{metrics}

| label | rows | threshold before | threshold after | F1 before | F1 after |
|---|---|---|---|---|---|
{labels}
"""
METRICS = {"f1_macro": "F1, macro", "loss": "loss", "ece": "calibration error"}
NEUTRAL = """\
`neutral` is the probability that a text expresses no emotion, fitted on {texts_neutral:,} neutral and
{emotional:,} emotional texts (`{name}`{split}). On {measured} it separates the two with an AUROC of {neutral:.3f}, the
highest probability of an emotion with {max_probability:.3f}. Predicted neutral, with a probability of 0.5 or more, are
{neutral_share:.1%} of the neutral texts, {emotional_share:.1%} of the emotional ones, and {data_share:.2%} of the
rows of the tables above.
"""
WIDTH = 120
"""Characters of a line of text, outside tables."""


def with_section(card: str, text: str) -> str:
    """The card with this section in place of its old one; without one, before NEXT_SECTION or at the end."""
    text = text.rstrip("\n") + "\n\n"
    if SECTION.search(card):
        return SECTION.sub(lambda _: text, card, count=1).rstrip("\n") + "\n"
    before, title, after = card.partition(f"\n{NEXT_SECTION}\n")
    return f"{before}\n{text}{title[1:]}{after}" if title else f"{card.rstrip()}\n\n{text}".rstrip("\n") + "\n"


def without_section(card: str) -> str:
    """The card without this section."""
    return SECTION.sub("", card).rstrip("\n") + "\n"


def section(record: dict[str, Any]) -> str:
    """The section of a model card.

    Args:
        record: value of `calibration_report` in `emoscope.json`, with the current keys; of a multi-label model if it
            has `thresholds`.
    """
    temperature = record["temperature"]
    same = temperature["before"] == temperature["after"]
    introduction = INTRODUCTION.format(
        title=TITLE,
        **_named(record["dataset"]),
        temperature="The temperature was kept." if same else _fitted_temperature(record),
    )
    return introduction + (_multi_label(record) if "thresholds" in record else _single_label(record))


def _single_label(record: dict[str, Any]) -> str:
    fitted = SINGLE_LABEL.format(
        repeats=next(iter(record["prediction_sets"].values()))["repeats"],
        sets="\n".join(_set_row(percent, quality) for percent, quality in record["prediction_sets"].items()),
        selective="\n".join(map(_selective_row, record["selective_prediction"])),
        aurc=record["aurc"],
    )
    return fitted + (_neutral(record["neutral"]) if record["neutral"] else "")


def _multi_label(record: dict[str, Any]) -> str:
    quality = record["half_splits"]
    return MULTI_LABEL.format(
        repeats=quality["repeats"],
        metrics="\n".join(_metric_row(title, quality[key]) for key, title in METRICS.items()),
        labels="\n".join(_label_row(name, record) for name in record["thresholds"]),
    )


def _metric_row(title: str, spreads: dict[str, Any]) -> str:
    return f"| {title} | {_spread(spreads['before'], 4)} | {_spread(spreads['after'], 4)} |"


def _label_row(name: str, record: dict[str, Any]) -> str:
    threshold, f1 = record["thresholds"][name], record["half_splits"]["label_f1"][name]
    thresholds = f"{threshold['before']:.4f} | {threshold['after']:.4f}"
    shown = name.replace("|", "\\|")
    return f"| {shown} | {record['rows'][name]:,} | {thresholds} | {_spread(f1['before'])} | {_spread(f1['after'])} |"


def _spread(spread: dict[str, Any], digits: int = 3) -> str:
    if spread["mean"] is None:
        return "-"
    return f"{spread['mean']:.{digits}f} ± {spread['standard_deviation']:.{digits}f}"


def _neutral(report: dict[str, Any]) -> str:
    fitted_on, measured_on = report["fitted_on"], report["measured_on"]
    other = f"{measured_on['rows']:,} other texts ({measured_on['split']})"
    shares = {f"{name}_share": share for name, share in report["predicted_neutral"].items()}
    measured = "those texts" if measured_on == fitted_on else other
    fitted = {**_named(fitted_on), "texts_neutral": fitted_on["neutral"]}
    text = NEUTRAL.format(**fitted | report["auroc"], measured=measured, **shares)
    return f"\n{fill(text, WIDTH)}\n"


def _named(dataset: dict[str, Any]) -> dict[str, Any]:
    return dataset | {"split": f", {dataset['split']}" if dataset["split"] else ""}


def _fitted_temperature(record: dict[str, Any]) -> str:
    temperature, loss = record["temperature"], record["loss"]
    return (
        f"The temperature was fitted on them too: {temperature['before']:.4f} before (loss {loss['before']:.4f}),\n"
        f"{temperature['after']:.4f} now (loss {loss['after']:.4f})."
    )


def _set_row(percent: str, quality: dict[str, Any]) -> str:
    coverage, size, empty, multiple = (quality[key] for key in ("coverage", "size", "empty", "multiple"))
    labels = ", ".join(f"{name} {_share(spread['mean'])}" for name, spread in quality["label_coverage"].items())
    measured = _spread(coverage)
    shares = f"{empty['mean']:.1%} | {multiple['mean']:.1%}"
    return f"| {percent} % | {measured} | {size['mean']:.2f} | {shares} | {labels} |"


def _selective_row(point: dict[str, Any]) -> str:
    return f"| {point['threshold']} | {point['coverage']:.1%} | {_share(point['accuracy'])} |"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
