// Asks the model in this browser: the static site has this module in place of the one that sends requests to a server.
// The paths, bodies and answers are those of the server. Each worker runs the model on one core.

import { byId, showAlert } from "./dom.js";
import { Failure } from "./failures.js";

/** Largest batch of a table that is scored at once; larger ones are faster, as rows of equal length run together. */
export const MAX_BATCH = { texts: 2048, characters: 1_000_000 };

const MAX_WORKERS = 4;
const MIN_SHARE = 64; // texts for which another worker is worth it
const TOO_LONG = 413;

/** A worker with the model, and the questions that wait for its answers. */
class ModelWorker {
  constructor() {
    this.isReady = false;
    this.waiting = new Map();
    this.count = 0;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.onAnswer(data));
    this.worker.addEventListener("error", ({ message }) => this.fail(message));
  }

  /** The answer to a question; a Failure if there is none. */
  ask(path, body) {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, path, body });
    });
  }

  onAnswer({ id, answer, error, isTooLong }) {
    if (id === undefined) {
      this.isReady = true;
      return;
    }
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Failure(error, { status: isTooLong ? TOO_LONG : 0 }));
  }

  fail(reason) {
    const message = `The model cannot run in this browser${reason ? `: ${reason}` : ""}. It needs one from mid-2024 or later.`;
    this.failure = new Failure(message);
    this.waiting.forEach(({ reject }) => reject(this.failure));
    this.waiting.clear();
  }
}

const workers = [new ModelWorker()];

/** The model and the version, once the model is loaded. */
export async function info() {
  try {
    return await workers[0].ask("info", {});
  } catch (failure) {
    showAlert(byId("error"), failure.message);
    throw failure;
  } finally {
    byId("loading").hidden = true;
  }
}

/** The answer to a question at one of the server's paths; a large batch is divided among the workers. */
export async function call(path, body, { signal } = {}) {
  const { texts } = body;
  const answer = path === "v1/predict" && texts.length > MIN_SHARE ? predictInParts(texts) : workers[0].ask(path, body);
  const answered = await answer;
  signal?.throwIfAborted();
  return answered;
}

async function predictInParts(texts) {
  if (workers.length < Math.min(navigator.hardwareConcurrency || 1, MAX_WORKERS)) workers.push(new ModelWorker());
  const ready = workers.filter((worker, i) => i === 0 || (worker.isReady && !worker.failure));
  const count = Math.min(ready.length, Math.ceil(texts.length / MIN_SHARE));
  const cut = (i) => Math.floor((texts.length * i) / count);
  const parts = Array.from({ length: count }, (_, i) => texts.slice(cut(i), cut(i + 1)));
  const answers = await Promise.all(parts.map((part, i) => ready[i].ask("v1/predict", { texts: part })));
  const joined = (name) => (answers[0][name] === null ? null : answers.flatMap((answer) => answer[name]));
  const columns = ["label", "score", "scores", "neutral"].map((name) => [name, joined(name)]);
  return { labels: answers[0].labels, ...Object.fromEntries(columns) };
}
