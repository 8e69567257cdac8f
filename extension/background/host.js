// The native host, where it is asked once and ends again.

import { loadCore } from "./core.js";
import { failure } from "./failure.js";

// The host answers within moments, or hangs.
const TIMEOUT_MS = 20_000;

/** Starts the host as the browser does for any message, and gives its version. */
export async function greetHost() {
  const core = await loadCore();
  const port = core.connect_host();
  const answer = new Promise((resolve, reject) => {
    port.onMessage.addListener(resolve);
    port.onDisconnect.addListener(() => {
      reject(core.host_failure(chrome.runtime.lastError?.message ?? port.error?.message ?? ""));
    });
    port.postMessage({ id: "hello", type: "hello" });
  });
  try {
    const { ok, version, error } = await withinHostTime(answer);
    if (!ok) throw failure("host_failed", { reason: error?.message ?? "" });
    return { version: String(version) };
  } finally {
    port.disconnect();
  }
}

/** What the host answers, as long as somebody waits for it. */
export function withinHostTime(promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(failure("host_failed", { reason: "timeout" })), TIMEOUT_MS);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
