"""Times in the forms that people write, and periods; tests/scoring/test_times.py reads the same from columns."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.moments import UNITS, check_time_format, moment


@pytest.mark.parametrize(
    ("text", "time_format", "expected"),
    [
        ("2024-05-06 07:08:09+02", None, "2024-05-06T05:08"),
        ("6.5.2024", "%d.%m.%Y", "2024-05-06T00:00"),
        (1714979280, None, "2024-05-06T07:08"),
    ],
)
def test_times_that_people_write(text, time_format, expected):
    found = moment(text, time_format)
    assert found is not None and found.isoformat()[:16] == expected


@pytest.mark.parametrize("value", ["", "soon", "2024-13-01", None, float("nan"), 12])
def test_what_is_not_a_time(value):
    assert moment(value) is None


def test_weeks_begin_on_monday():
    units = {unit.name: unit for unit in UNITS}
    times = np.array(["2024-05-05", "2024-05-06"], "M8[m]")  # Sunday, Monday
    assert units["week"].starts(units["week"].of(times)) == ["2024-04-29", "2024-05-06"]
    assert units["month"].starts(units["month"].of(times)) == ["2024-05", "2024-05"]


@pytest.mark.parametrize("time_format", ["%Q", "%", "%d.%m.%Y %"])
def test_format_that_cannot_be_read(time_format):
    assert check_time_format("%d.%m.%Y") is None
    with pytest.raises(DataError, match="the time format .* cannot be read .*; allowed: directives of strptime"):
        check_time_format(time_format)
