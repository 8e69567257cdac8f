// Fresh cookies for programs on this computer: while at least one platform is switched
// on, a port to the native host is open, and the host asks for cookies over it.
//
// storage.local holds what the person has allowed; storage.session holds the state of the
// port and the names of the cookies that were handed over. Only the core sees values.

import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";

const LOCK = "bridge";
// While a platform is switched on, this alarm wakes the worker to reopen a lost port:
// the worker was stopped, or the host couldn't be started.
const ALARM = "bridge";
const ALARM_PERIOD_MINUTES = 1;
// The delays before the first retries. After the last one, only the alarm retries.
// Decision: docs/decisions/bridge.md#the-port-to-the-host-is-reopened-less-and-less-often
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 16_000];
// The failures that only the person can fix, so they aren't retried at once.
const LASTING = new Set(["no_host", "host_forbidden", "bridge_refused"]);
// A port that was open this long worked: when it closes, retries start from the first delay.
const SETTLED_AFTER_MS = 60_000;
// How many questions are answered at the same time; further ones are refused.
// Decision: docs/decisions/bridge.md#the-extension-answers-sixteen-questions-at-a-time
const MAX_QUESTIONS = 16;
const MAX_LISTED = 50;
// How many hand-overs still accept a write-back.
const MAX_OPEN = 50;
const MAX_NAME_CHARS = 64;

let port = null;
let openedAt = 0;
let retries = 0;
let retryTimer;
let questions = 0;

const ANSWERS = { cookies: handOver, write_back: writeBack };

/** Opens the port if a platform is switched on, and closes it otherwise. */
export function keepBridge() {
  return navigator.locks.request(LOCK, keep);
}

async function keep() {
  const { platforms } = await readSettings();
  if (Object.keys(platforms).length === 0) {
    await chrome.alarms.clear(ALARM);
    close();
    await chrome.storage.session.remove("bridgeState");
    return;
  }
  const alarm = await chrome.alarms.get(ALARM);
  // An alarm further off than its period was set before the clock was set back.
  if (!alarm || alarm.scheduledTime > Date.now() + ALARM_PERIOD_MINUTES * 60_000) {
    await chrome.alarms.create(ALARM, { periodInMinutes: ALARM_PERIOD_MINUTES });
  }
  if (!port) await open();
}

/** Called for every alarm; handles only its own. */
export async function onAlarm({ name }) {
  if (name === ALARM) await keepBridge();
}

/** What the person has allowed and the state of the port, for popup and options. */
export async function bridgeStatus() {
  const core = await loadCore();
  const { profile, platforms } = await readSettings();
  const { bridgeState } = await chrome.storage.session.get("bridgeState");
  const { handOvers = [] } = await chrome.storage.local.get("handOvers");
  const named = (entry) => ({ ...entry, platform_name: core.platform_name(entry.platform) });
  const allowed = Object.entries(platforms).map(async ([platform, { storeId, writeBack, storage = false }]) => {
    // The person can also withdraw the permission in the browser's settings.
    const origins = core.origins_of(platform);
    const isPermitted = origins.length > 0 && (await chrome.permissions.contains({ origins }));
    return named({ platform, storeId, writeBack, storage, isPermitted });
  });
  return {
    profile,
    allowed: await Promise.all(allowed),
    state: bridgeState ?? null,
    handOvers: handOvers.map(named),
  };
}

/**
 * Lets programs have the platform's cookies from this cookie store, for the account signed in there.
 * What was allowed before, perhaps of another store, is not allowed with it.
 */
// Decision: docs/decisions/bridge.md#hand-over-is-allowed-for-one-account
export async function allowPlatform({ platform, store: { id: storeId, isPrivate }, label }) {
  // The next private window may have the same store id, but nobody has allowed it.
  if (isPrivate) throw failure("private_window");
  const core = await loadCore();
  const account = await core.signed_in_account(platform, storeId);
  await change(({ platforms }) => {
    const consent = crypto.randomUUID();
    platforms[platform] = { consent, label, storeId, writeBack: false, storage: false };
    if (account) platforms[platform].accountMark = account.mark;
  });
  return { code: "bridge_allowed" };
}

export function forbidPlatform(platform) {
  return change(({ platforms }) => delete platforms[platform]);
}

export function allowWriteBack(platform, isAllowed) {
  return change(({ platforms }) => {
    if (!platforms[platform]) throw failure("not_allowed");
    platforms[platform].writeBack = isAllowed;
  });
}

