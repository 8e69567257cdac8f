// The choice of the cookie store: the tab's own window or container, or another one by name.
// Cookies of two stores are never mixed.

import { element, setBusy, setIdleState } from "../page/page.js";
import { text } from "../page/text.js";

const choice = document.querySelector("#store-choice");
const select = document.querySelector("#store");

// The current tab, and the cookie stores to choose from: {id, tabIds, isPrivate, name}.
let tabId = null;
let stores = [];

/** `onChange` is called after another store is chosen. */
export function initStoreChoice(onChange) {
  select.addEventListener("change", async () => {
    setIdleState("loading");
    // Until this store is shown: a late answer about the former one must not allow clicks.
    setBusy(true);
    // Remember the choice for the next popup: the browser's prompt may close this one.
    await chrome.storage.session.set({ chosenStore: { tabId, storeId: select.value } });
    await onChange();
  });
}

/** Offers the choice if there are several stores; the tab's own is the default. */
export async function offerStores(tab) {
  tabId = tab.id;
  stores = await findStores();
  const { chosenStore } = await chrome.storage.session.get("chosenStore");
  const wanted = chosenStore?.tabId === tabId && stores.find(({ id }) => id === chosenStore.storeId);
  const chosen = wanted || stores.find(({ tabIds }) => tabIds.includes(tabId));
  choice.hidden = stores.length < 2;
  select.replaceChildren(...stores.map(({ id, name }) => element("option", { value: id, textContent: name })));
  select.value = chosen.id;
}

/** The id of the tab that the popup is over. */
export function tabBehind() {
  return tabId;
}

/** The chosen cookie store: {id, isPrivate}. */
export function chosenStore() {
  const { id, isPrivate } = stores.find((store) => store.id === select.value);
  return { id, isPrivate };
}

/** The name that people know a cookie store by. */
export function storeName(storeId) {
  return stores.find(({ id }) => id === storeId)?.name ?? text("store_closed");
}

async function findStores() {
  const [used, containers] = await Promise.all([chrome.cookies.getAllCookieStores(), findContainers()]);
  const names = new Map(containers.map(({ cookieStoreId, name }) => [cookieStoreId, text("store_container", name)]));
  const found = await Promise.all(used.map((store) => describe(store, names)));
  // A person who uses no containers isn't asked to choose one.
  if (found.length === 1 && !names.has(found[0].id)) return found;
  for (const { id } of found) names.delete(id);
  // A container keeps its cookies when its last tab is closed.
  const others = [...names].map(([id, name]) => ({ id, tabIds: [], isPrivate: false, name }));
  return [...found, ...others];
}

/** Firefox's containers; empty if the browser has none or they are switched off. */
async function findContainers() {
  return (await chrome.contextualIdentities?.query({}).catch(() => [])) ?? [];
}

async function describe({ id, tabIds }, names) {
  const { incognito: isPrivate } = await chrome.tabs.get(tabIds[0]);
  return { id, tabIds, isPrivate, name: names.get(id) ?? text(isPrivate ? "store_private" : "store_normal") };
}
