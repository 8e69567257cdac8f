// The page: its views, its state and the message above them.

import { text } from "./text.js";

const main = document.querySelector("main");
const message = document.querySelector("#message");

let view = null;

/** Shows one view; where it was another before, the focus goes to `focus` or its heading. */
export function showView(name, focus = null) {
  for (const section of main.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== name;
  const isNew = view !== name;
  view = name;
  setBusy(false);
  if (isNew) (focus ?? main.querySelector(`[data-view="${name}"] h2`)).focus();
}

/** Whether something runs; buttons stay where they are, and keep the focus. */
export function setBusy(isBusy) {
  main.dataset.state = isBusy ? "busy" : view;
  main.setAttribute("aria-busy", String(isBusy));
  for (const button of main.querySelectorAll("button")) button.setAttribute("aria-disabled", String(isBusy));
}

/** Whether something runs, so that a click does nothing. */
export function isBusy() {
  return main.dataset.state === "busy";
}

/** Says something above the view, with a way to try again; nothing where `words` is empty. */
export function say(words, { code = "", retry = null } = {}) {
  message.replaceChildren();
  message.dataset.code = code;
  if (!words) {
    delete message.dataset.outcome;
    return;
  }
  message.dataset.outcome = "error";
  message.append(element("p", { textContent: words }));
  if (retry) message.append(button("retry", text("try_again"), retry));
}

/** A new element with these properties, and children. */
export function element(tag, properties = {}, ...children) {
  const { dataset = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

/** A new button; a click on it does nothing while something runs. */
export function button(id, label, onClick, className = "") {
  const made = element("button", { type: "button", textContent: label, className });
  if (id) made.id = id;
  made.addEventListener("click", () => {
    if (!isBusy()) onClick(made);
  });
  return made;
}
