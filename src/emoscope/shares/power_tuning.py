"""Means from many predictions and few labels: prediction-powered inference with a tuning parameter.

The mean of the predictions is corrected by the mean error of the predictions on labelled rows. The tuning parameter,
from 0 (labels alone) to 1, is the one with the smallest variance, so that bad predictions do no harm (Angelopoulos,
Bates, Fannjiang, Jordan and Zrnic, "Prediction-powered inference", Science 382, 2023; Angelopoulos, Duchi and Zrnic,
"PPI++", arXiv 2311.01453, 2023). Labelled rows may be drawn with unequal, known probabilities; they are weighted with
the inverse (Egami, Hinck, Stewart and Wei, "Using imperfect surrogates for downstream inference: design-based
supervised learning", NeurIPS 2023). The variance is the linearized one of a stratified sample without replacement
(Särndal, Swensson and Wretman, "Model Assisted Survey Sampling", 1992, chapters 5 and 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.shares.totals import Moments

Array = NDArray[np.float64]


ROUNDING = 1e-20
"""Highest variance of predictions that are all equal, from rounding."""


class Variance(NamedTuple):
    """Variances of several estimates.

    Attributes:
        value: float64 (classes,).
        degrees: their degrees of freedom, float64 (classes,).
    """

    value: Array
    degrees: Array


@dataclass(frozen=True)
class Design:
    """How the labelled rows were drawn.

    Attributes:
        weights: inverse of the probability of each labelled row, float64 (labelled,).
        strata: index of its stratum, from 0, int64 (labelled,); every stratum has two rows or more.
        finite: whether the scored rows themselves are described: labelling all of them would leave no uncertainty.
            Otherwise they are a sample, too.
    """

    weights: Array
    strata: NDArray[np.int64]
    finite: bool = True

    def factors(self) -> Array:
        """For each labelled row, what its squared deviation within its stratum counts in a variance, (labelled,)."""
        counts = np.bincount(self.strata).astype(np.float64)
        rows = np.bincount(self.strata, self.weights)
        left = np.clip(1 - counts / rows, 0, 1) if self.finite else np.ones_like(counts)
        return np.asarray((left * counts / np.maximum(counts - 1, 1))[self.strata])

    def centred(self, values: Array) -> Array:
        """The values (labelled, classes) without the mean of their stratum."""
        counts = np.bincount(self.strata)
        sums = np.zeros((len(counts), values.shape[1]))
        np.add.at(sums, self.strata, values)
        return np.asarray(values - (sums / counts[:, None])[self.strata])

    def variance(self, estimate: TunedMean) -> Variance:
        """Variance of the means from the deviations of the labelled rows, the scored rows, and the labellers.

        Degrees of freedom of a sum of variances: Satterthwaite, Biometrics Bulletin 2, 1946.
        """
        counts = np.bincount(self.strata[estimate.domain], minlength=self.strata.max() + 1)
        parts = np.zeros((len(counts), estimate.mean.size))
        np.add.at(parts, self.strata, self.factors()[:, None] * estimate.deviations**2)
        most = max(float(estimate.domain.sum() - (counts > 0).sum()), 1.0)
        uncertain = (parts**2 / np.maximum(counts - 1, 1)[:, None]).sum(0)
        total = _with_labellers(parts.sum(0), uncertain, estimate, most)
        return Variance(total.value + estimate.scored, total.degrees)

    def labels_alone(self, estimate: TunedMean, rows: int) -> Variance:
        """Variance of the same means from a simple random sample of as many labels, without predictions."""
        count, share = int(estimate.domain.sum()), np.clip(estimate.mean, 0, 1)
        unseen = 1 - count / rows if self.finite else 1.0
        simple = unseen * share * (1 - share) / (count - 1)
        return _with_labellers(simple, simple**2 / (count - 1), estimate, count - 1.0)


def _with_labellers(value: Array, uncertain: Array, estimate: TunedMean, most: float) -> Variance:
    """A variance (classes,) with that between the labellers added.

    Args:
        value: the variance that comes from the choice of the rows.
        uncertain: sum of the squares of its parts, each divided by its degrees of freedom.
        estimate: the means.
        most: maximum of the degrees of freedom.
    """
    count = len(estimate.labellers)
    between = (estimate.labellers**2).sum(0) / max(count * (count - 1), 1)
    total, below = value + between, uncertain + between**2 / max(count - 1, 1)
    degrees = np.divide(total**2, below, out=np.full(len(total), most), where=below > 0)
    return Variance(total, np.clip(degrees, 1.0, most))


@dataclass(frozen=True)
class TunedMean:
    """Means of several classes over the rows of a domain, or differences of such means.

    Attributes:
        mean: float64 (classes,).
        deviations: what each labelled row adds to the error of the mean, without the mean of its stratum, (labelled,
            classes).
        scored: the part of the variance that comes from the choice of the scored rows, (classes,).
        labellers: how much the mean of each labeller deviates from that of all, (labellers, classes); no row for one.
        tuning: the tuning parameter of each class, (classes,).
        domain: whether each labelled row is in the domain, bool (labelled,).
    """

    mean: Array
    deviations: Array
    scored: Array
    labellers: Array
    tuning: Array
    domain: NDArray[np.bool_]

    def __sub__(self, other: TunedMean) -> TunedMean:
        """The difference of the means of two domains that share no row."""
        return TunedMean(
            self.mean - other.mean,
            self.deviations - other.deviations,
            self.scored + other.scored,
            self.labellers - other.labellers,
            self.tuning,
            self.domain | other.domain,
        )


@dataclass(frozen=True)
class Labelled:
    """What is known of the labelled rows.

    Attributes:
        truth: share of the labellers who chose each class, (labelled, classes); of one labeller 1 or 0.
        predicted: predictions for the rows, (labelled, classes).
        labellers: choices of each labeller minus `truth`, (labellers, labelled, classes), 0 for rows that they did not
            label; no entry for a single labeller.
        shared: whether the labeller and another one labelled the row, bool (labellers, labelled).
    """

    truth: Array
    predicted: Array
    labellers: Array
    shared: NDArray[np.bool_]


def tuned_mean(
    labelled: Labelled, scored: Moments, design: Design, domain: NDArray[np.bool_], tuning: Array | None = None
) -> TunedMean:
    """Means over the rows of a domain: all rows, or those of a group.

    Args:
        labelled: the labelled rows.
        scored: sums of the predictions for all rows of the domain.
        design: how the labelled rows were drawn.
        domain: whether each labelled row is in the domain, (labelled,).
        tuning: the tuning parameter of each class, (classes,); None for the one with the smallest variance.
    """
    weights = np.where(domain, design.weights, 0.0)[:, None]
    weights = weights / weights.sum()
    truth, predicted = labelled.truth, labelled.predicted
    parts = [design.centred(weights * (part - (weights * part).sum(0))) for part in (truth, predicted)]
    own = np.zeros(truth.shape[1]) if design.finite else scored.variance_of_mean
    if tuning is None:
        factors = design.factors()[:, None]
        covariance = (factors * parts[0] * parts[1]).sum(0)
        variance = (factors * parts[1] ** 2).sum(0) + own
        tuning = np.clip(np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > ROUNDING), 0, 1)
    mean = tuning * scored.mean + (weights * (truth - tuning * predicted)).sum(0)
    shared = (weights[:, 0] * labelled.shared).sum(1)[:, None]
    sums = (weights * labelled.labellers).sum(1)
    labellers = np.divide(sums, shared, out=np.zeros_like(sums), where=shared > 0)
    return TunedMean(mean, parts[0] - tuning * parts[1], tuning**2 * own, labellers, tuning, domain)
