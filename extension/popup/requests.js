// Capture requests: what services ask the person to capture. One click opens the platform's
// login page, another one captures.
//
// Any request for a platform for which only the server vouches is quoted and can only be
// declined.

import { failureText } from "../page/failure-text.js";
import { showCaptureOutcome } from "./outcome.js";
import { button, element, isBusy, say, setBusy } from "../page/page.js";
import { refreshSessions } from "./sessions.js";
import { chosenStore, tabBehind } from "./store-choice.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome } from "../page/tasks.js";
import { requestName } from "../page/request-name.js";
import { formatTime, text } from "../page/text.js";
import { ask } from "../page/worker.js";

const section = document.querySelector("#requests");
const heading = document.querySelector("#requests-heading");
const list = document.querySelector("#request-list");
const outcomeBox = document.querySelector("#request-outcome");

// Whether somebody is signed in, so that requests are shown.
let isShown = false;
// The platforms that the tab's site can belong to.
let ownPlatforms = [];
// Shows the next view.
let onSignedOut;

/** `show` shows the next view when the sign-in has ended. */
export function initRequests(show) {
  onSignedOut = show;
  onOutcome("fulfil", (outcome) => isShown && showOutcome(outcome));
  // The worker polls while the popup is open.
  chrome.storage.session.onChanged.addListener(({ captureRequests }) => {
    if (isShown && captureRequests) render(captureRequests.newValue?.list ?? []);
  });
}

/** Shows the account's requests, or none while nobody is signed in. `site` is the tab's. */
export async function showRequests({ isSignedIn, site }) {
  isShown = isSignedIn;
  ownPlatforms = site ? [site, ...site.alternatives].map(({ platform }) => platform) : [];
  if (!isSignedIn) {
    section.hidden = true;
    return;
  }
  showOutcome(await readOutcome("fulfil"));
  try {
    const requests = await ask("captureRequests");
    if (isShown) render(requests);
  } catch (error) {
    say(failureText(error), { code: error.code });
  }
}

function render(requests) {
  const focused = document.activeElement?.closest("#request-list li")?.dataset.id;
  const keys = requests.map((request) => `${request.id} ${isTrusted(request)}`);
  const isSame = keys.join() === [...list.children].map(({ dataset }) => dataset.key).join();
  if (!isSame) list.replaceChildren(...requests.map(renderRequest));
  showSection();
  // The element that had the focus has been removed or replaced.
  if (focused && !isSame) (list.querySelector(`[data-id="${CSS.escape(focused)}"] button`) ?? nextFocus()).focus();
}

function nextFocus() {
  return section.hidden ? document.querySelector("main > section:not([hidden]) h2") : heading;
}

function showSection() {
  section.hidden = list.children.length === 0 && outcomeBox.children.length === 0;
}

/** Whether something besides the server vouches for the platform. */
// Decision: docs/decisions/extension.md#the-servers-word-is-not-enough-for-a-capture-request
function isTrusted({ platform, is_known: isKnown, origins }) {
  return origins.length > 0 && (isKnown || ownPlatforms.includes(platform));
}

function renderRequest(request) {
  const { id, reason, expires_at: expiresAt, origins } = request;
  const trusted = isTrusted(request);
  const name = requestName(request, trusted);
  const decline = button(null, text("request_decline"), () => declineRequest(id), "quiet");
  decline.ariaLabel = text("request_decline_of", name);
  const actions = trusted ? actionButtons(request, name) : [];
  const why = text(origins.length > 0 ? "request_unknown" : "request_no_site");
  return element(
    "li",
    { dataset: { id, key: `${id} ${trusted}` } },
    element("strong", { textContent: name }),
    reason ? element("p", { textContent: text("quoted", reason) }) : "",
    trusted ? "" : element("p", { textContent: why }),
    element("small", { textContent: text("request_until", formatTime(expiresAt)) }),
    element("div", { className: "buttons" }, ...actions, decline),
  );
}

function actionButtons(request, name) {
  const open = () => chrome.tabs.create({ url: request.login_url });
  const capture = button(null, text("request_capture"), () => start(request));
  capture.ariaLabel = text("request_capture_of", name);
  return [capture, button(null, text("request_open", request.platform_name), open)];
}

/** Asks for access to the site synchronously in the click, as every capture does. */
function start({ id, platform, origins, creator_profile_id: connectionId }) {
  if (isBusy()) return;
  const fields = { platform, store: chosenStore(), tab: tabBehind(), origins, connection: { id: connectionId } };
  begin({ kind: "fulfil", subject: id, ...fields }).catch((error) =>
    showOutcome({ ...error, status: "done", ok: false, subject: id }),
  );
  setBusy(true);
}

async function showOutcome(outcome) {
  showCaptureOutcome(outcomeBox, outcome);
  showSection();
  if (!outcome) return;
  setBusy(isUnderWay(outcome));
  if (outcome.status !== "done") return;
  markSeen("fulfil", outcome);
  outcomeBox.scrollIntoView({ block: "nearest" });
  if (outcome.code === "signed_out") await onSignedOut();
  else if (outcome.ok) await refreshSessions();
}

async function declineRequest(id) {
  try {
    await ask("decline", { id });
  } catch (error) {
    say(failureText(error), { code: error.code });
  }
}
