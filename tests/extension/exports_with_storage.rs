//! Exports of logins that are also, or only, in what the site stores in the browser: to this version's
//! native host and to one that knows no storage.

use crate::origin_storage::on;
use anyhow::Result;
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FANSLY, ONLYFANS};
use stagepass_tests::stage::main_job::{self, exported_path};
use stagepass_tests::stage::scripted_host::ScriptedHosts;
use std::fs;

/// What the popup shows after an export.
async fn shown(popup: &Attachment) -> Result<String> {
    let words = popup.evaluate("document.querySelector('#export-result').innerText").await?;
    Ok(words.as_str().unwrap_or_default().to_owned())
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
    let (stage, _browser, _tab, popup) = on(&FANSLY).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    assert_eq!(export_to_old_host(&popup, &hosts).await?, "old_host");
    let words = shown(&popup).await?;
    assert!(words.contains("Nothing was exported") && words.contains("cargo xtask up"), "{words}");
    assert_eq!(popup.evaluate("Boolean(document.querySelector('#download'))").await?, false);
    look_at_popup(&popup, "export-old-host-without-cookies").await?;

    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    let words = shown(&popup).await?;
    assert!(words.contains("yt-dlp can't use this login") && !words.contains("--cookies"), "{words}");
    assert_eq!(popup.evaluate("Boolean(document.querySelector('#copy-command'))").await?, false);
    let state: Value = serde_json::from_slice(&fs::read(exported_path(&popup).await?)?)?;
    assert_eq!(state["origins"][0]["origin"], "https://fansly.com");
    look_at_popup(&popup, "export-without-cookies").await
}
