// Requests to the server, failures in words, the key, and the newest input alone.

import { byId, sleep, tell } from "./dom.js";

const KEY = "emoscope.key";
const SENDABLE = /^[ -~]*$/;
const UNSENDABLE = "A key has ASCII characters only, and this one has others, “ or … perhaps. Copy it again.";
const PATIENCE = 30_000;
const LONGEST_WAIT = 15;

/** A request that failed. `wait`: seconds after which the same request may succeed; null where it will not. */
export class Failure extends Error {
  constructor(message, { status = 0, code = "", wait = null } = {}) {
    super(message);
    Object.assign(this, { status, code, wait });
  }
}

/** The JSON that the server answers. Asks for a key when one is needed. */
export async function call(path, body, { signal } = {}) {
  const answer = await send(path, { body: JSON.stringify(body), type: "application/json", signal });
  try {
    return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure("The server's answer broke off or is no JSON.", { wait: 2 });
  }
}

/** The answer to a request, whatever its form; a Failure for any status that is not 2xx. */
export async function send(path, { method, body, type, signal } = {}) {
  for (;;) {
    const used = key;
    const answer = await reach(path, { method, body, type, signal });
    if (answer.ok) return answer;
    const failure = await inWords(answer);
    if (answer.status !== 401) throw failure;
    if (key !== used) continue;
    if (declined || !(await askForKey(used ? "The server refused this key." : ""))) throw failure;
  }
}

async function reach(path, { method, body, type, signal }) {
  const headers = new Headers();
  if (type) headers.set("Content-Type", type);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const limits = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  try {
    method ??= body === undefined ? "GET" : "POST";
    return await fetch(path, { method, body, headers, cache: "no-store", signal: AbortSignal.any(limits) });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === "TimeoutError") {
      throw new Failure(`The server did not answer within ${PATIENCE / 1000} seconds.`, { wait: 5 });
    }
    throw new Failure("The server cannot be reached.", { wait: 1 });
  }
}

async function inWords(answer) {
  const { status } = answer;
  const { error } = await answer.json().catch(() => ({}));
  const code = error?.code ?? "";
  const message = typeof error === "string" ? error : error?.message;
  const details = typeof message === "string" ? sentence(message) : "";
  const asked = Number.parseFloat(answer.headers.get("Retry-After"));
  const wait = Math.min(asked >= 0 ? asked : 2, 60);
  if (status === 429) return new Failure("The server is busy.", { status, code, wait });
  if (status === 504) return new Failure("The server took too long.", { status, code, wait });
  if (status === 502 || status === 503) return new Failure("The server is not ready.", { status, code, wait });
  if (status === 401) return new Failure("The server wants an API key.", { status, code });
  if (status === 413) return new Failure(details || "This is too long for the server.", { status, code });
  if (status >= 500) return new Failure(details || `The server failed (${status}).`, { status, code });
  return new Failure(details || `The server refused this (${status}).`, { status, code });
}

const sentence = (message) => {
  const text = message.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
};

/** Do the work; while it fails in a way that passes, wait and do it again. */
export async function untilDone(work, { onWait, signal }) {
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
  failure.status === 429 ? failure.wait : Math.min(failure.wait * 2 ** (failures - 1), LONGEST_WAIT);

/**
 * A function that takes inputs and works on the newest: one at a time, so that no older answer comes after a newer
 * one, and what was typed meanwhile is skipped.
 *
 * @param {function(*, AbortSignal)} work
 * @param {{pause: number, drops: boolean, onFailure: function}} options `pause`: milliseconds that are waited first,
 *   what is newer then counts; `drops`: work on an older input is broken off.
 */
export function newest(work, { pause = 0, drops = false, onFailure }) {
  let next;
  let running = false;
  let failures = 0;
  let abort;

  async function run() {
    running = true;
    while (next) {
      if (pause) await sleep(pause);
      const { input } = next;
      next = undefined;
      abort = new AbortController();
      try {
        await work(input, abort.signal);
        failures = 0;
      } catch (failure) {
        if (abort.signal.aborted) continue;
        if (!(failure instanceof Failure)) console.error(failure);
        const seconds = failure.wait == null ? 0 : waitAfter(failure, ++failures);
        onFailure(failure, seconds);
        if (!seconds) continue;
        next ??= { input };
        await sleep(seconds * 1000);
      }
    }
    running = false;
  }

  return (input) => {
    next = { input };
    if (drops) abort?.abort();
    if (!running) run();
  };
}

let key = kept();
let declined = false;
let asking;

function kept() {
  try {
    const value = sessionStorage.getItem(KEY) ?? "";
    return SENDABLE.test(value) ? value : "";
  } catch {
    return "";
  }
}

function keep(value) {
  key = value;
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // Without storage the key lasts as long as the page.
  }
}

/** Ask for a key, once for all requests that want one. Who declines is not asked again but by a click. */
export function askForKey(trouble = "") {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    const field = byId("key");
    tell(byId("key-trouble"), trouble);
    dialog.returnValue = field.value = "";
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue === "use" ? field.value.trim() : "";
        asking = undefined;
        if (!SENDABLE.test(given)) return resolve(askForKey(UNSENDABLE));
        declined = !given;
        if (given) keep(given);
        return resolve(!declined);
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
