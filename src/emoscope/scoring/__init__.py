"""Tables of texts to the same tables with emotions, streamed through any `Classifier`. Needs the extra `score`.

`score_table` is the whole job on files; `Scorer` and `score_batches` are its core, Arrow in and Arrow out, for engines
that read and write themselves.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("score")

from emoscope.scoring.core import Scorer, Scoring, score_batches
from emoscope.scoring.job import Job, Report, Summary, score_table
from emoscope.scoring.pipeline import Progress
from emoscope.scoring.sources import Stream

__all__ = ["Job", "Progress", "Report", "Scorer", "Scoring", "Stream", "Summary", "score_batches", "score_table"]
