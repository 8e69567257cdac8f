// Renewal: the platforms that have it switched on, and the switch for notifications.

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

// The browser's permission is the switch; the extension has no setting of its own.
const NOTIFICATIONS = { permissions: ["notifications"] };

export function initRenewed() {
  notify.addEventListener("change", switchNotifications);
  chrome.storage.local.onChanged.addListener(({ lastCaptures }) => lastCaptures && showRenewed());
  for (const event of ["onAdded", "onRemoved"]) chrome.permissions[event].addListener(showNotifications);
}

/** Shows the account's renewals. */
export async function showRenewed() {
  await showNotifications();
  try {
    const renewals = (await ask("renewals")).filter(({ isOn }) => isOn);
    status.textContent = renewals.length === 0 ? text("renewal_none") : "";
    fillList(list, renewals.map(renderRenewed), heading);
  } catch (error) {
    status.textContent = failureText(error);
  }
}

function renderRenewed(renewal) {
  const { platform, platform_name: name } = renewal;
  const { code, words } = renewalState(renewal);
  const off = button(null, text("switch_off"), () => switchOff(platform), "danger");
  off.ariaLabel = text("renewal_switch_off_of", name);
  const lines = [element("small", { textContent: words })];
  if (renewal.problem || renewal.waitsFor) lines.unshift(element("small", { className: "problem", textContent: problemText(renewal) }));
  const title = element("strong", { textContent: name });
  return element("li", { dataset: { id: platform, code } }, element("div", {}, title, ...lines), off);
}

async function switchOff(platform) {
  try {
    await ask("switchRenewal", { platform, isOn: false });
    await showRenewed();
  } catch (error) {
    status.textContent = failureText(error);
  }
}

async function showNotifications() {
  notify.checked = await chrome.permissions.contains(NOTIFICATIONS);
}

/** Runs synchronously in the click, as the browser requires; then shows the browser's answer. */
async function switchNotifications() {
  const change = notify.checked ? chrome.permissions.request : chrome.permissions.remove;
  await change(NOTIFICATIONS).catch(() => false);
  await showNotifications();
}
