"""Show how much each word contributed to the label of a text.

On a terminal the output is the text with its words shaded (green for the label, red against it) and the words with the
largest weights; otherwise it is one JSON object a line:
  {"text": ..., "label": "joy", "score": 0.99, "method": "loo",
   "words": [{"word": "happy", "start": 10, "end": 15, "weight": 0.33}, ...], "ambiguous": null, ...}
A weight is what the word adds to the probability of the label. Methods:
  loo                   what is lost when the word alone is left out
  shapley               what the word adds on average over random orders of the words; more faithful, and about ten
                        times slower
  integrated-gradients  what its tokens add on the way from no words to the text, by gradients; for checkpoints, needs
                        the extra "train"
"ambiguous" is the deciding word, if the training data uses it for two labels; "convergence_delta" is the error of the
gradients. Both are null where they do not apply.

examples:
  emoscope explain "i feel so happy today"
  emoscope explain --method shapley --json "i am not happy at all"
  emoscope explain --html why.html "i feel so happy today" "why would you do that to me"
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import write_output
from emoscope.cli.predict import NO_TEXT, note_files
from emoscope.terminal import printable, styled

if TYPE_CHECKING:
    from emoscope.explanation import Explanation

LISTED = 5
"""Words that are listed below a text."""
LONGEST = 40
"""Characters of a listed word, or of a run of words in a long text."""
STYLES = ((0.6, "1;7"), (0.25, "1"), (0.05, "4"))
"""ANSI styles of a word by its share of the largest weight, added to its colour."""
FOR, AGAINST = "32", "31"
COLOURS = "Green words raise the probability of the label, red words lower it; the darker, the more."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="a text")
    add_model_arguments(parser)
    parser.add_argument(
        "--method", default="loo", choices=("loo", "shapley", "integrated-gradients"), help="default: loo"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines on a terminal too")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page of the shaded texts instead")


def run(args: argparse.Namespace) -> int:
    """Explain, and print or write the explanations."""
    from emoscope.html_page import fragments_page

    note_files(args.texts, "explain")
    explanations = load_classifier(args).explain(args.texts, method=args.method)
    if args.html:
        fragments = (one._repr_html_() for one in explanations)
        write_output(args.html, fragments_page("emoscope explain", fragments, COLOURS))
        if not args.json:
            return 0
    show = _shaded if sys.stdout.isatty() and not args.json else _json
    for explanation in explanations:
        sys.stdout.write(show(explanation))
    return 0


def _json(explanation: Explanation) -> str:
    return json.dumps(explanation.to_json(), ensure_ascii=False) + "\n"


def _shaded(explanation: Explanation) -> str:
    """The text, its label, its words with the largest weights, and notes."""
    from emoscope.inputs import is_blank

    if is_blank(explanation.text):
        return f"{NO_TEXT}\n\n"
    strongest = [(printable(word.word)[:LONGEST], word.weight) for word in explanation.strongest(LISTED)]
    width = max((len(word) for word, _ in strongest), default=0)
    lines = [
        "".join(_shaded_piece(printable(piece), share) for piece, share in explanation.pieces()),
        f"  {explanation.label} {explanation.score:.1%}",
        *(f"  {word:<{width}}  {weight:+.3f}" for word, weight in strongest),
    ]
    if explanation.ambiguous:
        lines.append(f"  {explanation.ambiguous}")
    if explanation.convergence_delta is not None:
        lines.append(f"  the sum is off by {explanation.convergence_delta:+.4f}")
    return "\n".join(lines) + "\n\n"


def _shaded_piece(piece: str, share: float) -> str:
    style = next((style for least, style in STYLES if abs(share) >= least), None)
    return piece if style is None else styled(piece, style, FOR if share > 0 else AGAINST)
