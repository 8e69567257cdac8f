// A failed task, shown with the command that fixes it.

import { failureText } from "./failure-text.js";
import { element } from "./page.js";
import { text } from "./text.js";

/** The failure's text, with the command that fixes it if there is one. */
export function renderFailure(failure) {
  const lines = [element("p", {}, element("strong", { textContent: failureText(failure) }))];
  if (failure.code === "no_host") {
    lines.push(element("p", { textContent: text("no_host_install") }));
    lines.push(element("code", { textContent: "stagepass install" }));
  }
  return lines;
}
