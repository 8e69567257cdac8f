// What a capture would take: names, domains, expiry and verdicts, never a value.

import { element } from "./page.js";
import { countText, formatDay, formatList, formatTime, text } from "./text.js";

/** The report as elements: the login verdict, and the table behind a summary. */
export function renderReport(report) {
  return [loginVerdict(report), expiry(report), cookieTable(report)].filter(Boolean);
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

function expiry({ expires, login }) {
  if (login.state !== "proven") return null;
  const words = expires ? text("login_until", formatTime(expires)) : text("login_until_closed");
  return element("p", { className: "hint", textContent: words });
}

function cookieTable({ entries, taken, dropped }) {
  if (entries.length === 0) return element("p", { className: "hint", textContent: text("no_cookies") });
  const summary = [countText("cookies_taken", taken)];
  if (dropped > 0) summary.push(countText("cookies_dropped", dropped));
  return element(
    "details",
    {},
    element("summary", { textContent: summary.join(", ") }),
    element(
      "div",
      { className: "table", tabIndex: 0, role: "region", ariaLabel: text("cookie_table") },
      element("table", {}, tableHead(), element("tbody", {}, ...entries.map(tableRow))),
    ),
  );
}

function tableHead() {
  const titles = ["cookie_name", "cookie_expires", "cookie_verdict"];
  const cells = titles.map((key) => element("th", { scope: "col", textContent: text(key) }));
  return element("thead", {}, element("tr", {}, ...cells));
}

function tableRow({ name, domain, path, expires, verdict, reason }) {
  const verdictCell = element("td", { textContent: text(`verdict_${verdict}`) });
  if (reason) verdictCell.append(element("small", { textContent: text(`reason_${reason}`) }));
  const site = path === "/" ? domain : domain + path;
  return element(
    "tr",
    { dataset: { verdict } },
    element("th", { scope: "row", textContent: name }, element("small", { textContent: site })),
    element("td", { textContent: expires ? formatDay(expires) : text("cookie_session") }),
    verdictCell,
  );
}
