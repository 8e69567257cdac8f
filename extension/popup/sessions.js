// The list of captured sessions, with a button to revoke each.

import { failureText } from "../page/failure-text.js";
import { latestOnly } from "../page/latest.js";
import { button, element } from "../page/page.js";
import { countText, formatTime, serviceName, text } from "../page/text.js";
import { ask } from "../page/worker.js";

// After this long without a confirmation, the question is withdrawn.
const DISARM_AFTER_MS = 10_000;

const details = document.querySelector("#sessions");
const message = document.querySelector("#sessions-message");
const list = document.querySelector("#session-list");

const askForSessions = latestOnly();
// Called with the id of each revoked session.
let onRevoked;

/** `revoked` is called with the id of each session that the person revokes. */
export function initSessions(revoked) {
  onRevoked = revoked;
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    list.replaceChildren();
    message.textContent = text("loading");
    await load();
    // The list opens below the visible part of most popups.
    details.scrollIntoView({ block: "nearest" });
  });
}

/** Reloads the list if it is open. */
export async function refreshSessions() {
  if (details.open) await load();
}

async function load() {
  const isLatest = askForSessions();
  try {
    const sessions = await ask("sessions");
    if (!isLatest()) return;
    list.replaceChildren(...sessions.map(renderSession));
    message.textContent = sessions.length === 0 ? text("no_sessions") : "";
  } catch (error) {
    if (!isLatest()) return;
    list.replaceChildren();
    message.textContent = failureText(error);
  }
}

function renderSession(session) {
  const { id, platform_name: platform, platform_username: username, captured_at: capturedAt } = session;
  const state = stateOf(session);
  const name = username ? `${platform} · ${username}` : platform;
  const counts = [countText("cookies", session.cookie_count)];
  // A server of an earlier version doesn't count them.
  if (session.entry_count > 0) counts.push(countText("entries", session.entry_count));
  const stored = [formatTime(capturedAt)];
  if (session.renewed_by) stored.push(text("session_renewed_by", serviceName(session.renewed_by)));
  const item = element(
    "li",
    { dataset: { id, state } },
    element(
      "div",
      {},
      name,
      element("small", { textContent: `${text(`session_${state}`)} · ${counts.join(", ")}` }),
      element("small", { textContent: stored.join(" · ") }),
    ),
  );
  if (state === "active" || state === "expired") item.append(revokeButtons(id, name));
  return item;
}

function stateOf({ status, expires_at: expiresAt }) {
  const hasExpired = expiresAt && Date.parse(expiresAt) <= Date.now();
  return status === "active" && hasExpired ? "expired" : status;
}

/** Asks for confirmation, because revoking can't be undone. */
function revokeButtons(id, name) {
  const first = button(null, text("revoke"), arm, "danger");
  const confirmButton = button(null, text("revoke_really"), confirm, "danger");
  const cancel = button(null, text("cancel"), disarm, "quiet");
  first.ariaLabel = text("revoke_session", name);
  confirmButton.ariaLabel = text("revoke_really_session", name);
  const buttons = element("div", { className: "buttons" }, first);
  let timer;
  return buttons;

  function arm() {
    buttons.replaceChildren(confirmButton, cancel);
    cancel.focus();
    timer = setTimeout(disarm, DISARM_AFTER_MS);
  }

  function disarm() {
    clearTimeout(timer);
    const hadFocus = buttons.contains(document.activeElement);
    buttons.replaceChildren(first);
    if (hadFocus) first.focus();
  }

  async function confirm() {
    clearTimeout(timer);
    await revoke(id, name);
  }
}

async function revoke(id, name) {
  try {
    await ask("revoke", { id });
    onRevoked(id);
    await load();
    message.textContent = text("revoked", name);
    details.querySelector("summary").focus();
  } catch (error) {
    message.textContent = failureText(error);
  }
}
