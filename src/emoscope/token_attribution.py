"""Word attributions from gradients: the attributions of a text's tokens, summed over the words of the raw text.

Takes the function that computes token attributions; knows no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.explanation import Explanation, Words, ambiguous_word
from emoscope.html_page import Fragments
from emoscope.preprocessing import Preprocessor
from emoscope.protocols import Classifier, Keywords
from emoscope.text import normalize

INTEGRATED_GRADIENTS = "integrated-gradients"
"""Name of the method."""
BASELINES = ("[MASK]", "<mask>", "[PAD]", "<pad>")
"""Tokens for the baseline, a row without words; the first that the vocabulary has is used."""

AttributeTokens = Callable[[NDArray[np.int32], int], tuple[NDArray[np.float64], float]]
"""From the token ids of a row and the index of a label to the attributions, float64 (tokens,), and their convergence
delta: the sum of the attributions minus the probability that the tokens add together."""

Span = tuple[int, int]


def explain_by_tokens(
    classifier: Classifier,
    texts: Sequence[str],
    preprocessor: Preprocessor,
    attribute: AttributeTokens,
    ambiguous_keywords: Keywords,
) -> list[Explanation]:
    """Attribute the label of each text to its words by the attributions of its tokens.

    A token outside all words (punctuation, special tokens) is left out; a token in several words is divided by the
    number of its characters in each. The windows of a long text count by their number of tokens, as in its
    probabilities.

    Args:
        classifier: the classifier that is explained.
        texts: any number of texts of any length.
        preprocessor: the classifier's preprocessor.
        attribute: computes the attributions of a row's tokens.
        ambiguous_keywords: as for `explain`.
    """
    explanations = []
    for text, row in zip(texts, classifier.predict_proba(texts), strict=True):
        label = int(row.argmax())
        words = Words(text)
        normalized = preprocessor.normalizer(text)
        tokens = preprocessor.tokenizer.spans(normalized)
        attributions, delta = _attribute_text(preprocessor, normalized, label, attribute)
        # A text without tokens may have a padding token
        weights = _shares(_locate(words, normalized), tokens) @ attributions[: len(tokens)]
        explanations.append(
            Explanation(
                text,
                classifier.labels[label],
                float(row[label]),
                INTEGRATED_GRADIENTS,
                words.attributions(weights.tolist()),
                ambiguous_word(words, np.abs(weights), ambiguous_keywords),
                convergence_delta=delta,
            )
        )
    return Fragments(explanations)


def _attribute_text(
    preprocessor: Preprocessor, normalized: str, label: int, attribute: AttributeTokens
) -> tuple[NDArray[np.float64], float]:
    """Attributions of a text's tokens without special tokens, over all its windows, and the convergence delta."""
    batch = preprocessor.tokenizer.encode([normalized])
    before, after = preprocessor.tokenizer.specials
    attributions, delta = [np.empty(0)], 0.0
    for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        share = (stop - start) / batch.ids.size
        of_window, delta_of_window = attribute(batch.ids[start:stop], label)
        attributions.append(share * of_window[before : len(of_window) - after])
        delta += share * delta_of_window
    return np.concatenate(attributions), float(delta)


def _locate(words: Words, normalized: str) -> list[Span]:
    """Span of each word in the normalized text; an empty span for a word that is not in it, such as a URL."""
    spans, done = [], 0
    for start, end in words.spans:
        word = words.text[start:end]
        found = next((form for form in (word, normalize(word)) if form and normalized.find(form, done) >= 0), "")
        at = normalized.find(found, done)
        done = at + len(found)
        spans.append((at, done))
    return spans


def _shares(words: Sequence[Span], tokens: Sequence[Span]) -> NDArray[np.float64]:
    """Share of each token that belongs to each word, float64 (words, tokens)."""
    word, token = (np.array(spans, np.int64).reshape(-1, 2) for spans in (words, tokens))
    end, start = np.minimum(word[:, None, 1], token[:, 1]), np.maximum(word[:, None, 0], token[:, 0])
    common = np.maximum(end - start, 0).astype(np.float64)
    shares: NDArray[np.float64] = common / np.maximum(common.sum(0), 1)
    return shares
