"""The whole job: tables in, one table with emotions out, safe against crashes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

import emoscope
from emoscope.classifier import Classifier
from emoscope.errors import DataError
from emoscope.scoring.checkpoint import WorkFolder
from emoscope.scoring.core import Scorer, Scoring
from emoscope.scoring.faults import broken_data
from emoscope.scoring.pipeline import OnProgress, no_progress, score_all
from emoscope.scoring.reading import Reading
from emoscope.scoring.rejects import Rejects
from emoscope.scoring.sources import Format, Source, Stream, find_sources
from emoscope.scoring.target import Target
from emoscope.scoring.wanted import Wanted
from emoscope.scoring.writing import Output, open_writer


@dataclass(frozen=True)
class Job:
    """What is to be scored, and where it goes.

    Attributes:
        source: a file, a glob, a folder, an address, or a pipe.
        output: a file, an address, or a pipe.
        scoring: how.
        model: a name or checksum of the classifier: a run is not resumed with another.
        resume: whether to go on with the run that OUT.parts keeps; without one, to begin.
        overwrite: whether OUT, and without `resume` OUT.parts, may be there already.
    """

    source: str | Path | Stream
    output: str | Path | Stream
    scoring: Scoring
    model: str = ""
    resume: bool = False
    overwrite: bool = False


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


def score_table(job: Job, classifier: Classifier, on_progress: OnProgress = no_progress) -> Summary:
    """Read tables, score them, and write one table with the emotions.

    The output appears in one step when it is whole. Until then OUT.parts beside it (of an address, in the working
    folder) keeps what is scored, and a run with `resume` goes on from there to the same bytes. Rows that cannot be
    read are told in OUT.rejected.jsonl.

    Args:
        job: what is to be done.
        classifier: any.
        on_progress: called after each part.

    Raises:
        DataError: something cannot be read or written, is there already, or has changed since the run began.
        ModelError: the classifier returns something else than a row of probabilities a text.
    """
    try:
        if isinstance(job.output, Stream):
            return _to_pipe(job, job.output, classifier, on_progress)
        return _to_file(job, Target.at(job.output), classifier, on_progress)
    except pa.ArrowException as error:
        raise DataError(f"the rows cannot be scored ({broken_data(error)})") from None


def _to_pipe(job: Job, output: Stream, classifier: Classifier, on_progress: OnProgress) -> Summary:
    if job.resume:
        raise DataError("a run into a pipe cannot be resumed; name a file")
    pipe = Output(output.file, Format.of(output.format), on_disk=False)
    rejects = Rejects(lambda: output.rejected)
    return _score(job, find_sources(job.source), classifier, pipe, rejects, on_progress)


def _to_file(job: Job, target: Target, classifier: Classifier, on_progress: OnProgress) -> Summary:
    sources = find_sources(job.source)
    work = WorkFolder(target.work, _decisive(job, sources))
    if job.resume:
        work.resume()
    _refuse_to_spoil(job, sources, target, work)
    try:
        if not work.resumed:
            work.start()
        if work.result is None:
            _score_into(work, job, sources, classifier, target.format, on_progress)
        return _put_in_place(work, target)
    except OSError as error:
        kept = f"; {work.parts} parts are kept in {work.path}: mend it, then --resume" if work.parts else ""
        raise DataError(f"{error}{kept}") from None
    finally:
        work.leave()


def _refuse_to_spoil(job: Job, sources: Sequence[Source], target: Target, work: WorkFolder) -> None:
    if any(target.is_the_same_as(source) for source in sources):
        raise DataError(f"{target.name} is among the files to read; give another name")
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
        "inputs": {source.name: [source.size, source.modified] for source in sources},
    }


def _score_into(
    work: WorkFolder,
    job: Job,
    sources: Sequence[Source],
    classifier: Classifier,
    target: Format,
    on_progress: OnProgress,
) -> None:
    """Write the table and what was rejected into the work folder, whole."""
    table, rejected = work.new_file("table"), work.new_file("rejected")
    with ExitStack() as files:
        rejects = Rejects(lambda: files.enter_context(rejected.open("wb")))
        output = Output(files.enter_context(table.open("wb")), target, on_disk=True)
        summary = _score(job, sources, work.remembering(classifier), output, rejects, on_progress)
    work.finish(asdict(summary), {"table": table} | ({"rejected": rejected} if summary.rejected else {}))


def _put_in_place(work: WorkFolder, target: Target) -> Summary:
    """Bring what a finished run wrote to where it belongs; after a crash in the middle of it, once more."""
    files = work.output
    if "rejected" in files:
        target.rejected.receive(files["rejected"])
    else:
        target.rejected.remove()
    target.receive(files["table"])
    work.remove()
    return Summary(**work.result or {})


def _score(
    job: Job,
    sources: Sequence[Source],
    classifier: Classifier,
    output: Output,
    rejects: Rejects,
    on_progress: OnProgress,
) -> Summary:
    began = time.perf_counter()
    scorer = Scorer(classifier, job.scoring)
    raw = output.format.name == sources[0].format.name and not job.scoring.sentence_rows
    reading = Reading(sources, Wanted(job.scoring.text_column, tuple(scorer.added.names), raw), rejects)
    with closing(open_writer(output, scorer.schema(reading.schema))) as writer:
        rows = score_all(reading, scorer, writer, job.scoring.part_rows, on_progress)
    seconds = time.perf_counter() - began
    rows_in = reading.rows + rejects.rows
    return Summary(
        rows_in=rows_in,
        rows=rows,
        without_text=rows - sum(scorer.label_rows.values()),
        rejected=rejects.rows,
        first_rejected=rejects.first,
        labels=scorer.label_rows,
        seconds=seconds,
        rows_per_second=rows_in / seconds,
    )
