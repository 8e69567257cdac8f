// The service worker (in Firefox the background page): the only part of the
// extension that talks to the server, to the native host and to the cookie
// store. It sleeps when idle, so every listener is registered here, at once,
// and everything that must outlast a nap is in storage.

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
import { onCookieChanged, onSendOnAlarm, sweep, sweepSoon } from "./background/send-on.js";
import { reportInterrupted, resume } from "./background/tasks.js";

const BADGE_KEYS = ["captureRequests", "lastCaptures", "signIn", "expired", "server", "serverKey", "unproven"];
const PAGES = ["popup.html", "options.html"].map((page) => chrome.runtime.getURL(page));

chrome.runtime.onMessage.addListener((message, sender, reply) => {
  if (!isOurOwnPage(sender)) return false;
  answer(message).then(reply);
  return true;
});

// The browser's prompt can destroy the popup that asked; what was asked for
// carries on here.
chrome.permissions.onAdded.addListener(() => {
  listenForClicks(openLoginPage);
  resume();
});

// What is renewed of a site that may not be read any more says so.
chrome.permissions.onRemoved.addListener(() => sweepSoon());

// With the browser, after an update, and whenever the worker begins anew.
chrome.runtime.onStartup.addListener(() => {
  keepBridge();
  pollCaptureRequests();
});
chrome.runtime.onInstalled.addListener(() => keepBridge());
chrome.alarms.onAlarm.addListener((alarm) => {
  onAlarm(alarm);
  onCaptureRequestsAlarm(alarm);
  onSendOnAlarm(alarm);
});

chrome.cookies.onChanged.addListener((change) => onCookieChanged(change));
chrome.storage.onChanged.addListener((changes) => {
  // Somebody has signed in or out, or the server has ended it; or it is known again.
  const isOther = changes.expired || changes.signIn?.oldValue?.id !== changes.signIn?.newValue?.id;
  const isKnownAgain = changes.unproven?.newValue === false || changes.serverKey?.newValue;
  if (isOther || isKnownAgain) {
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

/** Opens the page to sign in at for a capture request, unless only the server names it. */
async function openLoginPage(id) {
  const request = (await knownCaptureRequests()).find((known) => known.id === id);
  if (request?.is_known && request.login_url) await chrome.tabs.create({ url: request.login_url });
}

/** Popup and options, and nobody else. */
function isOurOwnPage({ id, url }) {
  return id === chrome.runtime.id && PAGES.includes(url?.split(/[?#]/, 1)[0]);
}
