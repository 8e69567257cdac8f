// The view for signing in.

import { failureText } from "./failure-text.js";
import { isBusy, say, setBusy, setInvalid, showView } from "./page.js";
import { ask } from "./worker.js";

const form = document.querySelector("#sign-in-form");
const email = document.querySelector("#email");
const password = document.querySelector("#password");
const staySignedIn = document.querySelector("#stay-signed-in");
const serverKey = document.querySelector("#server-key");
const fingerprintText = document.querySelector("#fingerprint");

/** `onSignedIn` shows the next view. */
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
      const isWrong = error.code === "wrong_password";
      setInvalid(password, isWrong);
      (isWrong ? password : email).focus();
    }
  });
}

/** `expired` is the account whose sign-in expired; the form is filled in with it. */
export function showSignIn({ expired, fingerprint }) {
  serverKey.hidden = !fingerprint;
  fingerprintText.textContent = fingerprint ?? "";
  say(expired ? failureText({ code: "signed_out" }) : "", { code: expired ? "signed_out" : "" });
  if (expired) email.value = expired;
  showView("sign-in", expired ? password : email);
}

async function signIn() {
  const credentials = { email: email.value.trim(), password: password.value };
  // The page must not keep the password.
  password.value = "";
  await ask("signIn", { ...credentials, staySignedIn: staySignedIn.checked });
}

function isFilledIn() {
  const isEmpty = (field) => field.value.trim() === "";
  for (const field of [email, password]) setInvalid(field, isEmpty(field));
  const empty = [email, password].find(isEmpty);
  if (!empty) return true;
  say(failureText({ code: "empty_sign_in" }), { code: "empty_sign_in" });
  empty.focus();
  return false;
}
