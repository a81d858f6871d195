"""Estimated shares cover the true ones, also in groups and for stratified samples, and bad input is an error."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares import Grouping, LabelledRows, draw_rows, estimate, plan_sample

CLASSES = ("sadness", "joy", "love", "anger", "fear", "surprise")
GROUPS = np.array(["a", "b"])


def scored_rows(rng, rows):
    """Classes and probabilities of a model that is right on 60 to 90 % of the rows, with confusions of its own."""
    shares, accuracy = rng.dirichlet(np.full(6, 1.5)), rng.uniform(0.6, 0.9)
    confusion = rng.dirichlet(np.full(6, 0.5), 6) * (1 - accuracy) + np.eye(6) * accuracy
    truth = rng.choice(6, rows, p=shares)
    logits = 1.3 * (np.log(5 * confusion[truth] + 0.05) + rng.gumbel(size=(rows, 6)) * rng.uniform(0.5, 1))
    scores = np.exp(logits)
    return truth, scores / scores.sum(1, keepdims=True)


def drawn(rng, truth, scores, count, *, stratified):
    if not stratified:
        rows = rng.choice(len(truth), count, replace=False)
        return LabelledRows(rows, truth[rows])
    plan = plan_sample(scores.argmax(1), scores.max(1), count)
    rows = draw_rows(plan, int(rng.integers(1 << 30)))
    return LabelledRows(rows, truth[rows], plan.probability[plan.strata[rows]], plan.strata[rows])


@pytest.mark.parametrize("stratified", [False, True])
def test_intervals_cover_and_the_bias_is_gone(stratified):
    rng = np.random.default_rng(1)
    covered, in_groups, errors, naive, narrower = [], [], [], [], []
    for _ in range(250):
        truth, scores = scored_rows(rng, int(rng.choice([300, 1000, 5000])))
        groups = GROUPS[rng.integers(0, 2, len(truth))]
        sample = drawn(rng, truth, scores, int(rng.integers(120, 301)), stratified=stratified)
        result = estimate(scores, sample, CLASSES, groupings=[Grouping("half", groups)])
        for found in (result.overall, *result.groups):
            mask = np.ones(len(truth), bool) if found.group is None else groups == found.group
            true = np.bincount(truth[mask], minlength=6) / mask.sum()
            for share, wanted in zip(found.classes, true, strict=True):
                if share.interval and wanted >= 0.02:
                    low, high = share.interval
                    (covered if found.group is None else in_groups).append(low <= wanted <= high)
                if found.group is None:
                    errors.append(share.share - wanted)
                    naive.append(abs(share.naive - wanted))
                    narrower.append(share.narrower)
    assert 0.925 < np.mean(covered) < 0.975
    assert 0.925 < np.mean(in_groups) < 0.98
    assert np.abs(np.reshape(errors, (-1, 6)).mean(0)).max() < 0.004
    assert np.mean(naive) > 0.015
    assert np.mean(narrower) > 0.15


def test_a_group_with_few_labels_has_a_count_only():
    rng = np.random.default_rng(2)
    truth, scores = scored_rows(rng, 1000)
    groups = np.where(np.arange(1000) < 50, "few", "many")
    sample = drawn(rng, truth, scores, 200, stratified=False)
    result = estimate(scores, sample, CLASSES, groupings=[Grouping("size", groups)])
    everything, (few, many) = result.overall, result.groups
    assert result.differences == ()
    assert (everything.group, few.group, many.group) == (None, "few", "many")
    assert few.rows == 50 and few.labels < 20
    assert all(share.share is None and share.to_json()["interval"] is None for share in few.classes)
    assert all(share.interval and share.tuning is not None for share in many.classes)
    assert sum(share.naive for share in few.classes) == pytest.approx(1)


def test_the_source_of_the_rows_is_less_certain_than_the_rows():
    rng = np.random.default_rng(4)
    truth, scores = scored_rows(rng, 400)
    sample = drawn(rng, truth, scores, 300, stratified=False)
    rows, source = (estimate(scores, sample, CLASSES, finite=finite).overall for finite in (True, False))
    for here, there in zip(rows.classes, source.classes, strict=True):
        assert here.interval.high - here.interval.low < there.interval.high - there.interval.low


def test_strata_with_few_labels_are_merged():
    rng = np.random.default_rng(5)
    truth, scores = scored_rows(rng, 1000)
    strata = np.array([7] + [1] * 40 + [2] * 59)
    labels = LabelledRows(np.arange(100), truth[:100], np.full(100, 0.1), strata)
    found = estimate(scores, labels, CLASSES).overall
    assert all(0 <= share.interval.low < share.interval.high <= 1 for share in found.classes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": range(5), "truth": [0] * 5}, "5 labels; allowed: 20 or more"),
        ({"rows": [0] * 30}, "given twice or does not exist; allowed: each of 0 to 99 once"),
        ({"rows": range(80, 110)}, "given twice or does not exist"),
        ({"truth": [6] * 30}, "outside 0 to 5"),
        ({"truth": [0] * 29}, "30 labelled rows, 29 labels"),
        ({"probability": [0.0] * 30}, "not above 0"),
        ({"strata": [0] * 3}, "3 strata"),
    ],
)
def test_labels_that_do_not_fit(change, message):
    given = {"rows": range(30), "truth": [0] * 30} | change
    with pytest.raises(DataError, match=message):
        estimate(
            np.full((100, 6), 1 / 6), LabelledRows(**{name: list(value) for name, value in given.items()}), CLASSES
        )


@pytest.mark.parametrize(
    ("scores", "level", "message"),
    [
        (np.full((100, 5), 0.2), 0.95, r"\(100, 5\); allowed: \(rows, 6\)"),
        (np.full((100, 6), np.nan), 0.95, "not a finite number"),
        (np.full((100, 6), 1 / 6), 1.0, "from 0.5 to 0.999, got 1.0"),
    ],
)
def test_predictions_that_do_not_fit(scores, level, message):
    with pytest.raises(DataError, match=message):
        estimate(scores, LabelledRows(range(30), [0] * 30), CLASSES, level=level)


def test_labels_in_shape_only():
    with pytest.raises(DataError, match="the grouping 'x' has the shape"):
        estimate(
            np.full((100, 6), 1 / 6), LabelledRows(range(30), [0] * 30), CLASSES, groupings=[Grouping("x", [1, 2])]
        )


def test_differences_between_groups_and_periods():
    rng = np.random.default_rng(6)
    truth, scores = scored_rows(rng, 3000)
    halves = np.where(truth == 0, "sad", np.where(rng.random(3000) < 0.5, "a", "b"))
    months = np.array(["2024-05", "2024-06", "2024-07", None], object)[rng.integers(0, 4, 3000)]
    groupings = [Grouping("half", halves), Grouping("month", months, ordered=True)]
    result = estimate(scores, drawn(rng, truth, scores, 300, stratified=False), CLASSES, groupings=groupings)
    assert [(shares.by, shares.group) for shares in result.groups] == [
        *(("half", name) for name in ("a", "b", "sad")),
        *(("month", name) for name in ("2024-05", "2024-06", "2024-07")),
    ]
    pairs = {(test.by, test.first, test.second) for test in result.differences}
    assert pairs == {
        *(("half", first, second) for first, second in (("b", "a"), ("sad", "a"), ("sad", "b"))),
        *(("month", first, second) for first, second in (("2024-06", "2024-05"), ("2024-07", "2024-06"))),
    }
    found = {(test.label, test.first, test.second) for test in result.differences if test.p_adjusted < 0.01}
    assert ("sadness", "sad", "a") in found
    assert not [test for test in result.differences if test.by == "month" and test.p_adjusted < 0.01]


def test_disagreement_of_labellers_makes_intervals_wider():
    rng = np.random.default_rng(7)
    truth, scores = scored_rows(rng, 3000)
    rows = rng.choice(3000, 300, replace=False)
    biased = np.where((truth[rows] == 1) & (rng.random(300) < 0.4), 2, truth[rows])
    for other, agrees in ((truth[rows], True), (biased, False)):
        result = estimate(scores, LabelledRows(rows, np.stack([truth[rows], other], 1)), CLASSES)
        alone = estimate(scores, LabelledRows(rows, truth[rows]), CLASSES)
        widths = [
            [share.interval.high - share.interval.low for share in one.overall.classes] for one in (result, alone)
        ]
        assert alone.agreement is None and result.agreement.labellers == 2
        if agrees:
            assert result.agreement.alpha.value == 1
            np.testing.assert_allclose(*widths)
        else:
            assert 0.5 < result.agreement.alpha.value < 1
            assert widths[0][1] > 1.3 * widths[1][1]


def test_differences_that_are_known_but_due_to_chance_are_not_significant():
    rng = np.random.default_rng(8)
    significant = 0
    for _ in range(100):
        truth = rng.choice(6, 600)
        scores = np.eye(6)[truth] * 0.99 + 0.01 / 6  # a model that is always right: the shares of these rows are known
        halves = Grouping("half", rng.integers(0, 2, 600))
        result = estimate(scores, drawn(rng, truth, scores, 200, stratified=False), CLASSES, groupings=[halves])
        assert all(share.interval.high - share.interval.low < 0.1 for share in result.groups[0].classes)
        significant += any(test.p_adjusted < 0.05 for test in result.differences)
    assert significant <= 12
