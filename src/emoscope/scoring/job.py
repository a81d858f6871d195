"""The whole job: tables in, one table with emotions out, safe against crashes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import emoscope
from emoscope.errors import DataError
from emoscope.protocols import Classifier
from emoscope.scoring.arrow_errors import broken_data
from emoscope.scoring.core import Scorer, Scoring
from emoscope.scoring.pipeline import MapParts, OnProgress, no_progress, one_after_the_other, score_all
from emoscope.scoring.projection import Wanted
from emoscope.scoring.reading import Reading
from emoscope.scoring.rejected import Rejects
from emoscope.scoring.report_page import Facts, report_page
from emoscope.scoring.resume import WorkFolder
from emoscope.scoring.sources import Format, Source, Stream, find_sources
from emoscope.scoring.summary import Overview
from emoscope.scoring.target import Target
from emoscope.scoring.times import check_times
from emoscope.scoring.writing import Output, open_writer

_TABLE, _REJECTED, _REPORT = "table", "rejected", "report"  # what a run writes into its folder


@dataclass(frozen=True)
class Report:
    """A page about the scored rows.

    Attributes:
        output: an HTML file, or an address.
        time_column: name of a column of times, for the labels over time; None for none.
    """

    output: str | Path
    time_column: str | None = None


@dataclass(frozen=True)
class Job:
    """What is to be scored, and where it goes.

    Attributes:
        source: a file, a glob, a folder, an address, or a pipe.
        output: a file, an address, or a pipe.
        scoring: how.
        model: a name or checksum of the classifier: a run is not resumed with another.
        resume: whether to go on with the run that OUT.parts keeps; without one, to begin.
        overwrite: whether OUT and the report, and without `resume` OUT.parts, may be there already.
        report: a page about the rows, if one is wanted.
        delimiter: between the cells of CSV, read and written; None for a comma.

    Raises:
        DataError: the text column is the time column, or the delimiter is none.
    """

    source: str | Path | Stream
    output: str | Path | Stream
    scoring: Scoring
    model: str = ""
    resume: bool = False
    overwrite: bool = False
    report: Report | None = None
    delimiter: str | None = None

    def __post_init__(self) -> None:
        if self.time_column == self.scoring.text_column:
            raise DataError(f"the time column is the text column, {self.time_column!r}; name a column of times")
        if self.delimiter and (len(self.delimiter) > 1 or self.delimiter in '"\r\n'):
            raise DataError(f"the delimiter must be one character, and no quote or line end, got {self.delimiter!r}")

    @property
    def time_column(self) -> str | None:
        """Name of the column of times that the report wants."""
        return self.report.time_column if self.report else None


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        rows_in: rows read, rejected ones among them.
        rows: rows written.
        without_text: rows written with null scores.
        rejected: rows rejected.
        first_rejected: the first of them in words.
        labels: for each label, the rows where it is the highest.
        seconds: how long it took; of a run that was resumed, since then.
        rows_per_second: rows_in over seconds.
    """

    rows_in: int
    rows: int
    without_text: int
    rejected: int
    first_rejected: str | None
    labels: Mapping[str, int]
    seconds: float
    rows_per_second: float


@dataclass(frozen=True)
class Engine:
    """What scores.

    Attributes:
        classifier: any.
        on_progress: called after each part.
        map_parts: how the parts are scored.
    """

    classifier: Classifier
    on_progress: OnProgress = no_progress
    map_parts: MapParts = one_after_the_other


@dataclass(frozen=True)
class Outcome:
    """What came of the rows.

    Attributes:
        summary: of the job.
        page: the report, if one is wanted.
    """

    summary: Summary
    page: bytes | None


def score_table(
    job: Job,
    classifier: Classifier,
    on_progress: OnProgress = no_progress,
    map_parts: MapParts = one_after_the_other,
) -> Summary:
    """Read tables, score them, and write one table with the emotions.

    The output appears in one step when it is whole. Until then OUT.parts beside it (of an address, in the working
    folder) keeps what is scored, and a run with `resume` goes on from there to the same bytes. Rows that cannot be
    read are told in OUT.rejected.jsonl.

    Args:
        job: what is to be done.
        classifier: any.
        on_progress: called after each part.
        map_parts: how the parts are scored: one after the other, or several at once by a classifier that many threads
            may ask, as `ClusterClassifier.map` does.

    Raises:
        DataError: something cannot be read or written, is there already, or has changed since the run began.
        ModelError: the classifier returns something else than a row of probabilities a text.
    """
    engine = Engine(classifier, on_progress, map_parts)
    try:
        if isinstance(job.output, Stream):
            return _to_pipe(job, job.output, engine)
        return _to_file(job, Target.at(job.output), engine)
    except pa.ArrowException as error:
        raise DataError(f"the rows cannot be scored ({broken_data(error)})") from None


def _to_pipe(job: Job, output: Stream, engine: Engine) -> Summary:
    if job.resume:
        raise DataError("a run into a pipe cannot be resumed; name a file")
    sources = find_sources(job.source, job.delimiter)
    report = _report_target(job, sources)
    pipe = Output(output.file, Format.of(output.format).separated_by(job.delimiter), on_disk=False)
    outcome = _score(job, sources, engine, pipe, Rejects(lambda: output.rejected))
    if report and outcome.page:
        report.write(outcome.page)
    return outcome.summary


