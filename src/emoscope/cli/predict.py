"""Score texts: one probability for each emotion.

Texts are the arguments, or the lines of standard input. On a terminal the output is a table with bars; otherwise it is
one JSON object a line:
  {"text": ..., "label": "joy", "score": 0.99, "scores": {"sadness": 0.0, ...}}
Lines are scored as they arrive, so standard input may be a pipe that is still being written.

A model with an output for neutral texts, such as the bundled one, also reports the probability that a text expresses no
emotion ("neutral"), which is 1 for an empty or blank text.
--coverage C adds the labels of a prediction set, which contains the true label in a share C of cases
("prediction_set"): usually one label, several if the model is unsure, none if the text is typical of no label.
--abstain P marks texts whose highest probability is below P ("abstains").

--verify reads no text: an exported model folder scores its own reference texts, and the output says how far the
probabilities on this machine differ from torch's at the time of the export.

examples:
  emoscope predict "i feel so happy today" "why would you do that to me"
  emoscope predict < texts.txt > scores.jsonl
  emoscope predict --model owner/name --json "i feel so happy today"
  emoscope predict --coverage 0.95 --abstain 0.8 "i feel so passionate about it"
  emoscope predict --verify --model DIR
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.numbers import coverage, number
from emoscope.errors import DataError
from emoscope.terminal import label_colour, printable, shortened, styled

if TYPE_CHECKING:
    import io

    from emoscope.prediction import Prediction

BAR_WIDTH = 30
NO_TEXT = "(no text)"
"""What the table shows for a blank text, which has no emotion."""
LONGEST_TEXT = 100
"""Characters of a text that are shown above its bars."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
READ_SIZE = 1 << 20
"""Bytes of standard input that are read at once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    input_ = parser.add_mutually_exclusive_group()
    input_.add_argument("texts", nargs="*", default=[], metavar="TEXT", help="a text; default: lines of standard input")
    input_.add_argument("--verify", action="store_true", help="check an exported model folder on this CPU")
    input_.add_argument("--self-test", dest="verify", action="store_true", help=argparse.SUPPRESS)  # its name in 0.1
    add_model_arguments(parser)
    parser.add_argument(
        "--coverage", type=coverage, metavar="C", help="show the prediction set at coverage C, from 0.5 to 0.99"
    )
    parser.add_argument(
        "--abstain", type=number(float, 0, 1), metavar="P", help="give no answer if no probability is P or more"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON lines on a terminal too")
    output.add_argument("--table", action="store_true", help="print the table in a pipe too")


def run(args: argparse.Namespace) -> int:
    """Score and print."""
    if args.verify:
        return _verify(args.model)
    as_table = args.table or (sys.stdout.isatty() and not args.json)
    show = _table if as_table else _json
    if not args.texts and sys.stdin.isatty():
        print("Type one text a line; end with Ctrl-D.", file=sys.stderr)
    note_files(args.texts, "predict")
    classifier = load_classifier(args)
    for texts in [args.texts] if args.texts else _arriving_lines():
        for text, prediction in zip(texts, classifier.predict(texts), strict=True):
            sys.stdout.write(show(text, prediction, args))
        sys.stdout.flush()
    return 0


def _verify(model: str) -> int:
    from emoscope.verification import verify

    result = verify(model)
    print(
        f"{model}: {'passed' if result.passed else 'FAILED'}, {result.equal_labels:.2%} equal labels and probabilities "
        f"within {result.largest_difference:.1e} of the recorded ones (allowed: 100 % and {result.tolerance:.1e}) on "
        f"{result.texts} texts"
    )
    return 0 if result.passed else 1


def _arriving_lines() -> Iterator[list[str]]:
    """Lines of standard input, in batches of what has arrived so far."""
    rest, done = b"", 0
    stdin = cast("io.BufferedReader", sys.stdin.buffer)
    while block := stdin.read1(READ_SIZE):
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield decode_lines(lines, done)
            done += len(lines)
    if rest:
        yield decode_lines([rest], done)


def note_files(texts: list[str], command: str) -> None:
    """Say on standard error that a text is the name of a file, and how to score what is in it."""
    for text in texts:
        with suppress(OSError, ValueError):  # too long for a name, or with NUL
            if Path(text).is_file():
                print(
                    f"emoscope {command}: note: {printable(text)!r} is a file, and its name is scored; for the rows of "
                    "a table: emoscope score IN OUT --text-column C; for a chat: emoscope timeline --conversation "
                    "FILE; for lines: emoscope predict < FILE",
                    file=sys.stderr,
                )
                return


def decode_lines(lines: list[bytes], done: int = 0) -> list[str]:
    """Lines of standard input as text.

    Args:
        lines: the lines, without line feeds.
        done: number of lines before them.

    Raises:
        DataError: a line is not UTF-8.
    """
    texts = []
    for position, line in enumerate(lines, start=done + 1):
        try:
            texts.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            raise DataError(
                f"standard input, line {position}: byte 0x{line[error.start]:02x} at column {error.start + 1} is not "
                "UTF-8; convert the text first, for example with iconv -f LATIN1 -t UTF-8"
            ) from error
    return texts


def _json(text: str, prediction: Prediction, args: argparse.Namespace) -> str:
    row = {"text": text, **prediction.to_dict()}
    if prediction.neutral is not None:
        row["clear"] = not prediction.is_neutral  # of 0.1
    if args.coverage is not None:
        row["prediction_set"] = row["set"] = list(prediction.prediction_set(args.coverage))  # set: of 0.1
    if args.abstain is not None:
        row["abstains"] = prediction.score < args.abstain
    return json.dumps(row, ensure_ascii=False) + "\n"


def _table(text: str, prediction: Prediction, args: argparse.Namespace) -> str:
    from emoscope.inputs import is_blank

    if is_blank(text):
        neutral = prediction.neutral
        return "\n".join([NO_TEXT, *([] if neutral is None else [_row("neutral", neutral, 0, True)])]) + "\n\n"
    width = max(map(len, prediction.scores))
    lines = [_row(name, score, width, name == prediction.label) for name, score in prediction.scores.items()]
    return "\n".join([shortened(printable(text), LONGEST_TEXT), *lines, *_notes(prediction, args)]) + "\n\n"


def _notes(prediction: Prediction, args: argparse.Namespace) -> Iterator[str]:
    """Lines below the bars: prediction set, abstention, no emotion."""
    if args.coverage is not None:
        names = " or ".join(prediction.prediction_set(args.coverage))
        yield f"  {args.coverage:.0%}: {names or 'typical of none'}"
    if args.abstain is not None and prediction.score < args.abstain:
        yield f"  no answer: no probability is {args.abstain:g} or more"
    if prediction.is_neutral:
        yield f"  no emotion: {prediction.neutral:.0%}"
    if prediction.familiar is False:
        yield "  unlike the texts that the model learnt from: do not rely on the scores"


def _row(name: str, score: float, width: int, top: bool) -> str:
    whole, eighths = divmod(round(score * BAR_WIDTH * 8), 8)
    bar = EIGHTHS[-1] * whole + (EIGHTHS[eighths] if eighths else "")
    line = f"  {name:<{width}}  {score:6.2%}  {bar}".rstrip()
    return styled(line, *(["1"] if top else []), label_colour(name))
