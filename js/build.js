// Copies into the package what the Python package has as well: the engine and the bundled model.

import { cp, rm } from "node:fs/promises";

const python = new URL("../src/emoscope/", import.meta.url);

for (const [from, to] of [["page/engine", "engine"], ["bundled", "model"]]) {
  const target = new URL(`./${to}/`, import.meta.url);
  await rm(target, { recursive: true, force: true });
  await cp(new URL(`${from}/`, python), target, { recursive: true });
}
