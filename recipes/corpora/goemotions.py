"""Writes the table of GoEmotions: Reddit comments.

Run: python recipes/corpora/goemotions.py train.tsv labels.txt goemotions.csv

Source: Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions" (ACL 2020); CC BY 4.0.
It has 27 emotions and neutral.
"""

from __future__ import annotations

from tables import SAME_NAMES, arguments, tab_separated, with_one_label, write

MAPPING = {
    **SAME_NAMES,
    # the paper's own grouping of finer emotions under Ekman's
    "annoyance": "anger",
    "nervousness": "fear",
    **dict.fromkeys(("excitement", "pride", "relief", "amusement", "optimism", "gratitude"), "joy"),
    **dict.fromkeys(("disappointment", "grief", "remorse"), "sadness"),
    "caring": "love",
}
"""Left out: admiration, approval, desire (joy there, but often without a feeling), disapproval (anger there), disgust,
embarrassment, confusion, curiosity and realization."""


def main() -> None:
    """Write the table."""
    args = arguments(__doc__, "a split as text<TAB>label ids, and the file of label names")
    *splits, names = args.source
    labels = names.read_text(encoding="utf-8").split()
    rows = ((text, [labels[int(number)] for number in ids]) for text, ids in tab_separated(splits))
    write(args.output, with_one_label(rows, MAPPING))


if __name__ == "__main__":
    main()
