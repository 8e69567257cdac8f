// The page's views, its state and the message above the views.

import { text } from "./text.js";

const main = document.querySelector("main");
const message = document.querySelector("#message");

let view = null;
// The value of `data-state` while no task runs.
let idleState = main.dataset.state;
let isRunning = false;

/** Shows one view. If another was shown before, moves the focus to `focus` or the view's heading. */
export function showView(name, focus = null) {
  for (const section of main.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== name;
  const isNew = view !== name;
  view = name;
  setIdleState(name);
  setBusy(false);
  if (isNew) (focus ?? heading())?.focus();
}

/**
 * Sets the state for when no task runs: `loading`, `failed`, or the view's name as soon as the
 * whole view can be used.
 */
export function setIdleState(state) {
  idleState = state;
  showState();
}

/** Marks a task as running or ended. Buttons keep their place and the focus. */
export function setBusy(isBusy) {
  isRunning = isBusy;
  showState();
}

/** Whether a task is running; clicks do nothing meanwhile. */
export function isBusy() {
  return isRunning;
}

/** Enables or disables a button. While a task runs, all buttons are disabled. */
export function setAvailable(button, isAvailable) {
  button.toggleAttribute("data-unavailable", !isAvailable);
  showState();
}

function showState() {
  const state = isRunning ? "busy" : idleState;
  main.dataset.state = state;
  main.ariaBusy = String(isRunning || state === "loading");
  for (const button of main.querySelectorAll("button")) {
    button.ariaDisabled = String(isRunning || button.hasAttribute("data-unavailable"));
  }
}

/** Shows a message above the view, with a retry button if `retry` is given; empty `words` remove it. */
export function say(words, { code = "", retry = null } = {}) {
  const hadFocus = message.contains(document.activeElement);
  message.replaceChildren();
  message.dataset.code = code;
  if (words) {
    message.dataset.outcome = "error";
    message.append(element("p", { textContent: words }));
    if (retry) message.append(button("retry", text("try_again"), retry));
  } else {
    delete message.dataset.outcome;
  }
  // The button that had the focus is gone.
  if (hadFocus) (message.querySelector("button") ?? heading())?.focus();
}

function heading() {
  return main.querySelector(`[data-view="${view}"] :is(h2, h3)`);
}

/** Marks a field as invalid, or as valid again. */
export function setInvalid(field, isInvalid) {
  if (isInvalid) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/** A new element with these properties, and children. */
export function element(tag, properties = {}, ...children) {
  const { dataset = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

/** A new paragraph with less important words. */
export function hint(words) {
  return element("p", { className: "hint", textContent: words });
}

/** A new button; `action` is called as by `onClick`. */
export function button(id, label, action, className = "") {
  const made = element("button", { type: "button", textContent: label, className });
  if (id) made.id = id;
  onClick(made, action);
  return made;
}

/** Calls `action` on each click, unless a task runs or the button is disabled. */
export function onClick(button, action) {
  button.addEventListener("click", (event) => {
    // The second click of a double click would hit whatever the first one brought up.
    const isRepeated = event.detail > 1;
    if (!isRunning && button.ariaDisabled !== "true" && !isRepeated) action();
  });
}
