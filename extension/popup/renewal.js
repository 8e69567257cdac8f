// Renewal: the switches for the tab's platform, and the renewals that have stopped or wait, with
// the reason.

import { failureText } from "../page/failure-text.js";
import { latestOnly } from "../page/latest.js";
import { element, say } from "../page/page.js";
import { problemText, renewalState } from "../page/states.js";
import { text } from "../page/text.js";
import { openTabButton } from "./open-tab.js";
import { initServiceWriteBack, showServiceWriteBack } from "./service-write-back.js";
import { ask } from "../page/worker.js";

const details = document.querySelector("#renewal");
const toggle = document.querySelector("#renewal-switch");
const label = document.querySelector("#renewal-label");
const status = document.querySelector("#renewal-status");
const problems = document.querySelector("#problems");
const problemList = document.querySelector("#problem-list");

const askForState = latestOnly();
// {site} that the switch is for; null before the first view.
let current = null;

export function initRenewal() {
  toggle.addEventListener("change", switchRenewal);
  initServiceWriteBack();
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    // Only now: the answer about services comes later, when the page must not move below a click.
    details.scrollIntoView({ block: "nearest" });
    showServiceWriteBack(current.site);
  });
  chrome.storage.local.onChanged.addListener(({ lastCaptures }) => {
    if (current && lastCaptures) load();
    if (current && lastCaptures && details.open) showServiceWriteBack(current.site);
  });
}

/** Shows the site's renewal, and the renewals that have stopped. */
export async function showRenewal({ site, isSignedIn }) {
  current = { site };
  details.hidden = !isSignedIn || !site;
  if (site) label.textContent = text("renewal_switch");
  await Promise.all([load(), details.open && showServiceWriteBack(isSignedIn ? site : null)]);
}

async function load() {
  const [shown, isLatest] = [current, askForState()];
  try {
    const renewals = await ask("renewals");
    if (shown === current && isLatest()) render(renewals);
  } catch (error) {
    say(failureText(error), { code: error.code });
  }
}

function render(renewals) {
  const own = renewals.find(({ platform }) => platform === current.site?.platform);
  toggle.checked = Boolean(own?.isOn);
  toggle.disabled = !own?.isLasting;
  const { code, words } = renewalState(own);
  status.dataset.code = code;
  status.textContent = words;
  const stopped = renewals.filter(({ isOn, problem, waitsFor }) => isOn && (problem || waitsFor));
  const made = element("ul", {}, ...stopped.map(renderProblem));
  // An unchanged list is left alone, so that its links keep the focus.
  if (problemList.innerHTML !== made.innerHTML) problemList.replaceChildren(...made.children);
  problems.hidden = stopped.length === 0;
}

function renderProblem(renewal) {
  const { platform, login_url: loginUrl, problem, waitsFor } = renewal;
  const words = element("p", { textContent: problemText(renewal) });
  const item = element("li", { dataset: { platform, code: problem?.code ?? "waiting" } }, words);
  if (!problem) {
    item.append(openTabButton(waitsFor));
    return item;
  }
  // An earlier version also captured public suffixes, which have no login page.
  if (problem.code === "signed_out" || !loginUrl) return item;
  const link = { href: loginUrl, target: "_blank", rel: "noreferrer" };
  item.append(element("a", { ...link, textContent: text("open_login", new URL(loginUrl).host) }));
  return item;
}

async function switchRenewal() {
  try {
    await ask("switchRenewal", { platform: current.site.platform, isOn: toggle.checked });
    await load();
  } catch (error) {
    await load();
    say(failureText(error), { code: error.code });
  }
}
