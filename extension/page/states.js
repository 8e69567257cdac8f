// How it stands with what goes on by itself, in words.

import { failureText } from "./failure-text.js";
import { formatTime, hasText, text } from "./text.js";

/** Of handing over a platform's cookies: `{code, words}`. `state` is the port's. */
export function bridgeState(isPermitted, state) {
  if (!isPermitted) return { code: "permission_missing", words: text("bridge_not_permitted") };
  if (state?.status === "away") return { code: state.code, words: failureText(state) };
  const code = state?.status === "connected" ? "connected" : "connecting";
  return { code, words: text(`bridge_${code}`) };
}

/** Of renewing a platform's session, undefined where none was captured: `{code, words}`. */
export function renewalState(kept) {
  const code = renewalCode(kept);
  return { code, words: text(`send_on_${code}`, kept ? formatTime(kept.capturedAt / 1000) : "") };
}

function renewalCode(kept) {
  if (!kept) return "not_captured";
  if (!kept.isLasting) return "not_lasting";
  if (!kept.isOn) return "off";
  if (kept.problem) return "stopped";
  return kept.isFailing ? "failing" : "on";
}

/** Why a session is no longer renewed. */
export function problemText({ platform_name: name, problem }) {
  const key = `problem_${problem.code}`;
  return hasText(key) ? text(key, name) : text("problem_other", name, failureText(problem));
}
