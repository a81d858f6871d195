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

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


ROUNDING = 1e-20
"""Highest variance of predictions that are all equal, from rounding."""


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


@dataclass(frozen=True)
class TunedMean:
    """Means of several classes.

    Attributes:
        mean: float64 (classes,).
        variance: their variances, float64 (classes,).
        tuning: the tuning parameter of each class, float64 (classes,).
        degrees: degrees of freedom of the variances, float64 (classes,).
    """

    mean: Array
    variance: Array
    tuning: Array
    degrees: Array


def tuned_mean(
    truth: Array,
    predicted: Array,
    all_predicted: Array,
    design: Design,
    domain: NDArray[np.bool_],
    tuning: Array | None,
) -> TunedMean:
    """Means over the rows of a domain: all rows, or those of a group.

    Args:
        truth: (labelled, classes), 1 for the class of a row, else 0.
        predicted: predictions for the labelled rows, (labelled, classes).
        all_predicted: predictions for all rows of the domain, (rows, classes).
        design: how the labelled rows were drawn.
        domain: whether each labelled row is in the domain, (labelled,).
        tuning: the tuning parameter of each class, (classes,); None for the one with the smallest variance.
    """
    weights = np.where(domain, design.weights, 0.0)[:, None]
    weights = weights / weights.sum()
    factors = design.factors()[:, None]
    deviations = [design.centred(weights * (part - (weights * part).sum(0))) for part in (truth, predicted)]
    own = all_predicted.var(0) / len(all_predicted) if not design.finite else np.zeros(truth.shape[1])
    if tuning is None:
        covariance = (factors * deviations[0] * deviations[1]).sum(0)
        variance = (factors * deviations[1] ** 2).sum(0) + own
        tuning = np.clip(np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > ROUNDING), 0, 1)
    mean = tuning * all_predicted.mean(0) + (weights * (truth - tuning * predicted)).sum(0)
    errors = factors * (deviations[0] - tuning * deviations[1]) ** 2
    return TunedMean(mean, errors.sum(0) + tuning**2 * own, tuning, _degrees(errors, design.strata, domain))


def _degrees(errors: Array, strata: NDArray[np.int64], domain: NDArray[np.bool_]) -> Array:
    """Degrees of freedom of a sum of the variances of strata (Satterthwaite, Biometrics Bulletin 2, 1946)."""
    counts = np.bincount(strata[domain], minlength=strata.max() + 1)
    parts = np.zeros((len(counts), errors.shape[1]))
    np.add.at(parts, strata, errors)
    below = (parts**2 / np.maximum(counts - 1, 1)[:, None]).sum(0)
    most = max(float(domain.sum() - (counts > 0).sum()), 1.0)
    return np.asarray(
        np.clip(np.divide(parts.sum(0) ** 2, below, out=np.full(len(below), most), where=below > 0), 1.0, most)
    )
