// The page: its views, its state and the message above them.

import { text } from "./text.js";

const main = document.querySelector("main");
const message = document.querySelector("#message");

let view = null;
// What `data-state` says while nothing runs.
let idleState = main.dataset.state;
let isRunning = false;

/** Shows one view; where it was another before, the focus goes to `focus` or its heading. */
export function showView(name, focus = null) {
  for (const section of main.querySelectorAll("[data-view]")) section.hidden = section.dataset.view !== name;
  const isNew = view !== name;
  view = name;
  setIdleState(name);
  setBusy(false);
  if (isNew) (focus ?? heading())?.focus();
}

/** The view's name once all of it can be used; before that `loading`, or `failed`. */
export function setIdleState(state) {
  idleState = state;
  showState();
}

/** Whether something runs; buttons stay where they are, and keep the focus. */
export function setBusy(isBusy) {
  isRunning = isBusy;
  showState();
}

/** Whether something runs, so that a click does nothing. */
export function isBusy() {
  return isRunning;
}

/** Whether a click on the button does something while nothing runs. */
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

/** Says something above the view, with a way to try again; nothing where `words` is empty. */
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
  // The button that had it is gone.
  if (hadFocus) (message.querySelector("button") ?? heading())?.focus();
}

function heading() {
  return main.querySelector(`[data-view="${view}"] :is(h2, h3)`);
}

/** Marks a field whose value the message is about. */
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

/** A new button that calls back as with `onClick`. */
export function button(id, label, action, className = "") {
  const made = element("button", { type: "button", textContent: label, className });
  if (id) made.id = id;
  onClick(made, action);
  return made;
}

/** Calls back with each click that is to do something. */
export function onClick(button, action) {
  button.addEventListener("click", (event) => {
    // The second click of a double one was not meant for what is there by then.
    const isRepeated = event.detail > 1;
    if (!isRunning && button.ariaDisabled !== "true" && !isRepeated) action();
  });
}
