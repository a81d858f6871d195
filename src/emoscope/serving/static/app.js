// The page: wires the text to its answers, and the file section beside it.

import { askForKey, call, Failure, newest } from "./client.js";
import { announce, byId, element, tell } from "./dom.js";
import { Bars, colour, count, percent, verdict } from "./emotions.js";
import { EXAMPLES } from "./examples.js";
import { FileSection } from "./file.js";
import { looksLikeTable } from "./layout.js";
import { Timeline } from "./timeline.js";
import { shaded } from "./words.js";

const EMOTIONS = ["sadness", "joy", "love", "anger", "fear", "surprise"];
const LONGEST_EXPLAINED = 2000;
const FEWEST_SENTENCES = 3;
const HANDFUL = 5; // From so many on, what the sentences say together is right more often than the text at once.
const PAUSE = 250;
const SENTENCE_END = /[.!?…]+["'”’»)\]]*\s+\S|\n+\s*\S/g;

const field = byId("text");
const bars = new Bars(byId("bars"));
const files = new FileSection();
const timeline = new Timeline(byId("timeline"), explainSentence);
let labels = EMOTIONS;

const text = () => field.value.toWellFormed?.() ?? field.value;
const isShort = (value) => value.length <= LONGEST_EXPLAINED;
const length = (value) => (value.match(SENTENCE_END)?.length ?? 0) + 1;
const isBySentences = (value) => length(value) >= HANDFUL || !isShort(value);

const predict = newest(async (value) => {
  const answer = (isBySentences(value) && (await together(value))) || (await call("v1/predict", { texts: [value] }));
  labels = answer.labels;
  tell(byId("trouble"), "");
  if (text().trim()) showAnswer(answer);
}, { onFailure });

/** What a long text's sentences say together; null where the server finds them too many. */
async function together(value) {
  try {
    const answer = await call("v1/sentences", { text: value });
    if (value === text()) showSentences(answer);
    return { labels: answer.labels, scores: [answer.scores], of: answer.sentences.length };
  } catch (failure) {
    if (failure.status !== 413) throw failure;
    besides("timeline")(failure, 0);
    return null;
  }
}

const explain = newest(async (value, signal) => {
  if (value !== text() || !value.trim() || isBySentences(value)) return;
  const { explanations } = await call("v1/explain", { texts: [value], method: "loo" }, { signal });
  if (value === text()) showWords(explanations[0]);
}, { pause: PAUSE, drops: true, onFailure: besides("shaded") });

const split = newest(async (value, signal) => {
  if (value !== text() || length(value) < FEWEST_SENTENCES || isBySentences(value)) return;
  const answer = await call("v1/sentences", { text: value }, { signal });
  if (value === text()) showSentences(answer);
}, { pause: PAUSE, drops: true, onFailure: besides("timeline") });

function onInput() {
  const value = text();
  byId("words").classList.add("stale");
  byId("sentences").classList.add("stale");
  offerTable(value);
  if (!value.trim()) return clear();
  if (isBySentences(value)) byId("words").hidden = true;
  if (length(value) < FEWEST_SENTENCES) byId("sentences").hidden = true;
  predict(value);
  explain(value);
  split(value);
}

function clear(words = "Nothing yet", why = "Type something, or take an example.") {
  bars.show(labels, null);
  byId("verdict").replaceChildren(words);
  byId("verdict").classList.add("empty");
  byId("why").textContent = why;
  byId("words").hidden = byId("sentences").hidden = true;
  tell(byId("trouble"), "");
  announce("");
}

function showAnswer({ scores, sets, clear: clarity, of }) {
  const result = verdict(labels, scores[0], sets?.[0] ?? null, clarity?.[0] ?? null);
  const dots = result.names.map((name) => colour(element("span", { class: "dot" }), name, labels));
  const score = result.sure ? element("span", { class: "score" }, percent(result.score)) : null;
  byId("verdict").replaceChildren(...dots, element("strong", {}, result.words), ...(score ? [score] : []));
  byId("verdict").classList.remove("empty");
  byId("why").textContent = [result.why, of && `Of ${count(of, "sentence")} together.`].filter(Boolean).join(" ");
  bars.show(labels, scores[0], result.sure ? [result.label] : result.names);
  announce(result.sure ? `${result.words}, ${percent(result.score)}` : `${result.words}. ${result.why}`);
}

function showWords(explanation) {
  byId("shaded").replaceChildren(shaded(explanation, labels));
  byId("words-for").textContent = explanation.label;
  byId("words").hidden = explanation.words.length === 0;
  byId("words").classList.remove("stale");
}

function showSentences(answer) {
  const { sentences } = answer;
  byId("sentences").hidden = sentences.length < FEWEST_SENTENCES;
  byId("sentences").classList.remove("stale");
  if (sentences.length >= FEWEST_SENTENCES) timeline.show(answer.labels, sentences);
}

/** A sentence of the timeline at once, then with the words that decided it. */
function explainSentence(sentence, region) {
  const head = element("p", { class: "head" }, colour(element("span", { class: "dot" }), sentence.label, labels));
  head.append(element("strong", {}, sentence.label), ` ${percent(sentence.score)}`);
  region.replaceChildren(head, element("p", { class: "shaded", dir: "auto" }, sentence.text));
  shadeSentence({ sentence, region });
}

const shadeSentence = newest(async ({ sentence, region }, signal) => {
  const { explanations } = await call("v1/explain", { texts: [sentence.text], method: "loo" }, { signal });
  const isShown = region.lastElementChild?.textContent === sentence.text;
  if (isShown) region.lastElementChild.replaceWith(shaded(explanations[0], labels));
}, { pause: 60, drops: true, onFailure: () => {} });

/** A text without scores: what was there before is of another text. */
function onFailure(failure, seconds) {
  const again = seconds ? ` Trying again in ${count(Math.ceil(seconds), "second")}.` : "";
  const enter = async () => (await askForKey()) && onInput();
  const key = failure.status === 401 ? [" ", element("button", { type: "button", class: "link", click: enter }, "Enter a key")] : [];
  if (!seconds) clear("No answer", "");
  tell(byId("trouble"), failure instanceof Failure ? `${failure.message}${again}` : "The page failed.", ...key);
}

/** What explains an answer may fail beside it. While it is tried again, nothing is said. */
function besides(region) {
  return (failure, seconds) => {
    if (seconds || failure.status === 401) return;
    byId(region).replaceChildren(element("p", { class: "note" }, failure.message));
    byId(region).closest(".part").classList.remove("stale");
    byId(region).closest(".part").hidden = false;
  };
}

/** Rows pasted into the text field are better off in the file section: offered, never done. */
function offerTable(value) {
  byId("offer").hidden = !looksLikeTable(value);
}

function showExamples() {
  const fill = (example) => () => {
    field.value = example;
    onInput();
    if (matchMedia("(hover: hover)").matches) field.focus();
  };
  byId("examples").append(
    ...EXAMPLES.map(([name, example]) => element("button", { type: "button", click: fill(example) }, name)),
  );
}

async function showModel() {
  try {
    const answer = await fetch("info");
    const info = answer.ok ? await answer.json() : {};
    byId("model").textContent = [info.model_id && `Model: ${info.model_id}`, info.version && `emoscope ${info.version}`]
      .filter(Boolean)
      .join(" · ");
    files.limits(info);
  } catch {
    // Without it the footer is shorter, and the file section learns the limits from refusals.
  }
}

byId("offer-score").addEventListener("click", () => {
  files.open(new File([text()], "pasted.csv"));
  byId("file-title").scrollIntoView();
});
files.onLongText = (value) => {
  field.value = value;
  onInput();
  field.focus();
};
field.addEventListener("input", onInput);
showExamples();
showModel();
if (field.value) onInput();
else clear();
