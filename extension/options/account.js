// Server and account: who is signed in where, signing out and changing the server.

import { initAccount } from "../page/account.js";
import { say, showView } from "../page/page.js";
import { text } from "../page/text.js";

const server = document.querySelector("#account-server");
const accountKey = document.querySelector("#account-key");
const fingerprint = document.querySelector("#account-fingerprint");
const email = document.querySelector("#account-email");
const signInServer = document.querySelector("#sign-in-server");
const signOut = document.querySelector("#sign-out");
const changeServer = document.querySelector("#change-server");

/** `onChange` shows the next view. */
export function initAccountView(onChange) {
  initAccount(onChange);
}

export function showAccount(status) {
  say("");
  server.textContent = status.server;
  accountKey.hidden = !status.fingerprint;
  fingerprint.textContent = status.fingerprint ?? "";
  email.textContent = status.email;
  // On a page that has just opened, a screen reader starts at the top.
  const isNew = document.activeElement === document.body;
  showView("account", isNew ? document.querySelector("h1") : signOut);
}

/** Shows the buttons that apply, in every view. */
export function showButtons({ server, email }) {
  signOut.hidden = !email;
  changeServer.hidden = !server;
  signOut.parentElement.hidden = !server;
  signInServer.textContent = server ? text("sign_in_server", server) : "";
}
