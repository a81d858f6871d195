"""Times as people write them, and labels over time, counted in bounded memory and in any order."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.errors import DataError
from emoscope.scoring.times import (
    MAX_PERIODS,
    MAX_SHOWN,
    LabelsOverTime,
    check_times,
    read_times,
)

MINUTE = "2024-05-06T07:08"


def read(values, arrow_type=None):
    return np.datetime_as_string(read_times(pa.chunked_array([pa.array(values, arrow_type)]))).tolist()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024-05-06 07:08",
            "2024-05-06T07:08:59",
            "2024/5/6 7:08",
            " 2024-05-06 07:08:09.123456 ",
            "2024-05-06t07:08",
        ),
        *("2024-05-06T07:08:00Z", "2024-05-06 07:08 UTC", "2024-05-06T09:08+02:00", "2024-05-06T01:38:00-0530"),
        *("2024-05-06 07:08:09+00", "2024-05-06 09:08:09.123+02", "2024-05-06T04:08-03", "2024-05-06 0708"),
        *("Mon May 06 07:08:45 +0000 2024", "Mon May 06 09:08:45 +0200 2024", "Mon May  6 07:08:45 2024"),
        *("Mon, 06 May 2024 07:08:45 +0000", "Mon, 06 May 2024 07:08:45 GMT", "Mon, 6 May 2024 01:38:45 -0530"),
        *("1714979280", "1714979280.5", "1714979280123", "1714979280123456", "1714979280123456789", "1.71497928e9"),
    ],
)
def test_minute_in_many_forms(text):
    assert read([text, "something else"]) == [MINUTE, "NaT"] and read([text]) == [MINUTE]


@pytest.mark.parametrize("hour", ["2024-05-06 07", "2024-05-06T7Z", "2024-05-06 09+02"])
def test_hour_without_minutes(hour):
    assert read([hour]) == read([hour, None, ""])[:1] == ["2024-05-06T07:00"]


@pytest.mark.parametrize(
    ("text", "begin"), [("2024", "2024-01-01"), ("2024-05", "2024-05-01"), ("20240506", "2024-05-06")]
)
def test_days_months_and_years(text, begin):
    assert read([text, "?"])[0] == f"{begin}T00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "2024-13-01",
        "2024-02-30",
        "99",
        "-5",
        "nan",
        "inf",
        "1e400",
        "06.05.2024",
        "5/6/24",
        "Mon May 36 2024",
    ],
)
def test_text_that_is_not_a_time(text):
    assert read([text, MINUTE]) == ["NaT", MINUTE]


@pytest.mark.parametrize(
    ("values", "arrow_type"),
    [
        ([datetime.datetime(2024, 5, 6, 7, 8, 9), None], pa.timestamp("ns")),
        (
            [datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc), None],
            pa.timestamp("us", "Asia/Tokyo"),
        ),
        ([1714979280, None], pa.int64()),
        ([1714979280.5, float("nan")], pa.float64()),
        ([MINUTE, None], pa.string()),
        ([MINUTE, "x"], pa.large_string()),
        ([MINUTE, None], pa.dictionary(pa.int8(), pa.string())),
    ],
    ids=str,
)
def test_columns_of_many_types(values, arrow_type):
    assert read(values, arrow_type) == [MINUTE, "NaT"]
    check_times("when", arrow_type)


def test_dates_and_columns_without_values():
    assert read([datetime.date(2024, 5, 6)]) == ["2024-05-06T00:00"]
    assert read([None, None]) == ["NaT", "NaT"] and read([], pa.string()) == []


@pytest.mark.parametrize(
    "arrow_type", [pa.list_(pa.int8()), pa.bool_(), pa.binary(), pa.struct([("a", pa.int8())])], ids=str
)
def test_column_of_another_type_is_an_error(arrow_type):
    with pytest.raises(DataError, match="the time column 'when' is .*; allowed: times, dates, text, numbers"):
        check_times("when", arrow_type)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.datetimes(min_value=datetime.datetime(1800, 1, 1)), min_size=1, max_size=40), st.integers(1, 7))
def test_iso_text_is_read_as_by_python(moments, size):
    texts = [moment.isoformat(sep) for moment, sep in zip(moments, " T" * 20, strict=False)]
    expected = [moment.isoformat(timespec="minutes") for moment in moments]
    assert read(texts) == expected and read([*texts, "?"])[:-1] == expected


def over_time(times, labels, parts=1, count=2):
    course = LabelsOverTime(count)
    times, labels = np.array(times, "M8[m]"), np.array(labels, np.int64)
    for some in np.array_split(np.arange(len(times)), parts):
        course.add(times[some], labels[some])
    return course


moments = st.integers(-(10**6), 10**6) | st.integers(0, 300) | st.none()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(moments, st.integers(0, 1)), max_size=60), st.integers(1, 5), st.randoms())
def test_counts_depend_on_neither_parts_nor_order(rows, parts, chance):
    times = [np.datetime64("NaT") if at is None else np.datetime64(at, "m") for at, _ in rows]
    labels = [label for _, label in rows]
    once = over_time(times, labels)
    order = list(range(len(rows)))
    chance.shuffle(order)
    again = over_time([times[i] for i in order], [labels[i] for i in order], parts)
    assert once.without == again.without == sum(at is None for at, _ in rows)
    first, second = once.course(), again.course()
    assert (first is None) == (second is None) == all(at is None for at, _ in rows)
    if first:
        assert (first.unit, first.starts, first.outside) == (second.unit, second.starts, second.outside)
        np.testing.assert_array_equal(first.rows, second.rows)
        assert first.rows.sum() + first.outside + once.without == len(rows)
        assert len(first.starts) == len(first.rows) <= MAX_SHOWN


@pytest.mark.parametrize(
    ("span", "unit", "start"),
    [
        (np.timedelta64(40, "m"), "minute", "2024-05-06 07:08"),
        (np.timedelta64(3, "h"), "ten minutes", "2024-05-06 07:00"),
        (np.timedelta64(3, "D"), "hour", "2024-05-06 07:00"),
        (np.timedelta64(20, "D"), "six hours", "2024-05-06 06:00"),
        (np.timedelta64(60, "D"), "day", "2024-05-06"),
        (np.timedelta64(500, "D"), "week", "2024-05-06"),  # a Monday
        (np.timedelta64(2000, "D"), "month", "2024-05"),
        (np.timedelta64(5000, "D"), "quarter", "2024-04"),
        (np.timedelta64(20_000, "D"), "year", "2024"),
        (np.timedelta64(200_000, "D"), "decade", "2020"),
        (np.timedelta64(2_000_000, "D"), "century", "2000"),
    ],
)
def test_periods_suit_the_range_of_times(span, unit, start):
    begin = np.datetime64(MINUTE)
    course = over_time([begin, begin + span], [0, 1]).course()
    assert (course.unit, course.starts[0]) == (unit, start)
    assert course.rows[0].tolist() == [1, 0] and course.rows[-1].tolist() == [0, 1]


def test_memory_is_bounded():
    minutes = np.datetime64(MINUTE) + np.arange(0, 50_000 * 60, 60)
    counted = over_time(minutes, np.zeros(len(minutes), int), parts=7)
    assert len(counted._rows) <= MAX_PERIODS
    assert counted.course().rows.sum() == len(minutes)


def test_stray_times_do_not_make_periods_longer():
    days = np.datetime64("2024-05-06") + np.arange(60)
    times = [*np.repeat(days, 100).astype("M8[m]"), np.datetime64("1970-01-01", "m"), np.datetime64("2038-01-19", "m")]
    course = over_time(times, np.zeros(len(times), int)).course()
    assert (course.unit, course.outside, len(course.starts)) == ("day", 2, 60)
    near = over_time(times[:-2], np.zeros(len(times) - 2, int)).course()
    assert (near.unit, near.outside) == ("day", 0)


@pytest.mark.parametrize(
    ("text", "time_format"),
    [
        ("06.05.2024 07:08", "%d.%m.%Y %H:%M"),
        ("5/6/24 7:08 AM", "%m/%d/%y %I:%M %p"),
        ("06.05.2024 09:08 +0200", "%d.%m.%Y %H:%M %z"),
        ("202405060708", "%Y%m%d%H%M"),
    ],
)
def test_another_format(text, time_format):
    for values in ([text, "2024-05-06 07:08", None], [text, "?", None]):
        times = read_times(pa.chunked_array([pa.array(values)]), time_format)
        assert np.datetime_as_string(times).tolist() == [MINUTE, "NaT", "NaT"]
