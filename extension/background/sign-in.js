// Who is signed in to which server. Tokens are in storage.session, which is memory and
// lost when the browser closes. A copy of the refresh token is in storage.local only if the
// person chose "stay signed in".
//
// A sign-in is one record {id, server, email, refreshToken, accessToken} with the server's
// URL. A call never switches to another sign-in midway: those tokens may belong to another
// account, or to a server that must not see them.

import { canonicalServer } from "../server-address.js";
import { isSame, isUnconfirmed, readServer, writeServer } from "./chosen-server.js";
import { failure } from "./failure.js";
import { call } from "./server.js";

// Held while the server or the tokens change, so that each refresh token is used once and
// no token is stored for a server that is no longer chosen.
const LOCK = "sign-in";

/** The server's URL and the account, each null if there is none; `expired` is the account whose sign-in expired. */
export async function signInStatus() {
  const server = await readServer();
  const held = await readSignIn();
  const { expired } = await chrome.storage.session.get("expired");
  return { server: server?.url ?? null, email: held?.email ?? null, expired: expired ?? null };
}

/** Chooses the server. Another server or another key signs out. */
export async function chooseServer(server) {
  if (!isSame(await readServer(), server)) await endSignIn(() => writeServer(server));
}

/**
 * Stores the key of a server that was chosen before servers had keys, once the person has
 * compared its fingerprint. A sign-in stays.
 */
export function confirmServer(key) {
  return navigator.locks.request(LOCK, async () => {
    const server = await readServer();
    if (!isUnconfirmed(server)) throw failure("interrupted");
    await writeServer({ ...server, key });
  });
}

/** Signs out and forgets the server. */
export function leaveServer() {
  return endSignIn(() => writeServer(null));
}

/** Ends the sign-in here at once, and on the server if it can be reached. */
export function signOut() {
  return endSignIn(() => {});
}

/** Signs in. The password goes to the server and is not stored. */
export async function signIn({ email, password, staySignedIn }) {
  const server = await readServer();
  if (!server) throw failure("interrupted");
  const answer = await call(server, "/auth/login", { method: "POST", body: { email, password } }).catch(
    (error) => {
      throw error.code === "unauthorized" ? failure("wrong_password") : error;
    },
  );
  const made = { id: crypto.randomUUID(), server, email, ...tokensOf(answer) };
  await navigator.locks.request(LOCK, async () => {
    // Another server may have been chosen while this one was answering.
    if (!isSame(await readServer(), server)) throw failure("interrupted");
    await forgetSignIn();
    await writeSignIn(made, staySignedIn);
  });
}

/**
 * Runs `use(server, accessToken)`, with the server as `{url, key}`. If the server refuses the
 * token, runs it once more with a fresh one. Throws `signed_out` if it can't get one.
 */
export async function withAccessToken(use) {
  const held = await readSignIn();
  if (!held) throw failure("signed_out");
  const accessToken = held.accessToken ?? (await refresh(held));
  try {
    return await use(held.server, accessToken);
  } catch (error) {
    if (error?.code !== "unauthorized") throw error;
  }
  try {
    return await use(held.server, await refresh(held, accessToken));
  } catch (error) {
    if (error?.code !== "unauthorized") throw error;
    throw await navigator.locks.request(LOCK, () => expire(held));
  }
}

/** One call to the server as the signed-in account. */
export function callSignedIn(path, request = {}) {
  return withAccessToken((server, accessToken) => call(server, path, { ...request, accessToken }));
}

/** A token other than `stale`: one that another call has just got, or a new one. */
function refresh({ id }, stale) {
  return navigator.locks.request(LOCK, async () => {
    const held = await readSignIn();
    if (held?.id !== id) throw failure("signed_out");
    if (held.accessToken && held.accessToken !== stale) return held.accessToken;
    const body = { refresh_token: held.refreshToken };
    const answer = await call(held.server, "/auth/refresh", { method: "POST", body }).catch(async (error) => {
      const isSpent = error.code === "unauthorized" || [400, 403].includes(error.http_status);
      throw isSpent ? await expire(held) : error;
    });
    const fresh = { ...held, ...tokensOf(answer) };
    const { keptSignIn } = await chrome.storage.local.get("keptSignIn");
    await writeSignIn(fresh, Boolean(keptSignIn));
    return fresh.accessToken;
  });
}

/** Forgets a sign-in that the server refuses; returns the failure to throw. The caller holds the lock. */
async function expire({ id, email }) {
  if ((await readSignIn())?.id === id) {
    await forgetSignIn();
    await chrome.storage.session.set({ expired: email });
  }
  return failure("signed_out");
}

/** Signs out, and changes the server before anybody can sign in again. */
async function endSignIn(changeServer) {
  const held = await navigator.locks.request(LOCK, async () => {
    const held = await readSignIn();
    await forgetSignIn();
    await forgetAllOfServer();
    await changeServer();
    return held;
  });
  if (!held) return;
  const body = { refresh_token: held.refreshToken };
  // Not awaited: the tokens are already deleted here, and on the server they expire.
  call(held.server, "/auth/logout", { method: "POST", body }).catch(() => {});
}

/** Forgets everything in the session storage except the bridge, which needs no server. */
async function forgetAllOfServer() {
  const { bridgeState: _, openHandOvers: __, ...rest } = await chrome.storage.session.get();
  await chrome.storage.session.remove(Object.keys(rest));
}

function tokensOf(answer) {
  const { access_token: accessToken, refresh_token: refreshToken } = answer?.data ?? {};
  if (!accessToken || !refreshToken) throw failure("not_stagepass");
  return { accessToken, refreshToken };
}

/** The sign-in to the chosen server, or null. */
async function readSignIn() {
  const server = await readServer();
  const { keptSignIn } = await chrome.storage.local.get("keptSignIn");
  const { signIn: held = keptSignIn } = await chrome.storage.session.get("signIn");
  return server && held && canonicalServer(held.server) === server.url ? { ...held, server } : null;
}

async function writeSignIn({ server, accessToken, ...rest }, keep) {
  const lasting = { ...rest, server: server.url };
  if (keep) await chrome.storage.local.set({ keptSignIn: lasting });
  await chrome.storage.session.set({ signIn: { ...lasting, accessToken } });
}

async function forgetSignIn() {
  await chrome.storage.local.remove("keptSignIn");
  await chrome.storage.session.remove(["signIn", "expired"]);
}
