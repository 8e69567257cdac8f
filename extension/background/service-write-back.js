// Whether services may return the cookies that a platform rotates while they use the captured
// session. The server keeps that; it is off at first.

import { failure } from "./failure.js";
import { findConnection } from "./lists.js";
import { capturedConnection } from "./renewal.js";
import { callSignedIn } from "./sign-in.js";

const LOCK = "service-write-back";

/**
 * `{connectionId, name, isAllowed}` for the platform's latest capture; null if there is none, its
 * connection is deleted, or the server is too old to say.
 */
export async function serviceWriteBack(platform) {
  const connectionId = await capturedConnection(platform);
  if (connectionId === null) return null;
  const found = await findConnection(connectionId).catch((error) => {
    if (error.http_status === 404) return {};
    throw error;
  });
  const { platform_username: name, write_back_allowed: isAllowed } = found;
  return isAllowed === undefined ? null : { connectionId, name, isAllowed };
}

/**
 * Allows or forbids it, one call after the other, so that the person's last click holds. Fails if
 * another connection was captured since the popup showed this one.
 */
export function allowServiceWriteBack({ platform, connectionId, isAllowed }) {
  return navigator.locks.request(LOCK, async () => {
    if ((await capturedConnection(platform)) !== connectionId) throw failure("not_captured");
    const path = `/api/platform-connections/${encodeURIComponent(connectionId)}/write-back`;
    await callSignedIn(path, { method: "PUT", body: { allowed: isAllowed } });
  });
}
