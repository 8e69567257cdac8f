// A failure is a plain object {code, …}. The core, the server and this worker make them;
// the pages have a text for each code.

/** A new failure, to be thrown. */
export function failure(code, fields = {}) {
  return { code, ...fields };
}

/** Turns anything that was thrown into a failure. */
export function toFailure(thrown) {
  if (typeof thrown?.code === "string") return thrown;
  return failure("internal", { detail: thrown?.message ?? String(thrown) });
}
