"""Model Context Protocol: the classifier as tools of agents, over standard input and output or streamable HTTP.

Needs the extra `mcp`. The limits of a call and their messages are those of `emoscope serve`. Tables are read and
written only in one folder, and only if one is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from emoscope.errors import EmoscopeError, require_extra

require_extra("mcp")

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from emoscope import __version__
from emoscope.classifier import EmotionClassifier
from emoscope.serving.checks import check_explained, check_lengths, check_texts, sentence_list
from emoscope.serving.decoding import convert
from emoscope.serving.errors import RequestError
from emoscope.serving.schemas import ExplainRequest, PredictRequest, SentencesRequest
from emoscope.serving.settings import Settings

INSTRUCTIONS = (
    "Tells which emotion an English text expresses. Scores are probabilities, which sum to 1 over the labels; neutral "
    "is the probability that a text expresses no emotion. Counts of predicted labels are biased: for shares of "
    "emotions in a table, have some rows labelled and use estimate_shares."
)
_READS, _WRITES = ToolAnnotations(read_only_hint=True), ToolAnnotations(destructive_hint=False)
Arguments = ParamSpec("Arguments")
Answer = dict[str, Any]
"""What a tool returns, as JSON."""


def create_server(
    classifier: EmotionClassifier, *, folder: Path | None = None, settings: Settings | None = None
) -> MCPServer:
    """A server with the tools classify, explain and timeline and, with a folder, score_table and estimate_shares.

    Args:
        classifier: the model.
        folder: where tables may be read and written; None for nowhere.
        settings: limits of a call; None for those of `emoscope serve`.
    """
    tools = Tools(classifier, settings or Settings())
    server: MCPServer = MCPServer("emoscope", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in (tools.classify, tools.explain, tools.timeline):
        server.add_tool(_reporting_errors(tool), annotations=_READS)
    if folder is not None:
        tables = TableTools(classifier, folder.resolve())
        server.add_tool(_reporting_errors(tables.score_table), annotations=_WRITES)
        server.add_tool(_reporting_errors(tables.estimate_shares), annotations=_READS)
    return server


def _reporting_errors(tool: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """The tool, whose errors reach the agent with their message."""

    @wraps(tool)
    def called(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with _tool_errors():
            return tool(*args, **kwargs)

    return called


@contextmanager
def _tool_errors() -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        raise ToolError(f"{error.code}: {error.message}") from None
    except (EmoscopeError, OSError) as error:
        raise ToolError(str(error)) from None


class Tools:
    """The tools for texts; the docstring of each is what an agent reads."""

    def __init__(self, classifier: EmotionClassifier, settings: Settings) -> None:
        self._classifier, self._settings = classifier, settings

    def classify(self, texts: list[str]) -> Answer:
        """Emotion of each English text: label, its score, the scores of all labels, and neutral (no emotion).

        Args:
            texts: the texts, each of any length.
        """
        checked = convert({"texts": texts}, PredictRequest).texts
        check_texts(checked, "texts", self._settings)
        return {"predictions": [prediction.to_dict() for prediction in self._classifier.predict(checked)]}

    def explain(self, texts: list[str], method: str = "loo") -> Answer:
        """How much each word of a text contributes to its emotion; a positive weight is for the label.

        Args:
            texts: the texts.
            method: "loo" leaves out one word at a time; "shapley" is slower and more faithful.
        """
        request = convert({"texts": texts, "method": method}, ExplainRequest)
        check_texts(request.texts, "texts", self._settings)
        check_explained(request.texts, request.method, self._settings)
        found = self._classifier.explain(request.texts, method=request.method)
        return {"explanations": [explanation.to_json() for explanation in found]}

    def timeline(self, text: str) -> Answer:
        """Emotion of a long text sentence by sentence, and of the whole text combined from its sentences.

        Args:
            text: the text, such as a review, a letter or a transcript.
        """
        text = convert({"text": text}, SentencesRequest).text
        check_lengths([text], "text", self._settings)
        sentence_list(text, self._settings)
        return self._classifier.timeline([text])[0].to_json()


class TableTools:
    """The tools for tables in a folder; the docstring of each is what an agent reads."""

    def __init__(self, classifier: EmotionClassifier, folder: Path) -> None:
        self._classifier, self._folder = classifier, folder

    def score_table(self, table: str, output: str, text_column: str) -> Answer:
        """Add emotions to every row of a table in the server's folder, and write a new table there.

        Args:
            table: name of the table: .csv, .tsv, .jsonl, .parquet, .arrow or .xlsx.
            output: name of the table to write; it must not exist.
            text_column: name of the column of texts.
        """
        from emoscope.scoring import Job, Scoring, score_table

        job = Job(self._table(table), self._place(output), Scoring(text_column))
        return asdict(score_table(job, self._classifier))

    def estimate_shares(self, scored: str, labels: str) -> Answer:
        """Shares of the emotions in a scored table, with intervals, corrected by labels of some of its rows.

        Args:
            scored: name of a table that score_table wrote.
            labels: name of a table with the columns "row" (number of the row in the scored table, from 1) and "label".
        """
        from emoscope.shares.blocks import TextFormat
        from emoscope.shares.estimation import Options
        from emoscope.shares.jobs import estimate_table
        from emoscope.shares.samples import read_sample
        from emoscope.shares.tables import ScoredTable

        table = ScoredTable(self._table(scored), TextFormat())
        sample = read_sample(self._table(labels), table.form)
        return estimate_table(table, sample, Options()).estimate.to_json()

    def _table(self, name: str) -> Path:
        """The table of this name in the folder: one file, no pattern.

        Raises:
            RequestError: there is none, or it is elsewhere.
        """
        if not (place := self._place(name)).is_file():
            files = sorted(file.name for file in self._folder.iterdir() if file.is_file())
            raise RequestError("not_found", f"there is no file {name!r} in the server's folder; it has: {files[:20]}")
        return place

    def _place(self, name: str) -> Path:
        """Where the file of this name is, or would be, in the folder.

        Raises:
            RequestError: it is elsewhere, also by a link.
        """
        place = self._folder.joinpath(name).resolve()
        if self._folder not in place.parents:
            raise RequestError(
                "invalid_request", f"{name!r} is not in the server's folder; give the name of a file in it"
            )
        return place
