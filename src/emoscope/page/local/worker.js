// Runs the model in a thread of its own, and answers what a server would. Nothing is sent anywhere.

import { EmotionClassifier } from "./engine/classifier.js";
import { sentences } from "./engine/sentences.js";
import * as ort from "../runtime/ort.wasm.bundle.min.mjs";

const RUNTIME = new URL("../runtime/ort-wasm-simd-threaded.wasm.gz", import.meta.url);
const MODEL = new URL("../model/", import.meta.url);
const MAX_SENTENCES = 1024;
const MAX_EXPLAINED_CHARACTERS = 6000; // the model reads the text up to 256 times

class TooLongError extends Error {}

const loading = load();
loading.then(() => postMessage({}), () => {}); // the first question reports why it failed

async function load() {
  ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send; the page has several workers
  ort.env.wasm.wasmBinary = await unpacked(await fetched(RUNTIME));
  const [classifier, site] = await Promise.all([
    EmotionClassifier.load(async (name) => new Uint8Array(await (await fetched(new URL(name, MODEL))).arrayBuffer()), ort),
    fetched(new URL("site.json", MODEL)).then((response) => response.json()),
  ]);
  return { classifier, site };
}

async function fetched(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Error(`${url.pathname} cannot be read${response ? ` (status ${response.status})` : ""}. Load the page again.`);
  return response;
}

/** The contents of a response in gzip, which some servers unpack on the way. */
async function unpacked(response) {
  const bytes = await response.arrayBuffer();
  const [first, second] = new Uint8Array(bytes, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Answers by the path of the server's API. */
const ANSWERS = {
  info: ({ site }) => site,
  async "v1/predict"({ classifier }, { texts }) {
    const predictions = await classifier.predict(texts);
    return {
      labels: classifier.labels,
      label: predictions.map(({ label }) => label),
      score: predictions.map(({ score }) => score),
      scores: predictions.map((prediction) => Object.values(prediction.scores)),
      neutral: classifier.calibration.neutral && predictions.map(({ neutral }) => neutral),
    };
  },
  async "v1/explain"({ classifier }, { texts }) {
    if (texts.some((text) => text.length > MAX_EXPLAINED_CHARACTERS)) {
      throw new TooLongError(`Words are explained in texts of up to ${MAX_EXPLAINED_CHARACTERS} characters.`);
    }
    return { explanations: await classifier.explain(texts) };
  },
  async "v1/sentences"({ classifier }, { text }) {
    const count = sentences(text).length;
    if (count > MAX_SENTENCES) throw new TooLongError(`The text has ${count} sentences; ${MAX_SENTENCES} are shown at most.`);
    const timeline = await classifier.timeline(text);
    return { labels: classifier.labels, ...listed(timeline), sentences: timeline.sentences.map(listed) };
  },
};

/** A prediction with its scores as a list, in the order of the labels. */
const listed = ({ scores, ...prediction }) => ({ ...prediction, scores: Object.values(scores) });

addEventListener("message", async ({ data: { id, path, body } }) => {
  try {
    postMessage({ id, answer: await ANSWERS[path](await loading, body) });
  } catch (error) {
    postMessage({ id, error: error.message, isTooLong: error instanceof TooLongError });
  }
});
