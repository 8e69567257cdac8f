// The sites that the browser lets Stagepass read, with buttons to remove that access.

import { failureText } from "../page/failure-text.js";
import { fillList } from "../page/list.js";
import { button, element } from "../page/page.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";
import { parseServerAddress } from "../server-address.js";

const heading = document.querySelector("#sites-heading");
const status = document.querySelector("#sites-status");
const list = document.querySelector("#site-list");

export function initSites() {
  for (const event of ["onAdded", "onRemoved"]) chrome.permissions[event].addListener(() => showSites());
}

export async function showSites() {
  const [{ origins = [] }, { server }] = await Promise.all([
    chrome.permissions.getAll(),
    chrome.storage.local.get("server"),
  ]);
  const own = server ? parseServerAddress(server).origins : [];
  status.textContent = origins.length === 0 ? text("sites_none") : "";
  fillList(
    list,
    origins.toSorted().map((origin) => renderSite(origin, own.includes(origin))),
    heading,
  );
}

function renderSite(origin, isServer) {
  const { name, hint } = describe(origin);
  const remove = button(null, text("site_remove"), () => removeAccess(origin, isServer), "danger");
  remove.ariaLabel = text("site_remove_of", name);
  const title = element("strong", { textContent: name });
  const words = element("small", { textContent: isServer ? text("site_server") : hint });
  return element("li", { dataset: { id: origin } }, element("div", {}, title, words), remove);
}

/** A match pattern in words. */
function describe(origin) {
  const host = origin.replace(/^[^:]*:\/\//, "").replace(/\/\*$/, "");
  if (host === "*" || origin === "<all_urls>") return { name: text("site_all"), hint: "" };
  if (!host.startsWith("*.")) return { name: host, hint: "" };
  return { name: host.slice(2), hint: text("site_below") };
}

async function removeAccess(origin, isServer) {
  try {
    // Without access the server can't be called, so it is forgotten.
    if (isServer) await ask("leaveServer");
    await chrome.permissions.remove({ origins: [origin] });
    await showSites();
  } catch (error) {
    status.textContent = failureText(error);
  }
}
