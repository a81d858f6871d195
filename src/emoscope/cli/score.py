"""Add emotions to a table (CSV, Parquet, .xlsx ...) or to a chat.

Every row of IN is in OUT, with its emotion, the score and a column for each label.

IN is a file (.csv, .tsv, .jsonl, .arrow, all also with .gz or .zst; .parquet; .xlsx, .ods; a .zip with one of them), a
folder, a glob, an address such as s3://bucket/rows.parquet, or '-' for standard input. Several are read one after the
other; all must have one format. OUT, the last argument, is a file of any of these formats but .ods and .zip, an
address, or '-' for standard output. Rows keep their columns and their order; if IN and OUT have the same text format,
they are copied to the letter.

Without --text-column, IN is a conversation: an export of WhatsApp (.txt, .zip), Telegram (result.json), Slack (folder
or .zip) or DiscordChatExporter (.json, .csv), subtitles (.srt, .vtt), or a transcript with lines such as "ANNA: text".
Its content says which. OUT has a row for each message: speaker, time, text, conversation, and the emotions. The report
shows the emotions of each speaker and over time, and turning points: who, when, the words, from which emotion to which.
If dates such as 03/04/2025 can be read in two ways in all of a file, give --date-order day-first or month-first.

A model with an output for neutral texts, such as the bundled one, also adds the probability that a text expresses no
emotion ("neutral"). With --neutral label, "emotion" reads neutral where that is 0.5 or more, and the totals count these
rows as neutral. --coverage C and --abstain P add what `emoscope predict` prints: "prediction_set" and "abstains".

A row that cannot be read goes to OUT.rejected.jsonl with its file, line and reason. A row with a null or blank text is
kept, with null scores. OUT appears when it is complete; until then OUT.parts keeps the scores, and after a kill, a full
disk or a power cut --resume continues from there, to the same bytes. Exit code 75 means that this may help; 1 and 2
mean that the input or the command must change first.

--report writes an HTML page: shares of the labels, how confident the model was, labels over time, and example rows.
With --engine ray the model runs in workers on a Ray cluster, while this machine reads and writes.

examples:
  emoscope score reviews.csv scored.csv --text-column review
  emoscope score reviews.parquet scored.parquet --text-column body --columns emotion,emotion_score
  emoscope score reviews.csv scored.csv --text-column review --report report.html --time-column written
  emoscope score reviews.csv scored.csv --text-column review --neutral label --coverage 0.9
  emoscope score feedback.xlsx scored.xlsx --text-column text
  emoscope score 2023.csv 2024.csv scored.csv --text-column review
  emoscope score 's3://bucket/2024/*.jsonl.gz' scored.parquet --text-column text --resume
  emoscope score rows.parquet scored.parquet --text-column text --engine ray --address head:6379 --device cuda
  emoscope score 'WhatsApp Chat with Anna.zip' messages.csv --report report.html
  emoscope score slack-export/ messages.parquet
  emoscope score books.jsonl sentences.jsonl --text-column text --long sentences --sentence-rows
  zcat rows.csv.gz | emoscope score - - --input-format csv --text-column text | head
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_date_order_argument, add_text_file_arguments
from emoscope.cli.model_options import add_model_arguments
from emoscope.cli.numbers import coverage, number
from emoscope.cli.progress_bar import ProgressBar
from emoscope.terminal import counted, printable, shortened

if TYPE_CHECKING:
    from emoscope.scoring import Job, Summary

PIPE = "-"
MAX_TURNS = 5
EXTRAS = {"local": "score", "ray": "ray"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("source", nargs="+", metavar="IN", help="files, folders, globs, addresses, or '-'")
    parser.add_argument("output", metavar="OUT", help="file, address, or '-'")
    parser.add_argument(
        "--text-column",
        metavar="C",
        help="name of the column of texts; a number (from 0) for a .csv without a header; without it, IN is a "
        "conversation",
    )
    parser.add_argument(
        "--columns",
        type=lambda names: tuple(names.split(",")) if names else None,
        metavar="A,B",
        help="columns to add, out of emotion, emotion_score, the labels and neutral; default: all",
    )
    parser.add_argument("--prefix", default="", metavar="P", help="text before the name of each added column")
    _add_decision_arguments(parser)
    parser.add_argument(
        "--long",
        choices=("windows", "sentences", "truncate"),
        default="windows",
        help="how a long text is read: all of it, in windows of the model's longest input (default); by its "
        "sentences, combined; or only its first 2,000 characters",
    )
    parser.add_argument(
        "--sentence-rows",
        action="store_true",
        help="with --long sentences: write a row for each sentence; rows are then not copied to the letter",
    )
    add_text_file_arguments(
        parser, "character between the cells of .csv files, read and written: ';', '\\t' ... (default: ',')"
    )
    add_date_order_argument(parser)
    parser.add_argument(
        "--input-format", metavar="F", help="format of standard input: csv, tsv, jsonl, arrow, csv.gz ..."
    )
    parser.add_argument(
        "--output-format", metavar="F", help="format of standard output; default: that of standard input"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run that OUT.parts keeps, if there is one")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT; without --resume, OUT.parts too")
    parser.add_argument(
        "--allow-rejected",
        action="store_true",
        help="write OUT even if more than half of the rows are rejected, and exit with 0 even if an input is damaged",
    )
    parser.add_argument(
        "--part-rows",
        type=int,
        default=65_536,
        metavar="N",
        help="rows that are scored and kept at once, default 65536; with fewer, a kill of a slow model costs less",
    )
    _add_report_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    _add_model_arguments(parser)
    parser.set_defaults(refuse=parser.error)


def _add_decision_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for what follows from the probabilities."""
    parser.add_argument(
        "--neutral",
        choices=("column", "label"),
        default="column",
        help="how a text without emotion is shown: by the column neutral alone (default), or also as the emotion "
        "neutral, where its probability is 0.5 or more",
    )
    parser.add_argument(
        "--coverage",
        type=coverage,
        metavar="C",
        help="add the column prediction_set: the labels of the prediction set at coverage C, from 0.5 to 0.99",
    )
    parser.add_argument(
        "--abstain",
        type=number(float, 0, 1),
        metavar="P",
        help="add the column abstains: true where emotion_score is below P",
    )


