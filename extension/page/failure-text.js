// Words for failures: what is wrong and what to do about it.

import { countText, hasText, text } from "./text.js";

// What fills in the texts that have a gap.
const SUBSTITUTIONS = {
  bridge_refused: ({ reason }) => [reason],
  host_failed: ({ reason }) => [reason],
  host_forbidden: () => [chrome.runtime.id],
  host_refused: ({ reason }) => [reason],
  internal: ({ detail }) => [detail ?? ""],
  server_refused: ({ reason }) => [reason],
};

/** The failure in words. */
export function failureText(failure) {
  if (failure.http_status === 429) return tooManyRequests(failure);
  const key = `failure_${failure.code}`;
  if (!hasText(key)) return text("failure_internal", failure.message ?? failure.code ?? String(failure));
  return text(key, ...(SUBSTITUTIONS[failure.code]?.(failure) ?? []));
}

function tooManyRequests({ retry_after: seconds }) {
  return seconds ? countText("failure_too_many_requests_seconds", seconds) : text("failure_too_many_requests");
}