/** Lets programs have what the platform's pages store, too. */
export function allowStorage(platform, isAllowed) {
  return change(({ platforms }) => {
    if (!platforms[platform]) throw failure("not_allowed");
    platforms[platform].storage = isAllowed;
  });
}

/** Names this browser profile; an empty name changes nothing. */
export async function nameProfile(name) {
  const core = await loadCore();
  const chosen = Array.from(core.printable_name(name.trim())).slice(0, MAX_NAME_CHARS).join("");
  return change((settings) => {
    if (chosen) settings.profile = chosen;
  });
}

function change(edit) {
  return navigator.locks.request(LOCK, async () => {
    const settings = await readSettings();
    edit(settings);
    await chrome.storage.local.set({ bridge: settings });
    await keep();
    await announce();
  });
}

async function readSettings() {
  const { bridge } = await chrome.storage.local.get("bridge");
  if (bridge) return bridge;
  const made = { profile: `profile-${crypto.randomUUID().slice(0, 4)}`, platforms: {} };
  await chrome.storage.local.set({ bridge: made });
  return made;
}

async function open() {
  clearTimeout(retryTimer);
  const core = await loadCore();
  await setState({ status: "connecting" });
  let opened;
  try {
    opened = core.connect_host();
  } catch (error) {
    await onClosed(toFailure(error));
    return;
  }
  port = opened;
  openedAt = performance.now();
  opened.onMessage.addListener((message) => onMessage(opened, message));
  opened.onDisconnect.addListener(() => {
    const reason = chrome.runtime.lastError?.message ?? opened.error?.message ?? "";
    if (port !== opened) return;
    port = null;
    if (performance.now() - openedAt >= SETTLED_AFTER_MS) retries = 0;
    onClosed(core.host_failure(reason));
  });
  await announce();
}

function close() {
  clearTimeout(retryTimer);
  retries = 0;
  const closing = port;
  port = null;
  closing?.disconnect();
}

async function announce() {
  const core = await loadCore();
  const { profile, platforms } = await readSettings();
  // An earlier version also allowed public suffixes.
  const sites = Object.entries(platforms).filter(([platform]) => core.origins_of(platform).length > 0);
  const allowed = sites.map(([platform, entry]) => allowance(core, platform, entry));
  // The port may have closed in the meantime.
  if (port) {
    const name = core.printable_name(profile);
    post(port, { id: "listen", type: "listen", browser: browserName(), profile: name, platforms: allowed });
  }
}

/** What is allowed for a platform, in the form that core and host read. */
function allowance(core, platform, { label, writeBack, storage = false }) {
  // A label stored by an earlier version may hold characters that the host refuses.
  return { platform, label: core.printable_name(label), write_back: writeBack, storage };
}

/** What the core needs to answer a question. */
function grantOf(core, platform, allowed, account) {
  const { userAgent: user_agent } = navigator;
  return { allowed: allowance(core, platform, allowed), store_id: allowed.storeId, account, user_agent };
}

/** Posts a message; a port that is just closing needs none. */
function post(to, message) {
  try {
    to.postMessage(message);
  } catch {
    // `onDisconnect` handles it.
  }
}

/** The port has closed or couldn't be opened. */
async function onClosed(error) {
  await setState({ status: "away", ...error });
  if (LASTING.has(error.code) || retries >= RETRY_DELAYS_MS.length) return;
  retryTimer = setTimeout(keepBridge, RETRY_DELAYS_MS[retries]);
  retries += 1;
}

/** Handles a message of the host: its answer to `listen`, or a question. Others are ignored. */
async function onMessage(from, message) {
  if (message?.type === "listen" && typeof message.ok === "boolean") {
    await onListening(from, message);
    return;
  }
  if (!Number.isInteger(message?.id) || !Object.hasOwn(ANSWERS, message.type)) return;
  if (questions >= MAX_QUESTIONS) {
    refuse(from, message, "busy", "the browser is answering others");
    return;
  }
  questions += 1;
  try {
    await answer(from, message);
  } catch {
    // The core has answered the host, and the popup lists the hand-over.
  } finally {
    questions -= 1;
  }
}

async function answer(from, question) {
  const { platforms } = await readSettings();
  const isKnown = typeof question.platform === "string" && Object.hasOwn(platforms, question.platform);
  if (isKnown) await ANSWERS[question.type](from, question, platforms[question.platform]);
  else refuse(from, question, "not_allowed", "this platform has not been allowed in the extension's popup");
}

