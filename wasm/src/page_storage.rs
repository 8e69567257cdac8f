//! Reads what pages keep in localStorage and sessionStorage, from an open tab of their origin.
//!
//! Only from tabs of one cookie store. The values go from the browser's answer into this module.
//! `extension/background/page-storage.js` finds the tabs and has the function that runs in the page.

use crate::browser::execute_script;
use crate::cookie_store::require_permission;
use crate::failure::Failure;
use crate::js::{text, to_js};
use crate::site::site_of;
use js_sys::{Array, Promise, Reflect};
use serde::Serialize;
use stagepass_core::origin_storage::{Area, OriginStorage};
use stagepass_core::platform::LoginEntry;
use stagepass_core::request_headers::missing_entry;
use stagepass_core::url_host::host_of;
use stagepass_core::visible::printable_line;
use stagepass_core::{Platform, Session, Site, StorageEntry};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

/// A tab that has not answered by then shows a dialog, or hangs.
const TIMEOUT_MS: u32 = 5_000;

#[wasm_bindgen(raw_module = "../background/page-storage.js")]
extern "C" {
    /// The arguments of `scripting.executeScript`, one for each tab to be asked, as `{injections,
    /// isAsleep}`. `wanted` is null for a list without values. If the person `has_chosen` it, all of it
    /// must be there.
    #[wasm_bindgen(catch, js_name = injectionsAt)]
    fn injections_at(
        origin: &str,
        store_id: &str,
        tab: Option<u32>,
        wanted: &JsValue,
        has_chosen: bool,
    ) -> Result<Promise, JsValue>;
}

/// What is wanted of one origin; the popup's choice has the same form.
#[derive(Debug, Serialize)]
struct Wanted {
    origin: &'static str,
    entries: Vec<WantedEntry>,
}

#[derive(Debug, Serialize)]
struct WantedEntry {
    area: Area,
    name: &'static str,
}

/// Reads the storage that belongs to a session: for a platform of the catalogue what that says,
/// for another site what the person has chosen (null for nothing). Origins without such entries
/// are left out. `tab` is the tab that the popup is over: if it shows the origin, no other is read.
///
/// # Errors
/// [`Failure::NoTab`], [`Failure::TabChanged`], [`Failure::TabSilent`], [`Failure::EntryMissing`], or what
/// is wrong with the storage.
pub(crate) async fn read(
    site: &Site,
    store_id: &str,
    tab: Option<u32>,
    chosen: &JsValue,
) -> Result<Vec<OriginStorage>, Failure> {
    let mut origins = Vec::new();
    let wanted = match site {
        Site::Known(platform) => to_js(&wanted(platform))?,
        Site::Other(_) => Array::of1(chosen).into(),
    };
    for wanted in Array::from(&wanted) {
        let Some(origin) = text(&wanted, "origin").filter(|origin| site.owns(host_of(origin))) else {
            continue;
        };
        // For an empty choice no tab has to be open.
        let names = Reflect::get(&wanted, &"entries".into()).unwrap_or_default();
        if Array::is_array(&names) && Array::from(&names).length() == 0 {
            continue;
        }
        let answer = ask_tabs(site, store_id, tab, &origin, &wanted).await?;
        let [local_storage, session_storage] = Area::ALL.map(|area| entries(&answer, area));
        let storage = OriginStorage { origin, local_storage, session_storage };
        if !storage.is_empty() {
            origins.push(storage);
        }
    }
    match missing_entry(Session { cookies: &[], origins: &origins }, site) {
        Some(LoginEntry { origin, name, .. }) => {
            Err(Failure::EntryMissing { origin: (*origin).to_owned(), entry: (*name).to_owned() })
        }
        None => Ok(origins),
    }
}

/// Lists what the origin of the tab that the popup is over stores, as
/// `{localStorage: [{name, bytes, isWellFormed}], …}`.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn list_storage(
    platform: String,
    store_id: String,
    tab: Option<u32>,
    origin: String,
) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    require_permission(&site).await?;
    Ok(ask_tabs(&site, &store_id, tab, &origin, &JsValue::NULL).await?)
}

/// The entries that the catalogue names, by origin.
fn wanted(platform: &Platform) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for entry in platform.storage.all() {
        let index = all.iter().position(|wanted| wanted.origin == entry.origin).unwrap_or_else(|| {
            all.push(Wanted { origin: entry.origin, entries: Vec::new() });
            all.len() - 1
        });
        all[index].entries.push(WantedEntry { area: entry.area, name: entry.name });
    }
    all
}

