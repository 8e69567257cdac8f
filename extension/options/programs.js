// Programs on this computer: whether the native host is installed, which platforms are
// switched on, this profile's name, and the hand-overs.

import { changeBridge, sayBridgeStatus } from "../page/bridge-status.js";
import { renderFailure } from "../page/failure.js";
import { failureText } from "../page/failure-text.js";
import { showHandOvers } from "../page/hand-overs.js";
import { fillList } from "../page/list.js";
import { button, element, onClick } from "../page/page.js";
import { bridgeState } from "../page/states.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const heading = document.querySelector("#programs-heading");
const host = document.querySelector("#host");
const list = document.querySelector("#allowed");
const writeBackHint = document.querySelector("#write-back-hint");
const profile = document.querySelector("#bridge-profile");
const handOverTable = document.querySelector("#hand-over-table");

export function initPrograms() {
  onClick(document.querySelector("#check-host"), checkHost);
  profile.addEventListener("change", () => change("nameProfile", { name: profile.value }));
  chrome.storage.onChanged.addListener(({ bridge, bridgeState, handOvers }) => {
    if (bridge || bridgeState || handOvers) load();
  });
  for (const event of ["onAdded", "onRemoved"]) chrome.permissions[event].addListener(() => load());
}

export async function showPrograms() {
  // Reconnects now, so that the page shows the current state.
  await ask("keepBridge").catch(() => {});
  await Promise.all([load(), checkHost()]);
}

/** Starts the host and shows whether that worked. */
async function checkHost() {
  showHost("checking", [element("p", { textContent: text("host_checking") })]);
  try {
    const { version } = await ask("host");
    showHost("there", [element("p", {}, element("strong", { textContent: text("host_there", version) }))], "success");
  } catch (error) {
    showHost(error.code, renderFailure(error), "error");
  }
}

function showHost(code, lines, outcome) {
  host.replaceChildren(...lines);
  host.dataset.code = code;
  if (outcome) host.dataset.outcome = outcome;
  else delete host.dataset.outcome;
}

async function load() {
  try {
    render(await ask("bridge"));
  } catch (error) {
    sayBridgeStatus(failureText(error), error.code);
  }
}

function render({ profile: name, allowed, state, handOvers }) {
  const isAny = allowed.length > 0;
  const { words, code } = isAny ? bridgeState(true, state) : { words: text("bridge_none"), code: "off" };
  sayBridgeStatus(words, code);
  fillList(list, allowed.map(renderAllowed), heading);
  list.hidden = writeBackHint.hidden = !isAny;
  if (document.activeElement !== profile) profile.value = name;
  showHandOvers(handOvers);
  handOverTable.hidden = handOvers.length === 0;
}

function renderAllowed({ platform, platform_name: name, writeBack, isPermitted }) {
  const id = `allowed-${platform}`;
  const off = button(null, text("switch_off"), () => change("forbidPlatform", { platform }), "danger");
  off.ariaLabel = text("bridge_switch_off_of", name);
  const title = element("strong", { id: `${id}-name`, textContent: name });
  const parts = [title];
  if (!isPermitted) parts.push(element("small", { textContent: bridgeState(false).words }));
  parts.push(renderWriteBack(id, platform, writeBack));
  return element("li", { dataset: { id: platform } }, element("div", {}, ...parts), off);
}

function renderWriteBack(id, platform, isAllowed) {
  const input = element("input", { id: `${id}-write-back`, type: "checkbox", checked: isAllowed, role: "switch" });
  const label = element("label", { id: `${id}-label`, htmlFor: input.id, textContent: text("bridge_write_back") });
  // Every platform's switch has the same label, so the platform's name goes first.
  input.setAttribute("aria-labelledby", `${id}-name ${id}-label`);
  input.setAttribute("aria-describedby", writeBackHint.id);
  input.addEventListener("change", () => change("allowWriteBack", { platform, isAllowed: input.checked }));
  return element("div", { className: "check" }, input, label);
}

function change(type, fields) {
  return changeBridge(load, type, fields);
}
