// Texts for people, out of _locales.

/** The text `key`, its $1, $2 … filled in. */
export function text(key, ...substitutions) {
  return chrome.i18n.getMessage(key, substitutions.map(String));
}

/** Whether there is such a text. */
export function hasText(key) {
  return text(key) !== "";
}

// The language of the texts, which is not always the browser's.
const language = text("language");
const plural = new Intl.PluralRules(language);
const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const list = new Intl.ListFormat(language, { type: "conjunction" });

/** The text `key` in the form that `count`, its $1, asks for. */
export function countText(key, count, ...substitutions) {
  const form = `${key}_${plural.select(count)}`;
  return text(hasText(form) ? form : `${key}_other`, count, ...substitutions);
}

/** Day and time of Unix seconds or of an RFC 3339 text. */
export function formatTime(time) {
  return dateTime.format(toDate(time));
}

/** The day alone. */
export function formatDay(time) {
  return date.format(toDate(time));
}

/** "a, b and c". */
export function formatList(items) {
  return list.format(items);
}

/** What a cookie file does not hold, in words; empty where that is nothing. */
export function lossText(losses = []) {
  return losses.length > 0 ? text("losses", formatList(losses)) : "";
}

/** Fills in every element that names its text. */
export function fillTexts() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
}

function toDate(time) {
  return new Date(typeof time === "number" ? time * 1000 : time);
}
