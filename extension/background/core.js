// The core in WebAssembly. The import is static: service workers don't support dynamic ones.

import start, * as core from "../wasm/stagepass.js";

const started = begin();

/** Starts the module and gives it the public suffix list, without which it recognises no site. */
async function begin() {
  const list = fetch(chrome.runtime.getURL("public-suffixes.txt")).then((file) => file.arrayBuffer());
  const [bytes] = await Promise.all([list, start()]);
  core.take_public_suffixes(new Uint8Array(bytes));
}

/** The core's functions, once the module has started. */
export async function loadCore() {
  await started;
  return core;
}
