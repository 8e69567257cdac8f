// Opens a tab at an origin whose storage belongs to a session, and goes on once it has loaded.

import { sweepSoon } from "./renewal.js";

// A listener for loaded tabs would wake the worker for every page that anybody visits.
const LOOK_MS = 500;
const MAX_LOOKS = 60;

/** Opens `url` in the window or container of a cookie store. A renewal may wait for this tab. */
export async function openTab(url, storeId) {
  const stores = await chrome.cookies.getAllCookieStores();
  const tabId = stores.find(({ id }) => id === storeId)?.tabIds[0];
  const place = {};
  // A private tab opens only in a private window.
  if (tabId !== undefined) place.windowId = (await chrome.tabs.get(tabId)).windowId;
  // Only Firefox has containers; Chromium knows no such property.
  if (chrome.contextualIdentities) place.cookieStoreId = storeId;
  const { id } = await chrome.tabs.create({ url, ...place });
  sweepOnceLoaded(id);
}

async function sweepOnceLoaded(tabId) {
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const tab = await chrome.tabs.get(tabId).catch(() => null);
    if (tab === null) return;
    if (tab.status === "complete") return sweepSoon();
  }
}
