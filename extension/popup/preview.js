// What a capture would take: names, domains, expiry and verdicts, never a value.

import { element } from "../page/page.js";
import { countText, formatDay, formatList, formatTime, text } from "../page/text.js";

const verdict = document.querySelector("#verdict");
const cookies = document.querySelector("#cookies");
const summary = cookies.querySelector("summary");
const rows = cookies.querySelector("tbody");

/** Shows the report on a site's cookies: the login verdict, and the table behind a summary. */
export function showReport(report, site) {
  const hasCookies = report.entries.length > 0;
  showVerdict(loginVerdict(report), wayOn(report, site), !hasCookies && hint(text("no_cookies")));
  cookies.hidden = !hasCookies;
  showCookies(report);
}

/** Shows why there is no report. */
export function showNoReport(words) {
  showVerdict(element("p", { textContent: words }));
  cookies.hidden = true;
}

/** A live region is read out whenever it is filled, so only where it has changed. */
function showVerdict(...parts) {
  const made = element("div", {}, ...parts.filter(Boolean));
  if (!verdict.firstElementChild?.isEqualNode(made)) verdict.replaceChildren(made);
}

function loginVerdict({ login }) {
  const mark = { proven: "✓", missing: "✕", unknown: "?" }[login.state];
  const words = text(`login_${login.state}`, login.cookies ? formatList(login.cookies) : "");
  return element(
    "p",
    { className: "verdict", dataset: { login: login.state } },
    element("span", { textContent: mark, ariaHidden: "true" }),
    element("span", { textContent: words }),
  );
}

/** How long the sign-in lasts, or where to sign in. */
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

function hint(words) {
  return element("p", { className: "hint", textContent: words });
}

/** The table stays the same element, so that it stays open and keeps the focus. */
function showCookies({ entries, taken, dropped }) {
  const counts = [countText("cookies_taken", taken)];
  if (dropped > 0) counts.push(countText("cookies_dropped", dropped));
  summary.textContent = counts.join(", ");
  rows.replaceChildren(...entries.map(tableRow));
}

function tableRow({ name, domain, path, expires, verdict, reason }) {
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
