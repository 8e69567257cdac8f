// Notifications of capture requests. The browser's permission is the person's
// switch for them, so there is no setting beside it.

import { requestName } from "../page/request-name.js";
import { text } from "../page/text.js";

const PREFIX = "capture-request:";
// More at once would bury the desktop; the badge has the number.
const MAX_SHOWN = 3;

/** Platform and account alone: a notification is seen by whoever sees the screen. */
export async function notifyOf(requests) {
  if (!(await isAllowed())) return;
  for (const request of requests.slice(0, MAX_SHOWN)) {
    await chrome.notifications.create(PREFIX + request.id, {
      type: "basic",
      iconUrl: chrome.runtime.getURL("icons/128.png"),
      title: text("notification_title"),
      message: requestName(request, request.is_known),
    });
  }
}

/** Takes those of requests back that are no longer pending. */
export async function withdraw(requests) {
  if (requests.length === 0 || !(await isAllowed())) return;
  for (const { id } of requests) await chrome.notifications.clear(PREFIX + id);
}

// Whether this worker listens already: the permission may come while it runs.
let isListening = false;

/** Calls back with the id of a request whose notification is clicked. */
export function listenForClicks(onClicked) {
  if (isListening || !chrome.notifications) return;
  isListening = true;
  chrome.notifications.onClicked.addListener((id) => {
    if (id.startsWith(PREFIX)) onClicked(id.slice(PREFIX.length));
  });
}

async function isAllowed() {
  return Boolean(chrome.notifications) && chrome.permissions.contains({ permissions: ["notifications"] });
}
