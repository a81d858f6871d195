// Labels and their colours, scores as bars and in words.

import { element } from "./dom.js";

const COLOURED = new Set(["sadness", "joy", "love", "anger", "fear", "surprise"]);
const MAX_NAMED = 3;
const NEAR = 0.5;
const LIKELY = 0.5;
const either = new Intl.ListFormat("en-GB", { type: "disjunction" });
export const number = new Intl.NumberFormat("en-GB");

export const count = (value, noun) => `${number.format(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Give an element the colour of a label, as the CSS variable --colour: ours from the style sheet, others by index. */
export function colour(node, label, labels) {
  if (COLOURED.has(label)) node.dataset.emotion = label;
  else {
    delete node.dataset.emotion;
    const hue = (labels.indexOf(label) * 137.5) % 360;
    node.style.setProperty("--colour", `oklch(0.6 0.13 ${hue}deg)`);
  }
  return node;
}

export function percent(probability) {
  if (probability < 0.0005) return "<0.1%";
  if (probability > 0.9995 && probability < 1) return ">99.9%";
  return `${(100 * probability).toFixed(1)}%`;
}

/**
 * What a row of scores comes to. In doubt are the labels of the set, and those that come near the first.
 *
 * @param {string[]} labels
 * @param {number[]} scores
 * @param {?string[]} set labels that hold the truth nine times in ten, perhaps none; null where the model cannot say
 * @param {?boolean} clear false where the text shows no clear emotion; null where the model cannot say
 * @returns {{sure: boolean, words: string, names: string[], label: string, score: number, why: string}}
 */
export function verdict(labels, scores, set, clear) {
  const ranked = labels.map((name, i) => ({ name, score: scores[i] })).sort((a, b) => b.score - a.score);
  const { name: label, score } = ranked[0];
  const result = (words, names, why, sure = false) => ({ sure, names, words, label, score, why });
  if (clear === false) return result("no clear emotion", [], `The nearest is ${label}, with ${percent(score)}.`);
  const isNear = ({ name, score: own }) => own > score * NEAR || set?.includes(name);
  const names = ranked.filter(isNear).map(({ name }) => name);
  if (names.length > MAX_NAMED) return result("hard to tell", [], `It may be ${either.format(names)}.`);
  if (names.length > 1) return result(either.format(names), names, `No answer stands out: ${label} leads.`);
  if (score < LIKELY) return result(`perhaps ${label}`, names, "More likely than any other, and yet not likely.");
  return result(label, names, "", true);
}

/** One bar a label. The rows stay where they are, so that the eye can follow them. */
export class Bars {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
  }

  /** Scores of the labels; `names` are set off. Null scores: bars without a value. */
  show(labels, scores, names = []) {
    if (labels.some((label) => !this.rows.has(label)) || this.rows.size !== labels.length) this.build(labels);
    labels.forEach((label, i) => {
      const { row, value, bar } = this.rows.get(label);
      row.classList.toggle("named", names.includes(label));
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
