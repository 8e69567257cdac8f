// The options page: everything that is not about the current tab. Each section loads itself.

import { ask } from "./page/worker.js";
import { failureText } from "./page/failure-text.js";
import { say, showView } from "./page/page.js";
import { readOutcome, settle } from "./page/tasks.js";
import { fillTexts } from "./page/text.js";
import { initServerView, showServer } from "./page/server-view.js";
import { initUntrustedServerViews, showUnconfirmed, showUnproven } from "./page/untrusted-server-views.js";
import { initSignInView, showSignIn } from "./page/sign-in-view.js";
import { initAccountView, showAccount, showButtons } from "./options/account.js";
import { initPrograms, showPrograms } from "./options/programs.js";
import { initRenewed, showRenewed } from "./options/renewed.js";
import { initSites, showSites } from "./options/sites.js";

// The keys in the storage that the account section shows.
const ACCOUNT_KEYS = ["server", "serverKey", "unproven", "signIn", "keptSignIn", "expired"];

/** Shows the signed-in account, or the next step towards one. */
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
initUntrustedServerViews(show);
initSignInView(show);
initAccountView(show);
initPrograms();
initRenewed();
initSites();
// The popup may change these, and the server may end the sign-in.
chrome.storage.onChanged.addListener((changes) => {
  if (!ACCOUNT_KEYS.some((key) => changes[key])) return;
  show();
  showRenewed();
  showSites();
});

await settle();
await Promise.all([show(), showPrograms(), showRenewed(), showSites()]);
