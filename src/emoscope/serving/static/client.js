// Requests to the server: failures with messages for people, retries, the API key, and only the newest input.

import { byId, showAlert, sleep } from "./dom.js";

const STORAGE_KEY = "emoscope.key";
const SENDABLE = /^[ -~]*$/;
const NOT_SENDABLE = "Keys have ASCII characters only, but this one has others, such as “ or …. Copy it again.";
const TIMEOUT = 30_000; // milliseconds
const MAX_WAIT = 15; // seconds between two tries

/** A request that failed. `wait`: seconds after which the same request may succeed; null if it never will. */
export class Failure extends Error {
  constructor(message, { status = 0, code = "", wait = null } = {}) {
    super(message);
    Object.assign(this, { status, code, wait });
  }
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
  if (status === 401) return new Failure("The server requires an API key.", { status, code });
  if (status === 413) return new Failure(details || "This is too long for the server.", { status, code });
  if (status >= 500) return new Failure(details || `The server failed (${status}).`, { status, code });
  return new Failure(details || `The server rejected this (${status}).`, { status, code });
}

const asSentence = (message) => {
  const text = message.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
};

/** Do the work; while it fails in a way that can pass, wait and do it again. */
export async function retry(work, { onWait, signal }) {
  for (let failures = 1; ; failures++) {
    try {
      const result = await work();
      if (failures > 1) onWait(null, 0);
      return result;
    } catch (failure) {
      if (failure.wait == null) throw failure;
      const seconds = waitAfter(failure, failures);
      onWait(failure, seconds);
      await sleep(seconds * 1000, signal);
    }
  }
}

const waitAfter = (failure, failures) =>
  failure.status === 429 ? failure.wait : Math.min(failure.wait * 2 ** (failures - 1), MAX_WAIT);

/**
 * A function that takes inputs and works on the newest. It works on one input at a time, so that an older result never
 * replaces a newer one, and skips inputs that were replaced before their turn.
 *
 * @param {function(*, AbortSignal)} work
 * @param {{pause: number, cancels: boolean, onFailure: function}} options `pause`: milliseconds to wait for a newer
 *   input first; `cancels`: a newer input cancels the work on an older one.
 */
export function newest(work, { pause = 0, cancels = false, onFailure }) {
  let next;
  let isRunning = false;
  let failures = 0;
  let controller;

  async function run() {
    isRunning = true;
    while (next) {
      if (pause) await sleep(pause);
      const { input } = next;
      next = undefined;
      controller = new AbortController();
      try {
        await work(input, controller.signal);
        failures = 0;
      } catch (failure) {
        if (controller.signal.aborted) continue;
        if (!(failure instanceof Failure)) console.error(failure);
        const seconds = failure.wait == null ? 0 : waitAfter(failure, ++failures);
        onFailure(failure, seconds);
        if (!seconds) continue;
        next ??= { input };
        await sleep(seconds * 1000);
      }
    }
    isRunning = false;
  }

  return (input) => {
    next = { input };
    if (cancels) controller?.abort();
    if (!isRunning) run();
  };
}

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
export function askForKey(error = "") {
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
