// Fresh cookies for programs on this computer: the switches for the tab's platform, and the
// list of hand-overs.

import { changeBridge, sayBridgeStatus } from "../page/bridge-status.js";
import { failureText } from "../page/failure-text.js";
import { showHandOvers } from "../page/hand-overs.js";
import { latestOnly } from "../page/latest.js";
import { isBusy, setBusy } from "../page/page.js";
import { bridgeState } from "../page/states.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome } from "../page/tasks.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";
import { chosenLabel } from "./connections.js";
import { chosenStore, storeName } from "./store-choice.js";

const details = document.querySelector("#bridge");
const switches = document.querySelector("#bridge-switches");
const allow = document.querySelector("#bridge-allow");
const allowLabel = document.querySelector("#bridge-allow-label");
const writeBack = document.querySelector("#bridge-write-back");
const storage = document.querySelector("#bridge-storage");
const storageRow = document.querySelector("#bridge-storage-row");

const askForState = latestOnly();
// `{site}`: the site that the switches are for, or null on a tab without a site.
let current = null;

export function initBridge() {
  allow.addEventListener("change", () => (allow.checked ? switchOn() : change("forbidPlatform")));
  writeBack.addEventListener("change", () => change("allowWriteBack", { isAllowed: writeBack.checked }));
  storage.addEventListener("change", () => change("allowStorage", { isAllowed: storage.checked }));
  details.addEventListener("toggle", () => details.open && details.scrollIntoView({ block: "nearest" }));
  onOutcome("bridge", (outcome) => current && showOutcome(outcome));
  // The port opens and closes, and programs ask, while the popup is open.
  chrome.storage.onChanged.addListener(({ bridgeState, handOvers }) => {
    if (current && (bridgeState || handOvers)) load();
  });
}

/** Shows the switches for the site, and the list of hand-overs. */
export async function showBridge(shown) {
  current = shown;
  details.hidden = false;
  switches.hidden = !shown.site;
  storageRow.hidden = !shown.site?.has_storage;
  if (shown.site) allowLabel.textContent = text("bridge_allow", shown.site.name);
  // Reconnect now, so that the popup shows the current state.
  await ask("keepBridge").catch(() => {});
  await load();
  const outcome = await readOutcome("bridge");
  if (outcome) showOutcome(outcome);
}

async function load() {
  const [shown, isLatest] = [current, askForState()];
  try {
    const held = await ask("bridge");
    if (shown === current && isLatest()) render(held);
  } catch (error) {
    sayBridgeStatus(failureText(error), error.code);
  }
}

function render({ allowed, handOvers, state }) {
  const own = allowed.find(({ platform }) => platform === current.site?.platform);
  allow.checked = Boolean(own);
  writeBack.checked = Boolean(own?.writeBack);
  writeBack.disabled = !own;
  storage.checked = Boolean(own?.storage);
  storage.disabled = !own;
  allow.disabled = !own && chosenStore().isPrivate;
  if (own) sayBridgeStatus(...ownState(own, state));
  else sayBridgeStatus(text(allow.disabled ? "bridge_private" : "bridge_off"), "off");
  showHandOvers(handOvers);
}

function ownState({ storeId, isPermitted }, state) {
  const { words, code } = bridgeState(isPermitted, state);
  const isOther = code === "connected" && storeId !== chosenStore().id;
  return [isOther ? text("bridge_connected_store", storeName(storeId)) : words, code];
}

/** Asks for access to the site synchronously in the click, as a capture does. */
function switchOn() {
  const { site } = current;
  if (isBusy()) {
    allow.checked = false;
    return;
  }
  const fields = { platform: site.platform, store: chosenStore(), label: chosenLabel(), origins: site.origins };
  begin({ kind: "bridge", subject: site.platform, ...fields }).catch((error) =>
    showOutcome({ ...error, status: "done", ok: false, subject: site.platform }),
  );
  setBusy(true);
}

async function showOutcome(outcome) {
  if (outcome) setBusy(isUnderWay(outcome));
  if (outcome?.status !== "done" || outcome.subject !== current.site?.platform) return;
  markSeen("bridge", outcome);
  details.open = true;
  await load();
  if (!outcome.ok) sayBridgeStatus(failureText(outcome), outcome.code);
}

function change(type, fields = {}) {
  return changeBridge(load, type, { platform: current.site.platform, ...fields });
}
