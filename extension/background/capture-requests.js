// Capture requests: what services ask the person to capture. While somebody is signed in,
// the worker polls the server for them, less often the longer nothing new arrives.
//
// The latest list is in storage.session, for the badge and the popup.

import { backoffMinutes } from "./backoff.js";
import { listCaptureRequests } from "./lists.js";
import { notifyOf, withdraw } from "./notifications.js";
import { callSignedIn, signInStatus } from "./sign-in.js";

const LOCK = "capture-requests";
const ALARM = "capture-requests";
// `quiet` counts the polls in a row without anything new; -1 before the first.
const NOTHING = { list: [], quiet: -1 };

/** Polls now and returns to the shortest interval: somebody has signed in or opened the popup. */
export function pollCaptureRequests() {
  return navigator.locks.request(LOCK, () => poll({ quiet: -1 }));
}

/** Polls now unless an alarm is set for the next poll. Call this when the worker starts. */
export async function keepPolling() {
  const { email } = await signInStatus();
  const alarm = await chrome.alarms.get(ALARM);
  // An alarm further off than the longest interval was set before the clock was set back.
  const latest = Date.now() + backoffMinutes(Infinity) * 60_000;
  if (!email || !alarm || alarm.scheduledTime > latest) await navigator.locks.request(LOCK, () => poll());
}

/** Called for every alarm; handles only its own. */
export async function onCaptureRequestsAlarm({ name }) {
  if (name === ALARM) await navigator.locks.request(LOCK, () => poll());
}

/** The pending requests, for the popup: fresh ones if the server answers. */
export async function captureRequests() {
  await pollCaptureRequests();
  return (await read()).list;
}

/** The pending requests as of the latest poll. */
export async function knownCaptureRequests() {
  return (await read()).list;
}

/** Declines a request; succeeds also if it no longer exists. */
export async function declineCaptureRequest(id) {
  await callSignedIn(`/api/capture-requests/${encodeURIComponent(id)}`, { method: "DELETE" }).catch((error) => {
    if (error.http_status !== 404) throw error;
  });
  await drop((request) => request.id === id);
}

/** A stored session fulfils the connection's requests, so they are dropped here too. */
export function forgetFulfilled(connectionId) {
  return drop((request) => request.creator_profile_id === connectionId);
}

// Decision: docs/decisions/extension.md#capture-requests-are-polled-with-a-repeating-alarm
async function poll({ quiet: quietBefore } = {}) {
  const account = await signInStatus();
  if (!account.email) {
    await chrome.alarms.clear(ALARM);
    await write(NOTHING);
    return;
  }
  const before = await read();
  const list = await listCaptureRequests().catch(() => null);
  // Somebody else may have signed in meanwhile, who must not see these.
  if (!(await isStill(account))) return;
  const isKnown = ({ id }) => before.list.some((known) => known.id === id);
  const added = (list ?? []).filter((request) => !isKnown(request));
  const quiet = added.length > 0 ? 0 : (quietBefore ?? before.quiet) + 1;
  await write({ list: list ?? before.list, quiet });
  // Periodic, so that a worker woken by this alarm still finds it set.
  await chrome.alarms.create(ALARM, { periodInMinutes: backoffMinutes(quiet) });
  await notifyOf(added);
}

async function isStill({ server, email }) {
  const now = await signInStatus();
  return now.server === server && now.email === email;
}

function drop(isGone) {
  return navigator.locks.request(LOCK, async () => {
    const { list, quiet } = await read();
    await write({ list: list.filter((request) => !isGone(request)), quiet });
  });
}

async function read() {
  const { captureRequests } = await chrome.storage.session.get("captureRequests");
  return captureRequests ?? NOTHING;
}

async function write(known) {
  const before = await read();
  await chrome.storage.session.set({ captureRequests: known });
  const isGone = ({ id }) => known.list.every((request) => request.id !== id);
  await withdraw(before.list.filter(isGone));
}
