"""DuckDB: the functions `emotion(text)` and `emotion_scores(text)` in SQL. Needs the extra `duckdb`."""

from __future__ import annotations

from typing import Any

from emoscope.errors import require_extra

require_extra("duckdb")

import duckdb

from emoscope.scoring.column import Model, column_scorer


def register(connection: duckdb.DuckDBPyConnection, model: Model = None, *, neutral: str = "column") -> None:
    """Add functions to a connection, which DuckDB calls with columns of texts.

    `emotion(text)` returns the label with the highest probability, and `emotion_scores(text)` a STRUCT with the
    probability of each label and, for a model that gives it, of neutral. Null, empty and blank texts give NULL.
    Functions that were registered before are replaced.

    Args:
        connection: what `duckdb.connect` returned.
        model: a classifier, or what `EmotionClassifier.from_pretrained` takes; None for the bundled model.
        neutral: with "label", `emotion` returns "neutral" where its probability is 0.5 or more.

    Raises:
        DataError: there is no such value of `neutral`.
        ModelError: the model cannot be loaded, or lacks an output for neutral texts.
    """
    scorer = column_scorer(model, neutral)
    structs = duckdb.struct_type(dict.fromkeys(scorer.names, "FLOAT"))
    functions = {"emotion": (scorer.emotion, "VARCHAR"), "emotion_scores": (scorer.scores, structs)}
    for name, (function, returned) in functions.items():
        if connection.execute("select 1 from duckdb_functions() where function_name = ?", [name]).fetchall():
            connection.remove_function(name)
        create: Any = connection.create_function  # its annotations lack functions of Arrow
        create(name, function, ["VARCHAR"], returned, type="arrow", null_handling="special")
