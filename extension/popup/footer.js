// Who is signed in, where, and how to end that.

import { onClick } from "./page.js";
import { text } from "./text.js";
import { ask } from "./worker.js";

const footer = document.querySelector("footer");
const account = document.querySelector("#account");
const signOut = document.querySelector("#sign-out");
const changeServer = document.querySelector("#change-server");

/** `onChange` shows what comes next. */
export function initFooter(onChange) {
  const request = async (type) => {
    await ask(type);
    await onChange();
  };
  onClick(signOut, () => request("signOut"));
  onClick(changeServer, () => request("leaveServer"));
}

export function showFooter({ server, email }) {
  footer.hidden = !server;
  signOut.hidden = !email;
  // One way back at a time: whoever is signed in signs out first.
  changeServer.hidden = Boolean(email);
  account.textContent = email ?? (server && new URL(server).host) ?? "";
  account.title = email ? text("account_at", email, server) : (server ?? "");
}
