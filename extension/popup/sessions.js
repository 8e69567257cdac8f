// The sessions captured so far, and revoking one.

import { failureText } from "../page/failure-text.js";
import { button, element } from "../page/page.js";
import { countText, formatTime, text } from "../page/text.js";
import { ask } from "../page/worker.js";

// Whoever has not confirmed by then has turned to something else.
const DISARM_AFTER_MS = 10_000;

const details = document.querySelector("#sessions");
const message = document.querySelector("#sessions-message");
const list = document.querySelector("#session-list");

// Called with the id of a session that was revoked.
let onRevoked;

/** `revoked` is called with the id of each session that the person revokes. */
export function initSessions(revoked) {
  onRevoked = revoked;
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    list.replaceChildren();
    message.textContent = text("loading");
    await load();
    // The list opens below the edge of most popups.
    details.scrollIntoView({ block: "nearest" });
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
  const { id, platform_name: platform, platform_username: username, captured_at: capturedAt } = session;
  const state = stateOf(session);
  const name = username ? `${platform} · ${username}` : platform;
  const counts = countText("cookies", session.cookie_count);
  const item = element(
    "li",
    { dataset: { id, state } },
    element(
      "div",
      {},
      name,
      element("small", { textContent: `${text(`session_${state}`)} · ${counts}` }),
      element("small", { textContent: formatTime(capturedAt) }),
    ),
  );
  if (state === "active" || state === "expired") item.append(revokeButtons(id, name));
  return item;
}

function stateOf({ status, expires_at: expiresAt }) {
  const hasExpired = expiresAt && Date.parse(expiresAt) <= Date.now();
  return status === "active" && hasExpired ? "expired" : status;
}

/** Asks once more, since what is revoked is gone. */
function revokeButtons(id, name) {
  const first = button(null, text("revoke"), arm, "danger");
  const really = button(null, text("revoke_really"), confirm, "danger");
  const cancel = button(null, text("cancel"), disarm, "quiet");
  first.ariaLabel = text("revoke_session", name);
  really.ariaLabel = text("revoke_really_session", name);
  // Cancel comes to lie where the first button was, under the pointer.
  const place = element("div", { className: "buttons" }, first);
  let timer;
  return place;

  function arm() {
    place.replaceChildren(really, cancel);
    cancel.focus();
    timer = setTimeout(disarm, DISARM_AFTER_MS);
  }

  function disarm() {
    clearTimeout(timer);
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren(first);
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
