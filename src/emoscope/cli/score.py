"""Score a table: every row of IN comes out in OUT, with its emotion, its score and one column a label.

IN is a file (.csv, .tsv, .jsonl, .parquet, .arrow; all but Parquet also with .gz or .zst), a folder or a glob in
quotes of files of one format, an address such as s3://bucket/rows.parquet, or '-' for standard input. OUT is a file
of any of these formats, an address, or '-' for standard output. Rows keep their columns and their order; from one
text format to the same they stay as they are, to the letter.

A row that cannot be read goes to OUT.rejected.jsonl with its file, line and reason. A null or blank text stays a row,
with null scores. OUT appears when it is whole; until then OUT.parts keeps what is scored, and --resume goes on from
there after a kill, a full disk or a power cut, to the same bytes.

examples:
  emoscope score reviews.csv scored.csv --text-column review
  emoscope score reviews.parquet scored.parquet --text-column body --columns emotion,emotion_score
  emoscope score 's3://bucket/2024/*.jsonl.gz' scored.parquet --text-column text --resume
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

from emoscope.cli.progress_bar import RowsBar

if TYPE_CHECKING:
    from emoscope.scoring import Job, Stream, Summary

PIPE = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("source", metavar="IN", help="file, folder, glob in quotes, address, or '-'")
    parser.add_argument("output", metavar="OUT", help="file, address, or '-'")
    parser.add_argument(
        "--text-column", required=True, metavar="C", help="its name; a number (from 0) for a .csv without a header"
    )
    parser.add_argument(
        "--columns", metavar="A,B", help="which columns to add, of emotion, emotion_score and the labels; default: all"
    )
    parser.add_argument("--prefix", default="", metavar="P", help="stands before the name of each added column")
    parser.add_argument(
        "--long",
        choices=("windows", "sentences", "truncate"),
        default="windows",
        help="how a text is read: whole, in windows of the model's longest input (default); by its "
        "sentences, combined; or its first 2,000 characters",
    )
    parser.add_argument("--sentence-rows", action="store_true", help="with --long sentences: one row a sentence")
    parser.add_argument(
        "--model", default="bundled", metavar="M", help="'bundled' (default), a model folder, a checkpoint, or a Hub id"
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="of a checkpoint: cpu (default), cuda, cuda:1")
    parser.add_argument("--input-format", metavar="F", help="of standard input: csv, tsv, jsonl, arrow, csv.gz ...")
    parser.add_argument("--output-format", metavar="F", help="of standard output; default: that of standard input")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run that OUT.parts keeps, if there is one"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT; without --resume, OUT.parts too")
    parser.add_argument(
        "--part-rows",
        type=int,
        default=65_536,
        metavar="N",
        help="rows scored and kept at once, default 65536: with a slow model give fewer, and a kill costs less",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Score, show the progress, print what was done."""
    _check_use(args)
    from emoscope.classifier import EmotionClassifier
    from emoscope.model_folder import GRAPHS, WEIGHTS, model_checksum, resolve
    from emoscope.scoring import score_table

    _give_back_memory()
    kinds = (GRAPHS, *WEIGHTS) if args.device == "cpu" else (*WEIGHTS, GRAPHS)
    folder = resolve(args.model, one_of=kinds)
    classifier = EmotionClassifier.from_pretrained(folder, device=args.device)
    with RowsBar() as bar:
        summary = score_table(_job(args, f"{model_checksum(folder)} {args.device}"), classifier, bar.show)
    text = json.dumps(asdict(summary)) if args.json else "\n".join(_lines(args.output, summary))
    print(text, file=sys.stderr if args.output == PIPE else sys.stdout)
    return 0


def _give_back_memory() -> None:
    """Let Arrow use the system's memory: pools of its own keep what is freed, some 50 MB at the peak."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def _check_use(args: argparse.Namespace) -> None:
    if args.source == PIPE and not args.input_format:
        args.refuse("standard input needs --input-format: csv, tsv, jsonl, arrow, csv.gz ...")
    if args.output == PIPE and not (args.output_format or args.input_format):
        args.refuse("standard output needs --output-format: csv, tsv, jsonl, parquet, arrow, csv.gz ...")
    if args.output == PIPE and args.resume:
        args.refuse("a run into standard output cannot be resumed; name a file")
    if args.sentence_rows and args.long != "sentences":
        args.refuse("--sentence-rows goes with --long sentences")


def _job(args: argparse.Namespace, model: str) -> Job:
    from emoscope.scoring import Job, Scoring, Stream

    scoring = Scoring(
        text_column=args.text_column,
        columns=tuple(args.columns.split(",")) if args.columns else None,
        prefix=args.prefix,
        long=args.long,
        sentence_rows=args.sentence_rows,
        part_rows=args.part_rows,
    )
    source = Stream(sys.stdin.buffer, args.input_format) if args.source == PIPE else args.source
    output = _standard_output(args) if args.output == PIPE else args.output
    return Job(source, output, scoring, model=model, resume=args.resume, overwrite=args.overwrite)


def _standard_output(args: argparse.Namespace) -> Stream:
    from emoscope.scoring import Stream

    return Stream(sys.stdout.buffer, args.output_format or args.input_format, rejected=sys.stderr.buffer)


def _lines(output: str, summary: Summary) -> Iterator[str]:
    yield f"{summary.rows:,} rows in {summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows/s: {output}"
    scored = max(1, sum(summary.labels.values()))
    width = max(map(len, summary.labels))
    for label, rows in summary.labels.items():
        yield f"  {label:<{width}} {rows:>13,} {rows / scored:7.2%}"
    if summary.without_text:
        yield f"  {summary.without_text:,} rows without text have null scores"
    if summary.rejected:
        where = "" if output == PIPE else f", see {output}.rejected.jsonl"
        yield f"  {summary.rejected:,} rows rejected{where}; the first is {summary.first_rejected}"
