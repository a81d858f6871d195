"""Text files as blocks of lines."""

from __future__ import annotations

import pytest

from emoscope.rows.blocks import MIN_LINES, of_several_rows
from emoscope.rows.lines import Block


def blocks(*counts: int) -> list[Block]:
    """Consecutive blocks with this many lines each."""
    starts = [1 + sum(counts[:place]) for place in range(len(counts))]
    lines = [[f"{number}\n" for number in range(start, start + n)] for start, n in zip(starts, counts, strict=True)]
    made = [Block(one, start, doubtful=False) for one, start in zip(lines, starts, strict=True)]
    return [*made[:-1], made[-1]._replace(final=True)]


@pytest.mark.parametrize(
    ("counts", "joined"),
    [
        ((1000, 1000), [1000, 1000]),
        ((40, 40, 40), [80, 40]),
        ((1,) * 200, [16] * 12 + [8]),  # of a MiB each: 16 MiB at most
        ((0,), [0]),
        ((MIN_LINES, 1), [MIN_LINES, 1]),
    ],
)
def test_few_long_lines_share_a_block(counts: tuple[int, ...], joined: list[int]) -> None:
    made = list(of_several_rows(blocks(*counts)))
    assert [len(block.lines) for block in made] == joined
    lines = [line for block in made for line in block.lines]
    assert lines == [f"{number}\n" for number in range(1, sum(counts) + 1)]
    assert [block.number for block in made] == [1 + sum(joined[:place]) for place in range(len(joined))]
    assert [block.final for block in made] == [False] * (len(made) - 1) + [True]


def test_doubt_about_one_block_is_doubt_about_all() -> None:
    first, second = blocks(2, 2)
    (joined,) = of_several_rows([first, second._replace(doubtful=True)])
    assert joined.doubtful
