// The views for a server that can't be trusted yet: comparing the fingerprint of its key, and
// the warning that another program answers at its address.

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

// {url, key} of the server on show; without `key` until it is known.
let shown = null;

/** Connects the buttons of both views; `show` shows the view that is due after a click. */
export function initUntrustedServerViews(show) {
  onClick(document.querySelector("#check-again"), show);
  onClick(look, async () => {
    // Await nothing before this: the browser prompts only in a click. The prompt may close this page.
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

/** Shows the fingerprint to confirm, for a server that was chosen before servers had keys. */
export async function showUnconfirmed({ server }) {
  shown = { url: server };
  found.textContent = "";
  confirm.hidden = true;
  look.hidden = true;
  say("");
  showView("unconfirmed");
  // The permission may be for `localhost`, which is a different host from 127.0.0.1 to the browser.
  const isPermitted = await chrome.permissions.contains({ origins: parseServerAddress(server).origins });
  if (isPermitted) await loadKey();
  else look.hidden = false;
}

/** Warns that another program answers at the server's address. */
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
