// Renewing sessions: each platform that is renewed, and whether capture requests
// are notified of.

import { failureText } from "../page/failure-text.js";
import { fillList } from "../page/list.js";
import { button, element } from "../page/page.js";
import { problemText, renewalState } from "../page/states.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const heading = document.querySelector("#renewal-heading");
const status = document.querySelector("#renewal-status");
const list = document.querySelector("#renewed");
const notify = document.querySelector("#notify");

// The browser's switch for notifications is ours, too.
const NOTIFICATIONS = { permissions: ["notifications"] };

export function initRenewed() {
  notify.addEventListener("change", switchNotifications);
  chrome.storage.local.onChanged.addListener(({ lastCaptures }) => lastCaptures && showRenewed());
  for (const event of ["onAdded", "onRemoved"]) chrome.permissions[event].addListener(showNotifications);
}

/** Shows those of the account. */
export async function showRenewed() {
  await showNotifications();
  try {
    const kept = (await ask("sendOn")).filter(({ isOn }) => isOn);
    status.textContent = kept.length === 0 ? text("renewal_none") : "";
    fillList(list, kept.map(renderRenewed), heading);
  } catch (error) {
    status.textContent = failureText(error);
  }
}

function renderRenewed(kept) {
  const { platform, platform_name: name } = kept;
  const { code, words } = renewalState(kept);
  const off = button(null, text("switch_off"), () => switchOff(platform), "danger");
  off.ariaLabel = text("send_on_switch_off_of", name);
  const lines = [element("small", { textContent: words })];
  if (kept.problem) lines.unshift(element("small", { className: "problem", textContent: problemText(kept) }));
  const title = element("strong", { textContent: name });
  return element("li", { dataset: { id: platform, code } }, element("div", {}, title, ...lines), off);
}

async function switchOff(platform) {
  try {
    await ask("switchSendOn", { platform, isOn: false });
    await showRenewed();
  } catch (error) {
    status.textContent = failureText(error);
  }
}

async function showNotifications() {
  notify.checked = await chrome.permissions.contains(NOTIFICATIONS);
}

/** In the click's own turn; the browser's answer is the switch. */
async function switchNotifications() {
  const change = notify.checked ? chrome.permissions.request : chrome.permissions.remove;
  await change(NOTIFICATIONS).catch(() => false);
  await showNotifications();
}
