// Who is signed in to which server. Tokens are in storage.session, which is
// memory and gone with the browser; a copy of the refresh token is in
// storage.local only where the person ticked "stay signed in".

import { failure } from "./failure.js";
import { call } from "./server.js";

// Held while tokens change, so that a refresh token is spent once.
const LOCK = "sign-in";

/** The server's URL and the account, as far as there are any. */
export async function signInStatus() {
  const server = await serverUrl();
  const tokens = server && (await readTokens());
  const { signInExpired = false } = await chrome.storage.session.get("signInExpired");
  return { server: server ?? null, email: tokens?.email ?? null, expired: signInExpired };
}

/** Chooses the server; another one than before signs out. */
export async function chooseServer(url) {
  if ((await serverUrl()) === url) return;
  await signOut();
  await chrome.storage.local.set({ server: url });
}

/** Signs out and forgets the server. */
export async function leaveServer() {
  await signOut();
  await chrome.storage.local.remove("server");
}

/** Signs in; the password goes to the server and nowhere else. */
export async function signIn({ email, password, staySignedIn }) {
  const server = await serverUrl();
  const answer = await call(server, "/auth/login", { method: "POST", body: { email, password } }).catch(
    (error) => {
      throw error.code === "unauthorized" ? failure("wrong_password") : error;
    },
  );
  await navigator.locks.request(LOCK, async () => {
    await chrome.storage.local.remove("keptSignIn");
    await chrome.storage.session.remove("signInExpired");
    await writeTokens({ email, ...tokensOf(answer) }, staySignedIn);
  });
}

/** Ends the sign-in here at once, and in the server where it can be reached. */
export async function signOut() {
  const server = await serverUrl();
  const tokens = await navigator.locks.request(LOCK, async () => {
    const tokens = await readTokens();
    await chrome.storage.local.remove("keptSignIn");
    await chrome.storage.session.clear();
    return tokens;
  });
  if (!server || !tokens) return;
  const body = { refresh_token: tokens.refreshToken };
  // The tokens are gone from here either way; the server's end by themselves.
  await call(server, "/auth/logout", { method: "POST", body }).catch(() => {});
}

/**
 * Runs `use(server, accessToken)`; where the server no longer takes the token,
 * once more with a fresh one. Throws `signed_out` where there is none to be had.
 */
export async function withAccessToken(use) {
  const server = await serverUrl();
  const tokens = await readTokens();
  if (!server || !tokens) throw failure("signed_out");
  try {
    return await use(server, tokens.accessToken ?? (await refresh(server, null)));
  } catch (error) {
    if (error?.code !== "unauthorized") throw error;
  }
  try {
    return await use(server, await refresh(server, tokens.accessToken));
  } catch (error) {
    throw error?.code === "unauthorized" ? await expire() : error;
  }
}

/** One call to the server in the account's name. */
export function callSignedIn(path, request = {}) {
  return withAccessToken((server, accessToken) => call(server, path, { ...request, accessToken }));
}

/** A token other than `stale`: one that another call has just got, or a new one. */
function refresh(server, stale) {
  return navigator.locks.request(LOCK, async () => {
    const tokens = await readTokens();
    if (!tokens) throw failure("signed_out");
    if (tokens.accessToken && tokens.accessToken !== stale) return tokens.accessToken;
    const body = { refresh_token: tokens.refreshToken };
    const answer = await call(server, "/auth/refresh", { method: "POST", body }).catch(async (error) => {
      const isSpent = error.code === "unauthorized" || [400, 403].includes(error.status);
      throw isSpent ? await expire() : error;
    });
    const fresh = { email: tokens.email, ...tokensOf(answer) };
    const { keptSignIn } = await chrome.storage.local.get("keptSignIn");
    await writeTokens(fresh, Boolean(keptSignIn));
    return fresh.accessToken;
  });
}

/** Forgets tokens that the server no longer takes; gives what to throw. */
async function expire() {
  await chrome.storage.local.remove("keptSignIn");
  await chrome.storage.session.remove("signIn");
  await chrome.storage.session.set({ signInExpired: true });
  return failure("signed_out");
}

function tokensOf(answer) {
  const { access_token: accessToken, refresh_token: refreshToken } = answer?.data ?? {};
  if (!accessToken || !refreshToken) throw failure("not_stagepass");
  return { accessToken, refreshToken };
}

async function serverUrl() {
  return (await chrome.storage.local.get("server")).server;
}

async function readTokens() {
  const { signIn: held } = await chrome.storage.session.get("signIn");
  return held ?? (await chrome.storage.local.get("keptSignIn")).keptSignIn ?? null;
}

async function writeTokens(tokens, keep) {
  const { email, refreshToken } = tokens;
  if (keep) await chrome.storage.local.set({ keptSignIn: { email, refreshToken } });
  await chrome.storage.session.set({ signIn: tokens });
}
