// What a page's origin stores, for the person to choose from, and what was chosen at the latest
// capture: names and sizes.

import { loadCore } from "./core.js";

/** The entries as `{area, name, shown, bytes, isWellFormed}`; `shown` has no invisible characters. */
export async function listStorage({ platform, storeId, tab, origin }) {
  const core = await loadCore();
  const storage = await core.list_storage(platform, storeId, tab, origin);
  const listed = (area) => storage[area].map((entry) => shownBy(core, { ...entry, area }));
  const byName = (one, other) => one.shown.localeCompare(other.shown);
  return ["localStorage", "sessionStorage"].flatMap((area) => listed(area).sort(byName));
}

/**
 * What the latest capture took of what a site stores: `{origin, entries}`, with null for all entries;
 * null if there is no capture, or the catalogue makes the choice.
 */
export async function latestStorageChoice(platform) {
  const { storageChoices } = await chrome.storage.local.get("storageChoices");
  return storageChoices?.[platform] ?? null;
}

/** The same with `shown` in each entry. */
export async function shownStorageChoice(platform) {
  const choice = await latestStorageChoice(platform);
  const core = await loadCore();
  return choice && { ...choice, entries: choice.entries?.map((entry) => shownBy(core, entry)) ?? null };
}

/** Keeps a choice for the next popup, and for captures that answer requests. */
export async function rememberStorageChoice(platform, choice) {
  const { storageChoices } = await chrome.storage.local.get("storageChoices");
  await chrome.storage.local.set({ storageChoices: { ...storageChoices, [platform]: choice } });
}

function shownBy(core, entry) {
  return { ...entry, shown: core.printable_name(entry.name) };
}
