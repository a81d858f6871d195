// A file through the server in batches: row after row, in order, with what was read, scored and left out.

import { call, untilDone } from "./client.js";
import { linesOf, reader } from "./records.js";

const FIRST_BATCH = 32;
const MAX_TEXTS = 256;
const MAX_CHARACTERS = 100_000;
const QUICK = 200;
const SLOW = 1000;
const REFUSED = new Set([400, 413, 422]);
const KEPT = 500;
const TYPES = { jsonl: "application/x-ndjson", delimited: "text/csv", lines: "text/csv" };
const PREFIX = "predicted_";

/** Scores a file. What it holds may be looked at while it runs. */
export class Scoring {
  /**
   * @param {File} file
   * @param {object} layout of `guess`, with the encoding and whether a byte order mark begins the file
   * @param {{signal: AbortSignal, onWait: function, mostTexts: number}} options
   */
  constructor(file, layout, { signal, onWait, mostTexts = MAX_TEXTS }) {
    Object.assign(this, { file, layout, signal, onWait });
    this.most = Math.max(1, Math.min(mostTexts, MAX_TEXTS));
    this.size = Math.min(FIRST_BATCH, this.most);
    Object.assign(this, { bytes: 0, rows: 0, scored: 0, blank: 0, doubtful: 0, labels: [], rejected: [] });
    this.counts = new Map();
    this.first = [];
    this.of = new Map();
    this.waiting = [];
    this.characters = 0;
    this.written = [];
    this.parts = [];
  }

  async run() {
    this.labels = (await this.ask(["text"])).labels;
    this.names = this.added();
    const rows = reader(this.layout, this.names);
    for await (const { lines, bytes, isLast } of linesOf(this.file, this.layout.encoding)) {
      for (const row of rows.push(lines, isLast)) {
        this.waiting.push(row);
        this.characters += row.text?.length ?? 0;
        if (this.waiting.length >= this.size || this.characters >= MAX_CHARACTERS) await this.flush(rows);
      }
      await this.flush(rows);
      this.bytes = bytes;
    }
    if (!this.begun) this.begin(rows);
  }

  /** Names of the added columns, none of which is there already. */
  added() {
    const plain = ["emotion", "emotion_score", ...this.labels];
    const taken = new Set(this.layout.columns);
    for (let prefix = ""; ; prefix += PREFIX) {
      const names = plain.map((name) => prefix + name);
      if (!names.some((name) => taken.has(name))) return names;
    }
  }

  async flush(reader) {
    const rows = this.waiting;
    [this.waiting, this.characters] = [[], 0];
    const batches = [rows.filter((row) => !row.problem && row.text?.trim())];
    while (batches.length) {
      const batch = batches.shift();
      if (batch.length) batches.unshift(...(await this.score(batch)));
    }
    if (!this.begun) this.begin(reader);
    rows.forEach((row) => this.take(row));
  }

  /** Score a batch; batches to try instead where the server refuses it, the text alone that it will not take. */
  async score(batch) {
    const started = performance.now();
    try {
      const answer = await this.ask(batch.map((row) => row.text));
      batch.forEach((row, i) => {
        row.label = answer.label[i];
        row.score = answer.score[i];
        row.scores = answer.scores[i];
        row.set = answer.sets?.[i] ?? null;
        row.clear = answer.clear?.[i] ?? null;
      });
      this.adapt(batch.length, performance.now() - started);
      return [];
    } catch (failure) {
      if (failure.status === 429) this.size = Math.max(1, Math.ceil(batch.length / 2));
      else if (!REFUSED.has(failure.status)) throw failure;
      if (batch.length > 1) return halves(batch);
      batch[0].problem = failure.message;
      return [];
    }
  }

  /** The server's answer, waited for as long as it is busy or away; one that is too busy for so many texts gets fewer. */
  ask(texts) {
    let refusals = 0;
    const work = async () => {
      try {
        return await call("v1/predict", { texts }, { signal: this.signal });
      } catch (failure) {
        if (failure.status === 429 && texts.length > 1 && ++refusals > 1) failure.wait = null;
        throw failure;
      }
    };
    return untilDone(work, { onWait: this.onWait, signal: this.signal });
  }

  /** So many texts at once that an answer takes neither long nor no time. */
  adapt(length, milliseconds) {
    if (milliseconds < QUICK && length >= this.size) this.size = Math.min(this.size * 2, this.most);
    if (milliseconds > SLOW) this.size = Math.max(1, this.size >> 1);
  }

  begin({ header }) {
    this.begun = true;
    if (this.layout.bom) this.written.push("\ufeff");
    const delimiter = this.layout.delimiter ?? ",";
    const names = this.names.map((name) => quoted(name, delimiter)).join(delimiter);
    if (this.layout.kind === "lines") this.written.push(`text,${names}\n`);
    else if (header != null) this.written.push(`${header}${delimiter}${names}\n`);
  }

  take(row) {
    this.rows++;
    if (row.problem) {
      this.rejected.push({ file: this.file.name, line: row.line, rows: 1, reason: row.problem });
      return;
    }
    if (row.scores) {
      this.scored++;
      this.counts.set(row.label, (this.counts.get(row.label) ?? 0) + 1);
    } else this.blank++;
    this.keep(row);
    this.written.push(`${this.line(row)}\n`);
    if (this.written.length >= 5000) this.parts.push(new Blob(this.written.splice(0)));
  }

  keep(row) {
    if (this.first.length < KEPT) this.first.push(row);
    if (!row.scores) return;
    if (!this.of.has(row.label)) this.of.set(row.label, []);
    if (this.of.get(row.label).length < KEPT) this.of.get(row.label).push(row);
  }

  /** A row as it stands in the file, and its scores behind it. */
  line({ raw, label, score, scores }) {
    const values = scores ? [label, ...[score, ...scores].map((value) => Number(value.toPrecision(7)))] : null;
    if (this.layout.kind === "jsonl") return withFields(raw, this.names, values);
    const delimiter = this.layout.delimiter ?? ",";
    const cells = values ? [quoted(values[0], delimiter), ...values.slice(1)] : this.names.map(() => "");
    const kept = this.layout.kind === "lines" ? quoted(raw, ",") : raw;
    return [kept, ...cells].join(delimiter);
  }

  /** The scored file so far. */
  output() {
    return new Blob([...this.parts, ...this.written], { type: TYPES[this.layout.kind] });
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
