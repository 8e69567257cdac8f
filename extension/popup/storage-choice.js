// What to take of a page's own storage, for a site that is not in the catalogue: nothing at first,
// all of it, or chosen entries; later what the latest capture took. Shows names and sizes, never a
// value.

import { failureText } from "../page/failure-text.js";
import { latestOnly } from "../page/latest.js";
import { element } from "../page/page.js";
import { countText, formatBytes, text } from "../page/text.js";
import { ask } from "../page/worker.js";
import { chosenStore, tabBehind } from "./store-choice.js";

const details = document.querySelector("#storage-choice");
const summary = document.querySelector("#storage-summary");
const list = document.querySelector("#storage-list");
const all = document.querySelector("#storage-all");
const choices = document.querySelector("#storage-entries");
const status = document.querySelector("#storage-status");

const askForList = latestOnly();
// {platform, origin} that the choice is for.
let current = null;
// The chosen entries by their keys; `isAll` means all, also those that the page stores later.
let chosen = new Map();
let isAll = false;
// The entries to choose from, in the order of the list.
let entries = [];

/** `onChange` is called with each new choice. */
export function initStorageChoice(onChange) {
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    await refreshStorageChoice();
    details.scrollIntoView({ block: "nearest" });
  });
  details.addEventListener("change", ({ target }) => {
    if (target === all) for (const box of boxes()) box.checked = all.checked && !box.disabled;
    isAll = target === all && all.checked;
    all.checked = isAll;
    chosen = byKey(entries.filter((_, index) => boxes()[index].checked));
    showSummary();
    onChange();
  });
}

/** Offers the choice for a site that is not in the catalogue: what its latest capture took is chosen. */
export async function showStorageChoice({ platform, is_known: isKnown }, tabOrigin) {
  const isLatest = askForList();
  details.hidden = true;
  const latest = isKnown ? null : await ask("storageChoice", { platform }).catch(() => null);
  if (!isLatest()) return;
  isAll = latest?.entries === null;
  chosen = byKey(latest?.entries ?? []);
  // The login may be stored by another page of the site than the one in the tab.
  const origin = isAll || chosen.size > 0 ? latest.origin : tabOrigin;
  current = { platform, origin };
  entries = [];
  details.hidden = isKnown;
  details.open = false;
  showEntries();
}

/** Lists again what the page stores, if the list is open; keeps what is chosen. */
export async function refreshStorageChoice() {
  if (!details.open) return;
  const isLatest = askForList();
  try {
    const found = await ask("storage", { ...current, storeId: chosenStore().id, tab: tabBehind() });
    if (!isLatest()) return;
    const isFound = new Set(found.map(keyOf));
    // What is chosen and not there now may be there again at the next renewal.
    const absent = isAll ? [] : [...chosen.values()].filter((entry) => !isFound.has(keyOf(entry)));
    entries = [...found, ...absent.map((entry) => ({ ...withoutFacts(entry), fact: text("storage_absent") }))];
    showEntries();
    status.textContent = found.length === 0 ? text("storage_none", new URL(current.origin).host) : "";
  } catch (error) {
    if (!isLatest()) return;
    // What is chosen can be unchosen without a tab.
    entries = [...chosen.values()].map(withoutFacts);
    showEntries();
    status.textContent = failureText(error);
  }
}

/** An entry as far as a choice that was kept says. */
function withoutFacts({ area, name, shown }) {
  return { area, name, shown, isWellFormed: true, fact: "" };
}

/** The choice in the form that the core reads; null if the catalogue makes it. */
export function chosenStorage() {
  if (details.hidden) return null;
  const names = [...chosen.values()].map(({ area, name }) => ({ area, name }));
  return { origin: current.origin, entries: isAll ? null : names };
}

function boxes() {
  return choices.querySelectorAll("input");
}

function byKey(some) {
  return new Map(some.map((entry) => [keyOf(entry), entry]));
}

function keyOf({ area, name }) {
  return JSON.stringify([area, name]);
}

function showEntries() {
  choices.replaceChildren(...entries.map(renderEntry));
  list.hidden = entries.length === 0 && !isAll;
  all.checked = isAll;
  status.textContent = "";
  showSummary();
}

function renderEntry(entry, index) {
  const { area, shown, bytes, isWellFormed } = entry;
  const checked = isWellFormed && (isAll || chosen.has(keyOf(entry)));
  const box = { id: `storage-${index}`, type: "checkbox", checked, disabled: !isWellFormed };
  const label = element("label", { htmlFor: box.id, textContent: shown || text("storage_unnamed") });
  const { fact = isWellFormed ? formatBytes(bytes) : text("storage_ill_formed") } = entry;
  const facts = [text(`area_${area}`), fact].filter(Boolean);
  label.append(element("small", { textContent: facts.join(" · ") }));
  return element("li", { className: "check" }, element("input", box), label);
}

function showSummary() {
  if (isAll) summary.textContent = text("storage_chosen_all");
  else summary.textContent = chosen.size > 0 ? countText("storage_chosen", chosen.size) : text("storage_choice");
}
