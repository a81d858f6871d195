"""What an estimate of shares returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from emoscope.evaluation.intervals import Interval
from emoscope.shares.differences import ShareDifference
from emoscope.shares.labellers import Agreement


@dataclass(frozen=True)
class ClassShare:
    """The share of one class.

    Attributes:
        label: name of the class.
        naive: share of the rows that are predicted to be of this class.
        share: estimated share, from 0 to 1; None with fewer than MIN_LABELS labels.
        interval: confidence interval of the share; None likewise.
        labels_alone: interval of the same share from a simple random sample of as many labels, without predictions;
            None likewise.
        tuning: how far the predictions are used, from 0 (labels alone) to 1; None likewise.
    """

    label: str
    naive: float
    share: float | None = None
    interval: Interval | None = None
    labels_alone: Interval | None = None
    tuning: float | None = None

    @property
    def shift(self) -> float | None:
        """The estimated share minus the naive one."""
        return None if self.share is None else self.share - self.naive

    @property
    def narrower(self) -> float | None:
        """How much narrower the interval is than with the labels alone, as a share of the width of that one."""
        if self.interval is None or self.labels_alone is None:
            return None
        alone = self.labels_alone.high - self.labels_alone.low
        return 1 - (self.interval.high - self.interval.low) / alone if alone > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """The share as a JSON object."""
        intervals = {
            key: None if value is None else list(value)
            for key, value in (("interval", self.interval), ("labels_alone", self.labels_alone))
        }
        return asdict(self) | intervals | {"shift": self.shift, "narrower": self.narrower}


@dataclass(frozen=True)
class Shares:
    """The shares of all classes in some rows.

    Attributes:
        by: name of the grouping, such as that of a column; None for all rows.
        group: name of the group; None for all rows.
        rows: number of scored rows.
        labels: number of labelled rows among them.
        level: confidence level of the intervals.
        classes: the share of each class.
    """

    by: str | None
    group: str | None
    rows: int
    labels: int
    level: float
    classes: tuple[ClassShare, ...]

    def to_json(self) -> dict[str, Any]:
        """The shares as a JSON object."""
        return {
            "by": self.by,
            "group": self.group,
            "rows": self.rows,
            "labels": self.labels,
            "level": self.level,
            "classes": [share.to_json() for share in self.classes],
        }


@dataclass(frozen=True)
class Estimate:
    """Shares in all rows and in groups.

    Attributes:
        overall: the shares in all rows.
        groups: the shares in each group, grouping by grouping, in the order of their names.
        differences: differences between groups, with tests.
        agreement: how far the labellers agree; None for one labeller.
    """

    overall: Shares
    groups: tuple[Shares, ...] = ()
    differences: tuple[ShareDifference, ...] = ()
    agreement: Agreement | None = None

    def to_json(self) -> dict[str, Any]:
        """The estimate as a JSON object."""
        return {
            "method": "prediction-powered inference",
            "shares": [shares.to_json() for shares in (self.overall, *self.groups)],
            "differences": [asdict(difference) for difference in self.differences],
            "labellers": None if self.agreement is None else asdict(self.agreement),
        }
