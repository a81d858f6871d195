"""The section of a model card that says how far a calibrated model can be relied on."""

from __future__ import annotations

import re
from typing import Any

TITLE = "## How sure"
SECTION = re.compile(rf"^{TITLE}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
BEFORE = "## Training"
"""Section of a card that ours stands before, if it is there."""

FITTED = """\
{title}

By `emoscope calibrate`, after training, on {rows:,} rows of `{name}`{split} (SHA-256 of the rows
`{fingerprint}`). {temperature}

`prediction_set(0.9)` is the set of labels that holds the truth in 90 % of cases, each label's rows counted separately;
it is empty where the text is typical of no label at that level. Fitted on half of these rows and measured on the other
half, {halves} times, mean and standard deviation:

| coverage asked | found | labels a set | empty sets | sets of several | coverage by label |
|---|---|---|---|---|---|
{sets}

Where only probabilities from a limit on are taken for an answer (area under the risk-coverage curve: {aurc:.5f}):

| limit | rows answered | of them right |
|---|---|---|
{abstention}
"""
CLEAR = """
`clear` is false where a text shows no clear emotion: it is nearer to neutral texts than a distance fitted on
{neutral:,} of them and {emotional:,} emotional ones (`{name}`{split}). On {measured} that distance
tells the two apart with an AUROC of {distance:.3f}, the highest probability with {highest:.3f}. Called unclear are
{neutral_unclear:.1%} of the neutral texts there, {emotional_unclear:.1%} of the emotional ones,
and {rows_unclear:.2%} of the rows of the tables above.
"""


def with_section(card: str, text: str) -> str:
    """A card with this section in the place of its old one; where it has none, before `BEFORE`, or at the end."""
    text = text.rstrip("\n") + "\n\n"
    if SECTION.search(card):
        return SECTION.sub(lambda _: text, card, count=1).rstrip("\n") + "\n"
    before, title, after = card.partition(f"\n{BEFORE}\n")
    return f"{before}\n{text}{title[1:]}{after}" if title else f"{card.rstrip()}\n\n{text}".rstrip("\n") + "\n"


def without_section(card: str) -> str:
    """A card without this section."""
    return SECTION.sub("", card).rstrip("\n") + "\n"


def section(record: dict[str, Any]) -> str:
    """The section "How sure" of a model card.

    Args:
        record: what `emoscope.json` has under `calibration`.
    """
    dataset, temperature = record["dataset"], record["temperature"]
    same = temperature["before"] == temperature["after"]
    fitted = FITTED.format(
        title=TITLE,
        **_named(dataset),
        temperature="The temperature stayed as it was." if same else _fitted_temperature(record),
        halves=next(iter(record["prediction_sets"].values()))["halves"],
        sets="\n".join(_set_row(percent, quality) for percent, quality in record["prediction_sets"].items()),
        abstention="\n".join(map(_abstention_row, record["abstention"])),
        aurc=record["aurc"],
    )
    clear = record["clearness"]
    if clear is None:
        return fitted
    values = _named(clear["fitted_on"]) | {key: clear[key] for key in clear if key.endswith("_unclear")}
    other = clear["measured_on"]
    measured = "those texts" if other == clear["fitted_on"] else f"{other['rows']:,} others ({other['split']})"
    highest = clear["auroc"]["highest_probability"]
    return fitted + CLEAR.format(**values, measured=measured, distance=clear["auroc"]["distance"], highest=highest)


def _named(dataset: dict[str, Any]) -> dict[str, Any]:
    return dataset | {"split": f", {dataset['split']}" if dataset["split"] else ""}


def _fitted_temperature(record: dict[str, Any]) -> str:
    temperature, loss = record["temperature"], record["loss"]
    return (
        f"The temperature was fitted there too: {temperature['before']:.4f} before (loss {loss['before']:.4f}),\n"
        f"{temperature['after']:.4f} now (loss {loss['after']:.4f})."
    )


def _set_row(percent: str, quality: dict[str, Any]) -> str:
    coverage, size, empty, several = (quality[key] for key in ("coverage", "size", "empty", "several"))
    labels = ", ".join(f"{name} {_share(spread['mean'])}" for name, spread in quality["labels"].items())
    found = f"{coverage['mean']:.3f} ± {coverage['standard_deviation']:.3f}"
    shares = f"{empty['mean']:.1%} | {several['mean']:.1%}"
    return f"| {percent} % | {found} | {size['mean']:.2f} | {shares} | {labels} |"


def _abstention_row(point: dict[str, Any]) -> str:
    return f"| {point['at_least']} | {point['answered']:.1%} | {_share(point['accuracy'])} |"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
