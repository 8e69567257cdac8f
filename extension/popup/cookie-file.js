// Saves the cookies as a file if no native host is installed.
//
// The only place where the popup calls the core itself: a worker can't create the URL that a
// download needs, and the file's text must not travel in messages.

import { failureText } from "../page/failure-text.js";
import { lossText, text } from "../page/text.js";
import { chosenStore } from "./store-choice.js";

// How long the URL stays valid: by then the browser has started to read the file.
const REVOKE_AFTER_MS = 60_000;

/** Saves the file and shows the result in `words`. */
export async function saveCookieFile(platform, words) {
  try {
    const { loadCore } = await import("../background/core.js");
    const core = await loadCore();
    const { url, losses } = await core.cookie_file(platform, chosenStore().id);
    const name = `${platform}-cookies.txt`;
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS);
    words.textContent = [text("cookie_file_saved", name), lossText(losses)].join(" ");
  } catch (error) {
    words.textContent = failureText(error);
  }
}
