"""Charts of shares: places in percent, gaps where there is no estimate, and the figures in words."""

import re
from xml.etree import ElementTree

import pytest

from emoscope.evaluation.intervals import Interval
from emoscope.shares.charts import Point, axis, course_chart, row_chart, top_of

KNOWN = Point("a <b>", 0.3, 0.2, Interval(0.1, 0.25))
UNKNOWN = Point("b", 0.1, None, None)


@pytest.mark.parametrize(
    ("highest", "top", "ticks"),
    [
        (0.23, 0.25, ["0 %", "5 %", "10 %", "15 %", "20 %", "25 %"]),
        (0.31, 0.4, ["0 %", "10 %", "20 %", "30 %", "40 %"]),
        (0.006, 0.01, ["0 %", "1 %"]),
        (0.99, 1.0, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
    ],
)
def test_an_axis_has_whole_figures(highest, top, ticks):
    found = top_of([Point("", highest, None, None)])
    assert found == pytest.approx(top)
    assert re.findall(">([^<]+)</text>", axis(found)) == ticks


def test_a_row_has_its_interval_and_its_count():
    chart = ElementTree.fromstring(row_chart(KNOWN, 0.5))
    assert chart.get("aria-label") == "a <b>: 20.0% (10.0% to 25.0%), counted 30.0%"
    arm = chart.find("line[@class='arm']")
    assert (arm.get("x1"), arm.get("x2")) == ("20.00%", "50.00%")
    assert [circle.get("cx") for circle in chart.iter("circle")] == ["40.00%", "60.00%"]


def test_a_row_with_too_few_labels_has_its_count_only():
    chart = row_chart(UNKNOWN, 0.5)
    assert "too few labels for an estimate" in chart and "arm" not in chart and chart.count("<circle") == 1


def test_a_course_has_a_gap():
    points = [KNOWN, KNOWN, UNKNOWN, KNOWN]
    chart = ElementTree.fromstring("".join(course_chart("joy", points, 0.5)))
    bands = [band.get("points").split() for band in chart.iter("polygon")]
    assert [len(band) for band in bands] == [4, 4]
    assert len({band.split(",")[0] for band in bands[1]}) == 2, "a single period has some width"
    assert len(chart.find(".//polyline[@class='counted']").get("points").split()) == 4
    assert len(chart.findall("circle")) == 3
