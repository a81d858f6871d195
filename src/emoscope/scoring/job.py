"""A complete job: tables in, one table with emotions out, safe against crashes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import emoscope
from emoscope.errors import DataError, broken_data, of_machine
from emoscope.locking import locked
from emoscope.moments import check_time_format
from emoscope.protocols import Classifier
from emoscope.rows.csv_rows import check_delimiter
from emoscope.rows.formats import Format
from emoscope.rows.lines import UTF_8
from emoscope.scoring.conversation_reader import TEXT, TIME
from emoscope.scoring.conversation_statistics import ConversationStatistics, Overview
from emoscope.scoring.core import Scored, Scorer, Scoring, grouped
from emoscope.scoring.pipeline import MapParts, score_all
from emoscope.scoring.projection import Projection
from emoscope.scoring.reading import Reading
from emoscope.scoring.rejected import RejectedRows
from emoscope.scoring.report_page import report_page
from emoscope.scoring.resume import WorkFolder
from emoscope.scoring.sources import Place, Source, Stream, find_conversations, find_sources
from emoscope.scoring.summary import RowStatistics, Summary
from emoscope.scoring.target import Target
from emoscope.scoring.times import check_times
from emoscope.scoring.writing import Output, open_writer

_TABLE, _REJECTED, _REPORT = "table", "rejected", "report"  # files that a run writes into its folder
_TEXT_FORMATS = ("csv", "tsv", "jsonl")


@dataclass(frozen=True)
class ScoreReport:
    """A page about the scored rows.

    Attributes:
        output: an HTML file, or an address.
        time_column: name of a column of times, for the labels over time; None for none.
        time_format: how times are written in text, as `strptime` takes it; None for the forms of `read_times`.

    Raises:
        DataError: the time format is not one.
    """

    output: str | Path
    time_column: str | None = None
    time_format: str | None = None

    def __post_init__(self) -> None:
        check_time_format(self.time_format)


@dataclass(frozen=True)
class Job:
    """A table to score, and where the scored table goes.

    Attributes:
        source: a file, a glob, a folder, an address, several of these, or a pipe.
        output: a file, an address, or a pipe.
        scoring: how rows are scored.
        model: a name or checksum of the classifier: a run is not resumed with another.
        resume: whether to continue the run that OUT.parts keeps; without one, a new run begins.
        overwrite: whether OUT and the report, and without `resume` OUT.parts, may exist already.
        report: a page about the rows, if one is to be written.
        delimiter: between the cells of CSV, read and written; None for a comma.
        allow_rejected: whether OUT is written even if more than half of the rows are rejected.
        encoding: name of the encoding of text files that are read; what is written is UTF-8.
        conversation: whether the source is an export of a chat, subtitles or a transcript (`emoscope.conversations`)
            instead of a table: a row for each message, with the columns "speaker", "time", "text" and "conversation".
            The text column is "text", and the report uses the times by itself.
        date_order: for conversations, "day-first" or "month-first", for dates that may be either.

    Raises:
        DataError: the text column is the time column, the delimiter cannot separate cells, a pipe is resumed, or a
            column is not one of a conversation.
    """

    source: Place | Stream | Sequence[Place]
    output: str | Path | Stream
    scoring: Scoring
    model: str = ""
    resume: bool = False
    overwrite: bool = False
    report: ScoreReport | None = None
    delimiter: str | None = None
    allow_rejected: bool = False
    encoding: str = UTF_8
    conversation: bool = False
    date_order: str | None = None

    def __post_init__(self) -> None:
        self._check_conversation()
        if self.time_column == self.scoring.text_column:
            raise DataError(f"the time column is the text column, {self.time_column!r}; name a column of times")
        check_delimiter(self.delimiter)
        if self.resume and isinstance(self.output, Stream):
            raise DataError("a run into a pipe cannot be resumed; name a file")

    @property
    def time_column(self) -> str | None:
        """Name of the column of times that the report needs."""
        if not self.report:
            return None
        return TIME if self.conversation else self.report.time_column

    def find_sources(self) -> list[Source]:
        """The files to read; raises a DataError if there are none."""
        if self.conversation:
            return find_conversations(self.source, self.date_order, self.encoding)
        return find_sources(self.source, self.delimiter, self.encoding)

    def _check_conversation(self) -> None:
        if self.conversation and self.scoring.text_column != TEXT:
            raise DataError(f"the texts of a conversation are in the column {TEXT!r}, got {self.scoring.text_column!r}")
        if self.conversation and self.report and self.report.time_column not in (None, TIME):
            raise DataError(f"the times of a conversation are in the column {TIME!r}; leave the time column out")
        if self.date_order and not self.conversation:
            raise DataError("an order of dates is for conversations; for a table, give the format of its times")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        rows: number of rows read and scored.
        total: estimated number of rows, from how much of the files has been read; None for a pipe.
    """

    rows: int
    total: int | None


OnProgress = Callable[[Progress], None]


