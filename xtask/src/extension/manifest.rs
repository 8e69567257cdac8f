//! Derives the manifests of both browsers from the one in the workspace.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A browser that the extension is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Browser {
    Chromium,
    Firefox,
}

impl Browser {
    /// The build's folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }
}

/// The permission for the names of containers, which only Firefox knows.
// Decision: docs/decisions/extension.md#firefoxs-build-asks-for-contextualidentities
const FIREFOX_PERMISSION: &str = "contextualIdentities";

/// The manifest without the other browser's parts: browsers warn about unknown ones. `key` fixes the
/// id of the development build in Chromium.
pub(super) fn derive(manifest: &str, browser: Browser) -> Result<String> {
    Ok(render(derived(manifest, browser)?))
}

/// The same without `key`: Chromium's store assigns each extension its own, and refuses another.
pub(super) fn derive_for_store(manifest: &str, browser: Browser) -> Result<String> {
    let mut manifest = derived(manifest, browser)?;
    manifest.remove("key");
    Ok(render(manifest))
}

/// The extension's version.
pub(super) fn version(manifest: &str) -> Result<String> {
    let manifest = parse(manifest)?;
    let version = manifest.get("version").and_then(Value::as_str);
    Ok(version.context("manifest.json: version is missing")?.to_owned())
}

fn parse(manifest: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(manifest).context("manifest.json")
}

fn render(manifest: Map<String, Value>) -> String {
    format!("{:#}\n", Value::Object(manifest))
}

fn derived(manifest: &str, browser: Browser) -> Result<Map<String, Value>> {
    let mut manifest = parse(manifest)?;
    let background = manifest.get_mut("background").and_then(Value::as_object_mut);
    let background = background.context("manifest.json: background is missing")?;
    match browser {
        Browser::Chromium => {
            background.remove("scripts");
            manifest.remove("browser_specific_settings");
            let permissions = manifest.get_mut("permissions").and_then(Value::as_array_mut);
            let permissions = permissions.context("manifest.json: permissions are missing")?;
            permissions.retain(|permission| permission != FIREFOX_PERMISSION);
        }
        Browser::Firefox => {
            background.remove("service_worker");
            manifest.remove("key");
            manifest.remove("minimum_chrome_version");
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SOURCE: &str = include_str!("../../../manifest.json");

    fn derived(browser: Browser) -> Value {
        serde_json::from_str(&derive(SOURCE, browser).unwrap()).unwrap()
    }

    #[test]
    fn each_browser_gets_its_form_of_background() {
        assert_eq!(
            derived(Browser::Chromium)["background"],
            json!({"service_worker": "background.js", "type": "module"})
        );
        assert_eq!(
            derived(Browser::Firefox)["background"],
            json!({"scripts": ["background.js"], "type": "module"})
        );
    }

    #[test]
    fn only_chromium_gets_the_key_and_only_firefox_its_settings() {
        let (chromium, firefox) = (derived(Browser::Chromium), derived(Browser::Firefox));
        assert!(chromium["key"].is_string() && chromium.get("browser_specific_settings").is_none());
        assert!(firefox.get("key").is_none());
        // Cookies, and what pages store, are content of web sites.
        let collected = json!({"required": ["authenticationInfo", "websiteContent"]});
        let settings = &firefox["browser_specific_settings"]["gecko"];
        assert_eq!(settings["data_collection_permissions"], collected);
    }

    #[test]
    fn the_stores_manifest_is_the_development_one_without_the_key() {
        for browser in [Browser::Chromium, Browser::Firefox] {
            let mut developed = derived(browser);
            developed.as_object_mut().unwrap().remove("key");
            let sold: Value = serde_json::from_str(&derive_for_store(SOURCE, browser).unwrap()).unwrap();
            assert_eq!(sold, developed);
        }
    }

    #[test]
    fn requests_no_site_at_installation_and_exposes_nothing_to_pages() {
        let source: Value = serde_json::from_str(SOURCE).unwrap();
        let chromium = ["activeTab", "alarms", "cookies", "nativeMessaging", "scripting", "storage"];
        assert_eq!(derived(Browser::Chromium)["permissions"], json!(chromium));
        let [active_tab, alarms, rest @ ..] = chromium;
        let firefox = [&[active_tab, alarms, FIREFOX_PERMISSION], &rest[..]].concat();
        assert_eq!(derived(Browser::Firefox)["permissions"], json!(firefox));
        assert_eq!(source["optional_host_permissions"], json!(["*://*/*"]));
        for absent in
            ["host_permissions", "content_scripts", "externally_connectable", "web_accessible_resources"]
        {
            assert!(source.get(absent).is_none(), "{absent}");
        }
        let policy = source["content_security_policy"]["extension_pages"].as_str().unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    }
}
