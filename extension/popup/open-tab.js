// A button that opens a tab at an origin whose storage belongs to a session.

import { failureText } from "../page/failure-text.js";
import { button, say } from "../page/page.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";
import { chosenStore } from "./store-choice.js";

/** Opens `url` in the window or container of the cookie store, or of the one that the person chose. */
export function openTabButton({ origin, url, storeId }) {
  return button(null, text("open_tab", new URL(origin).host), () => open(url, storeId), "open-tab");
}

async function open(url, storeId = chosenStore().id) {
  try {
    await ask("openTab", { url, storeId });
    window.close();
  } catch (error) {
    say(failureText(error), { code: error.code });
  }
}
