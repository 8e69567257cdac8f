// Capture requests: what a service asks the person to capture, one click away
// from signing in at the platform and one from capturing.

import { failureText } from "../page/failure-text.js";
import { showCaptureOutcome } from "./outcome.js";
import { button, element, isBusy, say, setBusy } from "../page/page.js";
import { refreshSessions } from "./sessions.js";
import { chosenStore } from "./store-choice.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome } from "../page/tasks.js";
import { formatTime, text } from "../page/text.js";
import { ask } from "../page/worker.js";

const section = document.querySelector("#requests");
const heading = document.querySelector("#requests-heading");
const list = document.querySelector("#request-list");
const place = document.querySelector("#request-outcome");

// Whether there is an account whose requests they are.
let isShown = false;
// Shows the view that comes next.
let onSignedOut;

/** `show` shows what comes next when the sign-in has ended. */
export function initRequests(show) {
  onSignedOut = show;
  onOutcome("fulfil", (outcome) => isShown && showOutcome(outcome));
  // They come and go while the popup is open.
  chrome.storage.session.onChanged.addListener(({ captureRequests }) => {
    if (isShown && captureRequests) render(captureRequests.newValue?.list ?? []);
  });
}

/** Shows those of the account; none where nobody is signed in. */
export async function showRequests({ isSignedIn }) {
  isShown = isSignedIn;
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
  const isSame = requests.map(({ id }) => id).join() === [...list.children].map(({ dataset }) => dataset.id).join();
  if (!isSame) list.replaceChildren(...requests.map(renderRequest));
  showSection();
  // What had the focus is gone, or was made anew.
  if (focused && !isSame) (list.querySelector(`[data-id="${CSS.escape(focused)}"] button`) ?? nextFocus()).focus();
}

function nextFocus() {
  return section.hidden ? document.querySelector("main > section:not([hidden]) h2") : heading;
}

function showSection() {
  section.hidden = list.children.length === 0 && place.children.length === 0;
}

function renderRequest(request) {
  const { id, platform_name: platform, platform_username: username, reason, expires_at: expiresAt } = request;
  const name = username ? `${platform} · ${username}` : platform;
  const capture = button(null, text("request_capture"), () => start(request));
  const open = button(null, text("request_open", platform), () => chrome.tabs.create({ url: request.login_url }));
  const decline = button(null, text("request_decline"), () => declineRequest(id), "quiet");
  capture.ariaLabel = text("request_capture_of", name);
  decline.ariaLabel = text("request_decline_of", name);
  return element(
    "li",
    { dataset: { id } },
    element("strong", { textContent: name }),
    reason ? element("p", { textContent: reason }) : "",
    element("small", { textContent: text("request_until", formatTime(expiresAt)) }),
    element("div", { className: "buttons" }, capture, open, decline),
  );
}

/** Asks the browser for the site in the click's own turn, as any capture does. */
function start({ id, platform, origins, creator_profile_id: connectionId }) {
  if (isBusy()) return;
  const fields = { platform, store: chosenStore(), origins, connection: { id: connectionId } };
  begin({ kind: "fulfil", subject: id, ...fields }).catch((error) =>
    showOutcome({ ...error, status: "done", ok: false, subject: id }),
  );
  setBusy(true);
}

async function showOutcome(outcome) {
  showCaptureOutcome(place, outcome);
  showSection();
  if (!outcome) return;
  setBusy(isUnderWay(outcome));
  if (outcome.status !== "done") return;
  markSeen("fulfil", outcome);
  place.scrollIntoView({ block: "nearest" });
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
