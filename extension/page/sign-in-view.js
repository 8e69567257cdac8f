// Signing in.

import { failureText } from "./failure-text.js";
import { isBusy, say, setBusy, setInvalid, showView } from "./page.js";
import { ask } from "./worker.js";

const form = document.querySelector("#sign-in-form");
const email = document.querySelector("#email");
const password = document.querySelector("#password");
const staySignedIn = document.querySelector("#stay-signed-in");
const serverKey = document.querySelector("#server-key");
const fingerprintPlace = document.querySelector("#fingerprint");

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
      const isWrong = error.code === "wrong_password";
      setInvalid(password, isWrong);
      (isWrong ? password : email).focus();
    }
  });
}

/** `expired` is the account of a person who was signed in, and need not type it again. */
export function showSignIn({ expired, fingerprint }) {
  serverKey.hidden = !fingerprint;
  fingerprintPlace.textContent = fingerprint ?? "";
  say(expired ? failureText({ code: "signed_out" }) : "", { code: expired ? "signed_out" : "" });
  if (expired) email.value = expired;
  showView("sign-in", expired ? password : email);
}

async function signIn() {
  const credentials = { email: email.value.trim(), password: password.value };
  // The page keeps it no longer than the call needs it.
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
