// The chart of a long text: one row per label, one column per sentence.

import { element, svg } from "./dom.js";
import { colour, dot, isNeutral, NO_EMOTION, percent } from "./emotions.js";

const MAX_SENTENCES_WITH_GAPS = 120;

/** What a sentence counts as, a label or no emotion, and the probability of that. */
export const answer = ({ label, score, neutral }) =>
  isNeutral(neutral) ? { label: NO_EMOTION, score: neutral } : { label, score };

/** The chart, the selected sentence, and a table of all. `onSelect(sentence, region)` fills the region of the selected one. */
export class Timeline {
  constructor(root, onSelect) {
    this.root = root;
    this.onSelect = onSelect;
    this.selected = 0;
  }

  show(labels, sentences) {
    this.sentences = sentences;
    this.cursors = [];
    const rows = labels.map((label, i) => this.row(label, i, labels));
    const chart = element("div", { class: "timeline", role: "img", "aria-label": this.summary(labels) }, ...rows);
    chart.addEventListener("click", (event) => this.select(this.indexAt(event)));
    chart.addEventListener("pointermove", (event) => {
      chart.title = this.sentences[this.indexAt(event)]?.text ?? "";
    });
    this.position = element("span", { class: "position" });
    const stepButton = (name, by) => element("button", { type: "button", class: "quiet", click: () => this.step(by) }, name);
    const steps = element("div", { class: "steps" }, stepButton("Previous", -1), this.position, stepButton("Next", 1));
    this.detail = element("div", { class: "sentence" });
    const legend = element("p", { class: "legend" }, "Each column is a sentence; its height is the score. Click a column or step through the sentences.");
    this.root.replaceChildren(chart, legend, steps, this.detail, this.table(labels));
    this.select(Math.min(this.selected, sentences.length - 1));
  }

  row(label, index, labels) {
    const { length } = this.sentences;
    const cursor = svg("rect", { class: "cursor", x: 0, y: 0, width: 1, height: 1 });
    this.cursors.push(cursor);
    const columns = (isTop) => this.path(index, (sentence) => (answer(sentence).label === label) === isTop);
    const drawing = svg(
      "svg",
      { viewBox: `0 0 ${length} 1`, preserveAspectRatio: "none", focusable: "false" },
      cursor,
      svg("path", { class: "other", d: columns(false) }),
      svg("path", { class: "top", d: columns(true) }),
    );
    return colour(element("div", { class: "lane" }, element("span", {}, label), drawing), label, labels);
  }

  /** Columns of the included sentences, from the base line up to the score. */
  path(index, isIncluded) {
    const gap = this.sentences.length <= MAX_SENTENCES_WITH_GAPS ? 0.08 : 0;
    const column = (sentence, i) => {
      const top = (1 - Math.max(sentence.scores[index], 0.02)).toFixed(4);
      return isIncluded(sentence) ? `M${i + gap} 1V${top}H${i + 1 - gap}V1Z` : "";
    };
    return this.sentences.map(column).join("");
  }

  indexAt(event) {
    const drawing = this.root.querySelector(".lane svg").getBoundingClientRect();
    const share = (event.clientX - drawing.left) / drawing.width;
    return Math.max(0, Math.min(Math.floor(share * this.sentences.length), this.sentences.length - 1));
  }

  step(by) {
    this.select(Math.max(0, Math.min(this.selected + by, this.sentences.length - 1)));
  }

  select(index) {
    this.selected = index;
    const { length } = this.sentences;
    const sentence = this.sentences[index];
    for (const cursor of this.cursors) cursor.setAttribute("x", index);
    this.position.textContent = `Sentence ${index + 1} of ${length}`;
    const [previous, next] = this.root.querySelectorAll(".steps button");
    previous.setAttribute("aria-disabled", String(index === 0));
    next.setAttribute("aria-disabled", String(index === length - 1));
    this.onSelect(sentence, this.detail);
  }

  summary(labels) {
    const parts = [...labels, NO_EMOTION]
      .map((label) => [label, this.sentences.filter((sentence) => answer(sentence).label === label).length])
      .filter(([, sentences]) => sentences)
      .sort((a, b) => b[1] - a[1])
      .map(([label, sentences]) => `${label} in ${sentences}`);
    return `Scores of ${this.sentences.length} sentences, one column each. Highest score: ${parts.join(", ")}.`;
  }

  table(labels) {
    const cells = (sentence, i) => {
      const { label, score } = answer(sentence);
      return element(
        "tr",
        {},
        element("td", { class: "figure" }, String(i + 1)),
        element("td", {}, sentence.text),
        element("td", { class: "emotion" }, labels.includes(label) ? dot(label, labels) : null, label),
        element("td", { class: "figure" }, percent(score)),
      );
    };
    const heads = ["", "Sentence", "Emotion", "Score"].map((name, i) =>
      element("th", { scope: "col", class: i === 0 || i === 3 ? "figure" : false }, name || element("abbr", { title: "Number" }, "No.")),
    );
    const body = element("tbody");
    const details = element(
      "details",
      {},
      element("summary", {}, "All sentences as a table"),
      element(
        "div",
        { class: "scroll", role: "region", tabindex: "0", "aria-label": "All sentences" },
        element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body),
      ),
    );
    details.addEventListener("toggle", () => body.childElementCount || body.append(...this.sentences.map(cells)));
    return details;
  }
}
