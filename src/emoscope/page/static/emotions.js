// Labels and their colours, and scores as bars and in words.

import { element } from "./dom.js";

export const EMOTIONS = ["sadness", "joy", "love", "anger", "fear", "surprise"];
const MAX_NAMED = 3; // With more labels in doubt, no label is named.
const NEAR = 0.5; // A label is in doubt if its score is more than this share of the highest score.
const LIKELY = 0.5;
const NEUTRAL = 0.5; // From this probability on, a text counts as neutral.
export const NO_EMOTION = "no emotion"; // What neutral texts are called beside the labels.
const either = new Intl.ListFormat("en-GB", { type: "disjunction" });
export const number = new Intl.NumberFormat("en-GB");

export const count = (value, noun) => `${number.format(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Whether a text counts as neutral, by its probability of that; null if not known. */
export const isNeutral = (probability) => probability >= NEUTRAL;

/**
 * Give an element the colour of a label, as --colour: an emotion's from style.css, any other label's by its index.
 * Anything but a label is grey.
 */
export function colour(node, label, labels) {
  if (label === NO_EMOTION) {
    node.style.setProperty("--colour", "var(--muted)");
    return node;
  }
  const hue = (labels.indexOf(label) * 137.5) % 360;
  node.style.setProperty("--colour", EMOTIONS.includes(label) ? `var(--${label})` : `oklch(0.6 0.13 ${hue}deg)`);
  return node;
}

/** A dot in the colour of a label. */
export const dot = (label, labels) => colour(element("span", { class: "dot" }), label, labels);

export function percent(probability) {
  if (probability < 0.0005) return "<0.1%";
  if (probability > 0.9995 && probability < 1) return ">99.9%";
  return `${(100 * probability).toFixed(1)}%`;
}

/**
 * The conclusion from the scores of a text. In doubt are labels whose score comes near the highest.
 *
 * @param {string[]} labels
 * @param {number[]} scores
 * @param {?number} neutral probability that the text expresses no emotion; null if not known
 * @returns {{isSure: boolean, heading: string, names: string[], label: string, score: number, why: string}} `names`:
 *   labels to highlight; `label` and `score`: the highest
 */
export function verdict(labels, scores, neutral) {
  const ranked = labels.map((name, i) => ({ name, score: scores[i] })).sort((a, b) => b.score - a.score);
  const { name: label, score } = ranked[0];
  const result = (heading, names, why, isSure = false) => ({ isSure, names, heading, label, score, why });
  if (isNeutral(neutral)) return result(NO_EMOTION, [], `Neutral at ${percent(neutral)}; the closest emotion is ${label}.`);
  const names = ranked.filter((other) => other.score > score * NEAR).map(({ name }) => name);
  if (names.length > MAX_NAMED) return result("hard to tell", [], `It may be ${either.format(names)}.`);
  if (names.length > 1) return result(either.format(names), names, `No label stands out; ${label} has the highest score.`);
  if (score < LIKELY) return result(`perhaps ${label}`, names, "The highest score, but below 50%.");
  return result(label, names, "", true);
}

/** One bar per label. The rows keep their places, so that the eye can follow them. */
export class Bars {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
  }

  /** Show the scores of the labels and highlight some of them; without scores (null), show empty bars. */
  show(labels, scores, highlighted = []) {
    if (labels.some((label) => !this.rows.has(label)) || this.rows.size !== labels.length) this.build(labels);
    labels.forEach((label, i) => {
      const { row, value, bar } = this.rows.get(label);
      row.classList.toggle("highlighted", highlighted.includes(label));
      value.textContent = scores ? percent(scores[i]) : "–";
      bar.style.setProperty("--share", scores ? scores[i] : 0);
    });
  }

  build(labels) {
    this.rows.clear();
    this.list.replaceChildren(
      ...labels.map((label) => {
        const bar = element("span", { class: "bar" });
        const value = element("span", { class: "value" });
        const name = element("span", { class: "name" }, label);
        const row = element("li", {}, name, element("span", { class: "track", "aria-hidden": "true" }, bar), value);
        this.rows.set(label, { row: colour(row, label, labels), value, bar });
        return row;
      }),
    );
  }
}
