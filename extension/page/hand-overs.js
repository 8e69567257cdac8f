// The list of hand-overs to programs on this computer: names, numbers and times.

import { element } from "./page.js";
import { countText, formatTime, text } from "./text.js";

const list = document.querySelector("#hand-overs");
const nothing = document.querySelector("#no-hand-overs");

/** Shows the hand-overs, newest first. */
export function showHandOvers(handOvers) {
  list.replaceChildren(...handOvers.map(renderHandOver));
  list.hidden = handOvers.length === 0;
  nothing.hidden = handOvers.length > 0;
}

function renderHandOver({ kind, platform, platform_name: name, program, count, hasStorage, at }) {
  const words = [kind === "other_account" ? text("hand_over_other_account") : countText(kind, count)];
  if (hasStorage) words.push(text("handed_over_storage"));
  const what = words.join(" ");
  return element(
    "li",
    { dataset: { kind, platform } },
    element(
      "div",
      {},
      name,
      element("small", { textContent: `${what} · ${text("program", program)}` }),
      element("small", { textContent: formatTime(at) }),
    ),
  );
}
