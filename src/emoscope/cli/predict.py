"""Score texts: the six emotions of each TEXT, or of each line of standard input.

On a terminal a table with bars; else one JSON object a line:
  {"text": ..., "label": "joy", "score": 0.99, "scores": {"sadness": 0.0, ...}}
Lines are scored as they arrive, so a pipe that is still being written works too.

A calibrated model, as the bundled one is, says of each text whether it shows a clear emotion ("clear"). With --coverage
it names the labels that hold the truth in such a share of cases ("set"): often one, several in doubt, none where the
text is typical of none. With --abstain it gives no answer whose probability is lower ("abstains").

With --self-test nothing is read: an exported model folder scores the texts that it carries, and says how far this
machine is from what torch said of them when it was exported.

examples:
  emoscope predict "i feel so happy today" "why would you do that to me"
  emoscope predict < texts.txt > scores.jsonl
  emoscope predict --model owner/name --json "i feel so happy today"
  emoscope predict --coverage 0.95 --abstain 0.8 "i feel so passionate about it"
  emoscope predict --self-test --model DIR
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.numbers import number
from emoscope.errors import DataError
from emoscope.terminal import label_colour, printable, shortened, styled

if TYPE_CHECKING:
    import io

    from emoscope.prediction import Prediction

BAR_WIDTH = 30
LONGEST_TEXT = 100
"""Characters of a text above its bars."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
READ_SIZE = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("texts", nargs="*", default=[], metavar="TEXT", help="a text; with none, lines of standard input")
    what.add_argument("--self-test", action="store_true", help="check an exported model folder on this CPU")
    add_model_arguments(parser)
    parser.add_argument("--coverage", type=_coverage, metavar="C", help="show the set of labels at C, from 0.5 to 0.99")
    parser.add_argument("--abstain", type=number(float, 0, 1), metavar="P", help="no answer from a probability below P")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="JSON lines, on a terminal too")
    shape.add_argument("--table", action="store_true", help="the table, in a pipe too")


def run(args: argparse.Namespace) -> int:
    """Score and print."""
    if args.self_test:
        return _verification(args.model)
    as_table = args.table or (sys.stdout.isatty() and not args.json)
    show = _table if as_table else _json
    if not args.texts and sys.stdin.isatty():
        print("Type a text a line; Ctrl-D ends.", file=sys.stderr)
    classifier = load_classifier(args)
    for texts in [args.texts] if args.texts else _arriving_lines():
        for text, prediction in zip(texts, classifier.predict(texts), strict=True):
            sys.stdout.write(show(text, prediction, args))
        sys.stdout.flush()
    return 0


def _verification(model: str) -> int:
    from emoscope.verification import verification

    result = verification(model)
    print(
        f"{model}: {'passed' if result.passed else 'FAILED'}, {result.equal_labels:.2%} equal labels and probabilities "
        f"within {result.largest_difference:.1e} of the recorded ones (allowed: 100 % and {result.tolerance:.1e}) on "
        f"{result.texts} texts"
    )
    return 0 if result.passed else 1


def _arriving_lines() -> Iterator[list[str]]:
    """Lines of standard input, in batches of whatever has arrived."""
    rest, number = b"", 0
    stdin = cast("io.BufferedReader", sys.stdin.buffer)
    while block := stdin.read1(READ_SIZE):
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield decode(lines, number)
            number += len(lines)
    if rest:
        yield decode([rest], number)


def decode(lines: list[bytes], number: int) -> list[str]:
    """Lines of standard input as text.

    Args:
        lines: without the line feeds at their ends.
        number: of the lines before them.

    Raises:
        DataError: a line is not UTF-8.
    """
    texts = []
    for offset, line in enumerate(lines, start=1):
        try:
            texts.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            found = line[error.start : error.start + 1].hex()
            raise DataError(
                f"standard input, line {number + offset}: byte 0x{found} at column {error.start + 1} is not "
                "UTF-8; convert the text first, for example with iconv -f LATIN1 -t UTF-8"
            ) from error
    return texts


def _coverage(text: str) -> float:
    """A share, up to the whole percent that `PredictionSets.at` takes for it."""
    from emoscope.prediction_sets import ROUNDING

    return math.ceil(100 * number(float, 0.5, 0.99)(text) - ROUNDING) / 100


def _json(text: str, prediction: Prediction, args: argparse.Namespace) -> str:
    row: dict[str, Any] = {
        "text": text,
        "label": prediction.label,
        "score": prediction.score,
        "scores": prediction.scores,
    }
    if prediction.thresholds is not None:
        row["labels"] = list(prediction.labels)
    if prediction.neutral is not None:
        row |= {"neutral": prediction.neutral, "clear": not prediction.neutral}
    if args.coverage is not None:
        row["set"] = list(prediction.prediction_set(args.coverage))
    if args.abstain is not None:
        row["abstains"] = prediction.score < args.abstain
    return json.dumps(row, ensure_ascii=False) + "\n"


def _table(text: str, prediction: Prediction, args: argparse.Namespace) -> str:
    width = max(map(len, prediction.scores))
    lines = [_row(name, score, width, name == prediction.label) for name, score in prediction.scores.items()]
    return "\n".join([shortened(printable(text), LONGEST_TEXT), *lines, *_certainty(prediction, args)]) + "\n\n"


def _certainty(prediction: Prediction, args: argparse.Namespace) -> Iterator[str]:
    """Lines under the bars, where there is something to say."""
    if args.coverage is not None:
        names = " or ".join(prediction.prediction_set(args.coverage))
        yield f"  {args.coverage:.0%}: {names or 'typical of none'}"
    if args.abstain is not None and prediction.score < args.abstain:
        yield f"  no answer: no probability is {args.abstain:g} or more"
    if prediction.neutral:
        yield "  no clear emotion"


def _row(name: str, score: float, width: int, top: bool) -> str:
    whole, eighths = divmod(round(score * BAR_WIDTH * 8), 8)
    bar = EIGHTHS[-1] * whole + (EIGHTHS[eighths] if eighths else "")
    line = f"  {name:<{width}}  {score:6.2%}  {bar}".rstrip()
    return styled(line, *(["1"] if top else []), label_colour(name))
