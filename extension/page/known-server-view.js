// Whether the server is the person's own: comparing the fingerprint of its key, and
// what is shown where something else answers in its place.

import { parseServerAddress } from "../server-address.js";
import { failureText } from "./failure-text.js";
import { onClick, say, setBusy, showView } from "./page.js";
import { requestOrigins } from "./tasks.js";
import { text } from "./text.js";
import { ask } from "./worker.js";

const found = document.querySelector("#found-fingerprint");
const confirm = document.querySelector("#confirm-server");
const look = document.querySelector("#look-at-server");
const unproven = document.querySelector("#unproven");

// {url, key} of the server whose fingerprint is shown; `key` once it is known.
let shown = null;

/** `show` shows what comes next. */
export function initKnownServerViews(show) {
  onClick(document.querySelector("#check-again"), show);
  onClick(look, async () => {
    // Asked in the click's own turn; the prompt may close this page.
    const isGranted = await requestOrigins(parseServerAddress(shown.url).origins);
    if (isGranted) await loadKey();
    else say(text("failure_permission_refused"), { code: "permission_refused" });
  });
  onClick(confirm, async () => {
    try {
      await ask("confirmServer", { key: shown.key });
    } catch (error) {
      say(failureText(error), { code: error.code });
    }
    await show();
  });
}

/** For a server that was chosen before servers had a key. */
export async function showUnconfirmed({ server }) {
  shown = { url: server };
  found.textContent = "";
  confirm.hidden = true;
  look.hidden = true;
  say("");
  showView("unconfirmed");
  // An address that was written as a name is another to the browser as a number.
  const isPermitted = await chrome.permissions.contains({ origins: parseServerAddress(server).origins });
  if (isPermitted) await loadKey();
  else look.hidden = false;
}

/** Something else answers in the server's place. */
export function showUnproven({ server }) {
  say("");
  unproven.textContent = text("unproven", new URL(server).host);
  showView("unproven");
}

async function loadKey() {
  setBusy(true);
  try {
    const { key, fingerprint } = await ask("unconfirmedKey");
    shown.key = key;
    found.textContent = fingerprint;
    say("");
  } catch (error) {
    say(failureText(error), { code: error.code, retry: loadKey });
  }
  confirm.hidden = !shown.key;
  look.hidden = true;
  setBusy(false);
}
