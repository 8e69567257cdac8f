// A failure is a plain object {code, …} on its way from the core, the server
// or here to the popup, which has words for each code.

/** What to throw. */
export function failure(code, fields = {}) {
  return { code, ...fields };
}

/** Whatever was thrown, as a failure. */
export function toFailure(thrown) {
  if (typeof thrown?.code === "string") return thrown;
  return failure("internal", { detail: thrown?.message ?? String(thrown) });
}
