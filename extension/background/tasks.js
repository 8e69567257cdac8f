// Tasks that a click in the popup starts and that may need the browser's permission first:
// connecting, capturing, exporting, allowing fresh cookies.
//
// A click leaves an intent in storage.session. The first code path that sees the permission
// granted claims the intent, so each click runs exactly once. The outcome is stored there
// too, for the popup that is open or opens next. Neither holds a secret.

import { parseServerAddress } from "../server-address.js";
import { allowPlatform } from "./bridge.js";
import { forgetFulfilled } from "./capture-requests.js";
import { isProven, keyAt } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { withinHostTime } from "./host.js";
import { request } from "./http.js";
import { listConnections } from "./lists.js";
import { alone, noteCapture } from "./renewal.js";
import { chooseServer, withAccessToken } from "./sign-in.js";
import { latestStorageChoice, rememberStorageChoice } from "./storage-list.js";

const LOCK = "intent";
// A permission granted much later, for another reason, must not start an old intent.
const INTENT_LIFETIME_MS = 5 * 60_000;

// A capture request is fulfilled by a capture for its connection.
const RUN = { bridge: allowPlatform, connect, capture, export: exportForYtDlp, fulfil: capture };

// The intent that is running in this worker; its `end` is a promise.
let running = null;

/** Stores the intent `{kind, origins, windowId, …}` and runs it if its permission is granted. */
export async function begin(intent) {
  if (!Object.hasOwn(RUN, intent.kind)) throw failure("internal", { detail: "unknown task" });
  if (running) throw failure("busy");
  await navigator.locks.request(LOCK, async () => {
    // Outcomes of earlier clicks would be mistaken for this one's.
    await chrome.storage.session.remove(["intent", ...Object.keys(RUN).map(outcomeKey)]);
    const stored = { ...intent, id: crypto.randomUUID(), createdAt: Date.now() };
    await chrome.storage.session.set({ intent: stored });
    await report(stored, { status: "waiting" });
  });
  await resume();
}

/** Runs the waiting intent if its permission is granted now. */
export async function resume() {
  const intent = await claim();
  if (intent) await run(intent);
}

/**
 * Called when a popup opens in a window. The browser's prompt would cover the popup, so an
 * intent of this window that still waits was refused.
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

/** Cancels such an intent if it waits, or waits until it has ended. */
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

/** Reports the tasks that were cut off: those still marked as running when the worker starts. */
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

/** `subject` says what the outcome is about; only that view shows it. */
function report({ kind, subject, id }, outcome) {
  return chrome.storage.session.set({ [outcomeKey(kind)]: { ...outcome, subject, id } });
}

function failed(error) {
  // Last, so that no field of the failure overrides them.
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
  // Any web server could answer here, and the password is sent next.
  if (health?.service !== "stagepass") throw failure("not_stagepass");
  await chooseServer({ url: address.url, key: await keyAt(address.url) });
  return { code: "connected" };
}

/** What a person captures is always the newest: a renewal that has read an earlier session is stored first. */
function capture(intent) {
  return alone(() => captureAlone(intent));
}

async function captureAlone({ platform, store, tab, connection, storage: chosenStorage }) {
  const core = await loadCore();
  // A request has no choice of its own: what the latest capture took is taken again.
  const storage = chosenStorage ?? (await latestStorageChoice(platform));
  const chosen = await existingConnection(platform, connection);
  const captured = await withAccessToken((server, accessToken) =>
    core.capture(
      {
        server: server.url,
        access_token: accessToken,
        connection: chosen,
        platform,
        store_id: store.id,
        tab,
        user_agent: navigator.userAgent,
      },
      storage,
      () => isProven(server),
    ),
  );
  await rememberConnection(platform, captured.connection_id);
  if (storage) await rememberStorageChoice(platform, storage);
  await noteCapture({ platform, store, storage }, captured);
  await forgetFulfilled(captured.connection_id);
  const { account: _, storage_mark: __, ...shown } = captured;
  return { code: "captured", ...shown };
}

/**
 * Uses an existing connection of the same name: creating it again would replace its
 * credentials.
 */
async function existingConnection(platform, { id, create }) {
  if (id) return { id };
  const connections = await listConnections(platform);
  const existing = connections.find(({ platform_username: name }) => name === create.platform_username);
  return existing ? { id: existing.id } : { create };
}

/** The popup preselects it the next time. */
async function rememberConnection(platform, id) {
  const { lastConnections = {} } = await chrome.storage.local.get("lastConnections");
  await chrome.storage.local.set({ lastConnections: { ...lastConnections, [platform]: id } });
}

async function exportForYtDlp({ platform, store, tab, label, storage: chosenStorage }) {
  const core = await loadCore();
  // A click can come before the popup shows the choice that was made before.
  const storage = chosenStorage ?? (await latestStorageChoice(platform));
  const { userAgent: user_agent } = navigator;
  const answer = core.export_for_yt_dlp({ platform, label, store_id: store.id, tab, user_agent }, storage);
  return { code: "exported", ...(await withinHostTime(answer)) };
}
