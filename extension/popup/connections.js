// The choice of the connection that a capture belongs to: an existing or a new one.

import { failureText } from "../page/failure-text.js";
import { element, say, setInvalid } from "../page/page.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

// Values in the list besides the connections' ids.
const NONE = "";
const NEW = "new";

const select = document.querySelector("#connection");
const newConnection = document.querySelector("#new-connection");
const accountName = document.querySelector("#account-name");
const fillCredentialsRow = document.querySelector("#fill-credentials-row");
const fillCredentials = document.querySelector("#fill-credentials");

export function initConnections() {
  select.addEventListener("change", () => {
    showNewConnection();
    if (!select.hasAttribute("aria-invalid")) return;
    setInvalid(select, false);
    say("");
  });
}

/** The site's connections, and the id of the latest capture's one. */
export async function findConnections({ platform }) {
  const connections = await ask("connections", { platform });
  const { lastConnections } = await chrome.storage.local.get("lastConnections");
  return { connections, lastId: lastConnections?.[platform] };
}

/**
 * Fills the list. If several connections are possible, none is preselected: a wrong guess
 * would replace another account's session.
 */
export function showConnections({ connections, lastId }, site, wantedId = lastId) {
  const options = connections.map(({ id, platform_username: username }) =>
    element("option", {
      value: id,
      textContent: username ?? text("connection_unnamed", site.name),
      dataset: { username: username ?? "" },
    }),
  );
  options.push(element("option", { value: NEW, textContent: text("connection_new") }));
  const isThere = connections.some(({ id }) => id === wantedId);
  const isClear = isThere || connections.length < 2;
  if (!isClear) options.unshift(placeholder("connection_choose"));
  select.replaceChildren(...options);
  if (isClear) select.value = isThere ? wantedId : (connections[0]?.id ?? NEW);
  select.disabled = false;
  fillCredentialsRow.hidden = !site.fills_credentials;
  showNewConnection();
}

/** Shows the text `key` in place of the connections. */
export function withholdConnections(key) {
  select.replaceChildren(placeholder(key));
  select.disabled = true;
  showNewConnection();
}

/** Whether a connection is chosen; if not, shows a message and focuses the list. */
export function requireConnection() {
  if (select.value !== NONE || select.disabled) return true;
  say(failureText({ code: "no_connection_chosen" }), { code: "no_connection_chosen" });
  setInvalid(select, true);
  select.focus();
  return false;
}

/** The choice in the form that the core reads. */
export function chosenConnection() {
  if (select.value !== NEW) return { id: select.value };
  return {
    create: {
      platform_username: accountName.value.trim() || null,
      fill_credentials: !fillCredentialsRow.hidden && fillCredentials.checked,
    },
  };
}

/** The account's name, which distinguishes the exports of several accounts; empty if unknown. */
export function chosenLabel() {
  if (select.value === NEW) return accountName.value.trim();
  // The list is empty until somebody is signed in.
  return select.selectedOptions[0]?.dataset.username ?? "";
}

function placeholder(key) {
  return element("option", { value: NONE, textContent: text(key), disabled: true, selected: true });
}

function showNewConnection() {
  newConnection.hidden = select.value !== NEW;
}
