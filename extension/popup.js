// The popup: decides which view is shown.

import { ask } from "./page/worker.js";
import { initBridge, showBridge } from "./popup/bridge.js";
import { say, showView } from "./page/page.js";
import { initUntrustedServerViews, showUnconfirmed, showUnproven } from "./page/untrusted-server-views.js";
import { initSignInView, showSignIn } from "./page/sign-in-view.js";
import { initServerView, showServer } from "./page/server-view.js";
import { initPlatformView, showPlatform } from "./popup/platform-view.js";
import { initFooter, showFooter } from "./popup/footer.js";
import { initRenewal, showRenewal } from "./popup/renewal.js";
import { initRequests, showRequests } from "./popup/requests.js";
import { offerStores, initStoreChoice } from "./popup/store-choice.js";
import { readOutcome, settle } from "./page/tasks.js";
import { fillTexts } from "./page/text.js";
import { failureText } from "./page/failure-text.js";

/** Shows the view for the next step. */
async function show() {
  try {
    const status = await ask("status");
    showFooter(status);
    const { site, tab } = await currentSite();
    await offerStores(tab);
    const isKnown = !status.isUnconfirmed && !status.isUnproven;
    const isSignedIn = isKnown && Boolean(status.email);
    showRequests({ isSignedIn, site });
    if (isSignedIn && site) {
      await showPlatform(site, tab);
      return;
    }
    // Hand-over to programs on this computer works without a server.
    showBridge({ site });
    showRenewal({ site, isSignedIn });
    if (!status.server) showServer(await readOutcome("connect"));
    else if (status.isUnconfirmed) await showUnconfirmed(status);
    else if (status.isUnproven) showUnproven(status);
    else if (!isSignedIn) showSignIn(status);
    else showView("no-platform");
  } catch (error) {
    say(failureText(error), { code: error.code, retry: show });
    showView("failed", document.querySelector("#retry"));
  }
}

/** The current tab, and its site if it has one. */
async function currentSite() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  // Without a permission for the page the browser hides its address.
  const site = tab?.url ? await ask("recognise", { url: tab.url }) : null;
  return { site, tab };
}

fillTexts();
initServerView(show);
initUntrustedServerViews(show);
initSignInView(show);
initPlatformView(show);
initFooter(show);
initBridge();
initRenewal();
initRequests(show);
initStoreChoice(show);
// A change means that the server's proof has just failed, or succeeds again.
chrome.storage.session.onChanged.addListener(({ unproven }) => unproven && show());

await settle();
await show();
