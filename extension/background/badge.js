// The badge on the toolbar's icon: that the server is not known to be the person's
// own, how many capture requests wait, or that a session is no longer kept alive.

import { countText, text } from "../page/text.js";
import { knownCaptureRequests } from "./capture-requests.js";
import { serverStatus } from "./chosen-server.js";
import { sendOnProblems } from "./send-on.js";

const ASKED = { background: "#5531c4", text: "#ffffff" };
const WRONG = { background: "#a4161f", text: "#ffffff" };

/** Shows what there is now; the browser forgets the badge when it ends. */
export async function showBadge() {
  const [server, requests, problems] = await Promise.all([
    serverStatus(),
    knownCaptureRequests(),
    sendOnProblems(),
  ]);
  const isServerWrong = server.isUnproven || server.isUnconfirmed;
  const isAsked = !isServerWrong && requests.length > 0;
  const colours = isAsked ? ASKED : WRONG;
  const mark = isAsked ? String(requests.length) : isServerWrong || problems.length > 0 ? "!" : "";
  const reasons = [];
  if (server.isUnproven) reasons.push(text("badge_unproven"));
  if (server.isUnconfirmed) reasons.push(text("badge_unconfirmed"));
  if (requests.length > 0) reasons.push(countText("badge_requests", requests.length));
  if (problems.length > 0) reasons.push(text("badge_problems"));
  await Promise.all([
    chrome.action.setBadgeText({ text: mark }),
    chrome.action.setBadgeBackgroundColor({ color: colours.background }),
    chrome.action.setBadgeTextColor({ color: colours.text }),
    // What the icon is called, for whoever can't see the badge.
    chrome.action.setTitle({ title: ["Stagepass", ...reasons].join(" · ") }),
  ]);
}
