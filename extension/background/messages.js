// The messages that popup and options may send to the worker.

import { allowStorage, allowWriteBack, bridgeStatus, forbidPlatform, keepBridge, nameProfile } from "./bridge.js";
import { captureRequests, declineCaptureRequest } from "./capture-requests.js";
import { checkAgain, serverStatus, unconfirmedKey } from "./chosen-server.js";
import { loadCore } from "./core.js";
import { failure, toFailure } from "./failure.js";
import { greetHost } from "./host.js";
import { listConnections, listSessions } from "./lists.js";
import { openTab } from "./open-tab.js";
import { renewalStatus, revokeForGood, switchRenewal } from "./renewal.js";
import { allowServiceWriteBack, serviceWriteBack } from "./service-write-back.js";
import { callSignedIn, confirmServer, leaveServer, signIn, signInStatus, signOut } from "./sign-in.js";
import { listStorage, shownStorageChoice } from "./storage-list.js";
import { begin, cancel, refuse, settle } from "./tasks.js";

const HANDLERS = {
  allowServiceWriteBack: (wish) => allowServiceWriteBack(wish),
  allowStorage: ({ platform, isAllowed }) => allowStorage(platform, isAllowed),
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
  openTab: ({ url, storeId }) => openTab(url, storeId),
  preview: async ({ platform, storeId, tab, storage }) => (await loadCore()).preview(platform, storeId, tab, storage),
  recognise: async ({ url }) => (await loadCore()).recognise(url),
  refused: ({ windowId }) => refuse(windowId),
  renewals: () => renewalStatus(),
  revoke: ({ id }) => revoke(id),
  serviceWriteBack: ({ platform }) => serviceWriteBack(platform),
  sessions: () => listSessions(),
  settle: ({ windowId }) => settle(windowId),
  signIn: (credentials) => signIn(credentials),
  signOut: () => signOut(),
  status: () => status(),
  storage: (place) => listStorage(place),
  storageChoice: ({ platform }) => shownStorageChoice(platform),
  switchRenewal: ({ platform, isOn }) => switchRenewal(platform, isOn),
  unconfirmedKey: () => unconfirmedKey(),
};

async function status() {
  await checkAgain();
  return { ...(await signInStatus()), ...(await serverStatus()) };
}

/** Forbids the hand-over of a platform, and cancels a click that is still allowing it. */
async function forbid(platform) {
  await cancel("bridge", platform);
  await forbidPlatform(platform);
}

function revoke(sessionId) {
  return revokeForGood(sessionId, (id) =>
    callSignedIn("/api/credentials/revoke-platform-session", { method: "POST", body: { id } }),
  );
}

/** Answers with `{value}` or `{failure}`; never rejects. */
export async function answer(message) {
  try {
    const { type, ...fields } = message;
    if (!Object.hasOwn(HANDLERS, type)) throw failure("internal", { detail: "unknown message" });
    return { value: (await HANDLERS[type](fields)) ?? null };
  } catch (error) {
    return { failure: toFailure(error) };
  }
}
