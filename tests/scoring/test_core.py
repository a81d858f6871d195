"""Tables and batches in, the same with emotions out."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_fakes import HashClassifier, NeutralClassifier, emotion, neutral, probabilities

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import DataError, ModelError
from emoscope.inputs import is_blank
from emoscope.scoring import Scorer, Scoring, score_batches

some_text = st.none() | st.sampled_from(["", "  ", "\u00a0\n", "one", "two", "three"]) | st.text(max_size=5)


def scored(texts, classifier=None, **options):
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())})
    return Scorer(classifier or HashClassifier(), Scoring("text", **options))(table)


@settings(max_examples=100, deadline=None)
@given(st.lists(some_text, max_size=30))
def test_scores_of_a_row_depend_on_its_text_alone(texts):
    table = scored(texts)
    assert table.column_names == ["id", "text", "emotion", "emotion_score", *EMOTIONS]
    assert table.column("text").to_pylist() == texts and table.column("id").to_pylist() == list(range(len(texts)))
    for row in table.to_pylist():
        if row["text"] is None or not row["text"].strip():
            assert all(row[name] is None for name in ("emotion", "emotion_score", *EMOTIONS))
        else:
            expected = probabilities(row["text"])
            assert [np.float32(row[label]) for label in EMOTIONS] == expected.tolist()
            assert row["emotion"] == emotion(row["text"]) and np.float32(row["emotion_score"]) == expected.max()


def test_bundled_model_scores_as_without_tables():
    texts = ["i feel so happy today", "i am angry", "long " * 3000 + "and sad"]
    classifier = EmotionClassifier.from_pretrained()
    table = scored(texts, classifier)
    columns = np.stack([table.column(label).to_numpy() for label in classifier.labels], axis=1)
    np.testing.assert_array_equal(columns, classifier.predict_proba(texts))


def test_equal_texts_are_scored_once_and_blank_ones_never():
    classifier = HashClassifier()
    scored(["a", "b", "a", None, "", " ", "a"], classifier)
    assert classifier.calls == [["a", "b"]]
    scored([None, ""], classifier)
    assert len(classifier.calls) == 1


def test_added_columns_of_a_blank_text_are_null_where_python_has_neutral_1():
    classifier, blanks = EmotionClassifier.from_pretrained(), ["", " \t", "\u3000\u2003", "\x1c"]
    assert classifier.neutral_proba(blanks).tolist() == [1.0] * len(blanks)
    for row in scored([*blanks, None], classifier).to_pylist():
        assert {value for name, value in row.items() if name not in ("id", "text")} == {None}
        assert "neutral" in row


def test_white_space_is_the_same_for_arrow_and_for_python():
    characters = [chr(code) for code in range(0x3100)]
    blank = [row["emotion"] is None for row in scored(characters, HashClassifier()).to_pylist()]
    assert blank == [is_blank(character) for character in characters]


def test_types_of_the_added_columns():
    assert scored(["a"]).schema.types[2:] == [pa.string()] + [pa.float32()] * 7


def test_columns_are_chosen_and_named():
    assert scored(["a"], columns=("joy", "emotion"), prefix="p_").column_names == ["id", "text", "p_joy", "p_emotion"]


@pytest.mark.parametrize("options", [{}, {"long": "sentences", "sentence_rows": True}])
def test_views_of_text_are_scored(options):
    views = pa.array(["a", None, "b"], pa.string_view())
    table = pa.table({"text": views, "other": views, "category": views.dictionary_encode()})
    result = scored_by(table, "text", **options), scored_by(table, "category", **options)
    assert [each["emotion"].to_pylist() for each in result] == [[emotion("a"), None, emotion("b")]] * 2


def scored_by(table, column, **options):
    return Scorer(HashClassifier(), Scoring(column, **options))(table)


@pytest.mark.parametrize(
    "arrow_type",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
    ids=str,
)
def test_text_of_any_arrow_type(arrow_type):
    plain = pa.chunked_array([pa.array(["a", None]), pa.array(["b", "a", ""])])
    table = pa.table({"text": plain if arrow_type == pa.string_view() else plain.cast(arrow_type)})
    if arrow_type == pa.string_view():
        table = pa.table({"text": pa.array(plain.to_pylist(), arrow_type)})
    result = Scorer(HashClassifier(), Scoring("text"))(table)
    assert result.schema.field("text").type == arrow_type
    assert result.column("emotion").to_pylist() == [emotion("a"), None, emotion("b"), emotion("a"), None]


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"other": ["a"]}, {}, "no column 'text'; the columns are: 'other'"),
        ({"text": [1]}, {}, "the column 'text' is int64; allowed: text"),
        ({"text": ["a"], "joy": [1]}, {}, "there is a column 'joy' already"),
        ({"text": ["a"]}, {"columns": ("happiness",)}, "'happiness' cannot be added; allowed, once each: emotion,"),
        ({"text": ["a"]}, {"columns": ("joy", "joy")}, "'joy' cannot be added"),
        ({"text": ["a"]}, {"long": "half"}, "cannot be read as 'half'"),
        ({"text": ["a"]}, {"sentence_rows": True}, "a row for each sentence needs"),
        ({"text": ["a"]}, {"part_rows": 0}, "at least one row"),
        ({"text": ["a"]}, {"neutral": "row"}, "neutral cannot be shown as 'row'; allowed: column, label"),
        ({"text": ["a"]}, {"coverage": 1.0}, "from 0.5 to 0.99"),
        ({"text": ["a"]}, {"abstain": 80}, "from 0 to 1, got 80"),
    ],
)
def test_invalid_columns_and_options_are_errors(columns, options, words):
    with pytest.raises(DataError, match=words):
        Scorer(HashClassifier(), Scoring("text", **options))(pa.table(columns))


WORDS = [f"word {i}" for i in range(40)]


def test_probability_of_neutral_is_a_column():
    table = scored([*WORDS, " "], NeutralClassifier())
    assert table.column_names == ["id", "text", "emotion", "emotion_score", *EMOTIONS, "neutral"]
    assert table.schema.field("neutral").type == pa.float32()
    assert table["neutral"].to_pylist() == [*(pytest.approx(neutral(text)) for text in WORDS), None]
    assert table["emotion"].to_pylist() == [*map(emotion, WORDS), None]
    assert scored(["a"], NeutralClassifier(), columns=("neutral",)).column_names == ["id", "text", "neutral"]
    with pytest.raises(DataError, match="'neutral' cannot be added"):
        scored(["a"], columns=("neutral",))


def test_neutral_is_an_emotion_if_asked_for():
    rows = scored([*WORDS, ""], NeutralClassifier(), neutral="label").to_pylist()
    assert {neutral(text) >= 0.5 for text in WORDS} == {True, False}
    for row, text in zip(rows, WORDS, strict=False):
        expected = ("neutral", neutral(text)) if neutral(text) >= 0.5 else (emotion(text), probabilities(text).max())
        assert (row["emotion"], np.float32(row["emotion_score"])) == expected
        assert [np.float32(row[label]) for label in EMOTIONS] == probabilities(text).tolist()
    assert rows[-1]["emotion"] is rows[-1]["neutral"] is None


def test_prediction_sets_and_abstention_are_columns():
    table = scored([*WORDS, None], NeutralClassifier(), coverage=0.9, abstain=0.3)
    assert table.column_names[-3:] == ["neutral", "prediction_set", "abstains"]
    assert table.schema.types[-2:] == [pa.string(), pa.bool_()]
    *rows, blank = table.to_pylist()
    for row, text in zip(rows, WORDS, strict=True):
        assert row["prediction_set"].split() == [
            label for label, p in zip(EMOTIONS, probabilities(text), strict=True) if p >= 2 * (1 - 0.9)
        ]
        assert row["abstains"] == (float(probabilities(text).max()) < 0.3)
    assert blank["prediction_set"] is blank["abstains"] is None
    assert {row["abstains"] for row in rows} == {True, False}
    chosen = scored(["a"], NeutralClassifier(), columns=("abstains", "emotion"), coverage=0.9, abstain=0.3)
    assert chosen.column_names[2:] == ["abstains", "emotion", "prediction_set"]


def test_abstention_is_about_the_emotion_of_the_table():
    table = scored(WORDS, NeutralClassifier(), neutral="label", abstain=0.6)
    assert table["abstains"].to_pylist() == [score < 0.6 for score in table["emotion_score"].to_pylist()]


def test_a_threshold_is_not_rounded_to_float32():
    class Same(HashClassifier):
        def predict_proba(self, texts):
            return np.full((len(texts), 6), 0.3, np.float32)

    assert scored(["a"], Same(), abstain=0.3)["abstains"].to_pylist() == [float(np.float32(0.3)) < 0.3]
    assert scored(["a"], Same(), abstain=0.30000002)["abstains"].to_pylist() == [True]


@pytest.mark.parametrize(
    ("options", "words"), [({"neutral": "label"}, "no output for neutral"), ({"coverage": 0.9}, "no prediction sets")]
)
def test_model_without_what_is_asked_for_is_an_error(options, words):
    with pytest.raises(ModelError, match=words):
        scored(["a"], **options)


def test_label_with_the_name_of_an_added_column_is_an_error():
    class Named(NeutralClassifier):
        labels = ("a", "b", "c", "d", "e", "neutral")

    with pytest.raises(DataError, match="a label named 'neutral'"):
        scored(["a"], Named())


def test_taken_name_is_avoided_with_a_prefix_or_a_choice():
    table = pa.table({"text": ["a"], "joy": ["mine"]})
    assert Scorer(HashClassifier(), Scoring("text", prefix="p_"))(table).column("joy").to_pylist() == ["mine"]
    assert Scorer(HashClassifier(), Scoring("text", columns=("emotion",)))(table).num_columns == 3


def test_model_that_returns_another_shape_is_an_error():
    class Short(HashClassifier):
        def predict_proba(self, texts):
            return np.zeros((1, 6), np.float32)

    with pytest.raises(ModelError, match=r"\(1, 6\), expected \(2, 6\)"):
        scored(["a", "b"], Short())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(some_text, max_size=6), max_size=8), st.integers(1, 9))
def test_batches_of_any_size_are_scored_in_order(batches, part_rows):
    classifier = HashClassifier()
    batches = [pa.record_batch({"text": pa.array(batch, pa.string())}) for batch in batches]
    results = list(score_batches(iter(batches), classifier, Scoring("text", part_rows=part_rows)))
    expected = [text for batch in batches for text in batch.column("text").to_pylist()]
    assert all(isinstance(result, pa.RecordBatch) for result in results)
    assert [text for result in results for text in result.column("text").to_pylist()] == expected
    assert [result.num_rows for result in results[:-1]] == [part_rows] * (len(results) - 1)


def test_batches_are_taken_one_part_at_a_time():
    def endless():
        while True:
            yield pa.record_batch({"text": ["a", "b"]})

    assert next(score_batches(endless(), HashClassifier(), Scoring("text", part_rows=4))).num_rows == 4


def test_long_rows_make_short_parts(monkeypatch):
    monkeypatch.setattr("emoscope.scoring.core.PART_BYTES", 1000)
    batches = [pa.record_batch({"text": ["x" * 400]})] * 7
    results = score_batches(batches, HashClassifier(), Scoring("text"))
    assert [result.num_rows for result in results] == [3, 3, 1]


def test_scoring_can_be_pickled():
    scoring = Scoring("text", columns=("joy",))
    assert pickle.loads(pickle.dumps(scoring)) == scoring


def test_probabilities_that_are_not_numbers_are_an_error():
    class Broken(HashClassifier):
        def predict_proba(self, texts):
            return super().predict_proba(texts) * np.float32("nan")

    with pytest.raises(ModelError, match="probabilities that are NaN or infinite"):
        Scorer(Broken(), Scoring("text"))(pa.table({"text": ["a"]}))
