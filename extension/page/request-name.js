// The name of a capture request: its platform and account.

import { text } from "./text.js";

/** Platform and account; a platform that only the server vouches for is quoted. */
export function requestName({ platform_name: platform, platform_username: username }, isKnown) {
  const shown = isKnown ? platform : text("quoted", platform);
  return username ? `${shown} · ${username}` : shown;
}
