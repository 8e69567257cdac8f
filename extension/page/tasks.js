// Starts the worker's tasks from clicks and follows their outcomes.

import { ask } from "./worker.js";

// The window of this page and of the browser's prompt. Read at start, because a click
// handler must not await anything before it asks for a permission.
const { id: windowId } = await chrome.windows.getCurrent();

/**
 * Starts a task and asks for its permission. Call it synchronously in the click: the browser
 * accepts a permission request only from there. The prompt may close this page; the worker
 * continues the task.
 */
export function begin(intent) {
  const started = ask("begin", { intent: { ...intent, windowId } });
  requestOrigins(intent.origins).then((isGranted) => isGranted || ask("refused", { windowId }));
  return started;
}

/** Tells the worker that this window shows no prompt. */
export function settle() {
  return ask("settle", { windowId });
}

/** Asks for access to the origins; resolves to whether it is granted. */
export function requestOrigins(origins) {
  return chrome.permissions.request({ origins }).catch(() => false);
}

/** The outcome of the latest task of this kind; undefined if there is none or a page has already shown it. */
export async function readOutcome(kind) {
  const [outcomeAt, seenAt] = [outcomeKey(kind), seenKey(kind)];
  const { [outcomeAt]: outcome, [seenAt]: seenId } = await chrome.storage.session.get([outcomeAt, seenAt]);
  return outcome && outcome.id === seenId ? undefined : outcome;
}

/** Marks an outcome as shown, so that the next page doesn't show it again. */
export function markSeen(kind, { id }) {
  if (id) chrome.storage.session.set({ [seenKey(kind)]: id });
}

/** Calls back with each later outcome of this kind; undefined once it is removed. */
export function onOutcome(kind, callback) {
  chrome.storage.session.onChanged.addListener((changes) => {
    const change = changes[outcomeKey(kind)];
    if (change) callback(change.newValue);
  });
}

/** Whether the task is still waiting or running. */
export function isUnderWay(outcome) {
  return outcome !== undefined && outcome.status !== "done";
}

function outcomeKey(kind) {
  return `outcome.${kind}`;
}

function seenKey(kind) {
  return `seen.${kind}`;
}
