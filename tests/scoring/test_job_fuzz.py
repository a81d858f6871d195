"""Damaged tables: no traceback, and rows in = rows out + rejected. (Ten thousand: benchmarks/scoring_fuzz.py.)"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scoring_fakes import HashClassifier
from scoring_mutations import FORMATS, Mutation, check, csv_rows, mutated, rows_in, table

MEMORY = next((folder for folder in ("/dev/shm",) if Path(folder).is_dir()), None)
"""A folder in memory, where there is one: a disk would take most of the time."""

mutations = st.lists(
    st.builds(
        Mutation,
        st.sampled_from(["flip", "cut", "repeat", "insert", "truncate"]),
        st.floats(0, 1),
        st.integers(0, 60),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("form", FORMATS)
def test_tables_are_valid_before_they_are_damaged(tmp_path, form):
    summary = check(form, table(form), tmp_path, "jsonl", HashClassifier())
    assert (summary.rows, summary.rejected, summary.without_text) == (24, 0, 4)


@pytest.mark.parametrize("target", ["same", "jsonl", "csv"])
@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=mutations)
def test_every_row_of_a_damaged_table_is_accounted_for(form, target, changes):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        name = form if target == "same" else target
        time_column = "id" if len(changes) % 2 else None
        check(form, mutated(table(form), changes), Path(folder), name, HashClassifier(), time_column)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='ab,"\n\r', max_size=40))
def test_every_row_of_any_csv_is_accounted_for(content):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        check("csv", f"id,text\n{content}".encode(), Path(folder), "csv", HashClassifier())


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ("a,b\n", 1),
        ('"a\nb",c\n', 1),
        ('"a\nb\n', 2),
        ('"a"b,c\nd,e', 2),
        ("\n\r\n,", 1),
        ('a,"b""c"\n', 1),
        ("a\rb", 1),
    ],
)
def test_counter_of_csv_rows(content, count):
    assert rows_in("csv", f"id,text\n{content}".encode()) == count
    assert csv_rows(["id,text\n"]) == 0
