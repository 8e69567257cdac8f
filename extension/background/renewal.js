// Renewal: after a platform has rotated its cookies, the newer session is stored by itself,
// if the person has switched that on, so that the backend's copy keeps working.
//
// storage.local holds the latest capture of each platform with the state of its renewal, and
// never a value of a cookie or of a page's storage. The browser's change events carry values, but
// only the cookie's name, domain, store and `HttpOnly` are read.

import { canonicalServer } from "../server-address.js";
import { backoffMinutes } from "./backoff.js";
import { forgetFulfilled } from "./capture-requests.js";
import { isProven } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { findConnection } from "./lists.js";
import { signInStatus, withAccessToken } from "./sign-in.js";

// An earlier name of renewal, kept because browsers have alarms of this name.
const ALARM = "send-on";
// Held while a session is read and stored, so that nothing is stored twice, and a session that was
// read earlier is never stored later.
const STORING_LOCK = "renewal";
// Held briefly, while the record in storage changes.
const CAPTURES_LOCK = "last-captures";
const MIN_BETWEEN_MS = 10 * 60_000;
// Browsers delay earlier alarms to this.
const MIN_ALARM_MS = 30_000;
// A burst of changes ends after this long without one, or after the maximum.
const SETTLE_MS = 1_000;
const MAX_SETTLE_MS = 5_000;

// The failures that say nothing about the session itself: the server is not there, or no tab
// shows what the site stores.
const SERVER_NOT_THERE = new Set(["server_away", "server_unproven", "server_unconfirmed"]);
const NO_TAB_THERE = new Set(["no_tab", "tab_changed", "tab_silent", "entry_missing"]);
// How often to look again which session is the newest, if each time another one has just been stored.
const ATTEMPTS = 3;

let settleTimer;
let settlesBy = null;

/** Does `task`, which stores or revokes a session, while no renewal and no other capture is under way. */
export function alone(task) {
  return navigator.locks.request(STORING_LOCK, task);
}

/** Records the platform's latest capture and its cookie store. */
export async function noteCapture({ platform, store, storage }, captured) {
  const { server, email } = await signInStatus();
  const facts = await factsOf(platform, captured);
  // A private window's cookies disappear with it.
  const isLasting = !store.isPrivate;
  await change((captures) => {
    const before = captures[platform];
    const isOn = isLasting && Boolean(before?.isOn) && isOf(before, { server, email });
    captures[platform] = {
      server,
      email,
      connectionId: captured.connection_id,
      storeId: isLasting ? store.id : null,
      storage,
      isOn,
      changes: 0,
      // A capture by hand doesn't shorten the wait between two renewals.
      attemptedAt: before?.attemptedAt ?? 0,
      waitMs: before?.waitMs ?? 0,
      failures: 0,
      problem: null,
      waitsFor: null,
      renewedBy: null,
      ...facts,
    };
  });
  await schedule();
}

/** The renewal of each platform that the account has captured, for popup and options. */
export async function renewalStatus() {
  const core = await loadCore();
  const status = await signInStatus();
  const own = Object.entries(await readCaptures()).filter(([, capture]) => isShown(capture, status));
  return own.map(([platform, { isOn, storeId, failures, problem, waitsFor = null, renewedBy = null, capturedAt }]) => ({
    platform,
    platform_name: core.platform_name(platform),
    login_url: core.login_url(platform) ?? null,
    isOn,
    isLasting: storeId !== null,
    isFailing: failures > 0,
    problem,
    waitsFor: isOn && waitsFor ? { ...waitsFor, storeId } : null,
    renewedBy,
    capturedAt,
  }));
}

/** The connection of the platform's latest capture; null if the account has captured nothing here. */
export async function capturedConnection(platform) {
  const [capture, status] = [(await readCaptures())[platform], await signInStatus()];
  return capture && isOf(capture, status) ? capture.connectionId : null;
}

/** The renewals that have stopped. */
export async function renewalProblems() {
  const status = await signInStatus();
  const captures = Object.values(await readCaptures());
  return captures.filter((capture) => capture.isOn && capture.problem && isShown(capture, status));
}

