"""The section of a model card: where it is put, and that there is only one."""

from __future__ import annotations

import pytest

from emoscope.calibration.card import with_section, without_section

SECTION = "## Calibration\n\nFitted.\n"


@pytest.mark.parametrize("title", ["## Calibration", "## How sure"], ids=["today", "0.1"])
def test_the_section_replaces_its_predecessor(title: str) -> None:
    card = f"# Model\n\n{title}\n\nOld.\n\n## Licence\n\nFree.\n"
    assert with_section(card, SECTION) == "# Model\n\n## Calibration\n\nFitted.\n\n## Licence\n\nFree.\n"
    assert without_section(card) == "# Model\n\n## Licence\n\nFree.\n"


def test_the_section_precedes_the_one_about_training() -> None:
    card = "# Model\n\n## Training\n\nOn rows.\n"
    assert with_section(card, SECTION) == "# Model\n\n## Calibration\n\nFitted.\n\n## Training\n\nOn rows.\n"


def test_other_cards_get_the_section_at_the_end() -> None:
    assert with_section("# Mine\n\nWords.", SECTION) == "# Mine\n\nWords.\n\n## Calibration\n\nFitted.\n"
