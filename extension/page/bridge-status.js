// How handing over stands, in the line that a screen reader reads out.

import { failureText } from "./failure-text.js";
import { ask } from "./worker.js";

const status = document.querySelector("#bridge-status");

export function sayBridgeStatus(words, code = "") {
  // What is said once more would be read out once more.
  if (status.textContent !== words) status.textContent = words;
  status.dataset.code = code;
}

/** Has the worker change something; `load` then shows what holds, whatever came of it. */
export async function changeBridge(load, type, fields) {
  try {
    await ask(type, fields);
    await load();
  } catch (error) {
    await load();
    sayBridgeStatus(failureText(error), error.code);
  }
}