/** Switches renewal on or off for a captured platform. */
export async function switchRenewal(platform, isOn) {
  const status = await signInStatus();
  await change((captures) => {
    const capture = captures[platform];
    if (!capture || !capture.storeId || (isOn && !isOf(capture, status))) throw failure("not_captured");
    captures[platform] = { ...capture, isOn, failures: 0, problem: null, waitsFor: null, renewedBy: null };
  });
  await sweep();
}

/**
 * Revokes a session and makes sure that renewal puts none in its place, not even one that
 * is being stored right now. Calls `revoke` with the id of each session to revoke.
 */
export async function revokeForGood(sessionId, revoke) {
  const renewed = Object.entries(await readCaptures()).find(([, capture]) => capture.sessionId === sessionId);
  if (!renewed) return revoke(sessionId);
  const [platform, { connectionId }] = renewed;
  await change((captures) => {
    captures[platform].isOn = false;
  });
  return alone(async () => {
    await revoke(sessionId);
    const now = (await readCaptures())[platform];
    if (now.connectionId === connectionId && now.sessionId !== sessionId) await revoke(now.sessionId);
  });
}

/**
 * Counts the cookie changes that make a stored session stale. It counts also while renewal
 * is off, so that a session is known to be stale when it is switched on.
 */
// Decision: docs/decisions/extension.md#the-worker-drops-the-value-in-a-cookies-change-event
export async function onCookieChanged({ cookie: { name, domain, storeId, httpOnly } }) {
  const isWatched = ([, capture]) => capture.storeId === storeId && (isActive(capture) || !capture.isOn);
  const watched = Object.entries(await readCaptures()).filter(isWatched);
  if (watched.length === 0) return;
  const core = await loadCore();
  const stale = watched.filter(([platform]) => core.makes_session_stale(platform, name, domain, httpOnly));
  if (stale.length === 0) return;
  await change((captures) => {
    for (const [platform] of stale) captures[platform].changes += 1;
  });
  sweepSoon();
  // Set the alarm too, in case the worker is stopped before the burst ends.
  await schedule();
}

/** Called for every alarm; handles only its own. */
export async function onRenewalAlarm({ name }) {
  if (name === ALARM) await sweep();
}

/** Sweeps once the current burst of changes has ended. */
export function sweepSoon() {
  const now = performance.now();
  settlesBy ??= now + MAX_SETTLE_MS;
  clearTimeout(settleTimer);
  settleTimer = setTimeout(
    () => {
      settlesBy = null;
      sweep();
    },
    Math.max(0, Math.min(SETTLE_MS, settlesBy - now)),
  );
}

/** Checks each platform: stores a session that is due, and notices a login that has ended. */
export async function sweep() {
  // One at a time: a capture by a click waits for the platform that is being renewed, not for all.
  for (const platform of Object.keys(await readCaptures())) await alone(() => renew(platform));
  await schedule();
}

async function renew(platform) {
  const [capture, status] = [(await readCaptures())[platform], await signInStatus()];
  if (!capture || !isActive(capture)) return;
  try {
    if (!isOf(capture, status)) {
      if (hasExpired(capture, status)) throw failure("signed_out");
      return;
    }
    // A tab that was not open may be there now.
    const mayStore = isWaitOver(capture) || capture.waitsFor?.code === "no_tab";
    if (isStale(capture) && mayStore) await store(platform, capture);
    else if ((await isStorageNew(platform, capture)) && mayStore) await store(platform, capture);
  } catch (error) {
    await noteFailure(platform, capture, toFailure(error));
  }
}

/**
 * Notices a lost login at once, before somebody else can sign in and be stored instead. Returns
 * whether the site's storage differs from what was stored; nobody can say without an open tab, or
 * while it is too early to look again. If nothing names the account, a changed login may be another
 * account's.
 */
// Decision: docs/decisions/extension.md#renewal-rarely-looks-at-what-pages-store
async function isStorageNew(platform, capture) {
  const core = await loadCore();
  const looks = isLookDue(capture);
  const mark = await core.check_login(platform, capture.storeId, accountOf(capture), looks).catch((error) => {
    // Outside the catalogue the whole login may be in the chosen entries, which are not read now.
    const isUnknown = NO_TAB_THERE.has(error.code) || (capture.storage && error.code === "no_cookies");
    if (!isUnknown) throw error;
  });
  const isNew = mark !== undefined && mark !== capture.storageMark;
  // A new login that can't be stored now is looked for again.
  const isSeen = looks && mark !== undefined && !isNew;
  if (isSeen) await update(platform, capture, { problem: null, lookedAt: Date.now() });
  else if (capture.problem) await update(platform, capture, { problem: null });
  if (isNew && accountOf(capture).mark === null) throw failure("other_account");
  return isNew;
}

