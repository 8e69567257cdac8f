// Fresh cookies for programs on this computer: the switches of the tab's
// platform, and a list of what was handed over.

import { chosenLabel } from "./connections.js";
import { failureText } from "./failure-text.js";
import { button, element, isBusy, setBusy } from "./page.js";
import { chosenStore, storeName } from "./store-choice.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome } from "./tasks.js";
import { countText, formatTime, text } from "./text.js";
import { ask } from "./worker.js";

const details = document.querySelector("#bridge");
const switches = document.querySelector("#bridge-switches");
const allow = document.querySelector("#bridge-allow");
const allowLabel = document.querySelector("#bridge-allow-label");
const writeBack = document.querySelector("#bridge-write-back");
const others = document.querySelector("#bridge-others");
const profile = document.querySelector("#bridge-profile");
const status = document.querySelector("#bridge-status");
const list = document.querySelector("#hand-overs");
const nothing = document.querySelector("#no-hand-overs");

// {site} that the switches are about; no site where the tab has none.
let current = null;

export function initBridge() {
  allow.addEventListener("change", () => (allow.checked ? switchOn() : change("forbidPlatform")));
  writeBack.addEventListener("change", () => change("allowWriteBack", { isAllowed: writeBack.checked }));
  profile.addEventListener("change", () => change("nameProfile", { name: profile.value }));
  details.addEventListener("toggle", () => details.open && details.scrollIntoView({ block: "nearest" }));
  onOutcome("bridge", (outcome) => current && showOutcome(outcome));
  // The port opens and closes, and programs ask, while the popup is open.
  chrome.storage.onChanged.addListener(({ bridgeState, handOvers }) => {
    if (current && (bridgeState || handOvers)) load();
  });
}

/** Shows how it stands with the site and the others. */
export async function showBridge(shown) {
  current = shown;
  details.hidden = false;
  switches.hidden = !shown.site;
  if (shown.site) allowLabel.textContent = text("bridge_allow", shown.site.name);
  // Whoever looks need not wait for the next attempt.
  await ask("keepBridge").catch(() => {});
  await load();
  const outcome = await readOutcome("bridge");
  if (outcome) showOutcome(outcome);
}

async function load() {
  const shown = current;
  try {
    const held = await ask("bridge");
    if (shown === current) render(held);
  } catch (error) {
    say(failureText(error), error.code);
  }
}

function render({ allowed, handOvers, profile: name, state }) {
  const isShown = ({ platform }) => platform === current.site?.platform;
  const own = allowed.find(isShown);
  allow.checked = Boolean(own);
  writeBack.checked = Boolean(own?.writeBack);
  writeBack.disabled = !own;
  allow.disabled = !own && chosenStore().isPrivate;
  if (document.activeElement !== profile) profile.value = name;
  const off = text(allow.disabled ? "bridge_private" : "bridge_off");
  say(own ? stateText(state, own) : off, own ? (state?.code ?? state?.status) : "off");
  others.replaceChildren(...allowed.filter((entry) => !isShown(entry)).map(renderOther));
  list.replaceChildren(...handOvers.map(renderHandOver));
  nothing.hidden = handOvers.length > 0;
}

/** Another platform that is switched on, which needs no tab to be switched off. */
function renderOther({ platform, platform_name: name }) {
  const off = button(null, text("bridge_switch_off"), async () => {
    await change("forbidPlatform", { platform });
    details.querySelector("summary").focus();
  });
  off.ariaLabel = text("bridge_switch_off_of", name);
  return element("li", { dataset: { platform } }, element("div", {}, text("bridge_other", name)), off);
}

function stateText(state, { storeId }) {
  if (state?.status === "away") return failureText(state);
  if (state?.status !== "connected") return text("bridge_connecting");
  return storeId === chosenStore().id ? text("bridge_connected") : text("bridge_connected_store", storeName(storeId));
}

function renderHandOver({ kind, platform, platform_name: name, program, count, at }) {
  const what = kind === "other_account" ? text("hand_over_other_account") : countText(kind, count);
  return element(
    "li",
    { dataset: { kind, platform } },
    element(
      "div",
      {},
      name,
      element("small", { textContent: `${what} · ${text("program", program)}` }),
      element("small", { textContent: formatTime(at) }),
    ),
  );
}

/** Asks the browser for the site in the click's own turn, as a capture does. */
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
  if (!outcome.ok) say(failureText(outcome), outcome.code);
}

async function change(type, fields = {}) {
  try {
    await ask(type, { platform: current.site?.platform, ...fields });
    await load();
  } catch (error) {
    await load();
    say(failureText(error), error.code);
  }
}

function say(words, code = "") {
  // What is said once more would be read out once more.
  if (status.textContent !== words) status.textContent = words;
  status.dataset.code = code;
}
