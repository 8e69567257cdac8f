// Starting a task of the worker from a click, and learning what came of it.

import { ask } from "./worker.js";

// The window that the page and the browser's prompt belong to. Known before
// there is a click, since nothing may be awaited in one.
const { id: windowId } = await chrome.windows.getCurrent();

/**
 * Starts a task whose permission may have to be asked for. Call it in the
 * click's own turn: the browser takes a request from a click alone, so nothing
 * is awaited before it. The prompt may destroy this page; the worker carries on.
 */
export function begin(intent) {
  const started = ask("begin", { intent: { ...intent, windowId } });
  requestOrigins(intent.origins).then((isGranted) => isGranted || ask("refused", { windowId }));
  return started;
}

/** Tells the worker that no prompt is open in this window any more. */
export function settle() {
  return ask("settle", { windowId });
}

/** Asks for the origins and gives whether they are there now. */
export function requestOrigins(origins) {
  return chrome.permissions.request({ origins }).catch(() => false);
}

/**
 * What came of the latest task of this kind; undefined where there was none,
 * or an earlier page has shown it.
 */
export async function readOutcome(kind) {
  const [outcomeAt, seenAt] = [outcomeKey(kind), seenKey(kind)];
  const { [outcomeAt]: outcome, [seenAt]: seenId } = await chrome.storage.session.get([outcomeAt, seenAt]);
  return outcome && outcome.id === seenId ? undefined : outcome;
}

/** What has been shown once is old news to the next page. */
export function markSeen(kind, { id }) {
  if (id) chrome.storage.session.set({ [seenKey(kind)]: id });
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

function seenKey(kind) {
  return `seen.${kind}`;
}
