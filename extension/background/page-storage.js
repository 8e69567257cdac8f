// Reads what a page's origin stores: which tabs can be asked, and the function that runs in them.
// The core makes the call and takes the answer; nothing else in this extension sees a value.

// A session's limits. The server has the same ones.
const LIMITS = { maxEntries: 1000, maxBytes: 512 * 1024 };
// How many tabs of an origin are tried.
const MAX_TRIED = 3;

/**
 * The arguments of `scripting.executeScript` for the tabs that show a page of `origin` in this
 * cookie store: only the tab behind the popup if it is one of them, else those used last. `wanted` is
 * `{entries: [{area, name}]}`, with null for all entries; without it the answer lists each entry's
 * name and size. If a person `hasChosen` the entries, a page that lacks one is a fault. `isAsleep` if
 * there are tabs, but none with its page.
 */
// Decision: docs/decisions/extension.md#the-tab-behind-the-popup-is-the-one-that-is-read
export async function injectionsAt(origin, storeId, tabBehindPopup, wanted, hasChosen) {
  const { awake, asleep } = await tabsAt(origin, storeId);
  const ids = awake.map(({ id }) => id);
  const tried = ids.includes(tabBehindPopup) ? [tabBehindPopup] : ids.slice(0, MAX_TRIED);
  const names = wanted && namesByArea(wanted.entries);
  const injections = tried.map((tabId) => ({
    target: { tabId, frameIds: [0] },
    world: "ISOLATED",
    // A page that loads slowly has its storage from the start.
    injectImmediately: true,
    func: readPageStorage,
    args: [origin, names, hasChosen, LIMITS],
  }));
  return { injections, isAsleep: tried.length === 0 && asleep.length > 0 };
}

/**
 * The tabs at `origin` in this cookie store, those used last first. The ones that are `asleep` show
 * no page: the browser has discarded them, or they have crashed.
 */
export async function tabsAt(origin, storeId) {
  const stores = await chrome.cookies.getAllCookieStores();
  const tabIds = stores.find(({ id }) => id === storeId)?.tabIds ?? [];
  const { protocol, hostname } = new URL(origin);
  // Firefox's patterns know no ports.
  const tabs = await chrome.tabs.query({ url: `${protocol}//${hostname}/*` });
  const own = tabs.filter(({ id, url }) => tabIds.includes(id) && new URL(url).origin === origin);
  own.sort((a, b) => (b.lastAccessed ?? 0) - (a.lastAccessed ?? 0) || b.active - a.active);
  const isAsleep = ({ discarded, status }) => discarded || status === "unloaded";
  return { awake: own.filter((tab) => !isAsleep(tab)), asleep: own.filter(isAsleep) };
}

function namesByArea(entries) {
  const ofArea = (area) => entries?.filter((entry) => entry.area === area).map(({ name }) => name) ?? null;
  return { localStorage: ofArea("localStorage"), sessionStorage: ofArea("sessionStorage") };
}

/**
 * Reads entries of the page's localStorage and sessionStorage. The browser runs the text of this
 * function in the page, in a world of its own, so it can use nothing from outside. `wanted` has the
 * names of each area's entries, or null for all; if `mustHaveAll`, a named one that is not there is
 * a fault. The answer is `{storage}` or `{fault, entry}`.
 */
function readPageStorage(origin, wanted, mustHaveAll, { maxEntries, maxBytes }) {
  // The tab may have gone elsewhere since the browser named its address.
  if (location.origin !== origin) return { fault: "tab_changed" };
  const bytesOf = (string) => new TextEncoder().encode(string).length;
  const storage = { origin };
  let [entries, bytes] = [0, bytesOf(origin)];
  for (const area of ["localStorage", "sessionStorage"]) {
    let held;
    try {
      held = window[area];
      // Null in a Firefox whose settings forbid pages to store anything.
      if (!held) return { fault: "blocked" };
    } catch {
      return { fault: "blocked" };
    }
    const isAll = !wanted?.[area];
    if (isAll && held.length > maxEntries) return { fault: "too_large" };
    const names = isAll ? Array.from({ length: held.length }, (_, index) => held.key(index)) : wanted[area];
    storage[area] = [];
    for (const name of names) {
      const value = name === null ? null : held.getItem(name);
      if (value === null) {
        if (mustHaveAll && !isAll) return { fault: "entry_missing", entry: name.slice(0, 64).toWellFormed() };
        // Not there, or removed since it was listed.
        continue;
      }
      const isWellFormed = name.isWellFormed() && value.isWellFormed();
      // A page can make a name as long as it likes.
      if (wanted && !isWellFormed) return { fault: "ill_formed", entry: name.slice(0, 64).toWellFormed() };
      const size = bytesOf(name) + bytesOf(value);
      entries += 1;
      bytes += wanted ? size : bytesOf(name);
      if (entries > maxEntries || bytes > maxBytes) return { fault: "too_large" };
      const listed = { name: name.toWellFormed(), bytes: size, isWellFormed };
      storage[area].push(wanted ? { name, value } : listed);
    }
  }
  return { storage };
}
