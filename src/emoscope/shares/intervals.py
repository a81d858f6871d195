"""Intervals of a share with a known standard error, valid for few labels and for shares near 0 and 1.

The normal interval fails there: at a share of 2 % and 100 labels it often excludes the truth. Wilson's interval
(Journal of the American Statistical Association 22, 1927) does not, and takes other designs than simple random samples
through the effective number of labels, share * (1 - share) / variance (Korn and Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", Survey Methodology 24, 1998).
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from emoscope.evaluation.intervals import Interval

MIN_DEGREES = 3
"""Fewest degrees of freedom for which `t_quantile` is right to two digits."""


def t_quantile(probability: float, degrees: float) -> float:
    """Quantile of Student's t distribution, by its expansion in 1 / degrees.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5. From 3 degrees on the error at 0.975 is below
    0.01, from 10 on below 0.0001.

    Args:
        probability: from 0 to 1, both excluded.
        degrees: degrees of freedom, at least MIN_DEGREES.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees ** (power + 1) for power, term in enumerate(terms))


def share_interval(share: float, variance: float, labels: int, degrees: float, level: float) -> Interval:
    """Wilson's interval of a share, with the effective number of labels and a quantile of Student's t.

    The effective number is that of a share of at least one label: that of a smaller one would be near 0, and the
    interval as wide as if there were hardly any labels.

    Args:
        share: estimate; it may be outside 0 to 1.
        variance: its variance; 0 where the labels do not vary.
        labels: number of labels behind it.
        degrees: degrees of freedom of the variance.
        level: confidence level, from 0 to 1, both excluded.
    """
    t = t_quantile((1 + level) / 2, max(degrees, MIN_DEGREES))
    centre = min(max(share, 0.0), 1.0)
    spread = centre * (1 - centre)
    effective = spread / variance if variance > 0 and spread > 0 else float(labels)
    if effective < labels:
        one_label = 1 / (labels + 1)
        effective = min(float(labels), max(spread, one_label * (1 - one_label)) / variance)
    scale = 1 + t**2 / effective
    middle = (centre + t**2 / (2 * effective)) / scale
    arm = t / scale * sqrt(spread / effective + t**2 / (4 * effective**2))
    return Interval(max(0.0, min(centre, middle - arm)), min(1.0, max(centre, middle + arm)))
