// Copies into the package what the Python package has as well: the engine, the bundled model and the licence.

import { cp, rm } from "node:fs/promises";

const repository = new URL("../", import.meta.url);
const COPIES = { "src/emoscope/page/engine/": "engine/", "src/emoscope/bundled/": "model/", LICENSE: "LICENSE", NOTICE: "NOTICE" };

for (const [from, to] of Object.entries(COPIES)) {
  const target = new URL(to, import.meta.url);
  await rm(target, { recursive: true, force: true });
  await cp(new URL(from, repository), target, { recursive: true });
}
