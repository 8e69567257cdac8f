// What popup and options may ask of the worker, one line each.

import { allowWriteBack, bridgeStatus, forbidPlatform, keepBridge, nameProfile } from "./bridge.js";
import { captureRequests, declineCaptureRequest } from "./capture-requests.js";
import { checkAgain, serverStatus, unconfirmedKey } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { greetHost } from "./host.js";
import { listConnections, listSessions } from "./lists.js";
import { sendOnStatus, revokeForGood, switchSendOn } from "./send-on.js";
import { callSignedIn, confirmServer, leaveServer, signIn, signInStatus, signOut } from "./sign-in.js";
import { begin, cancel, refuse, settle } from "./tasks.js";

const HANDLERS = {
  allowWriteBack: ({ platform, isAllowed }) => allowWriteBack(platform, isAllowed),
  begin: ({ intent }) => begin(intent),
  bridge: () => bridgeStatus(),
  captureRequests: () => captureRequests(),
  confirmServer: ({ key }) => confirmServer(key),
  connections: ({ platform }) => listConnections(platform),
  decline: ({ id }) => declineCaptureRequest(id),
  forbidPlatform: ({ platform }) => forbid(platform),
  host: () => greetHost(),
  keepBridge: () => keepBridge(),
  leaveServer: () => leaveServer(),
  nameProfile: ({ name }) => nameProfile(name),
  preview: async ({ platform, storeId }) => (await loadCore()).preview(platform, storeId),
  recognise: async ({ url }) => (await loadCore()).recognise(url),
  refused: ({ windowId }) => refuse(windowId),
  revoke: ({ id }) => revoke(id),
  sendOn: () => sendOnStatus(),
  sessions: () => listSessions(),
  settle: ({ windowId }) => settle(windowId),
  signIn: (credentials) => signIn(credentials),
  signOut: () => signOut(),
  status: () => status(),
  switchSendOn: ({ platform, isOn }) => switchSendOn(platform, isOn),
  unconfirmedKey: () => unconfirmedKey(),
};

async function status() {
  await checkAgain();
  return { ...(await signInStatus()), ...(await serverStatus()) };
}

/** Also what a click before has begun. */
async function forbid(platform) {
  await cancel("bridge", platform);
  await forbidPlatform(platform);
}

function revoke(sessionId) {
  return revokeForGood(sessionId, (id) =>
    callSignedIn("/api/credentials/revoke-platform-session", { method: "POST", body: { id } }),
  );
}

/** `{value}`, or `{failure}` where it failed; never rejects. */
export async function answer(message) {
  try {
    const { type, ...fields } = message;
    if (!Object.hasOwn(HANDLERS, type)) throw failure("internal", { detail: "unknown message" });
    return { value: (await HANDLERS[type](fields)) ?? null };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}
