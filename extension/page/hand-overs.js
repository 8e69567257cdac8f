// What was handed over to programs on this computer: names, numbers and times.

import { element } from "./page.js";
import { countText, formatTime, text } from "./text.js";

const list = document.querySelector("#hand-overs");
const nothing = document.querySelector("#no-hand-overs");

/** Lists them, the latest first. */
export function showHandOvers(handOvers) {
  list.replaceChildren(...handOvers.map(renderHandOver));
  list.hidden = handOvers.length === 0;
  nothing.hidden = handOvers.length > 0;
}

function renderHandOver({ kind, platform, platform_name: name, program, count, at }) {
  const what = kind === "other_account" ? text("hand_over_other_account") : countText(kind, count);
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
