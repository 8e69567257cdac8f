// The options: what is not about the tab at hand. Each section looks after itself.

import { ask } from "./page/worker.js";
import { failureText } from "./page/failure-text.js";
import { say, showView } from "./page/page.js";
import { readOutcome, settle } from "./page/tasks.js";
import { fillTexts } from "./page/text.js";
import { initServerView, showServer } from "./page/server-view.js";
import { initKnownServerViews, showUnconfirmed, showUnproven } from "./page/known-server-view.js";
import { initSignInView, showSignIn } from "./page/sign-in-view.js";
import { initAccountView, showAccount, showButtons } from "./options/account.js";
import { initPrograms, showPrograms } from "./options/programs.js";
import { initRenewed, showRenewed } from "./options/renewed.js";
import { initSites, showSites } from "./options/sites.js";

// What the worker keeps that the account is about.
const ACCOUNT_KEYS = ["server", "serverKey", "unproven", "signIn", "keptSignIn", "expired"];

/** Shows who is signed in where, or what there is to do about it. */
async function show() {
  try {
    const status = await ask("status");
    showButtons(status);
    if (!status.server) showServer(await readOutcome("connect"));
    else if (status.isUnconfirmed) await showUnconfirmed(status);
    else if (status.isUnproven) showUnproven(status);
    else if (!status.email) showSignIn(status);
    else showAccount(status);
  } catch (error) {
    say(failureText(error), { code: error.code, retry: show });
    showView("failed", document.querySelector("#retry"));
  }
}

fillTexts();
initServerView(show);
initKnownServerViews(show);
initSignInView(show);
initAccountView(show);
initPrograms();
initRenewed();
initSites();
// Whatever the popup changes, or the server ends.
chrome.storage.onChanged.addListener((changes) => {
  if (!ACCOUNT_KEYS.some((key) => changes[key])) return;
  show();
  showRenewed();
  showSites();
});

await settle();
await Promise.all([show(), showPrograms(), showRenewed(), showSites()]);
