// Texts from _locales, and dates and lists in their language.

/** The text `key` with $1, $2 … filled in. */
export function text(key, ...substitutions) {
  return chrome.i18n.getMessage(key, substitutions.map(String));
}

/** Whether the text `key` exists. */
export function hasText(key) {
  return text(key) !== "";
}

// The language of the texts, which can differ from the browser's.
const language = text("language");
const plural = new Intl.PluralRules(language);
const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const list = new Intl.ListFormat(language, { type: "conjunction" });

/** The text `key` in the plural form for `count`, which becomes its $1. */
export function countText(key, count, ...substitutions) {
  const form = `${key}_${plural.select(count)}`;
  return text(hasText(form) ? form : `${key}_other`, count, ...substitutions);
}

/** Day and time of Unix seconds or of an RFC 3339 text. */
export function formatTime(time) {
  return dateTime.format(toDate(time));
}

/** The day only. */
export function formatDay(time) {
  return date.format(toDate(time));
}

/** A size, such as 12 bytes or 3.4 kB. */
export function formatBytes(bytes) {
  const [number, unit] = bytes < 1000 ? [bytes, "byte"] : [bytes / 1000, "kilobyte"];
  const style = { style: "unit", unit, unitDisplay: bytes < 1000 ? "long" : "short", maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(language, style).format(number);
}

/** "a, b and c". */
export function formatList(items) {
  return list.format(items);
}

/** The name of a service, which the server calls `service:NAME`, or `service` if it has no token of its own. */
export function serviceName(caller) {
  return caller.includes(":") ? caller.slice(caller.indexOf(":") + 1) : text("service_unnamed");
}

/** What files leave out, in the words of the text `key`; empty if nothing is lost. */
export function lossText(losses = [], key = "losses") {
  return losses.length > 0 ? text(key, formatList(losses)) : "";
}

/** Fills in every element with a `data-text`. */
export function fillTexts() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
}

function toDate(time) {
  return new Date(typeof time === "number" ? time * 1000 : time);
}
