// A text with the words shaded that decided its label.

import { element } from "./dom.js";
import { colour } from "./emotions.js";

const MIN_SHARE = 0.08;
const MAX_LISTED = 6;

/** An explanation as shaded text, the strongest words as a list, and a note on a word that decides like a coin. */
export function shaded(explanation, labels) {
  const { label, words } = explanation;
  const strongest = [...words].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, MAX_LISTED);
  const text = element("p", { class: "shaded", dir: "auto" }, ...pieces(explanation));
  const list = element("ul", { class: "weights" }, ...strongest.filter(counts).map(weighed));
  const note = explanation.ambiguous && element("p", { class: "note" }, coinFlip(explanation.ambiguous));
  const nothing = words.length && !strongest.some(counts) ? element("p", { class: "note" }, "No word stands out.") : null;
  return colour(element("div", {}, text, nothing ?? list, note), label, labels);
}

const counts = ({ weight }) => Math.abs(weight) >= 0.005;

/** The text in pieces. Offsets count code points, and a JavaScript string counts half of some: so a list of them. */
function* pieces({ text, words }) {
  const points = Array.from(text);
  const largest = Math.max(...words.map(({ weight }) => Math.abs(weight)), 0.02);
  let done = 0;
  for (const { start, end, weight } of words) {
    yield points.slice(done, start).join("");
    const word = points.slice(start, end).join("");
    const share = weight / largest;
    yield Math.abs(share) < MIN_SHARE ? word : mark(word, share, weight);
    done = end;
  }
  yield points.slice(done).join("");
}

function mark(word, share, weight) {
  const node = element("mark", { class: share > 0 ? "for" : "against", title: signed(weight) }, word);
  node.style.setProperty("--share", Math.abs(share));
  return node;
}

function weighed({ word, weight }) {
  const shown = word.length > 40 ? `${word.slice(0, 39)}…` : word;
  const side = weight > 0 ? "for" : "against";
  return element("li", { class: side }, element("b", {}, shown), ` ${signed(weight)}`);
}

const signed = (weight) => `${weight < 0 ? "−" : "+"}${Math.abs(100 * weight).toFixed(1)} points`;

function coinFlip({ word, shares }) {
  const [[first, share], [second, other]] = Object.entries(shares);
  const [one, two] = [share, other].map((value) => `${Math.round(100 * value)}%`);
  const evenly = share - other < 0.2 ? "about evenly " : "";
  return (
    `“${word}” is a coin flip: the training data use it ${evenly}for ${first} and for ${second} ` +
    `(${one} and ${two} of its rows).`
  );
}
