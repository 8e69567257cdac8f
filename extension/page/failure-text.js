// The texts of failures: what is wrong and what to do about it.

import { countText, hasText, text } from "./text.js";

// What fills the placeholders of a failure's text, by code.
const SUBSTITUTIONS = {
  bridge_refused: ({ reason }) => [reason],
  entry_missing: ({ origin, entry }) => [new URL(origin).host, entry],
  host_failed: ({ reason }) => [reason],
  host_forbidden: () => [chrome.runtime.id],
  host_refused: ({ reason }) => [reason],
  internal: ({ detail }) => [detail ?? ""],
  no_tab: ({ origin }) => [new URL(origin).host],
  server_refused: ({ reason }) => [reason],
  storage_blocked: ({ origin }) => [new URL(origin).host],
  storage_ill_formed: ({ origin, entry }) => [new URL(origin).host, entry],
  storage_too_large: ({ origin }) => [new URL(origin).host],
  tab_changed: ({ origin }) => [new URL(origin).host],
  tab_silent: ({ origin }) => [new URL(origin).host],
};

/** The text of a failure. */
export function failureText(failure) {
  if (failure.http_status === 429) return tooManyRequests(failure);
  const key = `failure_${failure.code}${failure.asleep ? "_asleep" : ""}`;
  if (!hasText(key)) return text("failure_internal", failure.message ?? failure.code ?? String(failure));
  return text(key, ...(SUBSTITUTIONS[failure.code]?.(failure) ?? []));
}

function tooManyRequests({ retry_after: seconds }) {
  return seconds ? countText("failure_too_many_requests_seconds", seconds) : text("failure_too_many_requests");
}
