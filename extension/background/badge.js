// The badge on the toolbar icon. It warns when the server can't be trusted or a renewal
// has stopped, and otherwise counts the pending capture requests.

import { countText, text } from "../page/text.js";
import { knownCaptureRequests } from "./capture-requests.js";
import { serverStatus } from "./chosen-server.js";
import { renewalProblems } from "./renewal.js";

const REQUEST_COLOURS = { background: "#5531c4", text: "#ffffff" };
const PROBLEM_COLOURS = { background: "#a4161f", text: "#ffffff" };

/** Updates the badge. The browser forgets the badge when it quits, so this runs at each start. */
export async function showBadge() {
  const [server, requests, problems] = await Promise.all([
    serverStatus(),
    knownCaptureRequests(),
    renewalProblems(),
  ]);
  const isServerWrong = server.isUnproven || server.isUnconfirmed;
  const hasRequests = !isServerWrong && requests.length > 0;
  const colours = hasRequests ? REQUEST_COLOURS : PROBLEM_COLOURS;
  const mark = hasRequests ? String(requests.length) : isServerWrong || problems.length > 0 ? "!" : "";
  const reasons = [];
  if (server.isUnproven) reasons.push(text("badge_unproven"));
  if (server.isUnconfirmed) reasons.push(text("badge_unconfirmed"));
  if (requests.length > 0) reasons.push(countText("badge_requests", requests.length));
  if (problems.length > 0) reasons.push(text("badge_problems"));
  await Promise.all([
    chrome.action.setBadgeText({ text: mark }),
    chrome.action.setBadgeBackgroundColor({ color: colours.background }),
    chrome.action.setBadgeTextColor({ color: colours.text }),
    // Screen readers read the title, not the badge.
    chrome.action.setTitle({ title: ["Stagepass", ...reasons].join(" · ") }),
  ]);
}
