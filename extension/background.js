// The service worker (in Firefox the background page): the only part of the
// extension that talks to the server, the native host and the cookie store. The
// browser stops it when it is idle, so every listener is registered here at start,
// and everything that must survive a stop is in storage.

import { showBadge } from "./background/badge.js";
import { keepBridge, onAlarm } from "./background/bridge.js";
import {
  keepPolling,
  knownCaptureRequests,
  onCaptureRequestsAlarm,
  pollCaptureRequests,
} from "./background/capture-requests.js";
import { answer } from "./background/messages.js";
import { listenForClicks } from "./background/notifications.js";
import { onCookieChanged, onRenewalAlarm, sweep, sweepSoon } from "./background/renewal.js";
import { reportInterrupted, resume } from "./background/tasks.js";

const BADGE_KEYS = ["captureRequests", "lastCaptures", "signIn", "expired", "server", "serverKey", "unproven"];
const PAGES = ["popup.html", "options.html"].map((page) => chrome.runtime.getURL(page));

chrome.runtime.onMessage.addListener((message, sender, reply) => {
  if (!isOurOwnPage(sender)) return false;
  answer(message).then(reply);
  return true;
});

// The permission prompt can close the popup that asked, so its task continues here.
chrome.permissions.onAdded.addListener(() => {
  listenForClicks(openLoginPage);
  resume();
});

// A renewal reports a problem when its site can no longer be read.
chrome.permissions.onRemoved.addListener(() => sweepSoon());

// This runs when the browser starts; the listener below, after an update.
chrome.runtime.onStartup.addListener(() => {
  keepBridge();
  pollCaptureRequests();
});
chrome.runtime.onInstalled.addListener(() => keepBridge());
chrome.alarms.onAlarm.addListener((alarm) => {
  onAlarm(alarm);
  onCaptureRequestsAlarm(alarm);
  onRenewalAlarm(alarm);
});

chrome.cookies.onChanged.addListener((change) => onCookieChanged(change));
chrome.storage.onChanged.addListener((changes) => {
  // Somebody signed in or out, the server ended the sign-in, or it proved its key again.
  const isSignInChanged = changes.expired || changes.signIn?.oldValue?.id !== changes.signIn?.newValue?.id;
  const isKnownAgain = changes.unproven?.newValue === false || changes.serverKey?.newValue;
  if (isSignInChanged || isKnownAgain) {
    pollCaptureRequests();
    sweep();
  }
  if (BADGE_KEYS.some((key) => changes[key])) showBadge();
});
listenForClicks(openLoginPage);

reportInterrupted();
keepBridge();
keepPolling();
sweepSoon();
showBadge();

/** Opens the login page of a capture request's platform, if more than the server vouches for it. */
async function openLoginPage(id) {
  const request = (await knownCaptureRequests()).find((known) => known.id === id);
  if (request?.is_known && request.login_url) await chrome.tabs.create({ url: request.login_url });
}

/** Whether popup or options sent the message. */
function isOurOwnPage({ id, url }) {
  return id === chrome.runtime.id && PAGES.includes(url?.split(/[?#]/, 1)[0]);
}
