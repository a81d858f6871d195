"""Comparison of the output of a block with the output that its page shows."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?:(?<!\d)[-+])?(?:\d[\d,]*\.\d+|\d[\d,]*)(?:e[-+]?\d+)?")
_MEASURED = re.compile(r"\d[\d,]*(?:\.\d+)?(?= (?:s|seconds|rows/s|texts/s|MB)\b)")
_BAR = re.compile("[▏▎▍▌▋▊▉█]+")


def same_output(shown: str, printed: str) -> bool:
    """Whether two outputs are equal, except for spacing, bars, measurements, and the last digits of fractions.

    `...` in the shown output matches anything: any lines if it is alone on a line, any characters within a line.
    Fractions may differ by 0.02 plus 2 %, since processors do; integers must be equal. Measured seconds, rows or texts
    per second, and MB are not compared.
    """
    return _match(_lines(shown), _lines(printed))


def _lines(text: str) -> list[str]:
    return [
        line
        for line in (" ".join(_MEASURED.sub("...", _BAR.sub("", line)).split()) for line in text.splitlines())
        if line
    ]


def _match(shown: list[str], printed: list[str]) -> bool:
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(_match(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and _same_line(shown[0], printed[0]) and _match(shown[1:], printed[1:])


def _same_line(shown: str, printed: str) -> bool:
    words = "(.*?)".join(r"(\S+?)".join(map(re.escape, _NUMBER.split(part))) for part in shown.split("..."))
    found = re.fullmatch(words, printed)
    if found is None:
        return False
    groups = iter(found.groups())
    parts = shown.split("...")
    for place, part in enumerate(parts):
        if place:
            next(groups)
        if not all(_near(number, next(groups)) for number in _NUMBER.findall(part)):
            return False
    return True


def _near(shown: str, printed: str) -> bool:
    if not _NUMBER.fullmatch(printed):
        return False
    if "." not in shown or "." not in printed:
        return shown == printed
    a, b = (float(number.replace(",", "")) for number in (shown, printed))
    return abs(a - b) <= 0.02 + 0.02 * abs(a)
