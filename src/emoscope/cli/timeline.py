"""Follow the emotion of a long text, sentence by sentence.

Each TEXT is one long text; without TEXT, all of standard input is one. On a terminal the output has a row of blocks for
each label, whose height is its probability from sentence to sentence, and then the sentences; otherwise it is one JSON
object a text:
  {"labels": ["sadness", ...], "label": "joy", "score": 0.8, "scores": [0.0, ...],
   "sentences": [{"text": ..., "start": 0, "end": 21, "label": "joy", "score": 0.7, "scores": [0.0, ...]}, ...]}
The label and scores of the whole text are combined from its sentences: sentences without emotion count little, and many
that agree are stronger evidence than one. "start" and "end" count characters.

--conversation follows a conversation instead, message by message: an export of WhatsApp (.txt, .zip), Telegram
(result.json), Slack (folder or .zip) or DiscordChatExporter (.json, .csv), subtitles (.srt, .vtt), or a transcript with
lines such as "ANNA: text". Its content says which. The output has the emotions of each speaker, and turning points:
who, when, the words, and from which emotion to which. In JSON, "speakers", "turning_points" and "messages".

examples:
  emoscope timeline < letter.txt
  emoscope timeline --html mood.html < chapter.txt
  emoscope timeline --conversation 'WhatsApp Chat with Anna.txt' --html chat.html
  emoscope timeline --conversation interview.vtt
  emoscope timeline "I was scared of the dark stairs. Then they all jumped out and sang. I love these people!"
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_date_order_argument
from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import write_output
from emoscope.cli.predict import decode_lines, note_files
from emoscope.terminal import counted, label_colour, printable, shortened, styled, terminal_width

if TYPE_CHECKING:
    from emoscope.conversations import ConversationTimeline, Speaker
    from emoscope.timeline import Timeline

BLOCKS = " ▁▂▃▄▅▆▇█"
BAR_WIDTH = 8
MAX_SPEAKERS = 10
BARS = "A bar for each sentence: how much it expresses each emotion. Sentences with a grey line express none."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text; default: all of standard input as one text")
    parser.add_argument("--conversation", metavar="FILE", help="follow a conversation, or '-' for standard input")
    add_date_order_argument(parser)
    parser.add_argument(
        "--encoding", default="utf-8", metavar="E", help="encoding of the text of the conversation (default: utf-8)"
    )
    add_model_arguments(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON lines on a terminal too")
    output.add_argument("--table", action="store_true", help="print blocks and sentences in a pipe too")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page of the coloured texts instead")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Score sentences or messages, and print or write the timelines."""
    from emoscope.html_page import fragments_page

    if args.conversation:
        return _follow_conversation(args)
    if args.date_order:
        args.refuse("--date-order goes with --conversation")
    if not args.texts and sys.stdin.isatty():
        print("Type a text; end with Ctrl-D.", file=sys.stderr)
    note_files(args.texts, "timeline")
    texts = args.texts or ["\n".join(decode_lines(sys.stdin.buffer.read().split(b"\n")))]
    timelines = load_classifier(args).timeline(texts)
    if args.html:
        fragments = (one._repr_html_() for one in timelines)
        write_output(args.html, fragments_page("emoscope timeline", fragments, BARS))
        if not (args.json or args.table):
            return 0
    as_table = _as_table(args)
    for timeline in timelines:
        print("\n".join(_table(timeline)) + "\n" if as_table else json.dumps(timeline.to_json(), ensure_ascii=False))
    return 0


def _as_table(args: argparse.Namespace) -> bool:
    return args.table or (sys.stdout.isatty() and not args.json)


def _follow_conversation(args: argparse.Namespace) -> int:
    """Score the messages of a conversation, and print or write its timeline."""
    from emoscope.conversations import ReadOptions, follow, parse_conversation, read_conversation
    from emoscope.conversations.following import page

    if args.texts:
        args.refuse("--conversation takes the place of TEXT; leave one of them out")
    if args.conversation == "-":
        options = ReadOptions(args.date_order, args.encoding)
        conversation = parse_conversation("standard input", sys.stdin.buffer.read(), options)
    else:
        conversation = read_conversation(args.conversation, date_order=args.date_order, encoding=args.encoding)
    timeline = follow(load_classifier(args), conversation)
    if args.html:
        write_output(args.html, page(timeline, f"Emotions in {_title(args.conversation)}"))
        if not (args.json or args.table):
            return 0
    lines = _conversation_table(timeline) if _as_table(args) else [json.dumps(timeline.to_json(), ensure_ascii=False)]
    for line in lines:
        print(line)
    return 0


def _title(conversation: str) -> str:
    return "a conversation" if conversation == "-" else Path(conversation).name


def _conversation_table(timeline: ConversationTimeline) -> Iterator[str]:
    """Lines: what was read, a row of blocks for each label, speakers, turning points, and the messages."""
    width, names = terminal_width(), max(map(len, timeline.labels))
    yield printable(timeline.summary())
    columns = timeline.columns(max(width - names - 3, 1))
    for name, heights in zip(timeline.labels, columns.T, strict=True):
        yield f"  {name:<{names}} {styled(''.join(map(_block, heights)), label_colour(name))}".rstrip()
    yield "speakers"
    for speaker in timeline.speakers[:MAX_SPEAKERS]:
        yield f"  {shortened(printable(_speaker_line(speaker)), width - 2)}"
    yield "turning points" if timeline.turns else "turning points: none found"
    for turn in timeline.turns:
        place = printable(", ".join(filter(None, (turn.time, turn.speaker))))
        change = f"{turn.message:>5} {turn.before} to {turn.after}"
        yield shortened(f"{change}: {place}: {printable(turn.text)}", width)
    yield "messages"
    yield from _messages(timeline, width)


def _speaker_line(speaker: Speaker) -> str:
    shares = sorted(speaker.labels.items(), key=lambda item: -item[1])
    told = [f"{label} {count:,}" for label, count in shares if count]
    told += [f"no emotion {speaker.neutral:,}"] if speaker.neutral else []
    return f"{speaker.name}: {counted(speaker.messages, 'message')}: {', '.join(told) or 'without words'}"


def _messages(timeline: ConversationTimeline, width: int) -> Iterator[str]:
    from emoscope.conversations.overview import NO_NAME, shown_time
    from emoscope.timeline import NO_EMOTION, shown_answer

    names = max(map(len, (*timeline.labels, NO_EMOTION)))
    for number, (message, prediction) in enumerate(
        zip(timeline.conversation.messages, timeline.predictions, strict=True), start=1
    ):
        if message.text is None or prediction is None:
            continue
        label, score = shown_answer(prediction)
        answer = styled(f"{label:<{names}} {score:6.1%}", label_colour(label))
        place = " ".join(filter(None, (shown_time(message.time), message.speaker or NO_NAME)))
        said = printable(f"{place}: {message.text}")
        yield f"{number:>5} {answer} {shortened(said, max(width - names - 14, 20))}"


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
