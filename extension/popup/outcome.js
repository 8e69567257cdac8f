// The outcome of a capture or an export, with the next step.

import { renderFailure } from "../page/failure.js";
import { button, element } from "../page/page.js";
import { countText, formatTime, lossText, text } from "../page/text.js";
import { saveCookieFile } from "./cookie-file.js";
import { openTabButton } from "./open-tab.js";

/** Shows the outcome of a capture in `box`, or empties the box without one. */
export function showCaptureOutcome(box, outcome) {
  show(box, outcome, () => captured(outcome));
}

/** Shows the outcome of an export of the site's cookies in the same way. */
export function showExportOutcome(box, outcome, site) {
  show(box, outcome, () => exported(outcome));
  if (outcome?.code === "no_host" || outcome?.code?.startsWith("host_")) offerFile();

  function offerFile() {
    const words = element("p", { role: "status" });
    const save = () => saveCookieFile(site.platform, words);
    box.append(button("download", text("download_cookie_file"), save), words);
  }
}

function show(box, outcome, renderSuccess) {
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

function exported({ path, command, storage_path: storagePath, ...answer }) {
  const { cookie_count: count, expires_at: expiresAt, losses, old_host: isOfOldHost } = answer;
  const files = command ? forYtDlp(path, command, count) : forOthers(storagePath);
  const facts = [
    isOfOldHost && text("exported_by_old_host"),
    expiresAt && text("captured_until", formatTime(expiresAt)),
    lossText(losses),
  ];
  return [
    element("p", {}, title(text(command ? "exported" : "exported_storage"))),
    ...files,
    ...facts.filter(Boolean).map((words) => element("p", { className: "hint", textContent: words })),
  ];
}

function forYtDlp(path, command, count) {
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

/** yt-dlp can't use a login without cookies, so the host names no command. */
function forOthers(storagePath) {
  return [
    element("p", { textContent: text("exported_storage_use") }),
    element("code", { id: "export-path", textContent: storagePath }),
  ];
}

function title(words) {
  return element("strong", { textContent: words });
}
