// Single questions to the native host, which ends after its answer.

import { loadCore } from "./core.js";
import { failure } from "./failure.js";

// A host that works answers within moments.
const TIMEOUT_MS = 20_000;

/** Starts the host the way every message does, and returns its version. */
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

/** The host's answer, or `host_failed` after a timeout. */
export function withinHostTime(promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(failure("host_failed", { reason: "timeout" })), TIMEOUT_MS);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
