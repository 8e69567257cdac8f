// Notifications of capture requests. The browser's permission is the switch for them.

import { requestName } from "../page/request-name.js";
import { text } from "../page/text.js";

const PREFIX = "capture-request:";
// More at once would cover the screen; the badge shows the count.
const MAX_SHOWN = 3;

/** Shows only platform and account: anyone near the screen can read a notification. */
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

/** Removes the notifications of requests that are no longer pending. */
export async function withdraw(requests) {
  if (requests.length === 0 || !(await isAllowed())) return;
  for (const { id } of requests) await chrome.notifications.clear(PREFIX + id);
}

// The permission may be granted while the worker runs, so listening may start later.
let isListening = false;

/** Calls back with the id of a request whose notification is clicked. */
export function listenForClicks(onClicked) {
  if (isListening || !chrome.notifications) return;
  isListening = true;
  chrome.notifications.onClicked.addListener((id) => {
    if (id.startsWith(PREFIX)) onClicked(id.slice(PREFIX.length));
  });
}

// Decision: docs/decisions/extension.md#granting-the-permission-switches-notifications-on
async function isAllowed() {
  return Boolean(chrome.notifications) && chrome.permissions.contains({ permissions: ["notifications"] });
}
