// Whose session a capture request asks for, in words.

import { text } from "./text.js";

/** Platform and account; a platform that only the server names is quoted. */
export function requestName({ platform_name: platform, platform_username: username }, isKnown) {
  const shown = isKnown ? platform : text("quoted", platform);
  return username ? `${shown} · ${username}` : shown;
}
