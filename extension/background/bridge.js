// Fresh cookies for programs on this computer: while the person wants it for at
// least one platform, a port to the native host is open, over which it asks.
//
// What is allowed is in storage.local, the state of the port and the names of
// what was handed over in storage.session. The core alone sees cookie values.

import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";

const LOCK = "bridge";
// While something is allowed this wakes the worker, should the port ever be
// gone without a word: a worker that was stopped, a host that can't be started.
const ALARM = "bridge";
const ALARM_PERIOD_MINUTES = 1;
// After these the alarm alone tries on.
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 16_000];
// Retrying mends neither soon: what is wrong is to be put right by the person.
const LASTING = new Set(["no_host", "host_forbidden", "bridge_refused"]);
// A connection that has lasted so long says nothing against trying at once again.
const SETTLED_AFTER_MS = 60_000;
// Questions that are answered at the same time; whoever asks more is refused.
const MAX_QUESTIONS = 16;
const MAX_LISTED = 50;
// Hand-overs that cookies may still come back for.
const MAX_OPEN = 50;
const MAX_NAME_CHARS = 64;

let port = null;
let openedAt = 0;
let retries = 0;
let retryTimer;
let questions = 0;

const ANSWERS = { cookies: handOver, write_back: writeBack };

/** Opens or closes the port, as it is wanted. */
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
  // One further off than any that is made was overtaken by the clock.
  if (!alarm || alarm.scheduledTime > Date.now() + ALARM_PERIOD_MINUTES * 60_000) {
    await chrome.alarms.create(ALARM, { periodInMinutes: ALARM_PERIOD_MINUTES });
  }
  if (!port) await open();
}

/** For the alarm, which has others' names as well. */
export async function onAlarm({ name }) {
  if (name === ALARM) await keepBridge();
}

/** What the person has allowed, and how it stands: for popup and options. */
export async function bridgeStatus() {
  const core = await loadCore();
  const { profile, platforms } = await readSettings();
  const { bridgeState } = await chrome.storage.session.get("bridgeState");
  const { handOvers = [] } = await chrome.storage.local.get("handOvers");
  const named = (entry) => ({ ...entry, platform_name: core.platform_name(entry.platform) });
  const allowed = Object.entries(platforms).map(async ([platform, { storeId, writeBack }]) => {
    // It can be withdrawn in the browser's own settings, too.
    const origins = core.origins_of(platform);
    const isPermitted = origins.length > 0 && (await chrome.permissions.contains({ origins }));
    return named({ platform, storeId, writeBack, isPermitted });
  });
  return {
    profile,
    allowed: await Promise.all(allowed),
    state: bridgeState ?? null,
    handOvers: handOvers.map(named),
  };
}

/** Allows the platform's cookies of this cookie store, and account, to be handed over. */
export async function allowPlatform({ platform, store: { id: storeId, isPrivate }, label }) {
  // The next private window is another one, to which nobody has agreed.
  if (isPrivate) throw failure("private_window");
  const core = await loadCore();
  const account = await core.signed_in_account(platform, storeId);
  await change(({ platforms }) => {
    platforms[platform] = { label, storeId, writeBack: platforms[platform]?.writeBack ?? false };
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

/** The name that tells this profile from others; an empty one changes nothing. */
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
  // An earlier version allowed public suffixes, too.
  const sites = Object.entries(platforms).filter(([platform]) => core.origins_of(platform).length > 0);
  const allowed = sites.map(([platform, entry]) => allowance(core, platform, entry));
  // It may be closed meanwhile.
  if (port) {
    const name = core.printable_name(profile);
    post(port, { id: "listen", type: "listen", browser: browserName(), profile: name, platforms: allowed });
  }
}

/** What is allowed for a platform, in the words of core and host. */
function allowance(core, platform, { label, writeBack }) {
  // A label that was kept before may hold what the host refuses.
  return { platform, label: core.printable_name(label), write_back: writeBack };
}

/** What is sent into a port that is just being closed concerns nobody any more. */
function post(to, message) {
  try {
    to.postMessage(message);
  } catch {
    // `onDisconnect` goes on from here.
  }
}

/** The port is closed, or could not be opened. */
async function onClosed(error) {
  await setState({ status: "away", ...error });
  if (LASTING.has(error.code) || retries >= RETRY_DELAYS_MS.length) return;
  retryTimer = setTimeout(keepBridge, RETRY_DELAYS_MS[retries]);
  retries += 1;
}

/** Whatever the host says: an answer to `listen`, a question, or nothing that is known. */
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
    // The core has told the host, and the popup lists what was handed over.
  } finally {
    questions -= 1;
  }
}