def score_table(
    job: Job, classifier: Classifier, on_progress: OnProgress | None = None, map_parts: MapParts = map
) -> Summary:
    """Read tables, score them, and write one table with the emotions.

    The output appears in one step when it is complete. Until then OUT.parts beside it (for an address, in the working
    folder) keeps what is scored, and a run with `resume` continues from there to the same bytes. Rows that cannot be
    read are reported in OUT.rejected.jsonl.

    Args:
        job: what to score, and how.
        classifier: any classifier.
        on_progress: called after each part.
        map_parts: how the parts are scored: one after the other, or several at once by a classifier that many threads
            may call, as `ClusterClassifier.map` does.

    Raises:
        DataError: something cannot be read or written, exists already, or has changed since the run began; or more than
            half of the rows are rejected.
        ModelError: the classifier does not return a row of probabilities for each text.
    """
    run = _Run(job, job.find_sources(), classifier, on_progress, map_parts)
    try:
        return run.to_pipe(job.output) if isinstance(job.output, Stream) else run.to_file(Target.at(job.output))
    except pa.ArrowException as error:
        raise DataError(f"the rows cannot be scored ({broken_data(error)})") from None


@dataclass(frozen=True)
class _Run:
    """A job under way."""

    job: Job
    sources: Sequence[Source]
    classifier: Classifier
    on_progress: OnProgress | None
    map_parts: MapParts

    def to_pipe(self, output: Stream) -> Summary:
        """Score into a pipe."""
        report = self._report_target(self.sources)
        pipe = Output(output.file, Format.of(output.format).written.separated_by(self.job.delimiter), on_disk=False)
        summary, page = self._score(self.classifier, pipe, RejectedRows(lambda: output.rejected))
        self._check_rejected(summary)
        if report:
            report.write(page)
        return summary

    def to_file(self, target: Target) -> Summary:
        """Score into a file, by way of the work folder beside it."""
        try:
            with locked(target.lock, target.name):
                return self._to_file(target)
        except OSError as error:
            raise of_machine(error, str(error)) from None

    def _to_file(self, target: Target) -> Summary:
        work = WorkFolder(target.work, self._identity())
        if self.job.resume:
            work.resume()
        report = self._report_target([*self.sources, target, target.rejected], finished=work.result is not None)
        self._check_output(target, work)
        try:
            if not work.resumed:
                work.start()
            if work.result is None or (report and _REPORT not in work.output):
                self._score_into(work, target)
            return _move_output(work, target, report)
        except OSError as error:
            kept = f"; {work.parts} parts are kept in {work.path}: fix it, then --resume" if work.parts else ""
            raise of_machine(error, f"{error}{kept}") from None
        except KeyboardInterrupt:
            if not work.parts:
                raise
            kept = f"{work.parts} parts are kept in {work.path}: the same command with --resume continues from there"
            raise KeyboardInterrupt(kept) from None
        finally:
            work.clean_up()

    def _report_target(self, taken: Sequence[Source | Target], *, finished: bool = False) -> Target | None:
        """Where the report goes: not to an existing file, nor to one that is read or written by the run itself."""
        if not self.job.report:
            return None
        target = Target.at(self.job.report.output)
        if any(target.is_the_same_as(other) for other in taken):
            raise DataError(f"{target.name} is read, or takes the table or its rejected rows; name another report")
        if target.is_folder:
            raise DataError(f"{target.name} is a folder; name a file for the report")
        if any(isinstance(other, Target) and target.is_within(other.work) for other in taken):
            raise DataError(f"{target.name} is in a folder that is removed at the end; name another report")
        if target.exists and not self.job.overwrite and not finished:
            raise DataError(f"{target.name} exists already; name another report, or give --overwrite")
        return target

    def _check_output(self, target: Target, work: WorkFolder) -> None:
        """Check that nothing is overwritten by mistake."""
        for written in (target, target.rejected):
            if any(written.is_the_same_as(source) for source in self.sources):
                raise DataError(f"{written.name} is among the files to read; give another name")
            if written.is_folder:
                raise DataError(f"{written.name} is a folder; give another name")
            if written.is_device:
                raise DataError(f"{written.name} is a pipe or a device; give a file, or '-' for standard output")
        if target.exists and not self.job.overwrite and work.result is None:
            raise DataError(f"{target.name} exists already; give another name, or --overwrite")
        if work.parts and not work.resumed and not self.job.overwrite:
            raise DataError(f"{work.path} keeps {work.parts} parts of an unfinished run; --resume it, or --overwrite")

    def _identity(self) -> dict[str, Any]:
        """What decides the output, as JSON."""
        return {
            "emoscope": emoscope.__version__,
            "model": self.job.model,
            "scoring": asdict(self.job.scoring),
            "delimiter": self.job.delimiter,
            **({"encoding": self.job.encoding} if self.job.encoding != UTF_8 else {}),
            **({"conversation": True, "date_order": self.job.date_order} if self.job.conversation else {}),
            "inputs": {source.name: [source.size, source.modified] for source in self.sources},
        }

    def _score_into(self, work: WorkFolder, target: Target) -> None:
        """Write the table, the rejected rows and the report into the work folder."""
        output_format = target.format.separated_by(self.job.delimiter)
        table, rejected, page_file = map(work.new_file, (_TABLE, _REJECTED, _REPORT))
        with ExitStack() as files:
            rejected_rows = RejectedRows(lambda: files.enter_context(rejected.open("wb")))
            output = Output(files.enter_context(table.open("wb")), output_format, on_disk=True)
            summary, page = self._score(work.cached(self.classifier), output, rejected_rows)
        if self._too_many_rejected(summary):
            target.rejected.receive(rejected)
        self._check_rejected(summary, f" (all are in {target.rejected.name})")
        summary = replace(summary, damaged_parts=work.damaged)
        written = {_TABLE: table} | ({_REJECTED: rejected} if summary.rejected else {})
        if self.job.report:
            page_file.write_bytes(page)
            written[_REPORT] = page_file
        work.finish(asdict(summary), written)

    def _too_many_rejected(self, summary: Summary) -> bool:
        return 2 * summary.rejected > summary.rows_in and not self.job.allow_rejected

    def _check_rejected(self, summary: Summary, place: str = "") -> None:
        """Reject a table of which most rows are rejected: it is probably not the table that it seems to be."""
        if self._too_many_rejected(summary):
            raise DataError(
                f"{summary.rejected:,} of {summary.rows_in:,} rows are rejected{place}; the first is "
                f"{summary.first_rejected}; fix the input, or allow it with --allow-rejected"
            )

    def _score(self, classifier: Classifier, output: Output, rejected: RejectedRows) -> tuple[Summary, bytes]:
        """Score every row; returns the summary, and the report, which is empty if there is to be none."""
        began = time.perf_counter()
        job, scorer = self.job, Scorer(classifier, self.job.scoring)
        projection = self._projection(scorer, output.format)
        reading = Reading(self.sources, projection, rejected)
        time_format = job.report.time_format if job.report else None
        columns = job.scoring.text_column, self._time_column(reading), time_format
        statistics = RowStatistics(scorer.answers, *columns, has_neutral=scorer.has_neutral)
        messages = ConversationStatistics(self.classifier.labels) if job.conversation else None

        def on_scored(part: Scored) -> None:
            statistics.add(part)
            if messages:
                messages.add(part)
            if self.on_progress:
                self.on_progress(Progress(statistics.rows_read, reading.expected))

        with closing(open_writer(output, scorer.schema(reading.schema), projection.raw_at, reading.header)) as writer:
            parts = grouped(reading.tables(), job.scoring.part_rows)
            score_all(parts, scorer, writer, on_scored, self.map_parts)
        rejected.flush()
        summary = statistics.summary(rejected, time.perf_counter() - began)
        overview = messages.overview() if messages else None
        if overview:
            speakers = [speaker.to_json() for speaker in overview.speakers]
            turns = [turn.to_json() for turn in overview.turns]
            summary = replace(summary, notes=reading.notes, speakers=speakers, turning_points=turns)
        return summary, self._page(summary, statistics, overview) if job.report else b""

    def _time_column(self, reading: Reading) -> str | None:
        """Name of the column of times; None for a conversation without any.

        Raises:
            DataError: the column cannot hold times.
        """
        column = self.job.time_column
        if not column or column not in reading.schema.names:
            return column
        arrow_type = reading.schema.field(column).type
        if self.job.conversation and pa.types.is_null(arrow_type):
            return None
        check_times(column, arrow_type)
        return column

    def _projection(self, scorer: Scorer, output: Format) -> Projection:
        """What is read of each row."""
        job, formats = self.job, (self.sources[0].format.name, output.name)
        if job.delimiter and "csv" not in formats:
            raise DataError(f"a delimiter is for CSV only; the input is {formats[0]}, the output {formats[1]}")
        text_last = job.scoring.sentence_rows and formats == ("jsonl", "jsonl")
        same_text = formats[0] == formats[1] and formats[0] in _TEXT_FORMATS
        raw = text_last or (same_text and not job.scoring.sentence_rows)
        return Projection(job.scoring.text_column, tuple(scorer.added.names), raw, job.time_column, text_last)

    def _page(self, summary: Summary, statistics: RowStatistics, overview: Overview | None) -> bytes:
        source = Path(self.sources[0].name).name
        if len(self.sources) > 1:
            source += f" and {len(self.sources) - 1} more"
        model = f", model {self.job.model[:12]}" if self.job.model else ""
        made_with = f"emoscope {emoscope.__version__}{model}"
        return report_page(source, made_with, summary, statistics, overview).encode()


def _move_output(work: WorkFolder, target: Target, report: Target | None) -> Summary:
    """Move what a finished run wrote to its place; after a crash while this was done, once more."""
    files = work.output
    if _REJECTED in files:
        target.rejected.receive(files[_REJECTED])
    else:
        target.rejected.remove()
    if report:
        report.write(files[_REPORT].read_bytes())
    target.receive(files[_TABLE])
    work.remove()
    return Summary(**work.result or {})
