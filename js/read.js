// Reads files of a folder that is on the disk (in Node) or behind a URL.

/** A function that returns the contents of a file of the folder by its name, or null if there is none. */
export function reader(folder) {
  if (!isUrl(folder)) return (name) => readPath(`${folder}/${name}`);
  const base = String(folder).endsWith("/") ? folder : `${folder}/`;
  return (name) => {
    const url = new URL(name, base);
    return url.protocol === "file:" ? readPath(url) : fetchBytes(url);
  };
}

const isUrl = (folder) => folder instanceof URL || /^[a-z][a-z0-9+.-]+:/i.test(folder);

async function readPath(path) {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(path);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

async function fetchBytes(url) {
  const response = await fetch(url);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${url} answered with status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
