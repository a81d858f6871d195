// The page: connects the text field to its results, and opens tables in the file section.

import { call, info } from "./client.js";
import { actionButton, announce, byId, element, showAlert } from "./dom.js";
import { Bars, count, dot, EMOTIONS, percent, verdict } from "./emotions.js";
import { EXAMPLES } from "./examples.js";
import { Failure, newest } from "./failures.js";
import { FileSection } from "./file.js";
import { looksLikeTable } from "./layout.js";
import { answer, Timeline } from "./timeline.js";
import { shaded } from "./words.js";

const MAX_EXPLAINED_CHARACTERS = 2000;
const MIN_SENTENCES = 3; // From this many sentences on, the chart of sentences is shown.
const MIN_COMBINED = 5; // From this many on, combining the sentences is more accurate than scoring the text at once.
const PAUSE = 250; // Milliseconds without typing before words and sentences are requested.
const SENTENCE_END = /[.!?…]+["'”’»)\]]*\s+\S|\n+\s*\S/g;

const field = byId("text");
const bars = new Bars(byId("bars"));
const files = new FileSection();
const timeline = new Timeline(byId("timeline"), showSentence);
let labels = EMOTIONS;

const currentText = () => field.value.toWellFormed?.() ?? field.value;
const countSentences = (text) => (text.match(SENTENCE_END)?.length ?? 0) + 1;
const isScoredBySentence = (text) => countSentences(text) >= MIN_COMBINED || text.length > MAX_EXPLAINED_CHARACTERS;

const predict = newest(async (text) => {
  const scored = (isScoredBySentence(text) && (await combined(text))) || (await call("v1/predict", { texts: [text] }));
  labels = scored.labels;
  showAlert(byId("error"), "");
  if (currentText().trim()) showScores(scored);
}, { onFailure: showFailure });

/** The scores of all sentences together; null if the server allows fewer sentences. */
async function combined(text) {
  try {
    const scored = await call("v1/sentences", { text });
    if (text === currentText()) showSentences(scored);
    const neutral = scored.neutral == null ? null : [scored.neutral];
    return { labels: scored.labels, scores: [scored.scores], neutral, sentenceCount: scored.sentences.length };
  } catch (failure) {
    if (failure.status !== 413) throw failure;
    showFailureIn("timeline")(failure, 0);
    return null;
  }
}

const explain = newest(async (text, signal) => {
  if (text !== currentText() || !text.trim() || isScoredBySentence(text)) return;
  const { explanations } = await call("v1/explain", { texts: [text], method: "loo" }, { signal });
  if (text === currentText()) showWords(explanations[0]);
}, { pause: PAUSE, cancels: true, onFailure: showFailureIn("shaded") });

const split = newest(async (text, signal) => {
  if (text !== currentText() || countSentences(text) < MIN_SENTENCES || isScoredBySentence(text)) return;
  const scored = await call("v1/sentences", { text }, { signal });
  if (text === currentText()) showSentences(scored);
}, { pause: PAUSE, cancels: true, onFailure: showFailureIn("timeline") });

function onInput() {
  const text = currentText();
  byId("words").classList.add("stale");
  byId("sentences").classList.add("stale");
  byId("offer").hidden = !looksLikeTable(text);
  if (!text.trim()) return clear();
  if (isScoredBySentence(text)) byId("words").hidden = true;
  if (countSentences(text) < MIN_SENTENCES) byId("sentences").hidden = true;
  predict(text);
  explain(text);
  split(text);
}

function clear(heading = "No text yet", details = "Type a text, or try an example.") {
  bars.show(labels, null);
  byId("verdict").replaceChildren(heading);
  byId("verdict").classList.add("empty");
  byId("why").textContent = details;
  byId("words").hidden = byId("sentences").hidden = true;
  showAlert(byId("error"), "");
  announce("");
}

function showScores({ scores: [scores], neutral, sentenceCount }) {
  const { isSure, names, heading, score, why } = verdict(labels, scores, neutral?.[0] ?? null);
  const shownScore = isSure ? [element("span", { class: "score" }, percent(score))] : [];
  const dots = names.map((name) => dot(name, labels));
  byId("verdict").replaceChildren(...dots, element("strong", {}, heading), ...shownScore);
  byId("verdict").classList.remove("empty");
  const combinedOf = sentenceCount && `Combined from ${count(sentenceCount, "sentence")}.`;
  byId("why").textContent = [why, combinedOf].filter(Boolean).join(" ");
  bars.show(labels, scores, names);
  announce(isSure ? `${heading}, ${percent(score)}` : `${heading}. ${why}`);
}

function showWords(explanation) {
  byId("shaded").replaceChildren(shaded(explanation, labels));
  byId("words-label").textContent = explanation.label;
  byId("words").hidden = explanation.words.length === 0;
  byId("words").classList.remove("stale");
}

function showSentences({ labels, sentences }) {
  byId("sentences").hidden = sentences.length < MIN_SENTENCES;
  byId("sentences").classList.remove("stale");
  if (sentences.length >= MIN_SENTENCES) timeline.show(labels, sentences);
}

/** A sentence of the timeline at once, then with its words shaded. */
function showSentence(sentence, region) {
  const { label, score } = answer(sentence);
  const head = element("p", { class: "head" }, dot(label, labels), element("strong", {}, label));
  head.append(` ${percent(score)}`);
  region.replaceChildren(head, element("p", { class: "shaded", dir: "auto" }, sentence.text));
  shadeSentence({ sentence, region });
}

const shadeSentence = newest(async ({ sentence, region }, signal) => {
  const { explanations } = await call("v1/explain", { texts: [sentence.text], method: "loo" }, { signal });
  const isShown = region.lastElementChild?.textContent === sentence.text;
  if (isShown) region.lastElementChild.replaceWith(shaded(explanations[0], labels));
}, { pause: 60, cancels: true, onFailure: () => {} });

/** A text that could not be scored; scores on the page are those of an earlier text. */
function showFailure(failure, seconds) {
  const retry = seconds ? ` Trying again in ${count(Math.ceil(seconds), "second")}.` : "";
  if (!seconds) clear("No result", "");
  const message = failure instanceof Failure ? `${failure.message}${retry}` : "The page failed.";
  showAlert(byId("error"), message, ...actionButton(failure.action, onInput));
}

/** Shows in a region why its words or sentences are missing, but not while they are requested again. */
function showFailureIn(region) {
  return (failure, seconds) => {
    if (seconds || failure.action) return;
    byId(region).replaceChildren(element("p", { class: "note" }, failure.message));
    byId(region).closest(".part").classList.remove("stale");
    byId(region).closest(".part").hidden = false;
  };
}

function showExamples() {
  const fillIn = (text) => () => {
    field.value = text;
    onInput();
    if (matchMedia("(hover: hover)").matches) field.focus();
    field.scrollTop = 0;
  };
  const buttons = EXAMPLES.map(([name, text]) => element("button", { type: "button", click: fillIn(text) }, name));
  byId("examples").append(...buttons);
}

async function showModel() {
  // Without it the footer is shorter, and the file section learns the limits from the server's errors.
  const model = await info().catch(() => ({}));
  const parts = [model.model_id && `Model: ${model.model_id}`, model.version && `emoscope ${model.version}`];
  byId("model").textContent = parts.filter(Boolean).join(" · ");
  files.setLimits(model);
  const own = Object.values(model.model_type?.classifier?.id2label ?? {});
  if (own.some((label) => !EMOTIONS.includes(label))) showOwnLabels(own);
  else showExamples();
}

/** A model with other labels than emotions: another question, and no examples of emotions. */
function showOwnLabels(own) {
  byId("question").textContent = "Which label fits a text?";
  document.title = "emoscope: which label fits a text?";
  field.placeholder = "Type a text";
  byId("chart-title").textContent = "Labels in the file";
  byId("label-head").textContent = "Label";
  byId("example-table").remove();
  labels = own;
  if (!currentText().trim()) clear("No text yet", "Type a text.");
}

byId("offer-score").addEventListener("click", () => {
  files.open(new File([currentText()], "pasted.csv"));
  byId("file-title").scrollIntoView();
});
files.onLongText = (text) => {
  field.value = text;
  onInput();
  field.focus();
};
field.addEventListener("input", onInput);
showModel();
if (field.value) onInput();
else clear();
