"""Writes the table of BRIGHTER's English part: posts and stories from social media.

Run: python recipes/corpora/brighter.py brighter_train.tsv [brighter_dev.tsv] brighter.csv

Source: Muhammad et al., "BRIGHTER: BRIdging the Gap in Human-Annotated Textual Emotion Recognition Datasets for 28
Languages" (ACL 2025; SemEval-2025 task 11); CC BY 4.0. A text may have several of five emotions, or none (neutral).
"""

from __future__ import annotations

from tables import SAME_NAMES, arguments, tab_separated, with_one_label, write

MAPPING = SAME_NAMES
"""The labels are five of the six by name. A text with several is left out: a single answer cannot be right for it."""


def main() -> None:
    """Write the table."""
    args = arguments(__doc__, "BRIGHTER's English texts as text<TAB>labels, one or several files")
    write(args.output, with_one_label(tab_separated(args.source), MAPPING))


if __name__ == "__main__":
    main()
