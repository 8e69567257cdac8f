// The view for choosing the server.

import { DEFAULT_SERVER, parseServerAddress } from "../server-address.js";
import { failureText } from "./failure-text.js";
import { isBusy, say, setBusy, setInvalid, showView } from "./page.js";
import { begin, isUnderWay, markSeen, onOutcome } from "./tasks.js";

const form = document.querySelector("#server-form");
const url = document.querySelector("#server-url");

/** `onConnected` shows the next view. */
export function initServerView(onConnected) {
  url.value = DEFAULT_SERVER;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isBusy()) connect();
  });
  onOutcome("connect", (outcome) => {
    if (outcome?.ok) onConnected();
    else if (outcome) showServer(outcome);
  });
}

/** `outcome` is that of the latest attempt, if there was one. */
export function showServer(outcome) {
  if (outcome?.subject) url.value = outcome.subject;
  showView("server", url);
  setBusy(isUnderWay(outcome));
  const hasFailed = outcome?.status === "done" && !outcome.ok;
  if (hasFailed) markSeen("connect", outcome);
  say(hasFailed ? failureText(outcome) : "", { code: outcome?.code });
}

function connect() {
  const address = parseServerAddress(url.value);
  setInvalid(url, !address);
  if (!address) {
    say(failureText({ code: "bad_address" }), { code: "bad_address" });
    url.focus();
    return;
  }
  begin({ kind: "connect", subject: address.url, url: address.url, origins: address.origins }).catch((error) =>
    showServer({ ...error, status: "done", ok: false }),
  );
  setBusy(true);
}
