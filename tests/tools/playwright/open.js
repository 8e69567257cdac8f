// Opens browser contexts from storage states, as the agents and test tools of a backend do, and says
// what each of them holds.
//
// Standard input is one JSON object, so that no secret is in an argument: the browser's executable
// and arguments, and the contexts. A context has a storage state, perhaps a user agent, the origins
// whose localStorage is read, and the URLs that are visited. Standard output is an array with an
// object for each context: its cookies, its storage and its pages, or the error that refused it.
// Playwright is found through NODE_PATH.
"use strict";
const { chromium } = require("playwright-core");
const { text } = require("node:stream/consumers");

// Runs in the page. Keys such as "length" and "getItem" hide the members of localStorage.
const entries = () => {
  const { get: length } = Object.getOwnPropertyDescriptor(Storage.prototype, "length");
  const keys = Array.from({ length: length.call(localStorage) }, (_, index) =>
    Storage.prototype.key.call(localStorage, index),
  );
  return keys.map((key) => [key, Storage.prototype.getItem.call(localStorage, key)]);
};

// The localStorage of an origin, read in an empty page of it.
const storageOf = async (context, origin) => {
  const page = await context.newPage();
  await page.route("**", (route) => route.fulfill({ body: "<html></html>", contentType: "text/html" }));
  await page.goto(`${origin}/`);
  const held = await page.evaluate(entries);
  await page.close();
  return held;
};

const visit = async (context, url) => {
  const page = await context.newPage();
  // Its scripts may ask the server who is signed in.
  await page.goto(url, { waitUntil: "networkidle" });
  const shown = { url: page.url(), text: await page.innerText("body") };
  await page.close();
  return shown;
};

const open = async (browser, { state, user_agent: userAgent, origins, urls }) => {
  let context;
  try {
    context = await browser.newContext({ storageState: state, userAgent });
  } catch (error) {
    return { error: error.message };
  }
  const storage = [];
  for (const origin of origins) storage.push(await storageOf(context, origin));
  const pages = [];
  for (const url of urls) pages.push(await visit(context, url));
  const outcome = { cookies: await context.cookies(), storage, pages };
  await context.close();
  return outcome;
};

const main = async () => {
  const { executable, arguments: args, contexts } = JSON.parse(await text(process.stdin));
  const browser = await chromium.launch({ executablePath: executable, args });
  const outcomes = [];
  for (const context of contexts) outcomes.push(await open(browser, context));
  await browser.close();
  process.stdout.write(JSON.stringify(outcomes));
};

main();
