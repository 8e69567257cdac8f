// Which connection a capture belongs to: one that is there, or a new one.

import { failureText } from "../page/failure-text.js";
import { element, say, setInvalid } from "../page/page.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

// Values of the choice beside the connections' ids.
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

/** The site's connections, and the one that the latest capture was for. */
export async function findConnections({ platform }) {
  const connections = await ask("connections", { platform });
  const { lastConnections } = await chrome.storage.local.get("lastConnections");
  return { connections, lastId: lastConnections?.[platform] };
}

/**
 * Fills the choice. Where nothing says which of several is meant, none is
 * chosen: a guess would put one account's session in another's place.
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

/** Says in place of the choice why there is none. */
export function withholdConnections(key) {
  select.replaceChildren(placeholder(key));
  select.disabled = true;
  showNewConnection();
}

/** Whether a connection is chosen; where one is still to be, says so and goes there. */
export function requireConnection() {
  if (select.value !== NONE || select.disabled) return true;
  say(failureText({ code: "no_connection_chosen" }), { code: "no_connection_chosen" });
  setInvalid(select, true);
  select.focus();
  return false;
}

/** As the core wants it. */
export function chosenConnection() {
  if (select.value !== NEW) return { id: select.value };
  return {
    create: {
      platform_username: accountName.value.trim() || null,
      fill_credentials: !fillCredentialsRow.hidden && fillCredentials.checked,
    },
  };
}

/** Tells the exports of several accounts apart; empty where there is no name. */
export function chosenLabel() {
  if (select.value === NEW) return accountName.value.trim();
  // There is nothing to choose from before somebody is signed in.
  return select.selectedOptions[0]?.dataset.username ?? "";
}

function placeholder(key) {
  return element("option", { value: NONE, textContent: text(key), disabled: true, selected: true });
}

function showNewConnection() {
  newConnection.hidden = select.value !== NEW;
}
