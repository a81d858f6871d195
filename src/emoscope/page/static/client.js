// Requests to the server, with the API key. The static site has a module of the same name that asks the model itself.

import { byId, showAlert } from "./dom.js";
import { Failure } from "./failures.js";

/** Largest batch of a table that is scored at once. */
export const MAX_BATCH = { texts: 256, characters: 100_000 };

const ENTER_KEY = { name: "Enter a key", run: () => askForKey() };
const STORAGE_KEY = "emoscope.key";
const SENDABLE = /^[ -~]*$/;
const NOT_SENDABLE = "Keys have ASCII characters only, but this one has others, such as “ or …. Copy it again.";
const TIMEOUT = 30_000; // milliseconds

/** The model, the version and the limits of the server. */
export async function info() {
  const response = await fetch("info");
  return response.ok ? await response.json() : {};
}

/** The JSON response to a POST of JSON. Asks for a key if the server requires one. */
export async function call(path, body, { signal } = {}) {
  const response = await send(path, { body: JSON.stringify(body), type: "application/json", signal });
  try {
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure("The server's response was cut off or is not JSON.", { wait: 2 });
  }
}

/** The response to any request; a Failure for a status that is not 2xx. */
export async function send(path, { method, body, type, signal } = {}) {
  for (;;) {
    const usedKey = key;
    const response = await fetchResponse(path, { method, body, type, signal });
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status !== 401) throw failure;
    if (key !== usedKey) continue;
    if (hasDeclined || !(await askForKey(usedKey ? "The server rejected this key." : ""))) throw failure;
  }
}

async function fetchResponse(path, { method, body, type, signal }) {
  const headers = new Headers();
  if (type) headers.set("Content-Type", type);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const signals = [AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])];
  try {
    method ??= body === undefined ? "GET" : "POST";
    return await fetch(path, { method, body, headers, cache: "no-store", signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === "TimeoutError") {
      throw new Failure(`The server did not respond within ${TIMEOUT / 1000} seconds.`, { wait: 5 });
    }
    throw new Failure("The server cannot be reached.", { wait: 1 });
  }
}

async function failureOf(response) {
  const { status } = response;
  const { error } = await response.json().catch(() => ({}));
  const code = error?.code ?? "";
  const message = typeof error === "string" ? error : error?.message;
  const details = typeof message === "string" ? asSentence(message) : "";
  const retryAfter = Number.parseFloat(response.headers.get("Retry-After"));
  const wait = Math.min(retryAfter >= 0 ? retryAfter : 2, 60);
  if (status === 429) return new Failure("The server is busy.", { status, code, wait });
  if (status === 504) return new Failure("The server took too long.", { status, code, wait });
  if (status === 502 || status === 503) return new Failure("The server is not ready.", { status, code, wait });
  if (status === 401) return new Failure("The server requires an API key.", { status, code, action: ENTER_KEY });
  if (status === 413) return new Failure(details || "This is too long for the server.", { status, code });
  if (status >= 500) return new Failure(details || `The server failed (${status}).`, { status, code });
  return new Failure(details || `The server rejected this (${status}).`, { status, code });
}

const asSentence = (message) => {
  const text = message.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
};

let key = storedKey();
let hasDeclined = false;
let asking;

function storedKey() {
  try {
    const value = sessionStorage.getItem(STORAGE_KEY) ?? "";
    return SENDABLE.test(value) ? value : "";
  } catch {
    return "";
  }
}

function storeKey(value) {
  key = value;
  try {
    sessionStorage.setItem(STORAGE_KEY, value);
  } catch {
    // Without storage the key lasts as long as the page.
  }
}

/** Ask for a key, once for all requests that need one. After "Not now", only a click asks again. */
function askForKey(error = "") {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    const field = byId("key");
    showAlert(byId("key-error"), error);
    dialog.returnValue = field.value = "";
    dialog.addEventListener(
      "close",
      () => {
        const entered = dialog.returnValue === "use" ? field.value.trim() : "";
        asking = undefined;
        if (!SENDABLE.test(entered)) return resolve(askForKey(NOT_SENDABLE));
        hasDeclined = !entered;
        if (entered) storeKey(entered);
        return resolve(!hasDeclined);
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
