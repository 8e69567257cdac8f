// Signing in.

import { failureText } from "./failure-text.js";
import { isBusy, say, setBusy, showView } from "./page.js";
import { ask } from "./worker.js";

const form = document.querySelector("#sign-in-form");
const email = document.querySelector("#email");
const password = document.querySelector("#password");
const staySignedIn = document.querySelector("#stay-signed-in");

/** `onSignedIn` shows what comes next. */
export function initSignInView(onSignedIn) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy() || !isFilledIn()) return;
    setBusy(true);
    try {
      await signIn();
      say("");
      await onSignedIn();
    } catch (error) {
      setBusy(false);
      say(failureText(error), { code: error.code });
      (error.code === "wrong_password" ? password : email).focus();
    }
  });
}

/** `expired` says why a person who was signed in sees this. */
export function showSignIn({ expired }) {
  say(expired ? failureText({ code: "signed_out" }) : "", { code: expired ? "signed_out" : "" });
  showView("sign-in", email);
}

async function signIn() {
  const credentials = { email: email.value.trim(), password: password.value };
  // The page keeps it no longer than the call needs it.
  password.value = "";
  await ask("signIn", { ...credentials, staySignedIn: staySignedIn.checked });
}

function isFilledIn() {
  const empty = [email, password].find((field) => field.value.trim() === "");
  if (!empty) return true;
  say(failureText({ code: "empty_sign_in" }), { code: "empty_sign_in" });
  empty.focus();
  return false;
}
