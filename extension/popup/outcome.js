// What came of a capture or an export, in words, with a way on.

import { renderFailure } from "../page/failure.js";
import { button, element } from "../page/page.js";
import { countText, formatTime, lossText, text } from "../page/text.js";
import { saveCookieFile } from "./cookie-file.js";

/** Shows the outcome of a capture in `place`; empties it where there is none. */
export function showCaptureOutcome(place, outcome) {
  show(place, outcome, () => captured(outcome));
}

/** Likewise of an export of the site's cookies. */
export function showExportOutcome(place, outcome, site) {
  show(place, outcome, () => exported(outcome));
  if (outcome?.code === "no_host" || outcome?.code?.startsWith("host_")) offerFile();

  function offerFile() {
    const words = element("p", { role: "status" });
    const save = () => saveCookieFile(site.platform, words);
    place.append(button("download", text("download_cookie_file"), save), words);
  }
}

function show(place, outcome, renderSuccess) {
  place.replaceChildren();
  delete place.dataset.outcome;
  delete place.dataset.code;
  if (!outcome) return;
  if (outcome.status !== "done") {
    place.append(element("p", { textContent: text(`task_${outcome.status}`) }));
    return;
  }
  place.dataset.outcome = outcome.ok ? "success" : "error";
  place.dataset.code = outcome.code;
  place.append(...(outcome.ok ? renderSuccess() : renderFailure(outcome)));
}

function captured({ cookie_count: count, expires, report }) {
  const lines = [title(text("captured")), countText("captured_cookies", count)];
  if (report.dropped > 0) lines.push(countText("captured_dropped", report.dropped));
  lines.push(expires ? text("captured_until", formatTime(expires)) : text("captured_no_expiry"));
  return lines.map((line) => element("p", {}, line));
}

function exported({ path, command, cookie_count: count, expires_at: expiresAt, losses }) {
  const copied = element("span", { role: "status" });
  const copy = button("copy-command", text("copy_command"), async () => {
    await navigator.clipboard.writeText(command);
    copied.textContent = text("copied");
  });
  const facts = [expiresAt && text("captured_until", formatTime(expiresAt)), lossText(losses)];
  return [
    element("p", {}, title(text("exported"))),
    element("p", { textContent: countText("exported_cookies", count) }),
    element("code", { id: "export-path", textContent: path }),
    element("p", { textContent: text("exported_command") }),
    element("code", { id: "export-command", textContent: command }),
    element("div", { className: "buttons" }, copy, copied),
    ...facts.filter(Boolean).map((words) => element("p", { className: "hint", textContent: words })),
  ];
}

function title(words) {
  return element("strong", { textContent: words });
}