async function answer(from, asked) {
  const { platforms } = await readSettings();
  const isKnown = typeof asked.platform === "string" && Object.hasOwn(platforms, asked.platform);
  if (isKnown) await ANSWERS[asked.type](from, asked, platforms[asked.platform]);
  else refuse(from, asked, "not_allowed", "this platform has not been allowed in the extension's popup");
}

async function onListening(from, { ok, error }) {
  if (ok) {
    await setState({ status: "connected" });
    return;
  }
  // What is in the way may be put right, which the alarm finds out.
  if (port === from) close();
  await onClosed({ code: "bridge_refused", reason: error?.message ?? "" });
}

function refuse(from, { id, type }, code, message) {
  post(from, { id, type, ok: false, error: { code, message } });
}

async function handOver(from, asked, allowed) {
  const core = await loadCore();
  const id = crypto.randomUUID();
  const note = async ({ cookie_count: count, keys, account }) => {
    await pin(asked.platform, allowed.storeId, account);
    await list("handed_over", asked, count);
    await remember({ id, platform: asked.platform, storeId: allowed.storeId, keys });
  };
  const account = isPinned(allowed) ? { mark: allowed.accountMark } : null;
  const grant = { ...allowance(core, asked.platform, allowed), store_id: allowed.storeId, account };
  await core.hand_over(from, asked, grant, id, note).catch(async (error) => {
    if (error.code === "other_account") await list("other_account", asked, 0);
    throw error;
  });
}

/**
 * Whoever was not signed in when it was allowed is from now on the one that it is for.
 * It may have been switched off while the cookies were read, or on for somebody else.
 */
async function pin(platform, storeId, { mark }) {
  const check = ({ platforms }) => {
    const allowed = platforms[platform];
    const isAllowed = allowed?.storeId === storeId && (!isPinned(allowed) || allowed.accountMark === mark);
    if (!isAllowed) throw failure("not_allowed", { message: "it was switched off" });
    return allowed;
  };
  if (isPinned(check(await readSettings()))) return;
  await change((settings) => {
    check(settings).accountMark = mark;
  });
}

/** Whether it is known whom it is for: an account that no cookie names has the mark `null`. */
function isPinned({ accountMark }) {
  return accountMark !== undefined;
}

/** The names of what was handed over: nothing else may come back for it. */
function remember(handOver) {
  return navigator.locks.request("open-hand-overs", async () => {
    const { openHandOvers = [] } = await chrome.storage.session.get("openHandOvers");
    await chrome.storage.session.set({ openHandOvers: [handOver, ...openHandOvers].slice(0, MAX_OPEN) });
  });
}

async function writeBack(from, asked, allowed) {
  const { openHandOvers = [] } = await chrome.storage.session.get("openHandOvers");
  const given = openHandOvers.find(
    ({ id, platform, storeId }) =>
      id === asked.hand_over && platform === asked.platform && storeId === allowed.storeId,
  );
  if (!given) {
    refuse(from, asked, "not_allowed", "the browser has not handed these cookies out, or was started anew since");
    return;
  }
  const core = await loadCore();
  const grant = { ...allowance(core, asked.platform, allowed), store_id: allowed.storeId };
  const { written } = await core.write_back(from, asked, grant, given.keys);
  await list("written_back", asked, written);
}

/** The popup lists it: names and numbers. */
function list(kind, { platform, program }, count) {
  return navigator.locks.request("hand-overs", async () => {
    const { handOvers = [] } = await chrome.storage.local.get("handOvers");
    const called = Array.from(String(program ?? "")).slice(0, MAX_NAME_CHARS).join("");
    const entry = { kind, platform, program: called, count, at: Math.floor(Date.now() / 1000) };
    await chrome.storage.local.set({ handOvers: [entry, ...handOvers].slice(0, MAX_LISTED) });
  });
}

function setState(state) {
  return chrome.storage.session.set({ bridgeState: state });
}

/** The name that a person knows the browser by. */
function browserName() {
  const brands = navigator.userAgentData?.brands.map(({ brand }) => brand) ?? [];
  const real = brands.filter((brand) => !/not.*brand/i.test(brand.replaceAll(/[^a-z]/gi, "")));
  const own = real.find((brand) => brand !== "Chromium") ?? real[0];
  return own ?? (navigator.userAgent.includes("Firefox/") ? "Firefox" : "browser");
}
