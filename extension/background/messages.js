// What the popup may ask of the worker, one line each.

import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { callSignedIn, leaveServer, signIn, signInStatus, signOut } from "./sign-in.js";
import { begin, refuse, settle } from "./tasks.js";

const PAGE_SIZE = 100;

const HANDLERS = {
  begin: ({ intent }) => begin(intent),
  connections: ({ platform }) => listConnections(platform),
  leaveServer: () => leaveServer(),
  preview: async ({ platform, tabId }) => (await loadCore()).preview(platform, tabId),
  recognise: async ({ url }) => (await loadCore()).recognise(url),
  refused: () => refuse(),
  revoke: ({ id }) => callSignedIn("/api/credentials/revoke-platform-session", { method: "POST", body: { id } }),
  sessions: () => listSessions(),
  settle: () => settle(),
  signIn: (credentials) => signIn(credentials),
  signOut: () => signOut(),
  status: () => signInStatus(),
};

/** `{value}`, or `{failure}` where it failed; never rejects. */
export async function answer({ type, ...fields }) {
  try {
    if (!Object.hasOwn(HANDLERS, type)) throw failure("internal", { detail: "unknown message" });
    return { value: (await HANDLERS[type](fields)) ?? null };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}

/** The platform's connections, of all pages. */
async function listConnections(platform) {
  const connections = await listAll("/api/platform-connections");
  return connections.filter((connection) => connection.platform === platform);
}

/** The latest sessions, each with the account that it belongs to. */
async function listSessions() {
  const [sessions, connections] = await Promise.all([
    callSignedIn(`/api/platform-sessions?pageSize=${PAGE_SIZE}&page=1`),
    listAll("/api/platform-connections"),
  ]);
  const usernames = new Map(connections.map(({ id, platform_username: name }) => [id, name]));
  return sessions.data.map((session) => ({
    ...session,
    platform_username: usernames.get(session.creator_profile_id) ?? null,
  }));
}

async function listAll(path) {
  const all = [];
  for (let page = 1; ; page += 1) {
    const { data, total } = await callSignedIn(`${path}?pageSize=${PAGE_SIZE}&page=${page}`);
    all.push(...data);
    if (data.length === 0 || all.length >= total) return all;
  }
}
