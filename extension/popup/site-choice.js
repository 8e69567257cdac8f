// Which site is meant where the catalogue does not know the tab's: its own
// host, or a domain above it, for which the login cookie may be set.

import { element } from "../page/page.js";
import { text } from "../page/text.js";

const choice = document.querySelector("#site-choice");
const select = document.querySelector("#site");
const hint = document.querySelector("#site-hint");

// The sites that can be meant, the tab's own first.
let sites = [];

/** `onChange` is called with the site that is chosen. */
export function initSiteChoice(onChange) {
  select.addEventListener("change", async () => {
    const chosen = sites[select.selectedIndex];
    await remember(sites[0], chosen);
    onChange(chosen);
  });
}

/** Offers the choice where there is one, and gives the site that is meant. */
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

/** The popup that the browser's prompt has closed is to open with the same choice. */
async function remember(site, chosen) {
  const { chosenSites = {} } = await chrome.storage.local.get("chosenSites");
  await chrome.storage.local.set({ chosenSites: { ...chosenSites, [site.platform]: chosen.platform } });
}
