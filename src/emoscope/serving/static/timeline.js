// How the scores go through a long text: a row a label, a column a sentence.

import { element, svg } from "./dom.js";
import { colour, percent } from "./emotions.js";

const GAPS_UP_TO = 120;

/** Chart, one sentence in full, and all of them as a table. `onChoose(sentence)` is told which one is looked at. */
export class Timeline {
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.chosen = 0;
  }

  show(labels, sentences) {
    this.sentences = sentences;
    this.cursors = [];
    const rows = labels.map((label, i) => this.row(label, i, labels));
    const chart = element("div", { class: "timeline", role: "img", "aria-label": this.summary(labels) }, ...rows);
    chart.addEventListener("click", (event) => this.choose(this.at(event)));
    chart.addEventListener("pointermove", (event) => {
      chart.title = this.sentences[this.at(event)]?.text ?? "";
    });
    this.position = element("span", { class: "position" });
    const step = (name, by) => element("button", { type: "button", class: "quiet", click: () => this.step(by) }, name);
    const steps = element("div", { class: "steps" }, step("Previous", -1), this.position, step("Next", 1));
    this.detail = element("div", { class: "sentence" });
    const legend = element("p", { class: "legend" }, "A column is a sentence, and its height the score. Choose one, or step through them.");
    this.root.replaceChildren(chart, legend, steps, this.detail, this.table(labels));
    this.choose(Math.min(this.chosen, sentences.length - 1));
  }

  row(label, index, labels) {
    const { length } = this.sentences;
    const cursor = svg("rect", { class: "cursor", x: 0, y: 0, width: 1, height: 1 });
    this.cursors.push(cursor);
    const columns = (top) => this.path(index, ({ label: best }) => (best === label) === top);
    const drawing = svg(
      "svg",
      { viewBox: `0 0 ${length} 1`, preserveAspectRatio: "none", focusable: "false" },
      cursor,
      svg("path", { class: "other", d: columns(false) }),
      svg("path", { class: "top", d: columns(true) }),
    );
    return colour(element("div", { class: "lane" }, element("span", {}, label), drawing), label, labels);
  }

  /** Columns of the sentences that count, from the base line up to the score. */
  path(index, counts) {
    const gap = this.sentences.length <= GAPS_UP_TO ? 0.08 : 0;
    const column = (sentence, i) => {
      const top = (1 - Math.max(sentence.scores[index], 0.02)).toFixed(4);
      return counts(sentence) ? `M${i + gap} 1V${top}H${i + 1 - gap}V1Z` : "";
    };
    return this.sentences.map(column).join("");
  }

  at(event) {
    const drawing = this.root.querySelector(".lane svg").getBoundingClientRect();
    const share = (event.clientX - drawing.left) / drawing.width;
    return Math.max(0, Math.min(Math.floor(share * this.sentences.length), this.sentences.length - 1));
  }

  step(by) {
    this.choose(Math.max(0, Math.min(this.chosen + by, this.sentences.length - 1)));
  }

  choose(index) {
    this.chosen = index;
    const { length } = this.sentences;
    const sentence = this.sentences[index];
    for (const cursor of this.cursors) cursor.setAttribute("x", index);
    this.position.textContent = `Sentence ${index + 1} of ${length}`;
    const [previous, next] = this.root.querySelectorAll(".steps button");
    previous.setAttribute("aria-disabled", String(index === 0));
    next.setAttribute("aria-disabled", String(index === length - 1));
    this.onChoose(sentence, this.detail);
  }

  summary(labels) {
    const most = labels
      .map((label) => [label, this.sentences.filter((sentence) => sentence.label === label).length])
      .filter(([, sentences]) => sentences)
      .sort((a, b) => b[1] - a[1])
      .map(([label, sentences]) => `${label} in ${sentences}`);
    return `Scores of ${this.sentences.length} sentences, one column each. Highest: ${most.join(", ")}.`;
  }

  table(labels) {
    const cells = ({ label, score, text }, i) =>
      element(
        "tr",
        {},
        element("td", { class: "figure" }, String(i + 1)),
        element("td", {}, text),
        element("td", { class: "emotion" }, colour(element("span", { class: "dot" }), label, labels), label),
        element("td", { class: "figure" }, percent(score)),
      );
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
