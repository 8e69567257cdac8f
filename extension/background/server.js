// Calls to the server that carry a secret but no cookies: signing in, lists, revoking.
// The core makes the calls that carry cookies.

import { requireProof } from "./chosen-server.js";
import { request } from "./http.js";

/** Calls a server `{url, key}` after it has proved its key; returns and throws like `request`. */
export async function call(server, path, options) {
  await requireProof(server);
  return request(server.url + path, options);
}
