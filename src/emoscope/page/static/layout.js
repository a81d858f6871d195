// Guesses the layout of a file: its encoding, format, delimiter, header, and the column with the texts.

import { Delimited, record } from "./records.js";

const SAMPLE_BYTES = 1 << 18;
const MAX_ROWS = 200; // rows of a sample to look at
const DELIMITERS = [",", "\t", ";", "|"];
const MIN_CONSISTENT = 0.9; // share of the rows that must have as many fields as the first
const TEXT_NAME = /^(text|review|comment|message|body|content|tweet|sentence|feedback|utterance|post|caption|verbatim)s?$/i;
const LIKE_TEXT_NAME = /text|review|comment|message|tweet|feedback|description|answer|response|remark|note|title/i;
const UNREADABLE = [
  [[0x50, 0x4b], "This is a spreadsheet or a zip file. Save it as CSV and choose that file."],
  [[0x50, 0x41, 0x52, 0x31], "This page cannot read Parquet. Use `emoscope score` on the command line."],
  [[0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], "This page cannot read Arrow files. Use `emoscope score` on the command line."],
  [[0x1f, 0x8b], "This file is compressed. Unpack it and choose the unpacked file."],
  [[0x28, 0xb5, 0x2f, 0xfd], "This file is compressed. Unpack it and choose the unpacked file."],
  [[0x25, 0x50, 0x44, 0x46], "This is a PDF. Copy its text into a text file and choose that file."],
];

/**
 * The beginning of a file: {text, isComplete, encoding, bom}.
 *
 * @throws {Error} the file is not text; the message says what to do
 */
export async function sampleOf(file) {
  const bytes = new Uint8Array(await file.slice(0, SAMPLE_BYTES).arrayBuffer());
  const isComplete = bytes.length === file.size;
  if (!bytes.length) throw new Error("This file is empty.");
  for (const [magic, advice] of UNREADABLE) if (magic.every((byte, i) => bytes[i] === byte)) throw new Error(advice);
  const { encoding, bom } = encodingOf(bytes, isComplete);
  const text = new TextDecoder(encoding).decode(bytes, { stream: !isComplete });
  if (text.includes("\0")) throw new Error("This is not a text file. Choose a CSV, TSV, JSON lines or text file.");
  return { text, isComplete, encoding, bom };
}

function encodingOf(bytes, isComplete) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { encoding: "utf-16le", bom: true };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { encoding: "utf-16be", bom: true };
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isComplete });
    return { encoding: "utf-8", bom };
  } catch {
    return { encoding: "windows-1252", bom };
  }
}

/**
 * The layout of a file, guessed from its name and its beginning.
 *
 * @returns {{kind: "delimited"|"jsonl"|"lines", delimiter: string, header: boolean, columns: string[], column: number}}
 */
export function guessLayout(name, { text, isComplete }) {
  const lines = completeLines(text, isComplete);
  const ending = name.toLowerCase().split(".").pop();
  if (["jsonl", "ndjson"].includes(ending) || lines.slice(0, 20).filter(Boolean).every(isObject)) return jsonLayout(lines);
  const best = bestDelimiter(lines);
  if (ending === "tsv" || ending === "tab") return delimitedLayout(lines, "\t");
  if (ending === "csv") return delimitedLayout(lines, best ?? ",");
  return best ? delimitedLayout(lines, best) : { kind: "lines", columns: [], column: 0 };
}

/** The layout for a format that the user has chosen. */
export function layoutAs(format, { text, isComplete }) {
  const lines = completeLines(text, isComplete);
  if (format === "lines") return { kind: "lines", columns: [], column: 0 };
  return format === "jsonl" ? jsonLayout(lines) : delimitedLayout(lines, format);
}

/** The layout once the user has said whether the first row has the column names. */
export function withHeader(layout, header, { text, isComplete }) {
  return { ...delimitedLayout(completeLines(text, isComplete), layout.delimiter, header), column: layout.column };
}

/** Whether a pasted text is more likely a table than prose. */
export function looksLikeTable(text) {
  if (!text.includes("\n")) return false;
  const lines = text.slice(0, SAMPLE_BYTES / 8).split("\n").filter((line) => line.trim());
  if (lines.length < 3) return false;
  if (lines.slice(0, -1).every(isObject)) return true;
  const delimiter = bestDelimiter(lines);
  if (!delimiter) return false;
  const { header, columns } = delimitedLayout(lines, delimiter);
  return delimiter === "\t" || (header && !columns.some((name) => /^\s|[.!,]$/.test(name)));
}

