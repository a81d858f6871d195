// Scores a file in batches, row after row and in order, and keeps what was read, scored and rejected.

import { call, MAX_BATCH } from "./client.js";
import { isNeutral, NO_EMOTION } from "./emotions.js";
import { retry } from "./failures.js";
import { linesOf, reader } from "./records.js";

const FIRST_BATCH = 32;
const FAST = 200; // milliseconds: a batch that is faster can be larger
const SLOW = 1000; // milliseconds: a batch that is slower should be smaller
const REJECTED = new Set([400, 413, 422]);
const MAX_KEPT_ROWS = 500; // for the table on the page, per label
const MAX_LINES_IN_PART = 5000;
const MEDIA_TYPES = { jsonl: "application/x-ndjson", delimited: "text/csv", lines: "text/csv" };
const PREFIX = "predicted_";

/** One run over a file. Its counts and rows can be read while it runs. */
export class ScoringRun {
  /**
   * @param {File} file
   * @param {object} layout of `guessLayout`, with the encoding and whether the file begins with a byte order mark
   * @param {{signal: AbortSignal, onWait: function, maxTexts: number}} options
   */
  constructor(file, layout, { signal, onWait, maxTexts = MAX_BATCH.texts }) {
    Object.assign(this, { file, layout, signal, onWait });
    this.maxBatch = Math.max(1, Math.min(maxTexts, MAX_BATCH.texts));
    this.batchSize = Math.min(FIRST_BATCH, this.maxBatch);
    Object.assign(this, { bytes: 0, rows: 0, scored: 0, blank: 0, labels: [], rejected: [] });
    this.counts = new Map();
    this.firstRows = [];
    this.firstRowsByLabel = new Map();
    this.pending = [];
    this.pendingCharacters = 0;
    this.written = [];
    this.parts = [];
  }

  async start() {
    const { labels, neutral } = await this.predict(["text"]);
    this.labels = labels;
    this.hasNeutral = neutral != null;
    this.names = this.addedNames();
    const rows = reader(this.layout, this.names);
    for await (const { lines, bytes, isLast } of linesOf(this.file, this.layout.encoding)) {
      for (const row of rows.push(lines, isLast)) {
        this.pending.push(row);
        this.pendingCharacters += row.text?.length ?? 0;
        const isFull = this.pending.length >= this.batchSize || this.pendingCharacters >= MAX_BATCH.characters;
        if (isFull) await this.flush(rows);
      }
      await this.flush(rows);
      this.bytes = bytes;
    }
    if (!this.hasBegun) this.writeHeader(rows);
  }

  /** Names of the added columns, with a prefix if the file has one of them already. */
  addedNames() {
    const names = ["emotion", "emotion_score", ...this.labels, ...(this.hasNeutral ? ["neutral"] : [])];
    const existing = new Set(this.layout.columns);
    for (let prefix = ""; ; prefix += PREFIX) {
      const prefixed = names.map((name) => prefix + name);
      if (!prefixed.some((name) => existing.has(name))) return prefixed;
    }
  }

  /** What a text can count as: a label or no emotion. */
  get answers() {
    return this.hasNeutral ? [...this.labels, NO_EMOTION] : this.labels;
  }

  async flush(reader) {
    const rows = this.pending;
    [this.pending, this.pendingCharacters] = [[], 0];
    const batches = [rows.filter((row) => !row.problem && row.text?.trim())];
    while (batches.length) {
      const batch = batches.shift();
      if (batch.length) batches.unshift(...(await this.score(batch)));
    }
    if (!this.hasBegun) this.writeHeader(reader);
    rows.forEach((row) => this.finishRow(row));
  }

  /** Score a batch. If the server rejects it, return its halves to try instead, or reject its only row. */
  async score(batch) {
    const started = performance.now();
    try {
      const response = await this.predict(batch.map((row) => row.text));
      batch.forEach((row, i) => {
        row.scores = response.scores[i];
        row.neutral = response.neutral?.[i] ?? null;
        row.label = isNeutral(row.neutral) ? NO_EMOTION : response.label[i];
        row.score = isNeutral(row.neutral) ? row.neutral : response.score[i];
      });
      this.adaptBatchSize(batch.length, performance.now() - started);
      return [];
    } catch (failure) {
      if (failure.status === 429) this.batchSize = Math.max(1, Math.ceil(batch.length / 2));
      else if (!REJECTED.has(failure.status)) throw failure;
      if (batch.length > 1) return halves(batch);
      batch[0].problem = failure.message;
      return [];
    }
  }

