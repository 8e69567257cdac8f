// Which addresses a server may have. The popup needs the answer inside a click
// and the worker checks it again.

// The loopback addresses that the content security policy names.
const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

export const DEFAULT_SERVER = "http://127.0.0.1:3001";

/**
 * The address in its one form: `url` without a slash at the end, and `origins`,
 * the match patterns whose permission calls to it need. Null where it is
 * neither https nor http on this machine.
 */
export function parseServerAddress(text) {
  const address = parse(text.trim());
  if (!address || address.username || address.password || address.search || address.hash) return null;
  const isAllowed =
    address.protocol === "https:" || (address.protocol === "http:" && LOOPBACK.has(address.hostname));
  if (!isAllowed) return null;
  return {
    url: address.origin + address.pathname.replace(/\/+$/, ""),
    origins: [`${address.protocol}//${address.hostname}/*`],
  };
}

function parse(text) {
  // People leave the scheme out; what is not on this machine has to be https.
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const isLoopback = /^(127\.0\.0\.1|localhost)(:|\/|$)/i.test(text);
  try {
    return new URL(hasScheme ? text : `${isLoopback ? "http" : "https"}://${text}`);
  } catch {
    return null;
  }
}
