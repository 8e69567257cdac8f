// Calls to the server that carry something secret but no cookies: signing in,
// lists, revoking. The core makes those that carry cookies.

import { requireProof } from "./chosen-server.js";
import { request } from "./http.js";

/** One call to a server `{url, key}`, once it has proved its key; gives and throws as `request` does. */
export async function call(server, path, options) {
  await requireProof(server);
  return request(server.url + path, options);
}
