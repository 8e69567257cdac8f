// Opens a tab at an origin whose storage belongs to a session, or wakes the one that is there, and
// goes on once it has loaded.

import { tabsAt } from "./page-storage.js";
import { sweepSoon } from "./renewal.js";

// A listener for loaded tabs would wake the worker for every page that anybody visits.
const LOOK_MS = 500;
const MAX_LOOKS = 60;

/** Shows a page of the origin of `url`, from this cookie store. A renewal may wait for this tab. */
export async function openTab(url, storeId) {
  const { asleep } = await tabsAt(new URL(url).origin, storeId);
  const { id } = await (asleep.length > 0 ? wake(asleep[0]) : create(url, storeId));
  sweepOnceLoaded(id);
}

/** Shows a tab, which loads its page. One that has crashed needs to be told so. */
async function wake({ id, windowId, discarded }) {
  await chrome.windows.update(windowId, { focused: true });
  if (!discarded) await chrome.tabs.reload(id);
  return chrome.tabs.update(id, { active: true });
}

/** Opens `url` in the window or container of a cookie store. */
async function create(url, storeId) {
  const stores = await chrome.cookies.getAllCookieStores();
  const tabId = stores.find(({ id }) => id === storeId)?.tabIds[0];
  const place = {};
  // A private tab opens only in a private window.
  if (tabId !== undefined) place.windowId = (await chrome.tabs.get(tabId)).windowId;
  // Only Firefox has containers; Chromium knows no such property.
  if (chrome.contextualIdentities) place.cookieStoreId = storeId;
  return chrome.tabs.create({ url, ...place });
}

async function sweepOnceLoaded(tabId) {
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const tab = await chrome.tabs.get(tabId).catch(() => null);
    if (tab === null) return;
    if (tab.status === "complete") return sweepSoon();
  }
}
