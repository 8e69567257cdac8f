// The outcome of a capture or an export, with the next step.

import { renderFailure } from "../page/failure.js";
import { failureText } from "../page/failure-text.js";
import { button, element, hint } from "../page/page.js";
import { countText, formatTime, lossText, text } from "../page/text.js";
import { saveCookieFile } from "./cookie-file.js";
import { openTabButton } from "./open-tab.js";

/** Shows the outcome of a capture in `box`, or empties the box without one. */
export function showCaptureOutcome(box, outcome) {
  show(box, outcome, () => captured(outcome), "nothing_taken");
}

/** Shows the outcome of an export of the site's cookies in the same way. */
export function showExportOutcome(box, outcome, site) {
  show(box, outcome, () => exported(outcome, site), "nothing_exported");
  if (outcome?.code === "no_host" || outcome?.code?.startsWith("host_")) box.append(...cookieFile(site));
}

/** The offer of a cookie file in place of an export, or why there is none. */
function cookieFile({ platform, is_login_in_storage: isLoginInStorage }) {
  if (isLoginInStorage) return [hint(text("no_cookie_file"))];
  const words = element("p", { role: "status" });
  return [button("download", text("download_cookie_file"), () => saveCookieFile(platform, words)), words];
}

function show(box, outcome, renderSuccess, nothing) {
  box.replaceChildren();
  delete box.dataset.outcome;
  delete box.dataset.code;
  if (!outcome) return;
  if (outcome.status !== "done") {
    box.append(element("p", { textContent: text(`task_${outcome.status}`) }));
    return;
  }
  box.dataset.outcome = outcome.ok ? "success" : "error";
  box.dataset.code = outcome.code;
  box.append(...(outcome.ok ? renderSuccess() : renderFailure(outcome)));
  // These failures are of an origin's storage, and the preview has the same words for them.
  if (!outcome.ok && outcome.origin) box.append(element("p", { textContent: text(nothing) }));
  if (outcome.code === "no_tab") box.append(openTabButton(outcome));
}

function captured({ cookie_count: cookies, entry_count: entries, expires, report, device_bound: bound }) {
  const lines = [title(text("captured"))];
  if (cookies > 0 || entries === 0) lines.push(countText("captured_cookies", cookies));
  if (entries > 0) lines.push(countText("captured_entries", entries));
  if (report.dropped > 0) lines.push(countText("captured_dropped", report.dropped));
  lines.push(expires ? text("captured_until", formatTime(expires)) : text("captured_no_expiry"));
  if (bound.length > 0) lines.push(text("captured_device_bound"));
  return lines.map((line) => element("p", {}, line));
}

function exported(answer, { is_login_in_storage: isLoginInStorage }) {
  const { expires_at: expiresAt, losses, old_host: isOfOldHost, unread } = answer;
  // The host names a command if there are cookies, and they may not be of the login.
  const isForYtDlp = answer.command && !isLoginInStorage;
  const facts = [
    isOfOldHost && text("exported_by_old_host"),
    expiresAt && text("captured_until", formatTime(expiresAt)),
    lossText(losses, answer.storage_path ? "losses_storage" : "losses"),
  ];
  return [
    element("p", {}, title(text(isForYtDlp ? "exported" : "exported_storage"))),
    ...(isForYtDlp ? forYtDlp(answer) : [element("p", { textContent: text("exported_storage_why") })]),
    ...storageFile(answer),
    ...(unread ? withoutStorage(unread) : []),
    ...facts.filter(Boolean).map(hint),
  ];
}

function forYtDlp({ path, command, cookie_count: count }) {
  const copied = element("span", { role: "status" });
  const copy = button("copy-command", text("copy_command"), async () => {
    await navigator.clipboard.writeText(command);
    copied.textContent = text("copied");
  });
  return [
    element("p", { textContent: countText("exported_cookies", count) }),
    element("code", { id: "export-path", textContent: path }),
    element("p", { textContent: text("exported_command") }),
    element("code", { id: "export-command", textContent: command }),
    element("div", { className: "buttons" }, copy, copied),
  ];
}

/** The file with what the site stores, if there is one. */
function storageFile({ storage_path: path, entry_count: count }) {
  if (!path) return [];
  const words = countText("exported_entries", count);
  return [element("p", { textContent: words }), element("code", { id: "storage-path", textContent: path })];
}

/** Why the part of the login that pages store is not in the export, and what to do. */
function withoutStorage(unread) {
  const words = `${text("exported_without_storage")} ${failureText(unread)}`;
  const note = element("p", { id: "export-unread", className: "note", textContent: words });
  return unread.code === "no_tab" ? [note, openTabButton(unread)] : [note];
}

function title(words) {
  return element("strong", { textContent: words });
}
