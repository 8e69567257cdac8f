// The status line of the hand-over, which screen readers announce.

import { failureText } from "./failure-text.js";
import { ask } from "./worker.js";

const status = document.querySelector("#bridge-status");

export function sayBridgeStatus(words, code = "") {
  // Setting the same text again would announce it again.
  if (status.textContent !== words) status.textContent = words;
  status.dataset.code = code;
}

/** Sends a change to the worker, then reloads with `load`, also after a failure. */
export async function changeBridge(load, type, fields) {
  try {
    await ask(type, fields);
    await load();
  } catch (error) {
    await load();
    sayBridgeStatus(failureText(error), error.code);
  }
}
