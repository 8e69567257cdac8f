// One HTTP request and its answer. Knows nothing of sign-ins and server keys.

import { failure } from "./failure.js";

// Below the 30 seconds after which a browser puts an idle worker to sleep.
const TIMEOUT_MS = 20_000;

/**
 * Returns the answer's JSON, or null if it has none.
 * Throws `unauthorized`, `server_away` or `server_refused`.
 */
export async function request(url, { method = "GET", body, accessToken } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`;
  const { response, text } = await send(url, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = parse(text);
  if (response.status === 401) throw failure("unauthorized");
  if (!response.ok) throw refusal(response, json);
  return json;
}

async function send(url, request) {
  try {
    const response = await fetch(url, {
      ...request,
      // Sends only what is written above, and only to this address.
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { response, text: await response.text() };
  } catch {
    throw failure("server_away");
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Reads the error body of the Credentials API or of Directus; otherwise shows the status. */
function refusal(response, json) {
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return failure("server_refused", {
    http_status: response.status,
    reason: json?.error ?? json?.errors?.[0]?.message ?? `HTTP ${response.status}`,
    retry_after: Number.isNaN(retryAfter) ? null : retryAfter,
  });
}
