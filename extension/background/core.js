// The core in WebAssembly. Imported statically, since a service worker has no
// dynamic import.

import start, * as core from "../wasm/stagepass.js";

const started = begin();

/** Without the list of public suffixes, a file beside the module, the core knows no site. */
async function begin() {
  const list = fetch(chrome.runtime.getURL("public-suffixes.txt")).then((file) => file.arrayBuffer());
  const [bytes] = await Promise.all([list, start()]);
  core.take_public_suffixes(new Uint8Array(bytes));
}

/** The core's functions, once they can be called. */
export async function loadCore() {
  await started;
  return core;
}
