// Saving the cookies as a file where no native host is installed.
//
// Here alone the popup calls the core itself: a worker can't make the address
// that a download needs, and the file's text is to stay out of messages.

import { failureText } from "../page/failure-text.js";
import { lossText, text } from "../page/text.js";
import { chosenStore } from "./store-choice.js";

// Long enough for the browser to have begun reading.
const REVOKE_AFTER_MS = 60_000;

/** Saves the file and says in `words` what came of it. */
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
