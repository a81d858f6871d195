// Classifies texts by emotion with a model folder of emoscope, in a browser or in Node.

import { isBlank } from "./classes.js";
import { Calibration } from "./calibration.js";
import { codePoints, explain } from "./explanation.js";
import { Graph } from "./graph.js";
import { combine, sentences } from "./sentences.js";
import { NORMALIZERS, isWritten } from "./text.js";
import { Tokenizer } from "./tokenizer.js";

const GRAPHS = ["onnx/model.onnx", "onnx/model_quantized.onnx"];
const SETTINGS = ["config.json", "emoscope.json", "tokenizer.json"];
const FORMAT = 2; // of emoscope.json
const CHUNK = 4096; // texts that are tokenized and scored at once
const MIN_NEUTRAL = 0.5; // from this probability on, a text counts as neutral

export class EmotionClassifier {
  /**
   * Load a model.
   *
   * @param {function(string): Promise<?Uint8Array>} read contents of a file of the model folder; null if it has none
   * @param {object} ort the module onnxruntime-web
   */
  static async load(read, ort) {
    const [config, manifest, tokenizer] = await Promise.all(SETTINGS.map((name) => readJson(read, name)));
    if (manifest.format !== FORMAT) {
      throw new Error(`emoscope.json has format ${manifest.format}, and this version reads ${FORMAT}; export the model again`);
    }
    const classifier = new this(config, manifest, tokenizer);
    const graph = (await read(GRAPHS[0])) ?? (await read(GRAPHS[1]));
    if (!graph) throw new Error(`the model folder has no ${GRAPHS.join(" or ")}; emoscope export writes it`);
    classifier.graph = await Graph.load(ort, graph, config.model_type === "emoscope-compact");
    return classifier;
  }

  /** The model without its graph, which `load` adds. */
  constructor(config, manifest, tokenizer) {
    const { normalizer, max_length: maxLength, ambiguous_keywords: keywords } = manifest;
    this.normalizer = NORMALIZERS.get(normalizer);
    if (!this.normalizer) throw new Error(`the model has the normalizer ${normalizer}; allowed: ${[...NORMALIZERS.keys()].join(", ")}`);
    this.calibration = new Calibration(manifest, config.problem_type === "multi_label_classification");
    const outputs = Object.keys(config.id2label).map((_, i) => config.id2label[i]);
    this.labels = this.calibration.hasNeutralOutput ? outputs.slice(0, -1) : outputs;
    this.ambiguousKeywords = keywords ?? {};
    this.tokenizer = new Tokenizer(tokenizer, maxLength);
  }

  /** The label of each text with all its scores. */
  async predict(texts) {
    const rows = await this.predictWithNeutral(texts);
    return rows.map((row) => this.prediction(row));
  }

  /** Probabilities of the labels of each text, in the order of `labels`. */
  async predictProba(texts) {
    const rows = await this.predictWithNeutral(texts);
    return rows.map((row) => row.slice(0, this.labels.length));
  }

  /** The probability that each text expresses no emotion; 1 for a blank text. */
  async neutralProba(texts) {
    if (!this.calibration.neutral) throw new Error("the model has no output for neutral texts; use the bundled model");
    const rows = await this.predictWithNeutral(texts);
    return rows.map((row) => row.at(-1));
  }

  /** Probabilities of the labels of each text and, last, of neutral if the model gives it. */
  async predictWithNeutral(texts) {
    check(texts);
    const rows = [];
    for (let start = 0; start < texts.length; start += CHUNK) {
      rows.push(...(await this.chunkRows(texts.slice(start, start + CHUNK))));
    }
    return rows;
  }

  /** How much each word contributed to the label of each text. */
  async explain(texts) {
    check(texts);
    const explanations = [];
    for (const text of texts) explanations.push(await explain(text, this));
    return explanations;
  }

  /** The scores of each sentence of a text, and of the whole text combined from them. */
  async timeline(text) {
    check([text]);
    const found = sentences(text);
    const rows = await this.predictWithNeutral(found.length ? found.map((sentence) => sentence.text) : [text]);
    const scores = rows.map((row) => row.slice(0, this.labels.length));
    const combined = combine(scores, this.calibration.isMultiLabel);
    if (this.calibration.neutral) combined.push(Math.min(...rows.map((row) => row.at(-1))));
    const scored = found.map(({ text: sentence, start, end }, i) => ({
      text: sentence,
      start: codePoints(text, start),
      end: codePoints(text, end),
      ...this.prediction(rows[i]),
    }));
    return { ...this.prediction(combined), sentences: scored };
  }

  prediction(row) {
    const scores = row.slice(0, this.labels.length);
    const score = Math.max(...scores);
    const neutral = this.calibration.neutral ? row.at(-1) : null;
    return {
      label: this.labels[scores.indexOf(score)],
      score,
      scores: Object.fromEntries(this.labels.map((label, i) => [label, scores[i]])),
      neutral,
      isNeutral: neutral !== null && neutral >= MIN_NEUTRAL,
    };
  }

  async chunkRows(texts) {
    const windows = texts.map((text) => this.tokenizer.windows(this.normalizer(text)));
    const logits = await this.graph.logits(windows.flat());
    let next = 0;
    return texts.map((text, i) => {
      const rows = windows[i].map(() => this.calibration.probabilities(logits[next++]));
      const mean = weightedMean(rows, windows[i].map((window) => window.length));
      const row = isWritten(text) ? this.calibration.ofWritten(mean) : mean;
      if (this.calibration.neutral && isBlank(text)) row[row.length - 1] = 1;
      return row;
    });
  }
}

function check(texts) {
  if (!Array.isArray(texts)) {
    const found = typeof texts === "string" ? "a single string; write [text]" : typeof texts;
    throw new TypeError(`texts must be an array of strings, got ${found}`);
  }
  const place = texts.findIndex((text) => typeof text !== "string");
  if (place >= 0) throw new TypeError(`texts[${place}] must be a string, got ${texts[place] === null ? "null" : typeof texts[place]}`);
}

async function readJson(read, name) {
  const bytes = await read(name);
  if (!bytes) throw new Error(`the model folder has no ${name}; give a folder that emoscope export wrote`);
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** The mean of the rows of a text in windows, weighted by their number of tokens. */
function weightedMean(rows, weights) {
  if (rows.length === 1) return rows[0];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return rows[0].map((_, column) => rows.reduce((sum, row, i) => sum + row[column] * weights[i], 0) / total);
}
