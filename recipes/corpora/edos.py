"""Writes the table of EDOS: dialogue from film subtitles, labelled by crowd workers and semi-automatically.

Run: python recipes/corpora/edos.py edos1.tsv [edos2.tsv ...] edos.csv

Source: Welivita, Xie and Pu, "A Large-Scale Dataset for Empathetic Response Generation" (EMNLP 2021); CC BY 4.0.
It has 32 emotions and 9 intents. Rows without agreement ("-") and labels without a place in `MAPPING` are left out.
"""

from __future__ import annotations

from tables import NEUTRAL, arguments, tab_separated, with_one_label, write

MAPPING = {
    # synonyms and degrees of the emotion itself
    **dict.fromkeys(("sad", "devastated", "disappointed", "lonely"), "sadness"),
    **dict.fromkeys(("joyful", "content", "excited", "proud"), "joy"),
    **dict.fromkeys(("angry", "furious", "annoyed"), "anger"),
    **dict.fromkeys(("afraid", "terrified", "anxious", "apprehensive"), "fear"),
    "surprised": "surprise",
    # as GoEmotions' own grouping has them: remorse and embarrassment are sadness, gratitude and optimism are joy
    **dict.fromkeys(("ashamed", "guilty", "embarrassed"), "sadness"),
    **dict.fromkeys(("grateful", "hopeful"), "joy"),
    # care for a person
    "caring": "love",
    # intents that ask, propose or agree without a feeling
    **dict.fromkeys(("neutral", "questioning", "suggesting", "agreeing"), NEUTRAL),
}
"""Left out, since readers disagree where they belong: impressed (joy or surprise), disgusted and jealous (not among
the six), sentimental, nostalgic, faithful, trusting (love, joy or none), confident, prepared, anticipating (none or
joy), and the intents that answer someone else's feeling (sympathizing, consoling, encouraging,
wishing, acknowledging)."""


def main() -> None:
    """Write the table."""
    args = arguments(__doc__, "EDOS as text<TAB>label, one or several files")
    write(args.output, with_one_label(tab_separated(args.source), MAPPING))


if __name__ == "__main__":
    main()
