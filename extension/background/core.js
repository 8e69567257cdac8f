// The core in WebAssembly. Imported statically, since a service worker has no
// dynamic import.

import start, * as core from "../wasm/stagepass.js";

const started = start();

/** The core's functions, once they can be called. */
export async function loadCore() {
  await started;
  return core;
}
