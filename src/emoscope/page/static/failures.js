// Failures with messages for people, retries, and work on only the newest input.

import { sleep } from "./dom.js";

const MAX_WAIT = 15; // seconds between two tries

/**
 * A request that failed. `wait`: seconds after which the same request may succeed, null if it never will; `action`: what
 * the user can do before the next try, as {name, run}, where `run` returns whether it is done.
 */
export class Failure extends Error {
  constructor(message, { status = 0, code = "", wait = null, action = null } = {}) {
    super(message);
    Object.assign(this, { status, code, wait, action });
  }
}

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
