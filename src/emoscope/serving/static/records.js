// Lines of a file to rows, as `emoscope score` reads them: a broken row is left out alone, with its line and the reason.
// A row is {line, raw, text, problem}: `raw` as it stands in the file, `text` null where there is none.

const LONGEST_ROW = 1 << 20;

const withoutReturn = (line) => (line.endsWith("\r") ? line.slice(0, -1) : line);

/** The fields of the record that begins at a line, and the line behind it; or what is wrong with it. */
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
    if (line[at] !== delimiter) return { problem: "something stands behind a closing quote" };
  }
}

/** Rows of CSV and its kin. The first record is the header where the layout has one. */
export class Delimited {
  constructor({ delimiter, header, columns, column }) {
    Object.assign(this, { delimiter, width: columns.length, column });
    this.lines = [];
    this.number = 1;
    this.headerIsAhead = header;
    this.header = null;
  }

  /** Rows of further lines; a record that may go on is kept for the next call. */
  push(lines, isLast) {
    const all = this.lines.length ? this.lines.concat(lines) : lines;
    const rows = [];
    let start = 0;
    while (start < all.length) {
      const { fields, end, problem, isOpen } = record(all, start, this.delimiter);
      if (isOpen && !isLast && this.isBearable(all, start)) break;
      const stop = end ?? start + 1;
      this.add(rows, fields, problem, all.slice(start, stop), this.number + start);
      start = stop;
    }
    this.lines = all.slice(start);
    this.number += start;
    return rows;
  }

  isBearable(lines, start) {
    let length = 0;
    for (let i = start; i < lines.length && length <= LONGEST_ROW; i++) length += lines[i].length;
    return length <= LONGEST_ROW;
  }

  add(rows, fields, problem, lines, line) {
    const raw = withoutReturn(lines.join("\n"));
    if (raw === "" && this.width > 1) return;
    if (this.headerIsAhead) {
      this.headerIsAhead = false;
      this.header = raw;
      return;
    }
    if (!problem && fields.length !== this.width) problem = `${fields.length} fields, where the first row has ${this.width}`;
    rows.push({ line, raw, problem, text: problem ? null : fields[this.column] });
  }
}

/** Rows of JSON lines. `taken`: the names of the fields that will be added. */
export class JsonLines {
  constructor({ columns, column }, taken = []) {
    Object.assign(this, { name: columns[column], taken, number: 1 });
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
      return { ...row, problem: "no JSON" };
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return { ...row, problem: "no JSON object" };
    const twice = this.taken.find((name) => Object.hasOwn(value, name));
    if (twice) return { ...row, problem: `a field ${twice} is there already` };
    const text = value[this.name] ?? null;
    if (text !== null && typeof text !== "string") return { ...row, problem: `${this.name} is no text` };
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

export function reader(layout, taken) {
  if (layout.kind === "jsonl") return new JsonLines(layout, taken);
  return layout.kind === "lines" ? new PlainLines() : new Delimited(layout);
}

const PIECE = 1 << 18;

/** Lines of a file, a piece at a time, so that neither memory nor the page suffers: {lines, bytes, isLast}. */
export async function* linesOf(file, encoding) {
  const decoder = new TextDecoder(encoding);
  let rest = "";
  for (let start = 0; start < file.size; start += PIECE) {
    const bytes = Math.min(start + PIECE, file.size);
    const isLast = bytes === file.size;
    const text = decoder.decode(await file.slice(start, bytes).arrayBuffer(), { stream: !isLast });
    const cut = text.lastIndexOf("\n");
    if (cut >= 0) yield { lines: (rest + text.slice(0, cut)).split("\n"), bytes, isLast: isLast && cut + 1 === text.length };
    rest = cut < 0 ? rest + text : text.slice(cut + 1);
    if (isLast && rest) yield { lines: [rest], bytes, isLast };
  }
}
