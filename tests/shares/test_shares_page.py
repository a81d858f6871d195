"""The page of an estimate: charts of the corrected and the counted shares, without script, font or network."""

import numpy as np
import pytest

from emoscope.shares import Grouping, LabelledRows, estimate
from emoscope.shares.shares_page import shares_page

CLASSES = ("joy", "a <b>")


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    months = np.repeat(["2024-01", "2024-02", "2024-03"], [500, 480, 20])
    truth = (rng.random(1000) < np.where(months == "2024-01", 0.2, 0.6)).astype(int)
    scores = np.clip(0.2 + 0.6 * truth + rng.normal(0, 0.2, 1000), 0, 1)
    rows = rng.choice(1000, 200, replace=False)
    labels = LabelledRows(rows, np.stack([truth[rows], truth[rows]], 1))
    groupings = [Grouping("team", np.arange(1000) % 2), Grouping("day, by month", months, ordered=True)]
    return estimate(np.stack([1 - scores, scores], 1), labels, CLASSES, groupings=groupings)


def test_the_page_has_everything_and_needs_nothing(found):
    page = shares_page("a <i>.csv", found, ["day, by month"], ["left out: 3 rows."])
    for text in ("a &lt;i&gt;.csv", "a &lt;b&gt;", "left out: 3 rows.", "By team", "By day, by month", "Labellers"):
        assert text in page
    assert "1 period with too few labels: only the count is shown." in page
    assert "Krippendorff&#x27;s alpha 1.00" in page or "Krippendorff's alpha 1.00" in page
    assert not any(word in page for word in ("<script", "http:", "https:", "<b>", "url(", "@import"))
    assert page == shares_page("a <i>.csv", found, ["day, by month"], ["left out: 3 rows."])


def test_significant_differences_come_first(found):
    page = shares_page("a", found, ["day, by month"])
    months = page[page.index("Differences by day") :]
    assert "2 of 2 differences significant" in months and '<tr class="found"><td>' in months
    assert "The others" not in months and "All of them" not in months
    teams = page[page.index("Differences by team") : page.index("Differences by day")]
    assert "0 of 2 differences significant" in teams and "<summary>All of them</summary>" in teams
    assert "&lt; 0.001" in months or "< 0.001" in months


def test_one_labeller_without_groups(found):
    page = shares_page("a", type(found)(found.overall), [])
    assert "Labellers" not in page and "Differences" not in page and page.count("<section>") == 2


def test_dates_of_groups_are_not_broken(found):
    rows = shares_page("a", found, [])
    assert "<td>2024\u201101</td>" in rows
