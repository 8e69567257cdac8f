// The tab's platform: what a capture would take, which connection it belongs
// to, capturing and exporting.

import { chosenConnection, chosenLabel, initConnections, loadConnections } from "./connections.js";
import { failureText } from "./failure-text.js";
import { element, isBusy, say, setBusy, showView } from "./page.js";
import { showCaptureOutcome, showExportOutcome } from "./outcome.js";
import { renderReport } from "./preview.js";
import { initSessions, refreshSessions } from "./sessions.js";
import { begin, isUnderWay, onOutcome, readOutcome, requestOrigins } from "./tasks.js";
import { text } from "./text.js";
import { ask } from "./worker.js";

const platformName = document.querySelector("#platform");
const advice = document.querySelector("#advice");
const preview = document.querySelector("#preview");
const ytDlpNote = document.querySelector("#yt-dlp-note");
const showPreview = document.querySelector("#show-preview");
const places = {
  capture: document.querySelector("#outcome"),
  export: document.querySelector("#export-result"),
};

// {site, tab} that the view shows; null until there is one.
let current = null;
// Shows the view that comes next.
let onSignedOut;

/** `show` shows what comes next when the sign-in has ended. */
export function initPlatformView(show) {
  onSignedOut = show;
  initConnections();
  initSessions();
  onClick(document.querySelector("#capture"), () => start("capture", { connection: chosenConnection() }));
  onClick(document.querySelector("#export"), () => start("export", { label: chosenLabel() }));
  onClick(showPreview, requestPreview);
  for (const kind of Object.keys(places)) onOutcome(kind, (outcome) => current && onTaskChanged(kind, outcome));
}

export async function showPlatform({ site, tab }) {
  current = { site, tab };
  platformName.textContent = site.name;
  ytDlpNote.hidden = site.yt_dlp;
  advice.hidden = !site.advice;
  advice.textContent = site.advice ? text(`advice_${site.advice}`, site.name) : "";
  const [capture, exported, report] = await Promise.all([
    readOutcome("capture"),
    readOutcome("export"),
    loadPreview(),
    reloadConnections(),
  ]);
  if (!current) return;
  showView("ready");
  showOutcome("capture", isOutdated(capture, report) ? undefined : capture);
  showOutcome("export", isOutdated(exported, report) ? undefined : exported);
}

/** Whether the person has done what the outcome asked for. */
function isOutdated(outcome, report) {
  return outcome?.code === "not_signed_in" && report?.login.state === "proven";
}

function onClick(button, action) {
  button.addEventListener("click", () => {
    if (!isBusy()) action();
  });
}

function start(kind, fields) {
  const { site, tab } = current;
  const subject = site.platform;
  begin({ kind, subject, platform: site.platform, tabId: tab.id, origins: site.origins, ...fields }).catch((error) =>
    showOutcome(kind, { status: "done", ok: false, subject, ...error }),
  );
  setBusy(true);
}

async function onTaskChanged(kind, outcome) {
  showOutcome(kind, outcome);
  if (outcome?.status !== "done") return;
  if (outcome.code === "signed_out") {
    current = null;
    await onSignedOut();
    return;
  }
  await loadPreview();
  if (kind === "capture" && outcome.ok) {
    await Promise.all([reloadConnections(outcome.connection_id), refreshSessions()]);
  }
}

/** An outcome is shown on its own platform alone. */
function showOutcome(kind, outcome) {
  const shown = outcome?.subject === current.site.platform ? outcome : undefined;
  if (kind === "capture") showCaptureOutcome(places.capture, shown);
  else showExportOutcome(places.export, shown, current);
  if (outcome) setBusy(isUnderWay(outcome));
}

async function reloadConnections(connectionId) {
  try {
    await loadConnections(current.site, connectionId);
    say("");
  } catch (error) {
    if (error.code === "signed_out") {
      current = null;
      await onSignedOut();
    } else {
      say(failureText(error), { code: error.code, retry: () => reloadConnections(connectionId) });
    }
  }
}

/** Shows the report and gives it; null where there is none. */
async function loadPreview() {
  const { site, tab } = current;
  try {
    const report = await ask("preview", { platform: site.platform, tabId: tab.id });
    showPreview.hidden = true;
    preview.replaceChildren(...renderReport(report));
    return report;
  } catch (error) {
    const isUnasked = error.code === "permission_missing";
    const words = isUnasked ? text("preview_permission", site.name) : failureText(error);
    showPreview.hidden = !isUnasked;
    preview.replaceChildren(element("p", { textContent: words }));
    return null;
  }
}

async function requestPreview() {
  const isGranted = await requestOrigins(current.site.origins);
  if (!isGranted) {
    preview.replaceChildren(element("p", { textContent: text("failure_permission_refused") }));
    return;
  }
  await loadPreview();
  platformName.focus();
}
