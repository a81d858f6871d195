// A text whose words are shaded by how much they contributed to its label.

import { element } from "./dom.js";
import { colour } from "./emotions.js";

const MIN_SHADED = 0.08; // share of the largest weight
const MIN_LISTED = 0.005; // weight, as a probability
const MAX_LISTED = 6;

/** An explanation as shaded text, a list of the strongest words, and a note about an ambiguous word. */
export function shaded(explanation, labels) {
  const { label, words } = explanation;
  const strongest = [...words].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, MAX_LISTED);
  const text = element("p", { class: "shaded", dir: "auto" }, ...pieces(explanation));
  const list = element("ul", { class: "weights" }, ...strongest.filter(isListed).map(listItem));
  const note = explanation.ambiguous && element("p", { class: "note" }, ambiguityNote(explanation.ambiguous));
  const nothing = words.length && !strongest.some(isListed) ? element("p", { class: "note" }, "No word stands out.") : null;
  return colour(element("div", {}, text, nothing ?? list, note), label, labels);
}

const isListed = ({ weight }) => Math.abs(weight) >= MIN_LISTED;

/** The text in pieces. Offsets count code points, unlike those of JavaScript strings, so the text becomes a list. */
function* pieces({ text, words }) {
  const points = Array.from(text);
  const largest = Math.max(...words.map(({ weight }) => Math.abs(weight)), 0.02);
  let done = 0;
  for (const { start, end, weight } of words) {
    yield points.slice(done, start).join("");
    const word = points.slice(start, end).join("");
    const share = weight / largest;
    yield Math.abs(share) < MIN_SHADED ? word : mark(word, share, weight);
    done = end;
  }
  yield points.slice(done).join("");
}

function mark(word, share, weight) {
  const node = element("mark", { class: share > 0 ? "for" : "against", title: signed(weight) }, word);
  node.style.setProperty("--share", Math.abs(share));
  return node;
}

function listItem({ word, weight }) {
  const shown = word.length > 40 ? `${word.slice(0, 39)}…` : word;
  const side = weight > 0 ? "for" : "against";
  return element("li", { class: side }, element("b", {}, shown), ` ${signed(weight)}`);
}

const signed = (weight) => `${weight < 0 ? "−" : "+"}${Math.abs(100 * weight).toFixed(1)} points`;

function ambiguityNote({ word, shares }) {
  const [[first, firstShare], [second, secondShare]] = Object.entries(shares);
  const [firstPercent, secondPercent] = [firstShare, secondShare].map((share) => `${Math.round(100 * share)}%`);
  const equally = firstShare - secondShare < 0.2 ? "about equally often " : "";
  return (
    `“${word}” is ambiguous: the training data uses it ${equally}for ${first} and for ${second} ` +
    `(${firstPercent} and ${secondPercent} of its rows).`
  );
}
