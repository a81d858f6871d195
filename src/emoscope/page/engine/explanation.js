// How much each word contributed to the label of a text: what the label loses without it, as emoscope/explanation.py
// computes it with the method "loo" (leave one out).

import { SPACE, trim, trimStart } from "./classes.js";
import { normalize } from "./text.js";

const MAX_WORDS = 256; // with a weight of their own; a longer text is divided into so many runs of words
const MIN_SHIFT = 0.1; // probability that a word must shift to count as the deciding word
const PUNCTUATION = `${SPACE}!-/:-@\\[-\`{-~¡-©«-±¶-¸»¿\\u2000-\\u200b\\u200e-\\u206f\\u3000-\\u303f\\uff01-\\uff0f`;
const EMOJI = "[\\u2600-\\u27bf\\u2b00-\\u2bff\\u{1f1e6}-\\u{1faff}]";
const HAN_AND_KANA = "[\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff]";
const LETTERS = `(?:(?!${EMOJI}|${HAN_AND_KANA})[^${PUNCTUATION}])+`;
const WORD = new RegExp(
  `https?://[^${SPACE}]+|www\\.[^${SPACE}]+` +
    `|${EMOJI}[\\ufe0e\\ufe0f\\u{1f3fb}-\\u{1f3ff}]*(?:\\u200d${EMOJI}[\\ufe0e\\ufe0f\\u{1f3fb}-\\u{1f3ff}]*)*` +
    `|(?<![^${SPACE}])(?:[:;=]'?-?[)(\\]dDpPoO/\\\\|]+|</?3+)(?![^${SPACE}.,!?])` +
    `|${HAN_AND_KANA}` +
    `|[#@]?${LETTERS}(?:['\`´‘’‛ʼ′＇]${LETTERS})*`,
  "gu",
);
const HAS_SPACE = new RegExp(`[${SPACE}]`);
const ENDS_WITH_SPACE = new RegExp(`[${SPACE}]$`);

/**
 * Why a text has its label.
 *
 * @param {string} text
 * @param {{labels: string[], predictProba: function, ambiguousKeywords: object}} classifier
 */
export async function explain(text, classifier) {
  const words = new Words(text);
  const [whole, ...without] = await classifier.predictProba([text, ...words.spans.map((_, i) => words.without(i))]);
  const best = whole.indexOf(Math.max(...whole));
  const shifts = without.map((row) => row.reduce((sum, value, i) => sum + Math.abs(whole[i] - value), 0) / 2);
  return {
    text,
    label: classifier.labels[best],
    score: whole[best],
    method: "loo",
    words: words.spans.map(([start, end], i) => ({
      word: text.slice(start, end),
      start: codePoints(text, start),
      end: codePoints(text, end),
      weight: whole[best] - without[i][best],
    })),
    ambiguous: ambiguousWord(words, shifts, classifier.ambiguousKeywords),
  };
}

/** Index of a place in code points, as in Python, from one in code units. */
export const codePoints = (text, place) => {
  let pairs = 0;
  for (const { index } of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) {
    if (index >= place) break;
    pairs++;
  }
  return place - pairs;
};

/** The word that decided the label, if the training data uses it for two labels; else null. */
function ambiguousWord({ text, spans }, shifts, keywords) {
  const largest = Math.max(0, ...shifts);
  if (largest < MIN_SHIFT) return null;
  const [start, end] = spans[shifts.indexOf(largest)];
  const word = normalize(text.slice(start, end));
  return Object.hasOwn(keywords, word) ? { word, shares: keywords[word] } : null;
}

/** A text divided into words, any of which can be removed. */
export class Words {
  constructor(text) {
    this.text = text;
    this.spans = inRuns(Array.from(text.matchAll(WORD), ({ index, 0: word }) => [index, index + word.length]));
  }

  /** The text without a word, which leaves a single space. */
  without(index) {
    const [start, end] = this.spans[index];
    const next = this.spans[index + 1]?.[0] ?? this.text.length;
    const gap = this.text.slice(end, next);
    const before = this.text.slice(0, start);
    const isSeparate = before === "" || ENDS_WITH_SPACE.test(before);
    const left = isSeparate ? trimStart(gap) : HAS_SPACE.test(gap) ? gap : `${gap} `;
    return trim(before + left + this.text.slice(next));
  }
}

function inRuns(spans) {
  const size = Math.ceil(spans.length / MAX_WORDS) || 1;
  const runs = [];
  for (let first = 0; first < spans.length; first += size) {
    runs.push([spans[first][0], spans[Math.min(first + size, spans.length) - 1][1]]);
  }
  return runs;
}
