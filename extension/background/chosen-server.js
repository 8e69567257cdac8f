// Which server the person has chosen, by which key it is known, and whether it was
// the one that answered last. A server is `{url, key}`; over https it has no key.

import { canonicalServer } from "../server-address.js";
import { failure } from "./failure.js";
import { findKey, fingerprintOf, needsProof, prove } from "./proof.js";

/** The server that is chosen; null where there is none. */
export async function readServer() {
  const { server, serverKey = null } = await chrome.storage.local.get(["server", "serverKey"]);
  return server ? { url: canonicalServer(server), key: serverKey } : null;
}

/** Chooses one, or none. Whoever is signed in at another signs out first. */
export async function writeServer(server) {
  if (!server) await chrome.storage.local.remove(["server", "serverKey"]);
  else await chrome.storage.local.set({ server: server.url, serverKey: server.key });
}

/** How it stands with the server: for pages and the badge. */
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
 * Throws unless the server proves its key, and remembers how that ended. Called before
 * every request with something secret in it.
 */
export async function requireProof(server) {
  const error = await prove(server).then(
    () => null,
    (thrown) => thrown,
  );
  await note(server, error?.code === "server_unproven");
  if (error) throw error;
}

/** The same for the core: whether the server proves its key; throws where nothing answers. */
export function isProven(server) {
  return requireProof(server).then(
    () => true,
    (error) => {
      if (error.code === "server_away") throw error;
      return false;
    },
  );
}

/** Looks once more, where something else answered last. */
export async function checkAgain() {
  const { unproven } = await chrome.storage.session.get("unproven");
  const server = await readServer();
  if (unproven && server) await requireProof(server).catch(() => {});
}

/** The key at a new address, null where a certificate does instead. */
export async function keyAt(url) {
  if (!needsProof(url)) return null;
  return findKey(url).catch((error) => {
    if (error.http_status === 404) throw failure("server_too_old");
    throw ["server_away", "server_refused"].includes(error.code) ? error : failure("not_stagepass");
  });
}

/** The key that the chosen server has, before the person has confirmed it. */
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

/** Of the chosen server alone: another was left meanwhile. */
async function note(server, isUnproven) {
  const { unproven = false } = await chrome.storage.session.get("unproven");
  if (unproven === isUnproven || !isSame(await readServer(), server)) return;
  await chrome.storage.session.set({ unproven: isUnproven });
}
