"""Writes the table of XED: lines of film subtitles, labelled by students.

Run: python recipes/corpora/xed.py xed.tsv xed.csv

Source: Oehman, Pamisto, Kajava and Tiedemann, "XED: A Multilingual Dataset for Sentiment Analysis and Emotion
Detection" (COLING 2020); CC BY 4.0. It has Plutchik's eight emotions, several of
which a line may have, and neutral lines.
"""

from __future__ import annotations

from tables import SAME_NAMES, arguments, tab_separated, with_one_label, write

MAPPING = SAME_NAMES
"""Left out: anticipation, trust and disgust, which are not among the six; XED has no love."""


def main() -> None:
    """Write the table."""
    args = arguments(__doc__, "XED as text<TAB>labels")
    write(args.output, with_one_label(tab_separated(args.source), MAPPING))


if __name__ == "__main__":
    main()
