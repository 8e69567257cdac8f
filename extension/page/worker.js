// Asking the worker.

/** The worker's answer; throws the failure where there is one. */
export async function ask(type, fields = {}) {
  const { value, failure } = await chrome.runtime.sendMessage({ type, ...fields });
  if (failure) throw failure;
  return value;
}
