// The badge on the toolbar's icon: how many capture requests wait, or that a
// session is no longer kept alive.

import { countText, text } from "../page/text.js";
import { knownCaptureRequests } from "./capture-requests.js";
import { sendOnProblems } from "./send-on.js";

const ASKED = { background: "#5531c4", text: "#ffffff" };
const WRONG = { background: "#a4161f", text: "#ffffff" };

/** Shows what there is now; the browser forgets the badge when it ends. */
export async function showBadge() {
  const [requests, problems] = await Promise.all([knownCaptureRequests(), sendOnProblems()]);
  const colours = requests.length > 0 ? ASKED : WRONG;
  const mark = requests.length > 0 ? String(requests.length) : problems.length > 0 ? "!" : "";
  const reasons = [];
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
