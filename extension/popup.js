// The popup: which view is shown, and when.

import { ask } from "./popup/worker.js";
import { initBridge, showBridge } from "./popup/bridge.js";
import { say, showView } from "./popup/page.js";
import { initSignInView, showSignIn } from "./popup/sign-in-view.js";
import { initServerView, showServer } from "./popup/server-view.js";
import { initPlatformView, showPlatform } from "./popup/platform-view.js";
import { initFooter, showFooter } from "./popup/footer.js";
import { initRenewal, showRenewal } from "./popup/renewal.js";
import { initRequests, showRequests } from "./popup/requests.js";
import { onOutcome, readOutcome, settle } from "./popup/tasks.js";
import { offerStores, initStoreChoice } from "./popup/store-choice.js";
import { fillTexts } from "./popup/text.js";
import { failureText } from "./popup/failure-text.js";

/** Shows what there is to do next. */
async function show() {
  try {
    const status = await ask("status");
    showFooter(status);
    const { site, tab } = await currentSite();
    await offerStores(tab);
    // Programs on this computer need no server, and switching them off neither.
    showBridge({ site });
    const isSignedIn = Boolean(status.email);
    showRenewal({ site, isSignedIn });
    showRequests({ isSignedIn });
    if (!status.server) showServer(await readOutcome("connect"));
    else if (!status.email) showSignIn(status);
    else if (site) await showPlatform(site);
    else showView("no-platform");
  } catch (error) {
    say(failureText(error), { code: error.code, retry: show });
    showView("failed", document.querySelector("#retry"));
  }
}

/** The tab, and its site where it has one. */
async function currentSite() {
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  // Without a permission for the page the browser hides its address.
  const site = tab?.url ? await ask("recognise", { url: tab.url }) : null;
  return { site, tab };
}

fillTexts();
initServerView();
initSignInView(show);
initPlatformView(show);
initFooter(show);
initBridge();
initRenewal();
initRequests(show);
initStoreChoice(show);
onOutcome("connect", (outcome) => {
  if (outcome?.ok) show();
  else if (outcome) showServer(outcome);
});

await settle();
await show();
