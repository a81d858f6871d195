"""Texts that are nearly equal: MinHash finds candidate pairs, their exact similarity decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datasketch import MinHash, MinHashLSH

from emoscope.audit.unique_texts import UniqueText
from emoscope.text import normalize

SHINGLE = 5
"""Characters in a shingle."""

MIN_SIMILARITY = 0.8
"""Minimum Jaccard similarity of the shingles of near-duplicates: one short word of about 15 differs."""

BANDS, HASHES = 25, 5
"""Bands, and hashes per band, of locality-sensitive hashing: it misses one pair in 20,000 at MIN_SIMILARITY."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two different texts that are nearly equal.

    Attributes:
        first: the earlier one.
        second: the later one.
        similarity: Jaccard similarity of their shingles, from MIN_SIMILARITY to 1. It is 1 if they differ only in
            capitals, punctuation and the like.
    """

    first: UniqueText
    second: UniqueText
    similarity: float


def find_near_duplicates(texts: Sequence[UniqueText]) -> list[NearDuplicate]:
    """Pair each text with the most similar of the earlier texts that are not near-duplicates themselves.

    A template that was filled in a thousand times therefore gives a thousand pairs, not half a million. Similarity is
    Broder's resemblance ("On the resemblance and containment of documents", 1997) of the sets of 5-character shingles
    of the normalized texts. Candidates come from banded MinHash (Leskovec, Rajaraman, Ullman, "Mining of Massive
    Datasets", ch. 3).

    Args:
        texts: distinct texts; those without a letter or digit are skipped.
    """
    index = MinHashLSH(num_perm=BANDS * HASHES, params=(BANDS, HASHES))
    all_shingles = [_shingles(unique.text) for unique in texts]
    empty = MinHash(num_perm=BANDS * HASHES)
    pairs = []
    for at, shingles in enumerate(all_shingles):
        if not shingles:
            continue
        sketch = empty.copy()
        sketch.update_batch([shingle.encode() for shingle in shingles])
        candidates = ((_jaccard(shingles, all_shingles[i]), -i) for i in index.query(sketch))
        similarity, earlier = max(candidates, default=(0.0, 0))
        if similarity >= MIN_SIMILARITY:
            pairs.append(NearDuplicate(texts[-earlier], texts[at], similarity))
        else:
            index.insert(at, sketch)
    return pairs


def _shingles(text: str) -> frozenset[str]:
    plain = normalize(text)
    return frozenset(plain[i : i + SHINGLE] for i in range(max(len(plain) - SHINGLE + 1, min(len(plain), 1))))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common)
