// The tab's platform: what a capture would take, which connection it belongs
// to, capturing and exporting.

import { showBridge } from "./bridge.js";
import {
  chosenConnection,
  chosenLabel,
  findConnections,
  initConnections,
  requireConnection,
  showConnections,
  withholdConnections,
} from "./connections.js";
import { failureText } from "../page/failure-text.js";
import { onClick, say, setAvailable, setBusy, setIdleState, showView } from "../page/page.js";
import { showCaptureOutcome, showExportOutcome } from "./outcome.js";
import { showNoReport, showReport } from "./preview.js";
import { showRenewal } from "./renewal.js";
import { initSessions, refreshSessions } from "./sessions.js";
import { chooseSite, initSiteChoice } from "./site-choice.js";
import { chosenStore } from "./store-choice.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome, requestOrigins } from "../page/tasks.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const platformName = document.querySelector("#platform");
const advice = document.querySelector("#advice");
const captureButton = document.querySelector("#capture");
const ytDlpNote = document.querySelector("#yt-dlp-note");
const showPreview = document.querySelector("#show-preview");
const places = {
  capture: document.querySelector("#outcome"),
  export: document.querySelector("#export-result"),
};

// Failures after which there is something else to do first.
const NEEDS_ANOTHER_VIEW = new Set(["signed_out", "server_unproven", "server_unconfirmed"]);

// {site} that the view shows; null until there is one. What was asked for
// another one is not shown.
let current = null;
// The session that the shown outcome is about.
let capturedSession = null;
// Shows the view that comes next.
let onSignedOut;

/** `show` shows what comes next when the sign-in has ended. */
export function initPlatformView(show) {
  onSignedOut = show;
  initConnections();
  initSessions(forgetCapture);
  initSiteChoice(showSite);
  onClick(captureButton, () => start("capture", { connection: chosenConnection() }));
  onClick(document.querySelector("#export"), () => start("export", { label: chosenLabel() }));
  onClick(showPreview, requestPreview);
  for (const kind of Object.keys(places)) onOutcome(kind, (outcome) => current && onTaskChanged(kind, outcome));
}

export async function showPlatform(site) {
  await showSite(await chooseSite(site));
}

/** Shows at once what is known; the rest fills in as it comes. */
async function showSite(site) {
  current = { site };
  platformName.textContent = site.name;
  ytDlpNote.hidden = site.yt_dlp;
  advice.hidden = !site.advice;
  advice.textContent = site.advice ? text(`advice_${site.advice}`, site.name) : "";
  showNoReport(text("loading"));
  withholdConnections("loading");
  showView("ready");
  setReadiness("loading");
  const renewal = showRenewal({ site, isSignedIn: true });
  await Promise.all([renewal, showBridge(current), ...Object.keys(places).map(restoreOutcome)]);
  await Promise.all([loadPreview(), loadConnections(), refreshSessions()]);
}

async function restoreOutcome(kind) {
  const shown = current;
  const outcome = await readOutcome(kind);
  if (shown === current) showOutcome(kind, outcome);
}

/** `ready` once there is a choice of connections to capture for. */
function setReadiness(state) {
  setIdleState(state);
  setAvailable(captureButton, state === "ready");
}

function start(kind, fields) {
  if (!requireConnection()) return;
  const { platform, origins } = current.site;
  begin({ kind, subject: platform, platform, store: chosenStore(), origins, ...fields }).catch((error) =>
    onTaskChanged(kind, { ...error, status: "done", ok: false, subject: platform }),
  );
  setBusy(true);
}

async function onTaskChanged(kind, outcome) {
  showOutcome(kind, outcome);
  if (outcome) places[kind].scrollIntoView({ block: "nearest" });
  if (outcome?.status !== "done") return;
  if (NEEDS_ANOTHER_VIEW.has(outcome.code)) {
    await leave();
    return;
  }
  await loadPreview();
  if (kind === "capture" && outcome.ok) {
    await Promise.all([loadConnections(outcome.connection_id), refreshSessions()]);
  }
}

/** An outcome is shown on its own platform alone. */
function showOutcome(kind, outcome) {
  const shown = outcome?.subject === current.site.platform ? outcome : undefined;
  if (shown?.status === "done") markSeen(kind, shown);
  if (kind === "capture") {
    capturedSession = shown?.session_id ?? null;
    showCaptureOutcome(places.capture, shown);
  } else {
    showExportOutcome(places.export, shown, current.site);
  }
  if (outcome) setBusy(isUnderWay(outcome));
}

/** What was captured is no longer stored. */
function forgetCapture(sessionId) {
  if (sessionId === capturedSession) showCaptureOutcome(places.capture, undefined);
}

async function leave() {
  current = null;
  await onSignedOut();
}

/** Loads the choice; `connectionId` is chosen, else the one of the latest capture. */
async function loadConnections(connectionId) {
  const shown = current;
  try {
    const found = await findConnections(shown.site);
    if (shown !== current) return;
    showConnections(found, shown.site, connectionId);
    say("");
    setReadiness("ready");
  } catch (error) {
    if (shown === current) await onConnectionsFailed(error, connectionId);
  }
}

async function onConnectionsFailed(error, connectionId) {
  if (NEEDS_ANOTHER_VIEW.has(error.code)) {
    await leave();
    return;
  }
  withholdConnections("connections_unavailable");
  setReadiness("failed");
  say(failureText(error), { code: error.code, retry: () => loadConnections(connectionId) });
}

async function loadPreview() {
  const shown = current;
  const { site } = shown;
  try {
    const report = await ask("preview", { platform: site.platform, storeId: chosenStore().id });
    if (shown !== current) return;
    showPreview.hidden = true;
    showReport(report, site);
  } catch (error) {
    if (shown !== current) return;
    const isUnasked = error.code === "permission_missing";
    showPreview.hidden = !isUnasked;
    showNoReport(isUnasked ? text("preview_permission", site.name) : failureText(error));
  }
}

async function requestPreview() {
  const isGranted = await requestOrigins(current.site.origins);
  if (!isGranted) {
    showNoReport(text("failure_permission_refused"));
    return;
  }
  await loadPreview();
  platformName.focus();
}
