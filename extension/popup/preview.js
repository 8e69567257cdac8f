// The preview of a capture: names, domains, sizes, expiry and verdicts, never a value.

import { failureText } from "../page/failure-text.js";
import { element, hint } from "../page/page.js";
import { countText, formatBytes, formatDay, formatList, formatTime, text } from "../page/text.js";
import { openTabButton } from "./open-tab.js";

const verdict = document.querySelector("#verdict");
const cookies = document.querySelector("#cookies");
const summary = cookies.querySelector("summary");
const cookieTable = cookies.querySelector("#cookie-table");
const entryTable = cookies.querySelector("#entry-table");

/** Shows what a capture would take: the login verdict, and tables that open. */
export function showReport({ report, unread, device_bound: bound }, site) {
  const { entries, stored } = report;
  const isEmpty = entries.length + stored.length === 0;
  showVerdict(
    loginVerdict(report, unread, site),
    ...(unread ? whyUnread(unread) : [wayOn(report, site)]),
    bound.length > 0 && hint(text("device_bound", site.name, formatList(bound))),
    isEmpty && !unread && hint(text("no_cookies")),
  );
  cookies.hidden = isEmpty;
  showTables(report);
}

/** Why the part of the login that pages store can't be read, and what to do. */
function whyUnread(unread) {
  const words = hint(failureText(unread));
  return unread.code === "no_tab" ? [words, openTabButton(unread)] : [words];
}

/** Shows why there is no report. */
export function showNoReport(words) {
  showVerdict(element("p", { textContent: words }));
  cookies.hidden = true;
}

/** Fills the live region only if it has changed: screen readers announce each change. */
function showVerdict(...parts) {
  const made = element("div", {}, ...parts.filter(Boolean));
  if (!verdict.firstElementChild?.isEqualNode(made)) verdict.replaceChildren(made);
}

function loginVerdict({ login }, unread, site) {
  const missing = [...(login.cookies ?? []), ...(login.entries ?? [])];
  // What can't be read may be there.
  const isUnknown = unread && login.state === "missing" && login.cookies.length === 0;
  const state = isUnknown ? "unknown" : login.state;
  const mark = { proven: "✓", missing: "✕", unknown: "?" }[state];
  const words =
    state === "missing"
      ? countText("login_missing", missing.length, formatList(missing), site.name)
      : text(`login_${state}`);
  return element(
    "p",
    { className: "verdict", dataset: { login: state } },
    element("span", { textContent: mark, ariaHidden: "true" }),
    element("span", { textContent: words }),
  );
}

/** How long the login lasts, or where to sign in. */
function wayOn({ expires, login }, { login_url: loginUrl }) {
  if (login.state === "unknown") return null;
  if (login.state === "proven") {
    const words = expires ? text("login_until", formatTime(expires)) : text("login_until_closed");
    return hint(words);
  }
  const words = text("open_login", new URL(loginUrl).host);
  const link = { id: "login-link", href: loginUrl, target: "_blank", rel: "noreferrer", textContent: words };
  return element("p", {}, element("a", link));
}

/** Keeps the tables' elements, so that they stay open and keep the focus. */
function showTables({ entries, taken, dropped, stored }) {
  const counts = [];
  if (entries.length > 0) counts.push(countText("cookies_taken", taken));
  if (dropped > 0) counts.push(countText("cookies_dropped", dropped));
  if (stored.length > 0) counts.push(countText("entries", stored.length));
  summary.textContent = counts.join(", ");
  fill(cookieTable, entries.map(cookieRow));
  fill(entryTable, stored.map(entryRow));
}

function fill(table, rows) {
  table.hidden = rows.length === 0;
  table.querySelector("tbody").replaceChildren(...rows);
}

function entryRow({ origin, area, name, bytes }) {
  const place = `${new URL(origin).host} · ${text(`area_${area}`)}`;
  const title = element("th", { scope: "row", textContent: name }, element("small", { textContent: place }));
  return element("tr", {}, title, element("td", { textContent: formatBytes(bytes) }));
}

function cookieRow({ name, domain, path, expires, verdict, reason }) {
  const site = path === "/" ? domain : domain + path;
  const title = element("th", { scope: "row", textContent: name }, element("small", { textContent: site }));
  if (reason) title.append(element("small", { className: "reason", textContent: text(`reason_${reason}`) }));
  return element(
    "tr",
    { dataset: { verdict } },
    title,
    element("td", { textContent: expires ? formatDay(expires) : text("cookie_session") }),
    element("td", { textContent: text(`verdict_${verdict}`) }),
  );
}