def _add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the page about the rows."""
    parser.add_argument("--report", metavar="FILE.html", help="write a page about the rows")
    parser.add_argument("--time-column", metavar="C", help="with --report: column of times, for the labels over time")
    parser.add_argument(
        "--time-format",
        metavar="F",
        help="with --time-column: how times are written, such as %%d.%%m.%%Y; default: ISO and other usual forms",
    )


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags for the model and where it runs."""
    add_model_arguments(parser)
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where the model runs: here (default), or in workers on a Ray cluster",
    )
    parser.add_argument(
        "--address",
        metavar="A",
        help="with --engine ray: the cluster, head:6379 or ray://head:10001; default: RAY_ADDRESS, else this machine",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="with --engine ray: number of workers; default: as many as there is room for",
    )


def run(args: argparse.Namespace) -> int:
    """Score, show the progress, print what was done."""
    _check_use(args)
    from emoscope.errors import require_extra

    require_extra(EXTRAS[args.engine])
    _give_back_memory()
    summary = (_score_on_ray if args.engine == "ray" else _score_here)(args)
    text = json.dumps(asdict(summary)) if args.json else "\n".join(map(printable, _lines(args, summary)))
    print(text, file=sys.stderr if args.output == PIPE else sys.stdout)
    return 1 if summary.breaks and not args.allow_rejected else 0


def _score_here(args: argparse.Namespace) -> Summary:
    from emoscope.scoring import score_table
    from emoscope.scoring.model import load_model

    model = load_model(args.model, args.device)
    with _bar(args) as bar:
        return score_table(_job(args, model.identity), model.classifier, bar.show_rows)


def _score_on_ray(args: argparse.Namespace) -> Summary:
    from emoscope.scoring import ClusterClassifier, Workers, score_table

    workers = Workers(args.model, args.device, args.workers)
    with ClusterClassifier(workers, args.address) as cluster, _bar(args) as bar:
        summary = score_table(_job(args, cluster.identity), cluster, bar.show_rows, cluster.map)
    if cluster.lost:
        print(f"{cluster.lost} workers were lost; others scored their rows", file=sys.stderr)
    return summary


def _bar(args: argparse.Namespace) -> ProgressBar:
    return ProgressBar(hidden=args.output == PIPE and sys.stdout.isatty())


