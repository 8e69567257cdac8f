// The service worker (in Firefox the background page): the only part of the
// extension that talks to the server, to the native host and to the cookie
// store. It sleeps when idle, so every listener is registered here, at once,
// and everything that must outlast a nap is in storage.

import { keepBridge, onAlarm } from "./background/bridge.js";
import { answer } from "./background/messages.js";
import { reportInterrupted, resume } from "./background/tasks.js";

chrome.runtime.onMessage.addListener((message, sender, reply) => {
  if (!isOurOwnPage(sender)) return false;
  answer(message).then(reply);
  return true;
});

// The browser's prompt can destroy the popup that asked; what was asked for
// carries on here.
chrome.permissions.onAdded.addListener(() => resume());

// With the browser, after an update, and whenever the worker begins anew.
chrome.runtime.onStartup.addListener(() => keepBridge());
chrome.runtime.onInstalled.addListener(() => keepBridge());
chrome.alarms.onAlarm.addListener((alarm) => onAlarm(alarm));

reportInterrupted();
keepBridge();

function isOurOwnPage(sender) {
  return sender.id === chrome.runtime.id && Boolean(sender.url?.startsWith(chrome.runtime.getURL("")));
}
