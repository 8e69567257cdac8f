// Messages to the worker.

/** Sends a message and returns the worker's answer; throws its failure. */
export async function ask(type, fields = {}) {
  const { value, failure } = await chrome.runtime.sendMessage({ type, ...fields });
  if (failure) throw failure;
  return value;
}
