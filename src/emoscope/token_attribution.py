"""Which words decided, from what each token adds to the probability: tokens brought back to words of the raw text.

Knows tokenizer and text form, and whatever weighs tokens as a function; no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.encoding import Preprocessor
from emoscope.explanation import Explanation, Words, ambiguous_word
from emoscope.protocols import Classifier, Keywords
from emoscope.text import normalize

INTEGRATED_GRADIENTS = "integrated-gradients"
"""The method's name."""
BASELINES = ("[MASK]", "<mask>", "[PAD]", "<pad>")
"""Tokens that may stand for no word, the first that a tokenizer has."""

AttributeTokens = Callable[[NDArray[np.int32], int], tuple[NDArray[np.float64], float]]
"""Token ids of a row and the index of a label, to what each token adds to the label's probability, float64 (tokens,),
and how far their sum is from what all of them add."""

Span = tuple[int, int]


def explain_by_tokens(
    classifier: Classifier,
    texts: Sequence[str],
    preprocessor: Preprocessor,
    weigh: AttributeTokens,
    ambiguous_keywords: Keywords,
) -> list[Explanation]:
    """Weigh every word of each text by its tokens.

    A token that stands in no word (punctuation, special tokens) is left out; one that stands in several is shared by
    its characters. Of a long text the windows' weights count by their tokens, as their probabilities do.

    Args:
        classifier: gives the probabilities.
        texts: any number of texts of any length.
        preprocessor: the classifier's.
        weigh: what a token adds.
        ambiguous_keywords: as for `explain`.
    """
    explanations = []
    for text, row in zip(texts, classifier.predict_proba(texts), strict=True):
        label = int(row.argmax())
        words = Words(text)
        in_form = preprocessor.normalizer(text)
        tokens, error = _token_weights(preprocessor, in_form, label, weigh)
        weights = _shares(_places(words, in_form), preprocessor.tokenizer.spans(in_form)) @ tokens
        explanations.append(
            Explanation(
                text,
                classifier.labels[label],
                float(row[label]),
                INTEGRATED_GRADIENTS,
                words.weighted(weights.tolist()),
                ambiguous_word(words, np.abs(weights), ambiguous_keywords),
                convergence_delta=error,
            )
        )
    return explanations


def _token_weights(
    preprocessor: Preprocessor, in_form: str, label: int, weigh: AttributeTokens
) -> tuple[NDArray[np.float64], float]:
    """What the text's own tokens add, of all its windows, and the error of their sum."""
    batch = preprocessor.tokenizer.encode([in_form])
    before, after = preprocessor.tokenizer.specials
    weights, error = [np.empty(0)], 0.0
    for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        share = (stop - start) / batch.ids.size
        tokens, delta = weigh(batch.ids[start:stop], label)
        weights.append(share * tokens[before : len(tokens) - after])
        error += share * delta
    return np.concatenate(weights), float(error)


def _places(words: Words, in_form: str) -> list[Span]:
    """Where each word stands in the text's form; an empty span for one that has no part there, such as a URL."""
    places, done = [], 0
    for start, end in words.spans:
        word = words.text[start:end]
        found = next((piece for piece in (word, normalize(word)) if piece and in_form.find(piece, done) >= 0), "")
        at = in_form.find(found, done)
        places.append((at, at + len(found)))
        done = places[-1][1]
    return places


def _shares(places: Sequence[Span], spans: Sequence[Span]) -> NDArray[np.float64]:
    """Share of each token that belongs to each word, float64 (words, tokens)."""
    word, token = (np.array(each, np.int64).reshape(-1, 2) for each in (places, spans))
    end, start = np.minimum(word[:, None, 1], token[:, 1]), np.maximum(word[:, None, 0], token[:, 0])
    common = np.maximum(end - start, 0).astype(np.float64)
    shares: NDArray[np.float64] = common / np.maximum(common.sum(0), 1)
    return shares
