// The server that the person has chosen, the key it must prove, and whether its last proof
// succeeded. A server is `{url, key}`; over https `key` is null.

import { canonicalServer } from "../server-address.js";
import { failure } from "./failure.js";
import { findKey, fingerprintOf, needsProof, prove } from "./proof.js";

/** The chosen server, or null. */
export async function readServer() {
  const { server, serverKey = null } = await chrome.storage.local.get(["server", "serverKey"]);
  return server ? { url: canonicalServer(server), key: serverKey } : null;
}

/** Stores the chosen server, or removes it. Call it only while nobody is signed in to another server. */
export async function writeServer(server) {
  if (!server) await chrome.storage.local.remove(["server", "serverKey"]);
  else await chrome.storage.local.set({ server: server.url, serverKey: server.key });
}

/** The server's fingerprint and whether it can be trusted, for pages and the badge. */
export async function serverStatus() {
  const server = await readServer();
  const { unproven: isUnproven = false } = await chrome.storage.session.get("unproven");
  return {
    fingerprint: server?.key ? await fingerprintOf(server.key) : null,
    isUnconfirmed: isUnconfirmed(server),
    isUnproven,
  };
}

/**
 * Asks the server to prove its key, records the result, and throws if the proof fails. Call it
 * before every request that carries a secret.
 */
export async function requireProof(server) {
  const error = await prove(server).then(
    () => null,
    (thrown) => thrown,
  );
  await recordProof(server, error?.code === "server_unproven");
  if (error) throw error;
}

/** Whether the server proves its key, for the core; throws if nothing answers. */
export function isProven(server) {
  return requireProof(server).then(
    () => true,
    (error) => {
      if (error.code === "server_away") throw error;
      return false;
    },
  );
}

/** Asks for the proof again if the last one failed. */
export async function checkAgain() {
  const { unproven } = await chrome.storage.session.get("unproven");
  const server = await readServer();
  if (unproven && server) await requireProof(server).catch(() => {});
}

/** The key of the server at a new address; null over https, where its certificate is enough. */
export async function keyAt(url) {
  if (!needsProof(url)) return null;
  return findKey(url).catch((error) => {
    if (error.http_status === 404) throw failure("server_too_old");
    throw ["server_away", "server_refused"].includes(error.code) ? error : failure("not_stagepass");
  });
}

/** Asks the chosen server for its key, which the person has not confirmed yet. */
export async function unconfirmedKey() {
  const server = await readServer();
  if (!isUnconfirmed(server)) throw failure("interrupted");
  const key = await keyAt(server.url);
  return { key, fingerprint: await fingerprintOf(key) };
}

/** Whether the server was chosen before servers had a key to prove. */
export function isUnconfirmed(server) {
  return server !== null && needsProof(server.url) && !server.key;
}

/** Whether both are the same server with the same key. */
export function isSame(one, other) {
  return one?.url === other.url && one.key === other.key;
}

/** Records whether the proof failed, unless another server has been chosen meanwhile. */
async function recordProof(server, isUnproven) {
  const { unproven = false } = await chrome.storage.session.get("unproven");
  if (unproven === isUnproven || !isSame(await readServer(), server)) return;
  await chrome.storage.session.set({ unproven: isUnproven });
}