function completeLines(text, isComplete) {
  const lines = text.split("\n");
  if (!isComplete || lines.at(-1) === "") lines.pop();
  return lines;
}

const isObject = (line) => {
  if (!line.trimStart().startsWith("{")) return false;
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
};

function records(lines, delimiter) {
  const found = [];
  for (let start = 0; start < lines.length && found.length <= MAX_ROWS; ) {
    const { fields, end = start + 1 } = record(lines, start, delimiter);
    if (fields && (fields.length > 1 || fields[0])) found.push(fields);
    start = end;
  }
  return found;
}

/** The delimiter that splits nearly all rows into the same number of fields, at least two; undefined if none does. */
function bestDelimiter(lines) {
  const candidates = DELIMITERS.map((delimiter) => {
    const rows = records(lines, delimiter);
    const width = rows[0]?.length ?? 0;
    return { delimiter, width, share: rows.filter((row) => row.length === width).length / rows.length };
  });
  const consistent = candidates.filter(({ width, share }) => width > 1 && share >= MIN_CONSISTENT);
  return consistent.sort((a, b) => b.share - a.share || b.width - a.width)[0]?.delimiter;
}

function delimitedLayout(lines, delimiter, header) {
  const [first = [""], ...rest] = records(lines, delimiter);
  header ??= isHeader(first, rest);
  const columns = header ? first : first.map((_, i) => `column ${i + 1}`);
  const rows = (header ? rest : [first, ...rest]).filter((row) => row.length === first.length);
  return { kind: "delimited", delimiter, header, columns, column: textColumn(columns, (i) => rows.map((row) => row[i])) };
}

/** Whether the first row has column names: short or questions, all different, not numbers, not repeated below. */
function isHeader(first, rest) {
  const isShort = (cell) => (cell.length <= 64 && cell.split(/\s+/).length <= 6) || cell.trim().endsWith("?");
  const isName = (cell) => cell.trim() && isShort(cell) && Number.isNaN(Number(cell));
  if (!rest.length || !first.every(isName) || new Set(first).size < first.length) return false;
  return !first.some((cell, i) => rest.some((row) => row[i] === cell));
}

function jsonLayout(lines) {
  const values = lines.filter(isObject).slice(0, MAX_ROWS).map((line) => JSON.parse(line));
  const columns = [...new Set(values.flatMap(Object.keys))];
  const cells = (i) => values.map((value) => value[columns[i]]).filter((cell) => typeof cell === "string");
  return { kind: "jsonl", columns, column: textColumn(columns, cells) };
}

/** The column most likely to have the texts: many words, mostly letters, few repeats, and a typical name. */
function textColumn(columns, cellsOf) {
  const likelihoods = columns.map((name, i) => {
    const cells = cellsOf(i).filter((cell) => cell.trim());
    if (!cells.length) return 0;
    const mean = (measure) => cells.reduce((sum, cell) => sum + measure(cell), 0) / cells.length;
    const words = mean((cell) => Math.min(cell.trim().split(/\s+/).length, 20));
    const letters = mean((cell) => (cell.match(/[\p{L}\s]/gu)?.length ?? 0) / cell.length);
    const variety = 0.5 + new Set(cells).size / cells.length / 2;
    const named = TEXT_NAME.test(name.trim()) ? 8 : LIKE_TEXT_NAME.test(name) ? 3 : 0;
    return words * letters ** 2 * variety + named * letters;
  });
  return Math.max(likelihoods.indexOf(Math.max(...likelihoods)), 0);
}

/** The first texts of a sample, read with a layout. */
export function firstTexts(layout, { text, isComplete }, count) {
  const lines = completeLines(text, isComplete);
  if (layout.kind === "lines") return lines.filter((line) => line.trim()).slice(0, count);
  if (layout.kind === "jsonl") {
    const name = layout.columns[layout.column];
    return lines.filter(isObject).map((line) => JSON.parse(line)[name]).filter((value) => typeof value === "string").slice(0, count);
  }
  return new Delimited(layout).push(lines, isComplete).filter((row) => row.text?.trim()).slice(0, count).map((row) => row.text);
}
