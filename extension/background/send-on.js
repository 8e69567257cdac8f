// Sending on: where the person has switched it on for a platform, a session that
// the platform has replaced is stored by itself, so that the backend's copy lives.
//
// storage.local has the latest capture of each platform, and how it stands with
// sending on; never a cookie's value. What the browser tells of a change holds
// the value, too: only what the cookie is called and where it is is looked at.

import { canonicalServer } from "../server-address.js";
import { backoffMinutes } from "./backoff.js";
import { forgetFulfilled } from "./capture-requests.js";
import { isProven } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { isRevoked } from "./lists.js";
import { signInStatus, withAccessToken } from "./sign-in.js";

const ALARM = "send-on";
// Held while the server is asked, so that nothing is stored twice.
const SWEEP_LOCK = "send-on";
// Held for moments, while what is kept changes.
const CAPTURES_LOCK = "last-captures";
const MIN_BETWEEN_MS = 10 * 60_000;
// Browsers take no alarm that is sooner.
const MIN_ALARM_MS = 30_000;
// A burst of changes is over when none has come for so long, or after so long.
const SETTLE_MS = 1_000;
const MAX_SETTLE_MS = 5_000;

// Another program in the server's place is no fault of the session's.
const SERVER_NOT_THERE = new Set(["server_away", "server_unproven", "server_unconfirmed"]);

let settleTimer;
let settlesBy = null;

/** Remembers what was captured last for the platform, and from which cookie store. */
export async function noteCapture({ platform, store }, captured) {
  const { server, email } = await signInStatus();
  // A private window's cookies go with it.
  const isLasting = !store.isPrivate;
  await change((captures) => {
    const before = captures[platform];
    const isOn = isLasting && Boolean(before?.isOn) && isOf(before, { server, email });
    captures[platform] = {
      server,
      email,
      connectionId: captured.connection_id,
      storeId: isLasting ? store.id : null,
      isOn,
      changes: 0,
      // What is sent on by itself is counted from the last time that it was.
      attemptedAt: before?.attemptedAt ?? 0,
      waitMs: before?.waitMs ?? 0,
      failures: 0,
      problem: null,
      ...factsOf(captured),
    };
  });
  await schedule();
}

/** How it stands with each platform that the account has captured: for popup and options. */
export async function sendOnStatus() {
  const core = await loadCore();
  const status = await signInStatus();
  const own = Object.entries(await readCaptures()).filter(([, kept]) => isShown(kept, status));
  return own.map(([platform, { isOn, storeId, failures, problem, capturedAt }]) => ({
    platform,
    platform_name: core.platform_name(platform),
    login_url: core.login_url(platform) ?? null,
    isOn,
    isLasting: storeId !== null,
    isFailing: failures > 0,
    problem,
    capturedAt,
  }));
}

/** The platforms whose session is no longer kept alive. */
export async function sendOnProblems() {
  const status = await signInStatus();
  return Object.values(await readCaptures()).filter((kept) => kept.isOn && kept.problem && isShown(kept, status));
}

/** Switches it on or off for a platform that was captured. */
export async function switchSendOn(platform, isOn) {
  const status = await signInStatus();
  await change((captures) => {
    const kept = captures[platform];
    if (!kept || !kept.storeId || (isOn && !isOf(kept, status))) throw failure("not_captured");
    captures[platform] = { ...kept, isOn, failures: 0, problem: null };
  });
  await sweep();
}

/**
 * Whoever revokes a session wants none in its place: not the one either that is just
 * being stored. `revoke` is called with the id of each that is to go.
 */
export async function revokeForGood(sessionId, revoke) {
  const renewed = Object.entries(await readCaptures()).find(([, kept]) => kept.sessionId === sessionId);
  if (!renewed) return revoke(sessionId);
  const [platform, { connectionId }] = renewed;
  await change((captures) => {
    captures[platform].isOn = false;
  });
  return navigator.locks.request(SWEEP_LOCK, async () => {
    await revoke(sessionId);
    const now = (await readCaptures())[platform];
    if (now.connectionId === connectionId && now.sessionId !== sessionId) await revoke(now.sessionId);
  });
}

/**
 * For each change in the browser's cookies: counts those that make a stored session
 * stale, also while it is off, for whoever switches it on later.
 */
export async function onCookieChanged({ cookie: { name, domain, storeId, httpOnly } }) {
  const isWatched = ([, kept]) => kept.storeId === storeId && (isActive(kept) || !kept.isOn);
  const watched = Object.entries(await readCaptures()).filter(isWatched);
  if (watched.length === 0) return;
  const core = await loadCore();
  const stale = watched.filter(([platform]) => core.is_rotation(platform, name, domain, httpOnly));
  if (stale.length === 0) return;
  await change((captures) => {
    for (const [platform] of stale) captures[platform].changes += 1;
  });
  sweepSoon();
  // Should the worker not live to see the end of the burst.
  await schedule();
}

