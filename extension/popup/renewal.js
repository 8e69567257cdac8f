// Renewing sessions: the switch of the tab's platform, those that are no longer
// renewed and why, and whether capture requests are notified of.

import { failureText } from "./failure-text.js";
import { button, element, say } from "./page.js";
import { formatTime, hasText, text } from "./text.js";
import { ask } from "./worker.js";

const details = document.querySelector("#renewal");
const switchRow = document.querySelector("#send-on-switch");
const sendOn = document.querySelector("#send-on");
const label = document.querySelector("#send-on-label");
const status = document.querySelector("#send-on-status");
const others = document.querySelector("#send-on-others");
const notify = document.querySelector("#notify");
const problems = document.querySelector("#problems");
const problemList = document.querySelector("#problem-list");

// The browser's switch for notifications is ours, too.
const NOTIFICATIONS = { permissions: ["notifications"] };

// {site} that the switch is about; null before there is anything to show.
let current = null;

export function initRenewal() {
  sendOn.addEventListener("change", () => switchSendOn(current.site.platform, sendOn.checked));
  notify.addEventListener("change", switchNotifications);
  details.addEventListener("toggle", () => details.open && details.scrollIntoView({ block: "nearest" }));
  chrome.storage.local.onChanged.addListener(({ lastCaptures }) => {
    if (current && lastCaptures) load();
  });
}

/** Shows how it stands with the site and the others. */
export async function showRenewal({ site, isSignedIn }) {
  current = { site };
  details.hidden = !isSignedIn;
  switchRow.hidden = status.hidden = !site;
  if (site) label.textContent = text("send_on", site.name);
  notify.checked = await chrome.permissions.contains(NOTIFICATIONS);
  await load();
}

async function load() {
  const shown = current;
  try {
    const kept = await ask("sendOn");
    if (shown === current) render(kept);
  } catch (error) {
    say(failureText(error), { code: error.code });
  }
}

function render(kept) {
  const isShown = ({ platform }) => platform === current.site?.platform;
  const own = kept.find(isShown);
  sendOn.checked = Boolean(own?.isOn);
  sendOn.disabled = !own?.isLasting;
  showStatus(own);
  const isOnElsewhere = (entry) => entry.isOn && !isShown(entry);
  others.replaceChildren(...kept.filter(isOnElsewhere).map(renderOther));
  const stopped = kept.filter(({ isOn, problem }) => isOn && problem);
  const made = element("ul", {}, ...stopped.map(renderProblem));
  // A list that stays as it is keeps its links, and the focus that is on them.
  if (problemList.innerHTML !== made.innerHTML) problemList.replaceChildren(...made.children);
  problems.hidden = stopped.length === 0;
}

function showStatus(own) {
  const code = statusCode(own);
  status.dataset.code = code;
  status.textContent = text(`send_on_${code}`, own ? formatTime(own.capturedAt / 1000) : "");
}

function statusCode(own) {
  if (!own) return "not_captured";
  if (!own.isLasting) return "not_lasting";
  if (!own.isOn) return "off";
  if (own.problem) return "stopped";
  return own.isFailing ? "failing" : "on";
}

/** Another platform that is renewed, which needs no tab to be switched off. */
function renderOther({ platform, platform_name: name }) {
  const off = button(null, text("send_on_switch_off"), async () => {
    await switchSendOn(platform, false);
    details.querySelector("summary").focus();
  });
  off.ariaLabel = text("send_on_switch_off_of", name);
  return element("li", { dataset: { platform } }, element("div", {}, text("send_on_other", name)), off);
}

function renderProblem({ platform, platform_name: name, login_url: loginUrl, problem }) {
  const key = `problem_${problem.code}`;
  const words = hasText(key) ? text(key, name) : text("problem_other", name, failureText(problem));
  const item = element("li", { dataset: { platform, code: problem.code } }, element("p", { textContent: words }));
  if (problem.code === "signed_out") return item;
  const link = { href: loginUrl, target: "_blank", rel: "noreferrer" };
  item.append(element("a", { ...link, textContent: text("open_login", new URL(loginUrl).host) }));
  return item;
}

async function switchSendOn(platform, isOn) {
  try {
    await ask("switchSendOn", { platform, isOn });
    await load();
  } catch (error) {
    await load();
    say(failureText(error), { code: error.code });
  }
}

/** In the click's own turn. The prompt may close the popup; its answer is the switch. */
async function switchNotifications() {
  const change = notify.checked ? chrome.permissions.request : chrome.permissions.remove;
  await change(NOTIFICATIONS).catch(() => false);
  notify.checked = await chrome.permissions.contains(NOTIFICATIONS);
}
