// Which connection a capture belongs to: one that is there, or a new one.

import { element } from "./page.js";
import { text } from "./text.js";
import { ask } from "./worker.js";

// No id is empty.
const NEW = "";

const select = document.querySelector("#connection");
const newConnection = document.querySelector("#new-connection");
const accountName = document.querySelector("#account-name");

export function initConnections() {
  select.addEventListener("change", showNewConnection);
}

/** Fills the choice; `connectionId` is chosen, else what was, else the first. */
export async function loadConnections(site, connectionId) {
  fill([], site);
  const connections = await ask("connections", { platform: site.platform });
  fill(connections, site, connectionId);
}

/** As the core wants it. */
export function chosenConnection() {
  if (select.value !== NEW) return { id: select.value };
  return { create: { platform_username: accountName.value.trim() || null } };
}

/** Tells the exports of several accounts apart; empty where there is no name. */
export function chosenLabel() {
  if (select.value === NEW) return accountName.value.trim();
  return select.selectedOptions[0].dataset.username;
}

function fill(connections, site, connectionId = select.value) {
  const options = connections.map(({ id, platform_username: username }) =>
    element("option", {
      value: id,
      textContent: username ?? text("connection_unnamed", site.name),
      dataset: { username: username ?? "" },
    }),
  );
  options.push(element("option", { value: NEW, textContent: text("connection_new") }));
  select.replaceChildren(...options);
  const isThere = connections.some(({ id }) => id === connectionId);
  select.value = isThere ? connectionId : (connections[0]?.id ?? NEW);
  showNewConnection();
}

function showNewConnection() {
  newConnection.hidden = select.value !== NEW;
}
