// Who is signed in, where, how to end that, and the way to the options.

import { initAccount } from "../page/account.js";
import { onClick } from "../page/page.js";
import { text } from "../page/text.js";

const account = document.querySelector("#account");
const signOut = document.querySelector("#sign-out");
const changeServer = document.querySelector("#change-server");
const settings = document.querySelector("#settings");

/** `onChange` shows what comes next. */
export function initFooter(onChange) {
  initAccount(onChange);
  onClick(settings, async () => {
    await chrome.runtime.openOptionsPage();
    // Where the options were open already, the popup would stay before them.
    window.close();
  });
}

export function showFooter({ server, email, isUnconfirmed, isUnproven }) {
  signOut.hidden = !email;
  // One way back at a time: whoever is signed in signs out first, unless the server is
  // not there to be used.
  const isInUse = Boolean(email) && !isUnconfirmed && !isUnproven;
  changeServer.hidden = !server || isInUse;
  account.textContent = email ?? (server && new URL(server).host) ?? "";
  account.title = email ? text("account_at", email, server) : (server ?? "");
}
