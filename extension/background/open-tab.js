// Shows a tab at an origin whose storage belongs to a session: one that is there, which wakes if it
// is asleep, or a new one. A renewal goes on once it has loaded.

import { tabsAt } from "./page-storage.js";
import { sweepSoon } from "./renewal.js";

// A listener for loaded tabs would wake the worker for every page that anybody visits.
const LOOK_MS = 500;
const MAX_LOOKS = 60;

/** Shows a page of the origin of `url`, from this cookie store. A renewal may wait for this tab. */
export async function openTab(url, storeId) {
  const { awake, asleep } = await tabsAt(new URL(url).origin, storeId);
  const there = awake[0] ?? asleep[0];
  const { id } = await (there ? show(there) : create(url, storeId));
  sweepOnceLoaded(id);
}

/** Shows a tab. One that is asleep loads its page by that, but one that has crashed has to be told so. */
async function show({ id, windowId, discarded, status }) {
  await chrome.windows.update(windowId, { focused: true });
  if (!discarded && status === "unloaded") await chrome.tabs.reload(id);
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
    if (!tab.discarded && tab.status === "complete") return sweepSoon();
  }
}
