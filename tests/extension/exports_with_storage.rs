//! Exports of logins that are also, or only, in what the site stores in the browser: to this version's
//! native host, to one that knows no storage, and without any.

use crate::origin_storage::on;
use crate::storage_choice::{entry_box, on_unknown_site, open_choice};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FANSLY, ONLYFANS};
use stagepass_tests::stage::main_job::{self, exported_path, wait_for_view};
use stagepass_tests::stage::renewal::{SOON, close};
use stagepass_tests::stage::scripted_host::ScriptedHosts;
use std::fs;

/// What the popup shows after an export.
async fn shown(popup: &Attachment) -> Result<String> {
    let words = popup.evaluate("document.querySelector('#export-result').innerText").await?;
    Ok(words.as_str().unwrap_or_default().to_owned())
}

/// Whether the popup shows an element after an export.
async fn is_shown(popup: &Attachment, selector: &str) -> Result<Value> {
    popup.evaluate(&format!("Boolean(document.querySelector('#export-result {selector}'))")).await
}

/// The storage file that the popup names.
async fn storage_file(popup: &Attachment) -> Result<Value> {
    let path = popup.evaluate("document.querySelector('#storage-path')?.textContent").await?;
    Ok(serde_json::from_slice(&fs::read(path.as_str().context("no storage file is named")?)?)?)
}

/// Clicks the button, and answers the request as the host of release 0.1.0 does.
async fn export_to_old_host(popup: &Attachment, hosts: &ScriptedHosts) -> Result<String> {
    let answered = async {
        let mut host = hosts.next().await?;
        let request = host.receive().await?;
        let mut answer = json!({"id": request["id"], "type": "export"});
        let cookies = request["cookies"].as_array().map_or(0, Vec::len);
        let members = if cookies == 0 {
            let message = "cookies must be 1 to 1000, not 0";
            json!({"ok": false, "error": {"code": "bad_request", "message": message}})
        } else {
            json!({"ok": true, "path": "/exports/a.txt", "cookie_count": cookies, "expires_at": null,
                "command": "yt-dlp --cookies /exports/a.txt", "losses": []})
        };
        for (name, value) in members.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        host.send(&answer).await?;
        anyhow::Ok(request)
    };
    let (code, request) = tokio::try_join!(main_job::export(popup), answered)?;
    assert_ne!(request["origins"], Value::Null, "storage is sent");
    Ok(code)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_says_when_the_host_is_too_old_for_what_the_site_stores() -> Result<()> {
    let (stage, _browser, _tab, popup) = on(&ONLYFANS).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    assert_eq!(export_to_old_host(&popup, &hosts).await?, "exported");
    let words = shown(&popup).await?;
    for part in ["Only the cookies were exported", "cargo xtask up", "yt-dlp --cookies /exports/a.txt"] {
        assert!(words.contains(part), "{words}");
    }
    look_at_popup(&popup, "export-old-host").await?;
    // The next one can keep everything.
    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    assert!(!shown(&popup).await?.contains("too old"), "{}", shown(&popup).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_cookies_is_exported_for_playwright_and_not_for_yt_dlp() -> Result<()> {
    let (stage, _browser, tab, popup) = on(&FANSLY).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    assert_eq!(export_to_old_host(&popup, &hosts).await?, "old_host");
    let words = shown(&popup).await?;
    assert!(words.contains("This login was not exported") && words.contains("cargo xtask up"), "{words}");
    assert_eq!(is_shown(&popup, "#download").await?, false);
    look_at_popup(&popup, "export-old-host-without-cookies").await?;
    // It exports cookies that are not of the login, which is no success.
    let set_theme = "document.cookie = 'theme=dark; Secure; SameSite=Lax; Max-Age=86400'";
    tab.evaluate(set_theme).await?;
    assert_eq!(export_to_old_host(&popup, &hosts).await?, "old_host");
    tab.evaluate("document.cookie = 'theme=; Secure; Max-Age=0'").await?;

    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    assert!(words.contains("yt-dlp can't use this login") && !words.contains("--cookies"), "{words}");
    assert!(words.contains("1 stored entry in this file") && !words.contains("rarely a problem"), "{words}");
    assert_eq!(is_shown(&popup, "#copy-command").await?, false);
    assert_eq!(storage_file(&popup).await?["origins"][0]["origin"], "https://fansly.com");
    look_at_popup(&popup, "export-without-cookies").await?;

    // Cookies that are not of the login are of no use to yt-dlp, and what they lose does not matter.
    tab.evaluate(set_theme).await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    assert!(words.contains("yt-dlp can't use this login") && words.contains("SameSite"), "{words}");
    assert!(!words.contains("--cookies") && !words.contains("rarely a problem"), "{words}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_host_no_useless_cookie_file_is_offered() -> Result<()> {
    let (_stage, _browser, _tab, popup) = on(&FANSLY).await?;
    assert_eq!(main_job::export(&popup).await?, "no_host");
    let words = shown(&popup).await?;
    assert!(words.contains("install") && words.contains("A cookie file would be of no use"), "{words}");
    assert_eq!(is_shown(&popup, "#download").await?, false);
    look_at_popup(&popup, "export-host-missing-without-cookies").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_names_the_storage_file_or_says_that_a_tab_must_be_open() -> Result<()> {
    let (stage, browser, tab, popup) = on(&ONLYFANS).await?;
    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    assert!(
        words.contains("3 cookies in this file") && words.contains("1 stored entry in this file"),
        "{words}"
    );
    assert_eq!(is_shown(&popup, "#export-unread").await?, false);
    let state = storage_file(&popup).await?;
    assert_eq!(state["origins"][0]["localStorage"][0]["name"], "bcTokenSha");
    look_at_popup(&popup, "export-with-storage").await?;
    close(popup).await?;

    // Nothing answers at this address; it is one of the platform's, but of another origin.
    tab.send("Page.navigate", json!({"url": "https://www.onlyfans.com/"})).await?;
    let popup = popup::open(&browser).await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    for part in ["3 cookies in this file", "Only the cookies were exported", "No tab is open at onlyfans.com"]
    {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(is_shown(&popup, "#storage-path").await?, false);
    assert!(!exported_path(&popup).await?.with_extension("storage.json").exists());
    look_at_popup(&popup, "export-no-tab").await?;

    popup.click("#export-result .open-tab").await?;
    browser.client().wait_for_target("the tab", SOON, |target| target.url == ONLYFANS.front_url).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    assert_eq!(storage_file(&popup).await?, state);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_takes_what_the_person_has_chosen_of_a_sites_storage() -> Result<()> {
    let (stage, _browser, _tab, popup) = on_unknown_site().await?;
    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    assert_eq!(is_shown(&popup, "#storage-path").await?, false, "nothing is chosen at first");
    open_choice(&popup).await?;
    for name in ["getItem", "tab"] {
        popup.click(&entry_box(&popup, name).await?).await?;
    }
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    assert!(words.contains("2 stored entries in this file"), "{words}");
    let expected = json!([{"origin": "https://app.cdninstagram.com",
        "localStorage": [{"name": "getItem", "value": "value of getItem"}],
        "sessionStorage": [{"name": "tab", "value": "value of the tab"}]}]);
    assert_eq!(storage_file(&popup).await?["origins"], expected);
    Ok(())
}