/// The first answer of a tab of this origin in this cookie store.
async fn ask_tabs(
    site: &Site,
    store_id: &str,
    tab: Option<u32>,
    origin: &str,
    wanted: &JsValue,
) -> Result<JsValue, Failure> {
    let of_browser = |error: JsValue| Failure::of_browser(&error);
    let has_chosen = site.platform().is_none();
    let injections = injections_at(origin, store_id, tab, wanted, has_chosen).map_err(of_browser)?;
    let found = JsFuture::from(injections).await.map_err(of_browser)?;
    let member = |name: &str| Reflect::get(&found, &name.into()).unwrap_or_default();
    let mut failure = no_tab(site, origin, member("isAsleep").is_truthy());
    for injection in Array::from(&member("injections")) {
        match ask_tab(&injection, origin).await {
            // Another tab may have what this one lacks: sessionStorage is each tab's own.
            Err(
                error @ (Failure::TabChanged { .. }
                | Failure::TabSilent { .. }
                | Failure::EntryMissing { .. }),
            ) => failure = error,
            answer => return answer,
        }
    }
    Err(failure)
}

/// No tab shows a page of the origin; the ones that are there may be asleep.
pub(crate) fn no_tab(site: &Site, origin: &str, asleep: bool) -> Failure {
    Failure::NoTab { origin: origin.to_owned(), url: page_at(site, origin), asleep }
}

/// A page of the origin to open: the login page if it is there.
fn page_at(site: &Site, origin: &str) -> String {
    let login_url = site.login_url();
    let is_there = login_url.strip_prefix(origin).is_some_and(|path| path.starts_with('/'));
    if is_there { login_url } else { format!("{origin}/") }
}

// Decision: docs/decisions/extension.md#storage-is-read-by-a-function-in-the-pages-isolated-world
async fn ask_tab(injection: &JsValue, origin: &str) -> Result<JsValue, Failure> {
    let changed = || Failure::TabChanged { origin: origin.to_owned() };
    // The browser refuses if the tab has closed or shows a page that may not be read.
    let answer = execute_script(injection, TIMEOUT_MS).await.map_err(|_| changed())?;
    if answer.is_undefined() {
        return Err(Failure::TabSilent { origin: origin.to_owned() });
    }
    // One frame gives one result.
    let result = Reflect::get(&Array::from(&answer).get(0), &"result".into()).map_err(|_| changed())?;
    if let Some(fault) = text(&result, "fault") {
        let entry = text(&result, "entry").map(|entry| printable_line(&entry));
        return Err(failure_of(&fault, origin, entry.unwrap_or_default()));
    }
    Reflect::get(&result, &"storage".into()).map_err(|_| changed())
}

/// The failure that the function in the page names.
fn failure_of(fault: &str, origin: &str, entry: String) -> Failure {
    let origin = origin.to_owned();
    match fault {
        "entry_missing" => Failure::EntryMissing { origin, entry },
        "ill_formed" => Failure::StorageIllFormed { origin, entry },
        "too_large" => Failure::StorageTooLarge { origin },
        "blocked" => Failure::StorageBlocked { origin },
        _ => Failure::TabChanged { origin },
    }
}

/// The entries of one area in an answer.
fn entries(answer: &JsValue, area: Area) -> Vec<StorageEntry> {
    let listed = Reflect::get(answer, &area.as_str().into()).unwrap_or_default();
    let entry = |entry: JsValue| {
        let (name, value) = (text(&entry, "name")?, text(&entry, "value")?.into());
        Some(StorageEntry { name, value })
    };
    let listed = if Array::is_array(&listed) { Array::from(&listed) } else { Array::new() };
    listed.into_iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stagepass_core::PublicSuffixes;

    #[test]
    fn reads_of_a_platform_what_the_catalogue_says() {
        let of = |id: &str| serde_json::to_value(wanted(Platform::of_id(id).unwrap())).unwrap();
        let entries = json!([{"area": "localStorage", "name": "session_active_session"}]);
        assert_eq!(of("fansly"), json!([{"origin": "https://fansly.com", "entries": entries}]));
        assert_eq!(of("instagram"), json!([]));
    }

    #[test]
    fn opens_the_login_page_if_it_is_at_the_origin() {
        let page =
            |id: &str, origin: &str| page_at(&Site::of_id(id, PublicSuffixes::built_in()).unwrap(), origin);
        assert_eq!(page("fansly", "https://fansly.com"), "https://fansly.com/");
        assert_eq!(page("bilibili", "https://www.bilibili.com"), "https://www.bilibili.com/");
        assert_eq!(page("example.org", "https://example.org:8443"), "https://example.org:8443/");
    }

    #[test]
    fn each_fault_of_a_page_is_a_failure_of_its_own() {
        for (fault, code) in [
            ("tab_changed", "tab_changed"),
            ("entry_missing", "entry_missing"),
            ("ill_formed", "storage_ill_formed"),
            ("too_large", "storage_too_large"),
            ("blocked", "storage_blocked"),
        ] {
            let failure = failure_of(fault, "https://a.example", String::new());
            assert_eq!(serde_json::to_value(failure).unwrap()["code"], code);
        }
    }
}