async function store(platform, capture) {
  const captured = await replaceNewest(platform, capture);
  if (captured === null) return;
  const done = { failures: 0, problem: null, waitsFor: null, renewedBy: null };
  const renewed = { attemptedAt: Date.now(), waitMs: MIN_BETWEEN_MS, ...done };
  const facts = await factsOf(platform, captured);
  await noteStored(platform, capture, facts.sessionId);
  // Storage that was kept has the mark that it had.
  facts.storageMark ??= capture.storageMark;
  await update(platform, capture, { ...renewed, ...facts, stored: capture.changes });
  await forgetFulfilled(capture.connectionId);
}

/** Stores the session in place of the newest one. Returns null if that is left to a service. */
// Decision: docs/decisions/extension.md#a-renewal-does-not-undo-a-services
async function replaceNewest(platform, capture) {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await findConnection(capture.connectionId);
    const newest = connection.newest_session;
    // Null: the newest session was revoked and has since been deleted.
    if (newest?.status !== "active") throw failure("session_revoked");
    if (isOfService(connection)) return leaveToService(platform, capture, newest.renewed_by);
    try {
      return await send(platform, capture, newest.id);
    } catch (error) {
      if (!isSuperseded(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Whether a service has stored the newest session, and may renew it again. */
function isOfService({ newest_session: { renewed_by: renewedBy, expires_at: expiresAt }, write_back_allowed: isAllowed }) {
  const hasExpired = expiresAt !== null && Date.parse(expiresAt) <= Date.now();
  return Boolean(renewedBy) && isAllowed && !hasExpired;
}

/** Stores nothing for now. A later look may find what a person has captured in another browser. */
async function leaveToService(platform, capture, renewedBy) {
  // A lost login is noticed all the same.
  await isStorageNew(platform, capture);
  const looked = { attemptedAt: Date.now(), waitMs: MIN_BETWEEN_MS, failures: 0 };
  await update(platform, capture, { ...looked, waitsFor: null, renewedBy });
  return null;
}

/** Whether another session was stored meanwhile. A full store is another conflict. */
function isSuperseded({ http_status, reason }) {
  return http_status === 409 && reason === "Session was superseded";
}

// Decision: docs/decisions/extension.md#storage-that-cant-be-read-is-kept-by-the-server
async function send(platform, capture, newestId) {
  const core = await loadCore();
  // What the site stores can't be read without a tab, so the server keeps what it has, unless
  // another browser has stored that.
  const keptId = newestId === capture.sessionId ? newestId : null;
  return withAccessToken((server, accessToken) =>
    core.capture(
      {
        server: server.url,
        access_token: accessToken,
        connection: { id: capture.connectionId },
        platform,
        store_id: capture.storeId,
        user_agent: navigator.userAgent,
        same_account: accountOf(capture),
        storage_mark: capture.storageMark ?? null,
        renews: newestId,
        keep_origins_of: keptId,
      },
      capture.storage,
      () => isProven(server),
    ),
  );
}

async function factsOf(platform, captured) {
  const { session_id: sessionId, account, expires = null, entry_count: entryCount } = captured;
  const storageMark = captured.storage_mark ?? null;
  const core = await loadCore();
  // Kept only where the platform ends a session whose user agent changes.
  const userAgent = core.is_bound_to_user_agent(platform) ? navigator.userAgent : null;
  const now = Date.now();
  const times = { capturedAt: now, lookedAt: now };
  return { sessionId, accountMark: account.mark, expires, entryCount, storageMark, userAgent, ...times };
}

/** The captured account, `null` if nothing named it: an account named later may be another. */
// Decision: docs/decisions/extension.md#renewal-follows-one-account
function accountOf({ accountMark = null }) {
  return { mark: accountMark };
}

/** Retries temporary failures; all others wait for the person. */
async function noteFailure(platform, capture, { code, http_status, reason, detail, origin, entry, url, asleep }) {
  const isBusy = http_status === 429 || http_status >= 500 || isSuperseded({ http_status, reason });
  if (!isBusy && !SERVER_NOT_THERE.has(code) && !NO_TAB_THERE.has(code)) {
    const problem = { code, http_status, reason, detail, origin, entry };
    await update(platform, capture, { problem, waitsFor: null });
    return;
  }
  if (NO_TAB_THERE.has(code)) {
    const waitsFor = { code, origin, entry, url: url ?? `${origin}/`, asleep };
    const looked = { attemptedAt: Date.now(), waitMs: MIN_BETWEEN_MS };
    await update(platform, capture, { ...looked, waitsFor, renewedBy: null });
    return;
  }
  const waitMs = backoffMinutes(capture.failures) * 60_000;
  await update(platform, capture, { attemptedAt: Date.now(), waitMs, failures: capture.failures + 1, waitsFor: null });
}

/** Notes the session even if renewal was switched off meanwhile: a revocation may be waiting for it. */
function noteStored(platform, capture, sessionId) {
  return change((captures) => {
    if (captures[platform]?.capturedAt === capture.capturedAt) captures[platform].sessionId = sessionId;
  });
}

/** Updates the record, unless the person has captured again or switched renewal off meanwhile. */
function update(platform, capture, { stored = 0, ...fields }) {
  return change((captures) => {
    const now = captures[platform];
    if (!now?.isOn || now.capturedAt !== capture.capturedAt) return;
    captures[platform] = { ...now, ...fields, changes: now.changes - stored };
  });
}

/** Sets the alarm for the next renewal that is due. */
async function schedule() {
  const status = await signInStatus();
  const watched = Object.values(await readCaptures()).filter((capture) => isActive(capture) && isOf(capture, status));
  const next = Math.min(...watched.map(dueAt));
  if (next === Infinity) await chrome.alarms.clear(ALARM);
  else await chrome.alarms.create(ALARM, { when: Math.max(next, Date.now() + MIN_ALARM_MS) });
}

function dueAt(capture) {
  if (isStale(capture)) return isWaitOver(capture) ? Date.now() : capture.attemptedAt + capture.waitMs;
  // No event tells that a page has stored something.
  const isWatched = capture.entryCount > 0 && !capture.storage;
  const lastLook = isLookDue(capture) ? Date.now() : capture.lookedAt;
  const nextLook = isWatched ? lastLook + MIN_BETWEEN_MS : Infinity;
  return Math.min(nextLook, capture.expires ? capture.expires * 1000 : Infinity);
}

/**
 * Whether to look at what the site stores. Not where the person has chosen the entries, outside the
 * catalogue: nothing tells a login there from what else pages store.
 */
function isLookDue({ storage, waitsFor, lookedAt = 0 }) {
  return !storage && (Boolean(waitsFor) || hasPassed(MIN_BETWEEN_MS, lookedAt));
}

// Decision: docs/decisions/extension.md#a-renewal-is-triggered-by-a-count-of-changes
function isStale({ changes, expires, userAgent }) {
  const hasExpired = expires !== null && expires * 1000 <= Date.now();
  const isOfOldBrowser = Boolean(userAgent) && userAgent !== navigator.userAgent;
  return changes > 0 || hasExpired || isOfOldBrowser;
}

function isWaitOver({ attemptedAt, waitMs }) {
  return hasPassed(waitMs, attemptedAt);
}

/** A time in the future was recorded before the clock was set back: the wait counts as over. */
function hasPassed(waitMs, since) {
  const passedMs = Date.now() - since;
  return passedMs < 0 || passedMs >= waitMs;
}

/** Whether renewal has work to do. With a problem it waits for a capture; without a sign-in it looks for one. */
function isActive({ isOn, problem }) {
  return isOn && (problem === null || problem.code === "signed_out");
}

function isOf(capture, { server, email }) {
  return canonicalServer(capture.server) === server && capture.email === email;
}

function hasExpired(capture, { server, expired }) {
  return canonicalServer(capture.server) === server && capture.email === expired;
}

function isShown(capture, status) {
  return isOf(capture, status) || hasExpired(capture, status);
}

function change(edit) {
  return navigator.locks.request(CAPTURES_LOCK, async () => {
    const captures = await readCaptures();
    edit(captures);
    await chrome.storage.local.set({ lastCaptures: captures });
  });
}

async function readCaptures() {
  const { lastCaptures = {} } = await chrome.storage.local.get("lastCaptures");
  return lastCaptures;
}
