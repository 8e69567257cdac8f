// Renewing sessions: the switch of the tab's platform, and those that are no
// longer renewed and why.

import { failureText } from "../page/failure-text.js";
import { element, say } from "../page/page.js";
import { problemText, renewalState } from "../page/states.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const details = document.querySelector("#renewal");
const sendOn = document.querySelector("#send-on");
const label = document.querySelector("#send-on-label");
const status = document.querySelector("#send-on-status");
const problems = document.querySelector("#problems");
const problemList = document.querySelector("#problem-list");

// {site} that the switch is about; null before there is anything to show.
let current = null;

export function initRenewal() {
  sendOn.addEventListener("change", switchSendOn);
  details.addEventListener("toggle", () => details.open && details.scrollIntoView({ block: "nearest" }));
  chrome.storage.local.onChanged.addListener(({ lastCaptures }) => {
    if (current && lastCaptures) load();
  });
}

/** Shows how it stands with the site, and what is no longer renewed. */
export async function showRenewal({ site, isSignedIn }) {
  current = { site };
  details.hidden = !isSignedIn || !site;
  if (site) label.textContent = text("send_on", site.name);
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
  const own = kept.find(({ platform }) => platform === current.site?.platform);
  sendOn.checked = Boolean(own?.isOn);
  sendOn.disabled = !own?.isLasting;
  const { code, words } = renewalState(own);
  status.dataset.code = code;
  status.textContent = words;
  const stopped = kept.filter(({ isOn, problem }) => isOn && problem);
  const made = element("ul", {}, ...stopped.map(renderProblem));
  // A list that stays as it is keeps its links, and the focus that is on them.
  if (problemList.innerHTML !== made.innerHTML) problemList.replaceChildren(...made.children);
  problems.hidden = stopped.length === 0;
}

function renderProblem(kept) {
  const { platform, login_url: loginUrl, problem } = kept;
  const words = element("p", { textContent: problemText(kept) });
  const item = element("li", { dataset: { platform, code: problem.code } }, words);
  // An earlier version captured public suffixes, too, which have no page to log in at.
  if (problem.code === "signed_out" || !loginUrl) return item;
  const link = { href: loginUrl, target: "_blank", rel: "noreferrer" };
  item.append(element("a", { ...link, textContent: text("open_login", new URL(loginUrl).host) }));
  return item;
}

async function switchSendOn() {
  try {
    await ask("switchSendOn", { platform: current.site.platform, isOn: sendOn.checked });
    await load();
  } catch (error) {
    await load();
    say(failureText(error), { code: error.code });
  }
}
