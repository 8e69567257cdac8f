// Checks and normalises a server's address. The popup needs this synchronously in a click,
// and the worker checks it again.

// The loopback address that the content security policy names.
const LOOPBACK = "127.0.0.1";

export const DEFAULT_SERVER = "http://127.0.0.1:3001";

/**
 * Returns the normalised address: `url` without a trailing slash, and `origins`, the match
 * patterns that a call needs permission for. Null unless it is https, or http on this
 * computer. `localhost` becomes 127.0.0.1, because another program may listen at [::1].
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

/** Normalises an address that an earlier version may have stored in another form. */
export function canonicalServer(url) {
  return parseServerAddress(url)?.url ?? url;
}

function parse(text) {
  // People leave out the scheme; only this computer gets http.
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const isLoopback = /^(127\.0\.0\.1|localhost)(:|\/|$)/i.test(text);
  try {
    return new URL(hasScheme ? text : `${isLoopback ? "http" : "https"}://${text}`);
  } catch {
    return null;
  }
}
