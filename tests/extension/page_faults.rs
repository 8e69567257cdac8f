//! Pages and tabs that make it hard to read what they store: each gets a plain message, and nothing
//! half-captured is stored.

use crate::origin_storage::{on_fansly, sessions};
use anyhow::Result;
use serde_json::json;
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::FANSLY;
use stagepass_tests::stage::main_job::{self, wait_for_view};
use stagepass_tests::stage::renewal::{SOON, close};
use std::time::Duration;

/// Sets Fansly's entry to the value of a JavaScript expression.
async fn set_entry(tab: &Attachment, value: &str) -> Result<()> {
    tab.evaluate(&format!("localStorage.setItem('session_active_session', {value})")).await?;
    Ok(())
}

/// Keeps the page busy, as an open dialog does.
async fn keep_busy(tab: &Attachment, duration: Duration) -> Result<()> {
    let busy = format!(
        "void setTimeout(() => {{ for (const end = Date.now() + {}; Date.now() < end;); }}, 50)",
        duration.as_millis()
    );
    tab.evaluate(&busy).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(())
}

async fn outcome_text(popup: &Attachment) -> Result<String> {
    let words = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    Ok(words.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_entry_with_bad_text_is_refused_whole() -> Result<()> {
    let (stage, _browser, tab, popup) = on_fansly().await?;
    let long = "JSON.stringify({token: 'x'.repeat(600000), accountId: '1'})";
    for (value, code, words) in [
        ("'no JSON'", "not_signed_in", "you are not signed in"),
        ("'{\"token\": \"\\ud800\", \"accountId\": \"1\"}'", "storage_ill_formed", "session_active_session"),
        (long, "storage_too_large", "512 KiB"),
    ] {
        set_entry(&tab, value).await?;
        assert_eq!(main_job::capture(&popup, "stage.artist").await?, code);
        let said = outcome_text(&popup).await?;
        assert!(said.contains(words) && said.to_lowercase().contains("nothing was taken"), "{said}");
        look_at_popup(&popup, &format!("capture-{}", code.replace('_', "-"))).await?;
    }
    assert_eq!(sessions(&stage).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_beside_the_login_do_not_matter() -> Result<()> {
    let (stage, _browser, tab, popup) = on_fansly().await?;
    tab.evaluate("localStorage.setItem('filler', 'x'.repeat(5 * 1024 * 1024 - 400))").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(stage.fetch_account(&FANSLY).await?.0, 200);
    let served = stage.served("fansly", json!({})).await?;
    assert_eq!(served["origins"][0]["localStorage"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_redefines_what_is_read_changes_nothing() -> Result<()> {
    let (stage, _browser, tab, popup) = on_fansly().await?;
    let redefine = "const forged = () => '{\"token\": \"forged\", \"accountId\": \"666\"}'; \
        Storage.prototype.getItem = forged; Storage.prototype.key = forged; \
        Object.defineProperty(Storage.prototype, 'length', {get: () => 1}); \
        JSON.parse = () => ({}); JSON.stringify = forged; \
        String.prototype.isWellFormed = () => true; TextEncoder.prototype.encode = () => []; \
        Array.from = () => ['forged']; Object.prototype.fault = 'forged'; \
        Object.defineProperty(window, 'origin', {value: 'https://evil.example'}); void 0";
    tab.evaluate(redefine).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    let served = stage.served("fansly", json!({})).await?.to_string();
    assert!(served.contains("2815162342") && !served.contains("forged"), "{served}");
    assert_eq!(stage.fetch_account(&FANSLY).await?.0, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_does_not_answer_or_goes_away_is_named() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    keep_busy(&tab, Duration::from_secs(9)).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "tab_silent");
    look_at_popup(&popup, "capture-tab-silent").await?;
    assert!(outcome_text(&popup).await?.contains("The tab at fansly.com doesn't answer"));

    popup.wait_for("the page to be free", SOON, "document.querySelector('[data-login=proven]')").await.ok();
    tab.wait_for("the page", SOON, "true").await?;
    keep_busy(&tab, Duration::from_secs(9)).await?;
    let capture = main_job::capture(&popup, "stage.artist");
    let leave = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        // Another site, in another process.
        tab.send("Page.navigate", json!({"url": "https://www.instagram.com/"})).await
    };
    let (code, _) = tokio::join!(capture, leave);
    assert_eq!(code?, "tab_changed");
    assert_eq!(sessions(&stage).await?, 0);
    close(popup).await?;

    tab.navigate(FANSLY.front_url).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    Ok(())
}