/** For the alarm, which has others' names as well. */
export async function onSendOnAlarm({ name }) {
  if (name === ALARM) await sweep();
}

/** Once the changes that have woken the worker, or are on their way, are over. */
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

/** Looks after each platform: stores what is due, and notices a login that is gone. */
export function sweep() {
  return navigator.locks.request(SWEEP_LOCK, async () => {
    const status = await signInStatus();
    for (const [platform, kept] of Object.entries(await readCaptures())) {
      if (isActive(kept)) await lookAfter(platform, kept, status);
    }
    await schedule();
  });
}

async function lookAfter(platform, kept, status) {
  try {
    if (!isOf(kept, status)) {
      if (hasExpired(kept, status)) throw failure("signed_out");
      return;
    }
    if (isStale(kept) && isWaitOver(kept)) await store(platform, kept);
    else await checkLogin(platform, kept);
  } catch (error) {
    await noteFailure(platform, kept, toFailure(error));
  }
}

/** A login that is gone is noticed at once, whoever signs in before the next store is due. */
async function checkLogin(platform, kept) {
  const core = await loadCore();
  await core.check_login(platform, kept.storeId, accountOf(kept));
  if (kept.problem) await update(platform, kept, { problem: null });
}

async function store(platform, kept) {
  const core = await loadCore();
  if (await isRevoked(kept.connectionId)) throw failure("session_revoked");
  const captured = await withAccessToken((server, accessToken) =>
    core.capture(
      {
        server: server.url,
        access_token: accessToken,
        connection: { id: kept.connectionId },
        platform,
        store_id: kept.storeId,
        user_agent: navigator.userAgent,
        same_account: accountOf(kept),
      },
      () => isProven(server),
    ),
  );
  const sent = { attemptedAt: Date.now(), waitMs: MIN_BETWEEN_MS, failures: 0, problem: null };
  await update(platform, kept, { ...sent, ...factsOf(captured), stored: kept.changes });
  await forgetFulfilled(kept.connectionId);
}

function factsOf({ session_id: sessionId, account, expires = null }) {
  return { sessionId, accountMark: account.mark, expires, capturedAt: Date.now() };
}

/** Also where no cookie named it: whoever is named later may be somebody else. */
function accountOf({ accountMark = null }) {
  return { mark: accountMark };
}

/** What mends itself is tried again; all else waits for the person. */
async function noteFailure(platform, kept, { code, http_status, reason, detail }) {
  const isPassing = SERVER_NOT_THERE.has(code) || http_status === 429 || http_status >= 500;
  if (!isPassing) {
    await update(platform, kept, { problem: { code, http_status, reason, detail } });
    return;
  }
  const waitMs = backoffMinutes(kept.failures) * 60_000;
  await update(platform, kept, { attemptedAt: Date.now(), waitMs, failures: kept.failures + 1 });
}

/** Changes what `kept` has become; nothing where the person has captured meanwhile, or switched it off. */
function update(platform, kept, { stored = 0, ...fields }) {
  return change((captures) => {
    const now = captures[platform];
    if (!now?.isOn || now.capturedAt !== kept.capturedAt) return;
    captures[platform] = { ...now, ...fields, changes: now.changes - stored };
  });
}

/** Sets the alarm for what is due next. */
async function schedule() {
  const status = await signInStatus();
  const watched = Object.values(await readCaptures()).filter((kept) => isActive(kept) && isOf(kept, status));
  const next = Math.min(...watched.map(dueAt));
  if (next === Infinity) await chrome.alarms.clear(ALARM);
  else await chrome.alarms.create(ALARM, { when: Math.max(next, Date.now() + MIN_ALARM_MS) });
}

function dueAt(kept) {
  if (isStale(kept)) return isWaitOver(kept) ? Date.now() : kept.attemptedAt + kept.waitMs;
  return kept.expires ? kept.expires * 1000 : Infinity;
}

function isStale({ changes, expires }) {
  return changes > 0 || (expires !== null && expires * 1000 <= Date.now());
}

/** A time that is still to come was written before the clock was set back. */
function isWaitOver({ attemptedAt, waitMs }) {
  const passedMs = Date.now() - attemptedAt;
  return passedMs < 0 || passedMs >= waitMs;
}

/** Whether there is something to do: a problem waits for a capture, or for a sign-in. */
function isActive({ isOn, problem }) {
  return isOn && (problem === null || problem.code === "signed_out");
}

function isOf(kept, { server, email }) {
  return canonicalServer(kept.server) === server && kept.email === email;
}

function hasExpired(kept, { server, expired }) {
  return canonicalServer(kept.server) === server && kept.email === expired;
}

function isShown(kept, status) {
  return isOf(kept, status) || hasExpired(kept, status);
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
