// Capture requests: what services ask the person to capture. While somebody is
// signed in the server is asked for them, ever less often where nothing comes.
//
// What is known of them is in storage.session, for the badge and the popup.

import { backoffMinutes } from "./backoff.js";
import { listCaptureRequests } from "./lists.js";
import { notifyOf, withdraw } from "./notifications.js";
import { callSignedIn, signInStatus } from "./sign-in.js";

const LOCK = "capture-requests";
const ALARM = "capture-requests";
// `quiet` counts the polls in a row that brought nothing new, but for the first.
const NOTHING = { list: [], quiet: -1 };

/** Asks the server now, and often from now on: somebody has signed in, or looks. */
export function pollCaptureRequests() {
  return navigator.locks.request(LOCK, () => poll({ quiet: -1 }));
}

/** For a worker that begins anew: polls where nothing else would. */
export async function keepPolling() {
  const { email } = await signInStatus();
  const alarm = await chrome.alarms.get(ALARM);
  // One further off than any that is made was overtaken by the clock.
  const latest = Date.now() + backoffMinutes(Infinity) * 60_000;
  if (!email || !alarm || alarm.scheduledTime > latest) await navigator.locks.request(LOCK, () => poll());
}

/** For the alarm, which has others' names as well. */
export async function onCaptureRequestsAlarm({ name }) {
  if (name === ALARM) await navigator.locks.request(LOCK, () => poll());
}

/** The pending requests, as far as the server can be asked: for the popup. */
export async function captureRequests() {
  await pollCaptureRequests();
  return (await read()).list;
}

/** The pending requests that are known. */
export async function knownCaptureRequests() {
  return (await read()).list;
}

/** Declines one; one that is gone already is declined, too. */
export async function declineCaptureRequest(id) {
  await callSignedIn(`/api/capture-requests/${encodeURIComponent(id)}`, { method: "DELETE" }).catch((error) => {
    if (error.http_status !== 404) throw error;
  });
  await drop((request) => request.id === id);
}

/** A session was stored, by which the server takes these for fulfilled. */
export function forgetFulfilled(connectionId) {
  return drop((request) => request.creator_profile_id === connectionId);
}

async function poll({ quiet: quietBefore } = {}) {
  const asking = await signInStatus();
  if (!asking.email) {
    await chrome.alarms.clear(ALARM);
    await write(NOTHING);
    return;
  }
  const before = await read();
  const list = await listCaptureRequests().catch(() => null);
  // What somebody else was asked for is not kept.
  if (!(await isStill(asking))) return;
  const isKnown = ({ id }) => before.list.some((known) => known.id === id);
  const added = (list ?? []).filter((request) => !isKnown(request));
  const quiet = added.length > 0 ? 0 : (quietBefore ?? before.quiet) + 1;
  await write({ list: list ?? before.list, quiet });
  // It goes on by itself, so that a worker which it has woken finds it there.
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
