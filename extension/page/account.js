// The buttons to sign out and to change the server.

import { onClick } from "./page.js";
import { ask } from "./worker.js";

/** `onChange` shows the next view. */
export function initAccount(onChange) {
  const request = async (type) => {
    await ask(type);
    await onChange();
  };
  onClick(document.querySelector("#sign-out"), () => request("signOut"));
  onClick(document.querySelector("#change-server"), () => request("leaveServer"));
}