async function onListening(from, { ok, error }) {
  if (ok) {
    await setState({ status: "connected" });
    return;
  }
  // The person may fix this; the alarm tries again.
  if (port === from) close();
  await onClosed({ code: "bridge_refused", reason: error?.message ?? "" });
}

function refuse(from, { id, type }, code, message) {
  post(from, { id, type, ok: false, error: { code, message } });
}

async function handOver(from, question, allowed) {
  const core = await loadCore();
  const id = crypto.randomUUID();
  const onHandOver = async ({ cookie_count: count, has_storage: hasStorage, keys, account }) => {
    await pin(question.platform, allowed.consent, account, hasStorage);
    await list("handed_over", question, count, hasStorage);
    await remember({ id, platform: question.platform, consent: allowed.consent, keys });
  };
  const account = isPinned(allowed) ? { mark: allowed.accountMark } : null;
  const grant = grantOf(core, question.platform, allowed, account);
  await core.hand_over(from, question, grant, id, onHandOver).catch(async (error) => {
    if (error.code === "other_account") await list("other_account", question, 0);
    throw error;
  });
}

/**
 * If nobody was signed in when the platform was switched on, pins it to the account that is
 * signed in now. It may have been switched off, or on for another account, while the
 * cookies were read, and its storage too.
 */
// Decision: docs/decisions/bridge.md#hand-over-is-allowed-for-one-account
async function pin(platform, consent, { mark }, hasStorage) {
  const check = ({ platforms }) => {
    const allowed = platforms[platform];
    const isSame = allowed && allowed.consent === consent && (!isPinned(allowed) || allowed.accountMark === mark);
    const isAllowed = isSame && (!hasStorage || allowed.storage);
    if (!isAllowed) throw failure("switched_off");
    return allowed;
  };
  if (isPinned(check(await readSettings()))) return;
  await change((settings) => {
    check(settings).accountMark = mark;
  });
}

/** Whether the account is known. An account that no cookie names has the mark `null`. */
function isPinned({ accountMark }) {
  return accountMark !== undefined;
}

/** Remembers which cookies were handed over: only these may be written back. */
function remember(handOver) {
  return navigator.locks.request("open-hand-overs", async () => {
    const { openHandOvers = [] } = await chrome.storage.session.get("openHandOvers");
    await chrome.storage.session.set({ openHandOvers: [handOver, ...openHandOvers].slice(0, MAX_OPEN) });
  });
}

async function writeBack(from, question, allowed) {
  const { openHandOvers = [] } = await chrome.storage.session.get("openHandOvers");
  const handedOver = openHandOvers.find(
    ({ id, platform, consent }) =>
      id === question.hand_over && platform === question.platform && consent === allowed.consent,
  );
  if (!handedOver) {
    const message = "the browser has not handed over these cookies under the present permission, or has restarted";
    refuse(from, question, "not_allowed", message);
    return;
  }
  const core = await loadCore();
  // It may have been switched off meanwhile.
  const now = (await readSettings()).platforms[question.platform];
  const isAllowed = now?.writeBack && now.consent === allowed.consent;
  const grant = grantOf(core, question.platform, { ...allowed, writeBack: isAllowed === true }, null);
  const { written } = await core.write_back(from, question, grant, handedOver.keys);
  await list("written_back", question, written);
}

/** Adds an entry to the list in the popup: names and numbers only. */
function list(kind, { platform, program }, count, hasStorage = false) {
  return navigator.locks.request("hand-overs", async () => {
    const { handOvers = [] } = await chrome.storage.local.get("handOvers");
    const name = Array.from(String(program ?? "")).slice(0, MAX_NAME_CHARS).join("");
    const entry = { kind, platform, program: name, count, hasStorage, at: Math.floor(Date.now() / 1000) };
    await chrome.storage.local.set({ handOvers: [entry, ...handOvers].slice(0, MAX_LISTED) });
  });
}

function setState(state) {
  return chrome.storage.session.set({ bridgeState: state });
}

/** The browser's usual name. */
function browserName() {
  const brands = navigator.userAgentData?.brands.map(({ brand }) => brand) ?? [];
  const real = brands.filter((brand) => !/not.*brand/i.test(brand.replaceAll(/[^a-z]/gi, "")));
  const own = real.find((brand) => brand !== "Chromium") ?? real[0];
  return own ?? (navigator.userAgent.includes("Firefox/") ? "Firefox" : "browser");
}
