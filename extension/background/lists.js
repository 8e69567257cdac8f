// What the server has of the person: connections and sessions, never a secret.

import { loadCore } from "./core.js";
import { callSignedIn } from "./sign-in.js";

const PAGE_SIZE = 100;
// More than a person has, and an end to a server that counts wrongly.
const MAX_PAGES = 50;
// As long as the longest reason that our own server takes.
const MAX_WORDS = 200;

/** The platform's connections, of all pages. */
export async function listConnections(platform) {
  const connections = await listAll("/api/platform-connections");
  return connections.filter((connection) => connection.platform === platform);
}

/** The latest sessions, each with the names of its platform and account. */
export async function listSessions() {
  const [core, sessions, connections] = await Promise.all([
    loadCore(),
    callSignedIn(`/api/platform-sessions?pageSize=${PAGE_SIZE}&page=1`),
    listAll("/api/platform-connections"),
  ]);
  const usernames = new Map(connections.map(({ id, platform_username: name }) => [id, name]));
  return sessions.data.map((session) => ({
    ...session,
    platform_name: core.platform_name(session.platform),
    platform_username: usernames.get(session.creator_profile_id) ?? null,
  }));
}

/** Whether the connection's newest session was revoked, whoever had captured it. */
export async function isRevoked(connectionId) {
  const connection = await callSignedIn(`/api/platform-connections/${encodeURIComponent(connectionId)}`);
  // Where there is none at all, it was revoked so long ago that it is gone.
  return connection.newest_session === null || connection.newest_session.status === "revoked";
}

/** The pending capture requests, with all that the popup and a click need. */
export async function listCaptureRequests() {
  const requests = await listAll("/api/capture-requests");
  if (requests.length === 0) return [];
  const [core, connections, { lastCaptures = {} }] = await Promise.all([
    loadCore(),
    listAll("/api/platform-connections"),
    chrome.storage.local.get("lastCaptures"),
  ]);
  // From what this browser knows alone: the server may have been taken over.
  const isKnown = (platform) => core.is_in_catalogue(platform) || Object.hasOwn(lastCaptures, platform);
  const usernames = new Map(connections.map(({ id, platform_username: name }) => [id, name]));
  // A hostile server may send more than one short line.
  const shown = (words) => Array.from(core.printable_name(words ?? "")).slice(0, MAX_WORDS).join("");
  return requests.map((request) => ({
    ...request,
    platform_name: shown(core.platform_name(request.platform)),
    platform_username: shown(usernames.get(request.creator_profile_id)),
    reason: shown(request.reason),
    is_known: isKnown(request.platform),
    // None for what is not a site, such as a public suffix.
    login_url: core.login_url(request.platform) ?? null,
    origins: core.origins_of(request.platform),
  }));
}

async function listAll(path) {
  const all = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const { data, total } = await callSignedIn(`${path}?pageSize=${PAGE_SIZE}&page=${page}`);
    all.push(...data);
    if (data.length === 0 || all.length >= total) break;
  }
  return all;
}
