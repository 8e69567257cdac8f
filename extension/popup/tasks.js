// Starting a task of the worker from a click, and learning what came of it.

import { ask } from "./worker.js";

/**
 * Starts a task whose permission may have to be asked for. Call it in the
 * click's own turn: the browser takes a request from a click alone, so nothing
 * is awaited before it. The prompt may destroy this page; the worker carries on.
 */
export function begin(intent) {
  const started = ask("begin", { intent });
  requestOrigins(intent.origins).then((isGranted) => isGranted || ask("refused"));
  return started;
}

/** Asks for the origins and gives whether they are there now. */
export function requestOrigins(origins) {
  return chrome.permissions.request({ origins }).catch(() => false);
}

/** What came of the latest task of this kind; undefined where there was none. */
export async function readOutcome(kind) {
  const key = outcomeKey(kind);
  return (await chrome.storage.session.get(key))[key];
}

/** Calls back with each later outcome of this kind, undefined when it is gone. */
export function onOutcome(kind, callback) {
  chrome.storage.session.onChanged.addListener((changes) => {
    const change = changes[outcomeKey(kind)];
    if (change) callback(change.newValue);
  });
}

/** Whether the task has not ended. */
export function isUnderWay(outcome) {
  return outcome !== undefined && outcome.status !== "done";
}

function outcomeKey(kind) {
  return `outcome.${kind}`;
}