def _give_back_memory() -> None:
    """Let Arrow use the system's memory allocator: its own keeps some 50 MB of freed memory at the peak."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def _check_use(args: argparse.Namespace) -> None:
    if PIPE in args.source and len(args.source) > 1:
        args.refuse("standard input is read alone; leave '-' or the other inputs out")
    is_table = args.text_column is not None
    if is_table and args.source == [PIPE] and not args.input_format:
        args.refuse("standard input needs --input-format: csv, tsv, jsonl, arrow, csv.gz ...")
    if args.output == PIPE and not (args.output_format or args.input_format):
        args.refuse("standard output needs --output-format: csv, tsv, jsonl, parquet, arrow, csv.gz ...")
    if args.output == PIPE and args.resume:
        args.refuse("a run into standard output cannot be resumed; name a file")
    if args.sentence_rows and args.long != "sentences":
        args.refuse("--sentence-rows goes with --long sentences")
    if args.time_column and not args.report:
        args.refuse("--time-column goes with --report")
    if args.time_format and not args.time_column:
        args.refuse("--time-format goes with --time-column")
    if is_table and args.date_order:
        args.refuse("--date-order is for conversations, which have no --text-column")
    if not is_table and (args.time_column or args.input_format):
        args.refuse("--time-column and --input-format are for tables, which need --text-column")
    if args.engine != "ray" and (args.address or args.workers is not None):
        args.refuse("--address and --workers go with --engine ray")


def _job(args: argparse.Namespace, model: str) -> Job:
    from emoscope.scoring import Job, ScoreReport, Scoring, Stream

    decisions = {"neutral": args.neutral, "coverage": args.coverage, "abstain": args.abstain}
    scoring = Scoring(
        args.text_column or "text",
        args.columns,
        args.prefix,
        args.long,
        args.sentence_rows,
        args.part_rows,
        **decisions,
    )
    source, output = args.source, args.output
    if source == [PIPE]:
        source = Stream(sys.stdin.buffer, args.input_format or "")
    if output == PIPE:
        output = Stream(sys.stdout.buffer, args.output_format or args.input_format, rejected=sys.stderr.buffer)
    report = ScoreReport(args.report, args.time_column, args.time_format) if args.report else None
    return Job(
        source,
        output,
        scoring,
        model,
        args.resume,
        args.overwrite,
        report,
        args.delimiter,
        args.allow_rejected,
        args.encoding,
        conversation=args.text_column is None,
        date_order=args.date_order,
    )


def _conversation_lines(summary: Summary) -> Iterator[str]:
    """How conversations were read, and their first turning points."""
    yield from (f"  {note}" for note in summary.notes)
    for turn in summary.turning_points[:MAX_TURNS]:
        place = ", ".join(filter(None, (turn["time"], turn["speaker"])))
        yield f"  turns from {turn['from']} to {turn['to']}: {place}: {shortened(turn['text'], 80)}"
    if len(summary.turning_points) > MAX_TURNS:
        yield f"  and {counted(len(summary.turning_points) - MAX_TURNS, 'more turning point')}"


def _lines(args: argparse.Namespace, summary: Summary) -> Iterator[str]:
    rate = f"{summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows/s"
    yield f"{counted(summary.rows, 'row')} in {rate}: {args.output}"
    scored = max(1, sum(summary.labels.values()))
    width = max(map(len, summary.labels))
    for label, rows in summary.labels.items():
        yield f"  {label:<{width}} {rows:>13,} {rows / scored:7.2%}"
    if summary.neutral and args.neutral == "column":
        neutral = counted(summary.neutral, "row")
        yield f"  {neutral} more likely without emotion; --neutral label counts them as neutral"
    if summary.without_text:
        yield f"  {counted(summary.without_text, 'row')} without text: null scores"
    yield from _conversation_lines(summary)
    if summary.rejected:
        where = "" if args.output == PIPE else f", see {args.output}.rejected.jsonl"
        yield f"  {counted(summary.rejected, 'row')} rejected{where}; the first is {summary.first_rejected}"
        if "is not valid UTF-8" in (summary.first_rejected or ""):
            yield "  a file in another encoding is read with --encoding, such as --encoding windows-1252"
    if summary.breaks:
        yield "  the input is damaged: what could be read of it is scored, and OUT is written; rows may be missing"
    if summary.damaged_parts:
        yield f"  {counted(summary.damaged_parts, 'kept part')} found damaged and scored again"
    if summary.without_time:
        first = summary.first_without_time
        hint = f", such as {first!r}; give their format with --time-format, such as '%d.%m.%Y'" if first else ""
        count = counted(summary.without_time, "row")
        yield f"  {count} without a time that can be read in {args.time_column!r} left out of the report{hint}"
    if summary.time_outliers:
        yield f"  {counted(summary.time_outliers, 'row')} far before or after all others left out of the report"
    if args.report:
        yield f"  report: {args.report}"
