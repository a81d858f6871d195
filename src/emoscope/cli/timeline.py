"""Follow the emotion of a long text, sentence by sentence.

Each TEXT is one long text; without TEXT, all of standard input is one. On a terminal the output has a row of blocks for
each label, whose height is its probability from sentence to sentence, and then the sentences; otherwise it is one JSON
object a text:
  {"labels": ["sadness", ...], "label": "joy", "score": 0.8, "scores": [0.0, ...],
   "sentences": [{"text": ..., "start": 0, "end": 21, "label": "joy", "score": 0.7, "scores": [0.0, ...]}, ...]}
The label and scores of the whole text are combined from its sentences: sentences without emotion count little, and many
that agree are stronger evidence than one. "start" and "end" count characters.

examples:
  emoscope timeline < letter.txt
  emoscope timeline --html mood.html < chapter.txt
  emoscope timeline "I was scared of the dark stairs. Then they all jumped out and sang. I love these people!"
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import write_output
from emoscope.cli.predict import decode_lines, note_files
from emoscope.terminal import label_colour, printable, shortened, styled, terminal_width

if TYPE_CHECKING:
    from emoscope.timeline import Timeline

BLOCKS = " ▁▂▃▄▅▆▇█"
BAR_WIDTH = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text; default: all of standard input as one text")
    add_model_arguments(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON lines on a terminal too")
    output.add_argument("--table", action="store_true", help="print blocks and sentences in a pipe too")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page of the coloured texts instead")


def run(args: argparse.Namespace) -> int:
    """Score the sentences, and print or write the timelines."""
    from emoscope.html_page import fragments_page

    if not args.texts and sys.stdin.isatty():
        print("Type a text; end with Ctrl-D.", file=sys.stderr)
    note_files(args.texts, "timeline")
    texts = args.texts or ["\n".join(decode_lines(sys.stdin.buffer.read().split(b"\n")))]
    timelines = load_classifier(args).timeline(texts)
    if args.html:
        write_output(args.html, fragments_page("emoscope timeline", (one._repr_html_() for one in timelines)))
        if not (args.json or args.table):
            return 0
    as_table = args.table or (sys.stdout.isatty() and not args.json)
    for timeline in timelines:
        print("\n".join(_table(timeline)) + "\n" if as_table else json.dumps(timeline.to_json(), ensure_ascii=False))
    return 0


def _table(timeline: Timeline) -> Iterator[str]:
    """Lines: the label of the whole text, a row of blocks for each label, and the sentences."""
    from emoscope.timeline import shown_answer

    width = terminal_width()
    whole, count = timeline.prediction, len(timeline.sentences)
    label, score = shown_answer(whole)
    yield f"{label} {score:.1%} over {count:,} {'sentence' if count == 1 else 'sentences'}"
    names = max(map(len, whole.scores))
    columns = timeline.columns(max(width - names - 10, 1))
    for (name, score), heights in zip(whole.scores.items(), columns.T, strict=True):
        yield f"  {name:<{names}} {score:6.1%} {styled(''.join(map(_block, heights)), label_colour(name))}".rstrip()
    digits = len(str(count))
    answers = [shown_answer(sentence.prediction) for sentence in timeline.sentences]
    names = max([names, *(len(label) for label, _ in answers)])
    for number, (sentence, (label, score)) in enumerate(zip(timeline.sentences, answers, strict=True), start=1):
        bar = f"{'█' * round(score * BAR_WIDTH):<{BAR_WIDTH}} {label:<{names}} {score:6.1%}"
        text = shortened(printable(sentence.text), max(width - digits - len(bar) - 5, 20))
        yield f"  {number:>{digits}} {styled(bar, label_colour(label))} {text}"


def _block(height: float) -> str:
    return BLOCKS[round(height * (len(BLOCKS) - 1))]