def _to_file(job: Job, target: Target, engine: Engine) -> Summary:
    sources = find_sources(job.source, job.delimiter)
    work = WorkFolder(target.work, _decisive(job, sources))
    if job.resume:
        work.resume()
    report = _report_target(job, [*sources, target, target.rejected], finished=work.result is not None)
    _refuse_to_spoil(job, sources, target, work)
    try:
        if not work.resumed:
            work.start()
        if work.result is None or (report and _REPORT not in work.output):
            _score_into(work, job, sources, engine, target.format.separated_by(job.delimiter))
        return _put_in_place(work, target, report)
    except OSError as error:
        kept = f"; {work.parts} parts are kept in {work.path}: mend it, then --resume" if work.parts else ""
        raise DataError(f"{error}{kept}") from None
    finally:
        work.leave()


def _report_target(job: Job, taken: Sequence[Source | Target], *, finished: bool = False) -> Target | None:
    """Where the report goes; refuses to spoil what is there, and files that are taken."""
    if not job.report:
        return None
    target = Target.at(job.report.output)
    if any(target.is_the_same_as(other) for other in taken):
        raise DataError(f"{target.name} is read, or takes the table or its rejected rows; give the report another name")
    if target.is_folder:
        raise DataError(f"{target.name} is a folder; name a file for the report")
    if target.exists and not job.overwrite and not finished:
        raise DataError(f"{target.name} is there already; give the report another name, or --overwrite")
    return target


def _refuse_to_spoil(job: Job, sources: Sequence[Source], target: Target, work: WorkFolder) -> None:
    for written in (target, target.rejected):
        if any(written.is_the_same_as(source) for source in sources):
            raise DataError(f"{written.name} is among the files to read; give another name")
        if written.is_folder:
            raise DataError(f"{written.name} is a folder; give another name")
    if target.exists and not job.overwrite and work.result is None:
        raise DataError(f"{target.name} is there already; give another name, or --overwrite")
    if work.parts and not work.resumed and not job.overwrite:
        raise DataError(f"{work.path} keeps {work.parts} parts of an unfinished run; --resume it, or --overwrite")


def _decisive(job: Job, sources: Sequence[Source]) -> dict[str, Any]:
    """What decides the output, as JSON."""
    return {
        "emoscope": emoscope.__version__,
        "model": job.model,
        "scoring": asdict(job.scoring),
        "delimiter": job.delimiter,
        "inputs": {source.name: [source.size, source.modified] for source in sources},
    }


def _score_into(work: WorkFolder, job: Job, sources: Sequence[Source], engine: Engine, target: Format) -> None:
    """Write the table, what was rejected and the report into the work folder, whole."""
    table, rejected, page = map(work.new_file, (_TABLE, _REJECTED, _REPORT))
    engine = replace(engine, classifier=work.remembering(engine.classifier))
    with ExitStack() as files:
        rejects = Rejects(lambda: files.enter_context(rejected.open("wb")))
        output = Output(files.enter_context(table.open("wb")), target, on_disk=True)
        outcome = _score(job, sources, engine, output, rejects)
    written = {_TABLE: table} | ({_REJECTED: rejected} if outcome.summary.rejected else {})
    if outcome.page:
        page.write_bytes(outcome.page)
        written[_REPORT] = page
    work.finish(asdict(outcome.summary), written)


def _put_in_place(work: WorkFolder, target: Target, report: Target | None) -> Summary:
    """Bring what a finished run wrote to where it belongs; after a crash in the middle of it, once more."""
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


def _score(job: Job, sources: Sequence[Source], engine: Engine, output: Output, rejects: Rejects) -> Outcome:
    began = time.perf_counter()
    scorer = Scorer(engine.classifier, job.scoring)
    formats = sources[0].format.name, output.format.name
    if job.delimiter and "csv" not in formats:
        raise DataError(f"a delimiter stands between the cells of CSV; this is {formats[0]}, and becomes {formats[1]}")
    apart = job.scoring.sentence_rows and formats == ("jsonl", "jsonl")
    raw = apart or (formats[0] == formats[1] and not job.scoring.sentence_rows)
    wanted = Wanted(job.scoring.text_column, tuple(scorer.added.names), raw, job.time_column, apart)
    reading = Reading(sources, wanted, rejects)
    if job.time_column and job.time_column in reading.schema.names:
        check_times(job.time_column, reading.schema.field(job.time_column).type)
    overview = Overview(engine.classifier.labels, job.scoring.text_column, job.time_column)
    with closing(open_writer(output, scorer.schema(reading.schema))) as writer:
        score_all(
            reading,
            scorer,
            writer,
            job.scoring.part_rows,
            on_scored=overview.add,
            on_progress=engine.on_progress,
            map_parts=engine.map_parts,
        )
    summary = _summary(overview, reading, rejects, time.perf_counter() - began)
    return Outcome(summary, report_page(_facts(job, sources, summary), overview).encode() if job.report else None)


def _summary(overview: Overview, reading: Reading, rejects: Rejects, seconds: float) -> Summary:
    rows_in = reading.rows + rejects.rows
    return Summary(
        rows_in=rows_in,
        rows=overview.rows,
        without_text=overview.rows - sum(overview.label_rows.values()),
        rejected=rejects.rows,
        first_rejected=rejects.first,
        labels=overview.label_rows,
        seconds=seconds,
        rows_per_second=rows_in / seconds,
    )


def _facts(job: Job, sources: Sequence[Source], summary: Summary) -> Facts:
    model = f", model {job.model[:12]}" if job.model else ""
    return Facts(
        source=sources[0].name if len(sources) == 1 else f"{sources[0].name} and {len(sources) - 1} more",
        rows_in=summary.rows_in,
        rejected=summary.rejected,
        made_with=f"emoscope {emoscope.__version__}{model}",
        text_column=job.scoring.text_column,
        time_column=job.time_column,
    )
