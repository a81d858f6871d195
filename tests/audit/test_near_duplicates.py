"""Near-duplicates against a comparison of all pairs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.audit.near_duplicates import MIN_SIMILARITY, NearDuplicate, find_near_duplicates
from emoscope.audit.unique_texts import RowRef, UniqueText


def near_duplicates(*texts: str) -> list[NearDuplicate]:
    return find_near_duplicates([UniqueText(text, (RowRef("all", n, "calm"),)) for n, text in enumerate(texts, 1)])


def all_similar_pairs(texts: list[str]) -> set[frozenset[str]]:
    def shingles(text: str) -> set[str]:
        return {text[i : i + 5] for i in range(max(1, len(text) - 4))}

    similar = (
        (a, b) for i, a in enumerate(texts) for b in texts[:i]
        if len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b)) >= MIN_SIMILARITY
    )  # fmt: skip
    return {frozenset(pair) for pair in similar}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab ", min_size=6, max_size=30).map(lambda t: " ".join(t.split())), max_size=12, unique=True))
def test_pairs_are_similar_and_no_similar_text_is_missed(texts: list[str]) -> None:
    texts = [text for text in texts if text]
    pairs = near_duplicates(*texts)
    assert {frozenset((pair.first.text, pair.second.text)) for pair in pairs} <= all_similar_pairs(texts)
    later = {pair.second.text for pair in pairs}
    assert not all_similar_pairs([text for text in texts if text not in later])


def test_texts_that_differ_only_in_form_are_near_duplicates() -> None:
    (pair,) = near_duplicates("So it goes, again!", "so it goes again")
    assert (pair.first.text, pair.second.text, pair.similarity) == ("So it goes, again!", "so it goes again", 1.0)


def test_a_template_gives_one_pair_for_each_copy() -> None:
    template = "the quick brown fox jumped over the lazy dog and ran far away into the dark wood number {}"
    assert len(near_duplicates(*(template.format(number) for number in range(200)))) == 199
