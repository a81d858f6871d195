"""Texts that are nearly equal: MinHash finds the candidates, the exact similarity decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datasketch import MinHash, MinHashLSH

from emoscope.audit.entries import Entry
from emoscope.text import normalize

SHINGLE = 5
"""Characters of a shingle."""

SIMILARITY = 0.8
"""Least Jaccard similarity of the shingles of two near-duplicates: one short word of about 15 differs."""

BANDS, HASHES = 25, 5
"""Of the locality-sensitive hashing: it misses one pair in 20,000 at SIMILARITY, and fewer above."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two different texts that are nearly equal.

    Attributes:
        first: the one that stands earlier.
        second: the other one.
        similarity: Jaccard similarity of their shingles, from SIMILARITY to 1; 1 where only capitals, punctuation and
            the like differ.
    """

    first: Entry
    second: Entry
    similarity: float


def find_near_duplicates(entries: Sequence[Entry]) -> list[NearDuplicate]:
    """Hold every text against the earlier ones that are no near-duplicates themselves; the most similar is its first.

    So a thousand copies of one template are a thousand findings, not half a million pairs. Similarity is Broder's
    resemblance, "On the resemblance and containment of documents" (1997), over the sets of 5 characters in a row of the
    plain forms; candidates come from banded MinHash (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", ch. 3).

    Args:
        entries: different texts; those without a letter or digit are passed over.
    """
    index = MinHashLSH(num_perm=BANDS * HASHES, params=(BANDS, HASHES))
    shingles = [_shingles(entry.text) for entry in entries]
    empty = MinHash(num_perm=BANDS * HASHES)
    found = []
    for at, own in enumerate(shingles):
        if not own:
            continue
        sketch = empty.copy()
        sketch.update_batch([shingle.encode() for shingle in own])
        similarity, earlier = max(((_jaccard(own, shingles[i]), -i) for i in index.query(sketch)), default=(0.0, 0))
        if similarity >= SIMILARITY:
            found.append(NearDuplicate(entries[-earlier], entries[at], similarity))
        else:
            index.insert(at, sketch)
    return found


def _shingles(text: str) -> frozenset[str]:
    plain = normalize(text)
    return frozenset(plain[i : i + SHINGLE] for i in range(max(len(plain) - SHINGLE + 1, min(len(plain), 1))))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    common = len(a & b)
    return common / (len(a) + len(b) - common)
