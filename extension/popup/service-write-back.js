// The switch that lets services return rotated cookies of the captured session.

import { failureText } from "../page/failure-text.js";
import { latestOnly } from "../page/latest.js";
import { say } from "../page/page.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const row = document.querySelector("#service-write-back-row");
const toggle = document.querySelector("#service-write-back");
const label = document.querySelector("#service-write-back-label");

const askForState = latestOnly();
// The site of the tab, if any.
let current = null;
// The connection that the switch is for.
let connectionId = null;
// Changes that the server has not answered. Until then the switch shows what the person wants.
let pending = 0;

export function initServiceWriteBack() {
  toggle.addEventListener("change", change);
}

/** Shows the switch, if something of the site was captured; `site` is empty on other tabs. */
export async function showServiceWriteBack(site) {
  const isLatest = askForState();
  if (site?.platform !== current?.platform) row.hidden = true;
  current = site;
  // If the server can't be reached, the popup says so with the connections.
  const found = site ? await ask("serviceWriteBack", { platform: site.platform }).catch(() => null) : null;
  if (!isLatest() || pending > 0) return;
  row.hidden = !found;
  if (!found) return;
  connectionId = found.connectionId;
  toggle.checked = found.isAllowed;
  label.textContent = text("service_write_back", found.name ?? site.name);
}

async function change() {
  const wish = { platform: current.platform, connectionId, isAllowed: toggle.checked };
  pending += 1;
  let failed = null;
  await ask("allowServiceWriteBack", wish).catch((error) => {
    failed = error;
  });
  pending -= 1;
  await showServiceWriteBack(current);
  if (failed) say(failureText(failed), { code: failed.code });
}
