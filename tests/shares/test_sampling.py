"""Plans of samples: sizes, known probabilities, doubtful rows first, and how many labels a width needs."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares import draw_rows, labels_needed, plan_sample


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.choice(6, 4000, p=[0.4, 0.3, 0.1, 0.1, 0.08, 0.02]), rng.uniform(0.3, 1, 4000)


@pytest.mark.parametrize("size", [100, 237, 1500, 4000])
def test_a_sample_has_its_size_and_each_row_once(rows, size):
    plan = plan_sample(*rows, size)
    drawn = draw_rows(plan, 1)
    assert plan.size == size == len(set(drawn.tolist()))
    assert (plan.drawn >= np.minimum(plan.rows, 2)).all() and (plan.drawn <= plan.rows).all()
    np.testing.assert_array_equal(np.bincount(plan.strata[drawn], minlength=len(plan.rows)), plan.drawn)
    np.testing.assert_allclose(plan.probability * plan.rows, plan.drawn)


def test_the_seed_decides(rows):
    plan = plan_sample(*rows, 200)
    assert draw_rows(plan, 3).tolist() == draw_rows(plan, 3).tolist() != draw_rows(plan, 4).tolist()


def test_doubtful_rows_are_drawn_more_often(rows):
    answers, scores = rows
    plan = plan_sample(answers, scores, 300)
    common = answers == 0
    chance = plan.probability[plan.strata]
    assert chance[common & (scores < 0.6)].mean() > 1.1 * chance[common & (scores > 0.9)].mean()


def test_the_labels_for_a_width_are_the_fewest(rows):
    needed = labels_needed(*rows, 0.03)
    assert plan_sample(*rows, needed).half_width <= 0.03 < plan_sample(*rows, needed - 1).half_width
    assert labels_needed(*rows, 0.02) > needed > labels_needed(*rows, 0.05)


@pytest.mark.parametrize("size", [1, 4001])
def test_a_size_that_does_not_fit(rows, size):
    with pytest.raises(DataError, match=f"{size} labels; allowed: 2 to 4000"):
        plan_sample(*rows, size)


def test_no_rows():
    for call in (lambda: plan_sample([], [], 10), lambda: labels_needed([], [], 0.1)):
        with pytest.raises(DataError, match="no scored rows"):
            call()


def test_few_labels_get_coarser_strata(rows):
    groups = np.arange(4000) % 12
    for size, strata in ((2000, range(150, 217)), (150, [36]), (30, [12])):
        plan = plan_sample(*rows, size, groups)
        assert len(plan.rows) in strata and plan.size == size
        np.testing.assert_array_equal(np.bincount(plan.strata), plan.rows)
        drawn = groups[draw_rows(plan, 1)]
        assert np.ptp(np.bincount(drawn)) <= 1
    with pytest.raises(DataError, match="23 labels; allowed: 24 to 4000; name fewer groups, or longer periods"):
        plan_sample(*rows, 23, groups)
