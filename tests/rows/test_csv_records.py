"""Records of CSV: broken ones are found in time that is linear in the number of lines."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.rows.csv_records import Record, csv_problem, csv_records, quote_stays_open


def one_after_another(lines):
    """The records, each read from its first line."""
    at = 0
    while at < len(lines):
        reader = csv.reader(lines[at:], strict=True)
        try:
            fields = next(reader)
            record = Record(at, at + reader.line_num, fields)
        except csv.Error as error:
            record = Record(at, at + 1, [], csv_problem(error))
        yield record
        at = record.end


pieces = st.sampled_from(['"', '""', ",", "a", " ", "\r", "\n", "\n", "\r\n", 'a","\n', '"x'])


@given(st.lists(pieces, max_size=24).map("".join))
def test_records_equal_those_read_one_by_one(text):
    lines = list(io.StringIO(text, newline="\n"))
    assert list(csv_records(lines, ",", longest=0, final=True)) == list(one_after_another(lines))


@pytest.mark.parametrize("line", ['a","\n', '"\n', '"a"b\n', '"a\n', "a\n"])
@pytest.mark.parametrize("last", ["a\n", '"', '"x\n', 'a"x","\n'])
def test_line_is_read_only_a_few_times(csv_lines_read, line, last):
    lines = [line] * 1000 + [last]
    assert sum(record.end - record.begin for record in csv_records(lines, ",", longest=0, final=True)) == len(lines)
    assert csv_lines_read() <= 4 * len(lines)


def test_quote_that_further_lines_may_close_is_left_out():
    lines = ["a\n", '"b\n', "c\n"]
    assert [record.fields for record in csv_records(lines, ",", longest=10, final=False)] == [["a"]]
    begun = [record.begin for record in csv_records(lines, ",", longest=4, final=False)]
    assert begun == [0, 1, 2]


@pytest.mark.parametrize(
    ("lines", "open_"),
    [([], True), (["a\n", '""\n'], True), (['a"\n'], False), (['a"b\n'], False), (['",""\n'], False)],
)
def test_quote_stays_open(lines, open_):
    assert quote_stays_open(lines, ",") is open_