  /** The response, retried while a server is busy or away. A second 429 fails, so that fewer texts are sent. */
  predict(texts) {
    let refusals = 0;
    const work = async () => {
      try {
        return await call("v1/predict", { texts }, { signal: this.signal });
      } catch (failure) {
        if (failure.status === 429 && texts.length > 1 && ++refusals > 1) failure.wait = null;
        throw failure;
      }
    };
    return retry(work, { onWait: this.onWait, signal: this.signal });
  }

  adaptBatchSize(length, milliseconds) {
    if (milliseconds < FAST && length >= this.batchSize) this.batchSize = Math.min(this.batchSize * 2, this.maxBatch);
    if (milliseconds > SLOW) this.batchSize = Math.max(1, this.batchSize >> 1);
  }

  writeHeader({ header }) {
    this.hasBegun = true;
    if (this.layout.bom) this.written.push("\ufeff");
    const delimiter = this.layout.delimiter ?? ",";
    const names = this.names.map((name) => quoted(name, delimiter)).join(delimiter);
    if (this.layout.kind === "lines") this.written.push(`text,${names}\n`);
    else if (header != null) this.written.push(`${header}${delimiter}${names}\n`);
  }

  finishRow(row) {
    this.rows++;
    if (row.problem) {
      this.rejected.push({ file: this.file.name, line: row.line, rows: 1, reason: row.problem });
      return;
    }
    if (row.scores) {
      this.scored++;
      this.counts.set(row.label, (this.counts.get(row.label) ?? 0) + 1);
    } else this.blank++;
    this.keepForTable(row);
    this.written.push(`${this.outputLine(row)}\n`);
    if (this.written.length >= MAX_LINES_IN_PART) this.parts.push(new Blob(this.written.splice(0)));
  }

  keepForTable(row) {
    if (this.firstRows.length < MAX_KEPT_ROWS) this.firstRows.push(row);
    if (!row.scores) return;
    if (!this.firstRowsByLabel.has(row.label)) this.firstRowsByLabel.set(row.label, []);
    const rows = this.firstRowsByLabel.get(row.label);
    if (rows.length < MAX_KEPT_ROWS) rows.push(row);
  }

  /** A row as it is in the file, followed by its scores, as `emoscope score --neutral label` writes it. */
  outputLine({ raw, label, score, scores, neutral }) {
    const numbers = scores && [score, ...scores, ...(this.hasNeutral ? [neutral] : [])];
    const name = label === NO_EMOTION ? "neutral" : label;
    const values = scores ? [name, ...numbers.map((value) => Number(value.toPrecision(7)))] : null;
    if (this.layout.kind === "jsonl") return withFields(raw, this.names, values);
    const delimiter = this.layout.delimiter ?? ",";
    const cells = values ? [quoted(values[0], delimiter), ...values.slice(1)] : this.names.map(() => "");
    const original = this.layout.kind === "lines" ? quoted(raw, ",") : raw;
    return [original, ...cells].join(delimiter);
  }

  /** The scored file so far. */
  output() {
    return new Blob([...this.parts, ...this.written], { type: MEDIA_TYPES[this.layout.kind] });
  }

  outputName() {
    const [, stem, ending] = this.file.name.match(/^(.*?)(\.[^.]*)?$/s);
    return `${stem}.scored${this.layout.kind === "lines" ? ".csv" : (ending ?? ".csv")}`;
  }
}

const halves = (batch) => [batch.slice(0, batch.length >> 1), batch.slice(batch.length >> 1)];

const quoted = (cell, delimiter) =>
  cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

function withFields(raw, names, values) {
  const fields = names.map((name, i) => `${JSON.stringify(name)}: ${JSON.stringify(values ? values[i] : null)}`);
  const open = raw.slice(0, -1).trimEnd();
  return `${open}${open.endsWith("{") ? "" : ", "}${fields.join(", ")}}`;
}
