// Which addresses a server may have. The popup needs the answer inside a click
// and the worker checks it again.

// The loopback address that the content security policy names.
const LOOPBACK = "127.0.0.1";

export const DEFAULT_SERVER = "http://127.0.0.1:3001";

/**
 * The address in its one form: `url` without a slash at the end, and `origins`,
 * the match patterns whose permission calls to it need. Null where it is
 * neither https nor http on this machine. `localhost` is 127.0.0.1: at [::1]
 * another program may listen.
 */
export function parseServerAddress(text) {
  const address = parse(text.trim());
  if (!address || address.username || address.password || address.search || address.hash) return null;
  if (address.protocol === "http:" && address.hostname === "localhost") address.hostname = LOOPBACK;
  const isAllowed =
    address.protocol === "https:" || (address.protocol === "http:" && address.hostname === LOOPBACK);
  if (!isAllowed) return null;
  return {
    url: address.origin + address.pathname.replace(/\/+$/, ""),
    origins: [`${address.protocol}//${address.hostname}/*`],
  };
}

/** The one form of an address that may have been kept in another. */
export function canonicalServer(url) {
  return parseServerAddress(url)?.url ?? url;
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
