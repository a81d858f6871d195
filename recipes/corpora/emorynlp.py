"""Writes the table of EmoryNLP: dialogue of a television series.

Run: python recipes/corpora/emorynlp.py emorynlp_train.tsv [emorynlp_dev.tsv] emorynlp.csv

Source: Zahiri and Choi, "Emotion Detection on TV Show Transcripts with Sequence-Based Convolutional Neural Networks"
(AAAI workshop on affective content analysis, 2018); Apache-2.0. Labels depend on the scene, which a line alone lacks.
"""

from __future__ import annotations

from tables import NEUTRAL, arguments, tab_separated, with_one_label, write

MAPPING = {"joyful": "joy", "mad": "anger", "scared": "fear", "sad": "sadness", "neutral": NEUTRAL}
"""Left out: peaceful and powerful, moods with no place among the six."""


def main() -> None:
    """Write the table."""
    args = arguments(__doc__, "EmoryNLP as text<TAB>label, one or several files")
    write(args.output, with_one_label(tab_separated(args.source), MAPPING))


if __name__ == "__main__":
    main()
