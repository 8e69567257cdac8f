// Lists from the server: connections, sessions and capture requests. They hold no secret.

import { loadCore } from "./core.js";
import { callSignedIn } from "./sign-in.js";

const PAGE_SIZE = 100;
// More than anybody has; stops the loop if a server reports a wrong total.
const MAX_PAGES = 50;
// The most characters of a reason that the Stagepass server accepts; names are cut there too.
const MAX_SHOWN_CHARS = 200;

/** All connections of the platform. */
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

/** The connection, with its newest session, no matter which browser or service stored that. */
export function findConnection(id) {
  return callSignedIn(`/api/platform-connections/${encodeURIComponent(id)}`);
}

/** The pending capture requests, with everything that the popup shows and a click needs. */
export async function listCaptureRequests() {
  const requests = await listAll("/api/capture-requests");
  if (requests.length === 0) return [];
  const [core, connections, { lastCaptures = {} }] = await Promise.all([
    loadCore(),
    listAll("/api/platform-connections"),
    chrome.storage.local.get("lastCaptures"),
  ]);
  // Ask this browser, not the server, which platforms are known: the server may be hostile.
  const isKnown = (platform) => core.is_in_catalogue(platform) || Object.hasOwn(lastCaptures, platform);
  const usernames = new Map(connections.map(({ id, platform_username: name }) => [id, name]));
  // A hostile server may send more than one short line.
  const shown = (words) => Array.from(core.printable_name(words ?? "")).slice(0, MAX_SHOWN_CHARS).join("");
  return requests.map((request) => ({
    ...request,
    platform_name: shown(core.platform_name(request.platform)),
    platform_username: shown(usernames.get(request.creator_profile_id)),
    reason: shown(request.reason),
    is_known: isKnown(request.platform),
    // Null for anything that is not a site, such as a public suffix.
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
