// The sessions captured so far, and revoking one.

import { failureText } from "./failure-text.js";
import { button, element } from "./page.js";
import { countText, formatTime, text } from "./text.js";
import { ask } from "./worker.js";

const details = document.querySelector("#sessions");
const message = document.querySelector("#sessions-message");
const list = document.querySelector("#session-list");

export function initSessions() {
  details.addEventListener("toggle", () => {
    if (details.open) load();
  });
}

/** Loads the list anew where it is open. */
export async function refreshSessions() {
  if (details.open) await load();
}

async function load() {
  try {
    const sessions = await ask("sessions");
    list.replaceChildren(...sessions.map(renderSession));
    message.textContent = sessions.length === 0 ? text("no_sessions") : "";
  } catch (error) {
    list.replaceChildren();
    message.textContent = failureText(error);
  }
}

function renderSession(session) {
  const { id, platform, platform_username: username, captured_at: capturedAt, cookie_count: count } = session;
  const state = stateOf(session);
  const name = username ? `${platform} · ${username}` : platform;
  const item = element(
    "li",
    { dataset: { id, state } },
    element(
      "div",
      {},
      name,
      element("small", { textContent: `${text(`session_${state}`)} · ${countText("cookies", count)}` }),
      element("small", { textContent: formatTime(capturedAt) }),
    ),
  );
  if (state === "active" || state === "expired") item.append(revokeButton(id, name));
  return item;
}

function stateOf({ status, expires_at: expiresAt }) {
  const hasExpired = expiresAt && Date.parse(expiresAt) <= Date.now();
  return status === "active" && hasExpired ? "expired" : status;
}

/** Asks once more, since what is revoked is gone. */
function revokeButton(id, name) {
  let isSure = false;
  const made = button(null, text("revoke"), onClick, "danger");
  made.ariaLabel = text("revoke_session", name);
  return made;

  async function onClick() {
    if (!isSure) {
      isSure = true;
      made.textContent = text("revoke_really");
      made.ariaLabel = text("revoke_really_session", name);
      return;
    }
    try {
      await ask("revoke", { id });
      await load();
      message.textContent = text("revoked", name);
      details.querySelector("summary").focus();
    } catch (error) {
      message.textContent = failureText(error);
    }
  }
}
