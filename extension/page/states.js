// Texts for the state of hand-over and renewal.

import { failureText } from "./failure-text.js";
import { formatTime, hasText, serviceName, text } from "./text.js";

/** The state of the hand-over as `{code, words}`; `state` is that of the port to the native host. */
export function bridgeState(isPermitted, state) {
  if (!isPermitted) return { code: "permission_missing", words: text("bridge_not_permitted") };
  if (state?.status === "away") return { code: state.code, words: failureText(state) };
  const code = state?.status === "connected" ? "connected" : "connecting";
  return { code, words: text(`bridge_${code}`) };
}

/** A platform's renewal as `{code, words}`; `renewal` is undefined if nothing was captured. */
export function renewalState(renewal) {
  const code = renewalCode(renewal);
  const when = renewal ? formatTime(renewal.capturedAt / 1000) : "";
  const where = renewal?.waitsFor ? new URL(renewal.waitsFor.origin).host : "";
  const service = renewal?.renewedBy ? serviceName(renewal.renewedBy) : "";
  return { code, words: text(`renewal_${code}`, when, where, service) };
}

function renewalCode(renewal) {
  if (!renewal) return "not_captured";
  if (!renewal.isLasting) return "not_lasting";
  if (!renewal.isOn) return "off";
  if (renewal.problem) return "stopped";
  if (renewal.renewedBy) return "by_service";
  if (renewal.waitsFor) return "waiting";
  return renewal.isFailing ? "failing" : "on";
}

/** Why a renewal has stopped, or what it waits for. */
export function problemText({ platform_name: name, problem, waitsFor }) {
  const why = problem ?? { ...waitsFor, code: waitsFor.code ?? "no_tab" };
  if (why.code === "no_tab") return text(`problem_waiting${why.asleep ? "_asleep" : ""}`, name, new URL(why.origin).host);
  const key = `problem_${why.code}`;
  return hasText(key) ? text(key, name) : text("problem_other", name, failureText(why));
}
