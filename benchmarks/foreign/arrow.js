// Writes and reads Arrow files with Arrow JS: node arrow.js write ROWS.jsonl OUT.arrow file|stream, node arrow.js read IN.arrow
import { readFileSync, writeFileSync } from "node:fs";
import * as arrow from "apache-arrow";

const TYPES = {
  id: () => new arrow.Int32(),
  text: () => new arrow.Utf8(),
  price: () => new arrow.Float64(),
  checked: () => new arrow.Bool(),
  kind: () => new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
  category: () => new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
};

function write(source, target, format) {
  const rows = readFileSync(source, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  // A file cannot replace a dictionary, so it has one batch; a stream has two.
  const half = format === "file" ? rows.length : Math.ceil(rows.length / 2);
  const tables = [rows.slice(0, half), rows.slice(half)].filter((part) => part.length).map(
    (part) =>
      new arrow.Table(
        Object.fromEntries(
          Object.keys(rows[0]).map((name) => [name, arrow.vectorFromArray(part.map((row) => row[name]), TYPES[name]())]),
        ),
      ),
  );
  writeFileSync(target, arrow.tableToIPC(tables[0].concat(...tables.slice(1)), format));
}

function read(source) {
  const table = arrow.tableFromIPC(readFileSync(source));
  for (const row of table) {
    const shown = Object.fromEntries(Object.entries(row.toJSON()).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]));
    process.stdout.write(`${JSON.stringify(shown)}\n`);
  }
}

const [action, ...files] = process.argv.slice(2);
({ write, read })[action](...files);
