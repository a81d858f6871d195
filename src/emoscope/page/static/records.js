// Splits the lines of a file into rows, as `emoscope score` does: a broken row is rejected alone, with line and reason.
// A row is {line, raw, text, problem}: `raw` as it is in the file, `text` null if it has none.

const MAX_ROW_CHARACTERS = 1 << 20;

const withoutReturn = (line) => (line.endsWith("\r") ? line.slice(0, -1) : line);

/** The fields of the record that begins at a line, and the line after it; or what is wrong with it. */
export function record(lines, start, delimiter) {
  if (!lines[start].includes('"')) return { fields: withoutReturn(lines[start]).split(delimiter), end: start + 1 };
  const fields = [];
  let end = start;
  let line = lines[end];
  for (let at = 0; ; at++) {
    if (line[at] !== '"') {
      const stop = line.indexOf(delimiter, at);
      fields.push(stop < 0 ? withoutReturn(line.slice(at)) : line.slice(at, stop));
      if (stop < 0) return { fields, end: end + 1 };
      at = stop;
      continue;
    }
    let value = "";
    for (at++; ; ) {
      const quote = line.indexOf('"', at);
      if (quote < 0) {
        if (++end === lines.length) return { problem: "a quote is not closed", isOpen: true };
        value += `${line.slice(at)}\n`;
        [line, at] = [lines[end], 0];
      } else if (line[quote + 1] === '"') {
        value += line.slice(at, quote + 1);
        at = quote + 2;
      } else {
        value += line.slice(at, quote);
        at = quote + 1;
        break;
      }
    }
    fields.push(value);
    if (at >= withoutReturn(line).length) return { fields, end: end + 1 };
    if (line[at] !== delimiter) return { problem: "text follows a closing quote" };
  }
}

/** Rows of delimited files, such as CSV. The first record is the header if the layout has one. */
export class Delimited {
  constructor({ delimiter, header, columns, column }) {
    Object.assign(this, { delimiter, width: columns.length, column });
    this.lines = [];
    this.number = 1;
    this.expectsHeader = header;
    this.header = null;
  }

  /** Rows of the next lines; a record that may continue is kept for the next call. */
  push(lines, isLast) {
    const all = this.lines.length ? this.lines.concat(lines) : lines;
    const rows = [];
    let start = 0;
    while (start < all.length) {
      const { fields, end, problem, isOpen } = record(all, start, this.delimiter);
      if (isOpen && !isLast && this.canContinue(all, start)) break;
      const stop = end ?? start + 1;
      this.add(rows, fields, problem, all.slice(start, stop), this.number + start);
      start = stop;
    }
    this.lines = all.slice(start);
    this.number += start;
    return rows;
  }

  /** Whether an open record is short enough to wait for its end. */
  canContinue(lines, start) {
    let length = 0;
    for (let i = start; i < lines.length && length <= MAX_ROW_CHARACTERS; i++) length += lines[i].length;
    return length <= MAX_ROW_CHARACTERS;
  }

  add(rows, fields, problem, lines, line) {
    const raw = withoutReturn(lines.join("\n"));
    if (raw === "" && this.width > 1) return;
    if (this.expectsHeader) {
      this.expectsHeader = false;
      this.header = raw;
      return;
    }
    if (!problem && fields.length !== this.width) problem = `${fields.length} fields, but the first row has ${this.width}`;
    rows.push({ line, raw, problem, text: problem ? null : fields[this.column] });
  }
}

/** Rows of JSON lines. `addedNames`: names of the fields that will be added. */
export class JsonLines {
  constructor({ columns, column }, addedNames = []) {
    Object.assign(this, { name: columns[column], addedNames, number: 1 });
  }

  push(lines) {
    const rows = [];
    for (const line of lines) {
      if (line.trim()) rows.push(this.row(line.trim()));
      this.number++;
    }
    return rows;
  }

  row(raw) {
    const row = { line: this.number, raw, text: null };
    let value;
    try {
      value = JSON.parse(raw);
    } catch {
      return { ...row, problem: "not JSON" };
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return { ...row, problem: "not a JSON object" };
    const existing = this.addedNames.find((name) => Object.hasOwn(value, name));
    if (existing) return { ...row, problem: `the field ${existing} exists already` };
    const text = value[this.name] ?? null;
    if (text !== null && typeof text !== "string") return { ...row, problem: `${this.name} is not a string` };
    return { ...row, text };
  }
}

/** Every line that is not blank is a text. */
export class PlainLines {
  constructor() {
    this.number = 0;
  }

  push(lines) {
    return lines
      .map((line) => ({ line: ++this.number, raw: withoutReturn(line), text: line.trim() }))
      .filter(({ text }) => text);
  }
}

export function reader(layout, addedNames) {
  if (layout.kind === "jsonl") return new JsonLines(layout, addedNames);
  return layout.kind === "lines" ? new PlainLines() : new Delimited(layout);
}

const CHUNK_BYTES = 1 << 18;

/** Lines of a file, a chunk at a time to save memory and to keep the page responsive: {lines, bytes, isLast}. */
export async function* linesOf(file, encoding) {
  const decoder = new TextDecoder(encoding);
  let rest = "";
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    const bytes = Math.min(start + CHUNK_BYTES, file.size);
    const isLast = bytes === file.size;
    const text = decoder.decode(await file.slice(start, bytes).arrayBuffer(), { stream: !isLast });
    const cut = text.lastIndexOf("\n");
    if (cut >= 0) yield { lines: (rest + text.slice(0, cut)).split("\n"), bytes, isLast: isLast && cut + 1 === text.length };
    rest = cut < 0 ? rest + text : text.slice(cut + 1);
    if (isLast && rest) yield { lines: [rest], bytes, isLast };
  }
}
