// Reads files of a folder on the disk or behind a URL, in Node.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { reader as urlReader } from "./read.js";

/** A function that returns the contents of a file of the folder by its name, or null if there is none. */
export function reader(folder) {
  if (/^https?:/.test(folder)) return urlReader(folder);
  const path = /^file:/.test(folder) ? fileURLToPath(folder) : String(folder);
  return (name) => readPath(join(path, name));
}

async function readPath(path) {
  try {
    return await readFile(path);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}
