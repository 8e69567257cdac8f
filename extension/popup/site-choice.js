// The choice of the site if the catalogue doesn't know the tab's: its own host, or a parent
// domain, for which the login cookie may be set.

import { element } from "../page/page.js";
import { text } from "../page/text.js";

const choice = document.querySelector("#site-choice");
const select = document.querySelector("#site");
const hint = document.querySelector("#site-hint");

// The sites to choose from, the tab's own first.
let sites = [];

/** `onChange` is called with the chosen site. */
export function initSiteChoice(onChange) {
  select.addEventListener("change", async () => {
    const chosen = sites[select.selectedIndex];
    await remember(sites[0], chosen);
    onChange(chosen);
  });
}

/** Offers the choice if there are several sites, and returns the chosen one. */
export async function chooseSite(site) {
  sites = [site, ...site.alternatives];
  choice.hidden = sites.length === 1;
  if (choice.hidden) return site;
  select.replaceChildren(...sites.map(({ platform, name }) => element("option", { value: platform, textContent: name })));
  hint.textContent = text("site_hint", sites.at(-1).name);
  const { chosenSites } = await chrome.storage.local.get("chosenSites");
  const chosen = sites.find(({ platform }) => platform === chosenSites?.[site.platform]) ?? site;
  select.value = chosen.platform;
  return chosen;
}

/** Stores the choice for the next popup: the browser's prompt may close this one. */
async function remember(site, chosen) {
  const { chosenSites = {} } = await chrome.storage.local.get("chosenSites");
  await chrome.storage.local.set({ chosenSites: { ...chosenSites, [site.platform]: chosen.platform } });
}
