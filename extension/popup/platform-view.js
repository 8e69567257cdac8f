// The view of the tab's platform: preview, choice of the connection, capture and export.

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
import { latestOnly } from "../page/latest.js";
import { onClick, say, setAvailable, setBusy, setIdleState, showView } from "../page/page.js";
import { showCaptureOutcome, showExportOutcome } from "./outcome.js";
import { showNoReport, showReport } from "./preview.js";
import { chosenStorage, initStorageChoice, refreshStorageChoice, showStorageChoice } from "./storage-choice.js";
import { showRenewal } from "./renewal.js";
import { initSessions, refreshSessions } from "./sessions.js";
import { chooseSite, initSiteChoice } from "./site-choice.js";
import { chosenStore, tabBehind } from "./store-choice.js";
import { begin, isUnderWay, markSeen, onOutcome, readOutcome, requestOrigins } from "../page/tasks.js";
import { text } from "../page/text.js";
import { ask } from "../page/worker.js";

const platformName = document.querySelector("#platform");
const advice = document.querySelector("#advice");
const captureButton = document.querySelector("#capture");
const ytDlpNote = document.querySelector("#yt-dlp-note");
const showPreview = document.querySelector("#show-preview");
const outcomeBoxes = {
  capture: document.querySelector("#outcome"),
  export: document.querySelector("#export-result"),
};

// Failures that have a view of their own.
const NEEDS_ANOTHER_VIEW = new Set(["signed_out", "server_unproven", "server_unconfirmed"]);

// {site} that the view shows, or null. Answers that arrive for an earlier site are dropped.
let current = null;
// The origin of the tab's page.
let tabOrigin;
// The session that the shown outcome belongs to.
let capturedSession = null;
// Shows the next view.
let onSignedOut;
const [askForPreview, askForConnections] = [latestOnly(), latestOnly()];

/** `show` shows the next view when the sign-in has ended. */
export function initPlatformView(show) {
  onSignedOut = show;
  initConnections();
  initSessions(forgetCapture);
  initSiteChoice(showSite);
  initStorageChoice(loadPreview);
  onClick(captureButton, () => start("capture", { connection: chosenConnection(), storage: chosenStorage() }));
  onClick(document.querySelector("#export"), () => start("export", { label: chosenLabel(), storage: chosenStorage() }));
  onClick(showPreview, requestPreview);
  for (const kind of Object.keys(outcomeBoxes)) onOutcome(kind, (outcome) => current && onTaskChanged(kind, outcome));
}

export async function showPlatform(site, tab) {
  tabOrigin = new URL(tab.url).origin;
  await showSite(await chooseSite(site));
}

/** Shows at once what is known; the rest follows as it loads. */
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
  const parts = [showRenewal({ site, isSignedIn: true }), showBridge(current), showStorageChoice(site, tabOrigin)];
  await Promise.all([...parts, ...Object.keys(outcomeBoxes).map(restoreOutcome)]);
  await Promise.all([loadPreview(), loadConnections(), refreshSessions()]);
}

async function restoreOutcome(kind) {
  const shown = current;
  const outcome = await readOutcome(kind);
  if (shown === current) showOutcome(kind, outcome);
}

/** Sets the state: `ready` once the connections have loaded. */
function setReadiness(state) {
  setIdleState(state);
  setAvailable(captureButton, state === "ready");
}

function start(kind, fields) {
  if (!requireConnection()) return;
  const { platform, origins } = current.site;
  begin({ kind, subject: platform, platform, store: chosenStore(), tab: tabBehind(), origins, ...fields }).catch((error) =>
    onTaskChanged(kind, { ...error, status: "done", ok: false, subject: platform }),
  );
  setBusy(true);
}

async function onTaskChanged(kind, outcome) {
  showOutcome(kind, outcome);
  if (outcome) outcomeBoxes[kind].scrollIntoView({ block: "nearest" });
  if (outcome?.status !== "done") return;
  if (NEEDS_ANOTHER_VIEW.has(outcome.code)) {
    await leave();
    return;
  }
  const shown = current;
  await loadPreview();
  // If another store was chosen meanwhile, its view loads the rest.
  if (shown !== current) return;
  if (kind === "capture" && outcome.ok) {
    await Promise.all([loadConnections(outcome.connection_id), refreshSessions()]);
  }
}

/** Shows an outcome on its own platform only. */
function showOutcome(kind, outcome) {
  const shown = outcome?.subject === current.site.platform ? outcome : undefined;
  if (shown?.status === "done") markSeen(kind, shown);
  if (kind === "capture") {
    capturedSession = shown?.session_id ?? null;
    showCaptureOutcome(outcomeBoxes.capture, shown);
  } else {
    showExportOutcome(outcomeBoxes.export, shown, current.site);
  }
  if (outcome) setBusy(isUnderWay(outcome));
}

/** Removes the outcome of a capture whose session was revoked. */
function forgetCapture(sessionId) {
  if (sessionId === capturedSession) showCaptureOutcome(outcomeBoxes.capture, undefined);
}

async function leave() {
  current = null;
  await onSignedOut();
}

/** Loads the connections and chooses `connectionId`, or that of the latest capture. */
async function loadConnections(connectionId) {
  const [shown, isLatest] = [current, askForConnections()];
  try {
    const found = await findConnections(shown.site);
    if (shown !== current || !isLatest()) return;
    showConnections(found, shown.site, connectionId);
    say("");
    setReadiness("ready");
  } catch (error) {
    if (shown === current && isLatest()) await onConnectionsFailed(error, connectionId);
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
  const [shown, isLatest] = [current, askForPreview()];
  const { site } = shown;
  try {
    const choice = { storeId: chosenStore().id, tab: tabBehind(), storage: chosenStorage() };
    const preview = await ask("preview", { platform: site.platform, ...choice });
    if (shown !== current || !isLatest()) return;
    showPreview.hidden = true;
    showReport(preview, site);
  } catch (error) {
    if (shown !== current || !isLatest()) return;
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
  await Promise.all([loadPreview(), refreshStorageChoice()]);
  platformName.focus();
}
