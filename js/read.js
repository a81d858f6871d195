// Reads files of a folder behind a URL.

/** A function that returns the contents of a file of the folder by its name, or null if there is none. */
export function reader(folder) {
  const base = new URL(String(folder).endsWith("/") ? folder : `${folder}/`, globalThis.location?.href);
  return (name) => fetchBytes(new URL(name, base));
}

async function fetchBytes(url) {
  const response = await fetch(url);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${url} answered with status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
