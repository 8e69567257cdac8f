// What a click in the popup starts and the browser's permission prompt may come
// in between of: connecting, capturing, exporting, allowing fresh cookies.
//
// A click leaves an intent in storage.session. Whoever first sees that its
// permission is there claims it, so that a click runs exactly once. What came
// of it is kept there too, for the popup that is open, or opened next. Neither
// holds a secret.

import { parseServerAddress } from "../server-address.js";
import { allowPlatform } from "./bridge.js";
import { forgetFulfilled } from "./capture-requests.js";
import { isProven, keyAt } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { withinHostTime } from "./host.js";
import { request } from "./http.js";
import { listConnections } from "./lists.js";
import { noteCapture } from "./send-on.js";
import { chooseServer, withAccessToken } from "./sign-in.js";

const LOCK = "intent";
// A permission given much later, for another reason, starts nothing.
const INTENT_LIFETIME_MS = 5 * 60_000;

// To fulfil a capture request is to capture for its connection.
const RUN = { bridge: allowPlatform, connect, capture, export: exportForYtDlp, fulfil: capture };

// The intent that runs in this worker, with a promise of its end.
let running = null;

/** Leaves the intent `{kind, origins, windowId, …}` and runs it where its permission is there. */
export async function begin(intent) {
  if (!Object.hasOwn(RUN, intent.kind)) throw failure("internal", { detail: "unknown task" });
  if (running) throw failure("busy");
  await navigator.locks.request(LOCK, async () => {
    // What came of an earlier click says nothing about this one.
    await chrome.storage.session.remove(["intent", ...Object.keys(RUN).map(outcomeKey)]);
    const left = { ...intent, id: crypto.randomUUID(), createdAt: Date.now() };
    await chrome.storage.session.set({ intent: left });
    await report(left, { status: "waiting" });
  });
  await resume();
}

/** Runs the intent that waits, if its permission is there now. */
export async function resume() {
  const intent = await claim();
  if (intent) await run(intent);
}

/**
 * For a popup that opens in a window: an intent that still waits there was
 * refused, since the browser's prompt would cover the popup.
 */
export async function settle(windowId) {
  const intent = await claim();
  if (intent) void run(intent);
  else await refuse(windowId);
}

/** The person refused the permission that this window's intent waits for. */
export function refuse(windowId) {
  return navigator.locks.request(LOCK, async () => {
    const { intent } = await chrome.storage.session.get("intent");
    if (!intent || (await isOpenElsewhere(intent, windowId))) return;
    await chrome.storage.session.remove("intent");
    await report(intent, failed(failure("permission_refused")));
  });
}

/** What such a click has started does not begin any more, or has ended when this resolves. */
export async function cancel(kind, subject) {
  const isIt = (intent) => intent?.kind === kind && intent.subject === subject;
  await navigator.locks.request(LOCK, async () => {
    const { intent } = await chrome.storage.session.get("intent");
    if (!isIt(intent)) return;
    await chrome.storage.session.remove("intent");
    await report(intent, { status: "done", ok: true, code: "cancelled" });
  });
  if (isIt(running)) await running.end;
}

/** Whether another window may still show the prompt that the intent waits for. */
async function isOpenElsewhere(intent, windowId) {
  if (intent.windowId === windowId || isStale(intent)) return false;
  return chrome.windows.get(intent.windowId).then(
    () => true,
    () => false,
  );
}

function isStale({ createdAt }) {
  return Date.now() - createdAt > INTENT_LIFETIME_MS;
}

/** For a worker that starts: what still counts as running was cut off. */
export async function reportInterrupted() {
  const stored = await chrome.storage.session.get(Object.keys(RUN).map(outcomeKey));
  for (const [key, outcome] of Object.entries(stored)) {
    if (outcome.status !== "running" || outcome.id === running?.id) continue;
    await chrome.storage.session.set({ [key]: { ...outcome, ...failed(failure("interrupted")) } });
  }
}

function claim() {
  return navigator.locks.request(LOCK, async () => {
    const { intent } = await chrome.storage.session.get("intent");
    if (!intent) return null;
    const isPermitted = await chrome.permissions.contains({ origins: intent.origins });
    if (!isPermitted || isStale(intent)) return null;
    await chrome.storage.session.remove("intent");
    running = intent;
    return intent;
  });
}

async function run(intent) {
  intent.end = carryOut(intent);
  await intent.end;
}

async function carryOut(intent) {
  try {
    await report(intent, { status: "running" });
    const result = await RUN[intent.kind](intent);
    await report(intent, { ...result, status: "done", ok: true });
  } catch (error) {
    await report(intent, failed(toFailure(error)));
  } finally {
    if (running === intent) running = null;
  }
}

/** `subject` says what the outcome is about, so that it is shown there alone. */
function report({ kind, subject, id }, outcome) {
  return chrome.storage.session.set({ [outcomeKey(kind)]: { ...outcome, subject, id } });
}

function failed(error) {
  // No field of the failure takes the place of the outcome's own.
  return { ...error, status: "done", ok: false };
}

function outcomeKey(kind) {
  return `outcome.${kind}`;
}

async function connect({ url }) {
  const address = parseServerAddress(url);
  if (!address) throw failure("bad_address");
  const health = await request(`${address.url}/healthz`).catch((error) => {
    throw error.code === "server_away" ? error : failure("not_stagepass");
  });
  // Any web server may answer here, and the password comes next.
  if (health?.service !== "stagepass") throw failure("not_stagepass");
  await chooseServer({ url: address.url, key: await keyAt(address.url) });
  return { code: "connected" };
}

async function capture({ platform, store, connection }) {
  const core = await loadCore();
  const chosen = await existingConnection(platform, connection);
  const captured = await withAccessToken((server, accessToken) =>
    core.capture(
      {
        server: server.url,
        access_token: accessToken,
        connection: chosen,
        platform,
        store_id: store.id,
        user_agent: navigator.userAgent,
      },
      () => isProven(server),
    ),
  );
  await rememberConnection(platform, captured.connection_id);
  await noteCapture({ platform, store }, captured);
  await forgetFulfilled(captured.connection_id);
  const { session_id, connection_id, cookie_count, expires, report } = captured;
  return { code: "captured", session_id, connection_id, cookie_count, expires, report };
}

/**
 * A name that is there already means that connection: creating it once more
 * would replace the credentials it has.
 */
async function existingConnection(platform, { id, create }) {
  if (id) return { id };
  const connections = await listConnections(platform);
  const existing = connections.find(({ platform_username: name }) => name === create.platform_username);
  return existing ? { id: existing.id } : { create };
}

/** The popup chooses it the next time. */
async function rememberConnection(platform, id) {
  const { lastConnections = {} } = await chrome.storage.local.get("lastConnections");
  await chrome.storage.local.set({ lastConnections: { ...lastConnections, [platform]: id } });
}

async function exportForYtDlp({ platform, store, label }) {
  const core = await loadCore();
  const answer = core.export_for_yt_dlp({ platform, label, store_id: store.id });
  return { code: "exported", ...(await withinHostTime(answer)) };
}
