// The footer: account, server, and the buttons to sign out, change the server and open the options.

import { initAccount } from "../page/account.js";
import { onClick } from "../page/page.js";
import { text } from "../page/text.js";

const account = document.querySelector("#account");
const signOut = document.querySelector("#sign-out");
const changeServer = document.querySelector("#change-server");
const settings = document.querySelector("#settings");

/** `onChange` shows the next view. */
export function initFooter(onChange) {
  initAccount(onChange);
  onClick(settings, async () => {
    await chrome.runtime.openOptionsPage();
    // If the options were already open, the popup would stay open in front of them.
    window.close();
  });
}

export function showFooter({ server, email, isUnconfirmed, isUnproven }) {
  signOut.hidden = !email;
  // A signed-in person signs out before changing the server, unless the server can't be used.
  const isInUse = Boolean(email) && !isUnconfirmed && !isUnproven;
  changeServer.hidden = !server || isInUse;
  account.textContent = email ?? (server && new URL(server).host) ?? "";
  account.title = email ? text("account_at", email, server) : (server ?? "");
}
