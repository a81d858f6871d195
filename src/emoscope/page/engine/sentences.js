// Splits a text into sentences, as emoscope/sentences.py does, and combines their scores, as emoscope/timeline.py does.

import { SPACE, trim, trimStart, WORD } from "./classes.js";
import { logarithm, softmax } from "./calibration.js";

const LINES = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g;
const END = new RegExp(
  `(?<![.!?…])(?<!(?<![${WORD}])no(?=\\.[${SPACE}]+\\p{Nd}))[.!?…]+["'”’»)\\]]*(?=[${SPACE}])`,
  "giu",
);
const ABBREVIATION = new RegExp(
  `(?:^|[${SPACE}("'“‘])(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|[b-hj-z]|[${WORD}](?:\\.[${WORD}])+)$`,
  "iu",
);
const MAX_ABBREVIATION = 12;
const CERTAINTY = 2;
const EVIDENCE = 0.7;
const MIN_CERTAINTY = 1e-3;

/** The sentences of a text, none of them blank, each with its start and end in code units. */
export function sentences(text) {
  const found = [];
  let start = 0;
  for (const [line] of text.matchAll(LINES)) {
    const places = cuts(line);
    for (let i = 0; i + 1 < places.length; i++) {
      const piece = line.slice(places[i], places[i + 1]);
      const sentence = trim(piece);
      if (!sentence) continue;
      const first = start + places[i] + piece.length - trimStart(piece).length;
      found.push({ text: sentence, start: first, end: first + sentence.length });
    }
    start += line.length;
  }
  return found;
}

/** Places at which the sentences of a line begin, and the end of the last one. */
function cuts(line) {
  const places = [0];
  for (const end of line.matchAll(END)) {
    const before = line.slice(Math.max(places.at(-1), end.index - MAX_ABBREVIATION), end.index);
    if (end[0] !== "." || !ABBREVIATION.test(before)) places.push(end.index + end[0].length);
  }
  return [...places, line.length];
}

/** Probabilities of a text from those of its sentences: the mean by certainty, sharpened by the number of sentences. */
export function combine(rows, isMultiLabel) {
  const labels = rows[0].map((_, i) => i);
  if (isMultiLabel) return labels.map((label) => Math.max(...rows.map((row) => row[label])));
  const weights = rows.map((row) => Math.max(1 - entropy(row) / Math.log(Math.max(row.length, 2)), MIN_CERTAINTY) ** CERTAINTY);
  const total = sum(weights);
  const effective = total ** 2 / sum(weights.map((weight) => weight ** 2));
  const mean = labels.map((label) => sum(rows.map((row, i) => row[label] * weights[i])) / total);
  return softmax(mean.map((value) => logarithm(value) * effective ** EVIDENCE));
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

const entropy = (row) => -sum(row.map((value) => value * logarithm(value)));
