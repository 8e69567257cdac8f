//! A platform's short links: popup, native host and yt-dlp treat their host as the platform's,
//! and send it none of the platform's cookies.

use anyhow::{Context as _, Result};
use serde_json::json;
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{SHORT_HOST, SHORT_URL, VIDEO};
use stagepass_tests::stage::bridge::wait_for_status;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn a_short_link_leads_to_the_platforms_popup_export_and_fresh_cookies() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    stage.install_native_host().await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let _platform = stage.sign_in_at_platform(&browser).await?;
    // A page that does not redirect.
    let _tab = browser.open_tab(&format!("https://{SHORT_HOST}/")).await?;
    // A cookie of the short link's host is not a login.
    let theirs = json!({"name": "sessionid", "value": "of-the-short-link", "domain": SHORT_HOST, "path": "/",
        "secure": true});
    browser.client().send("Storage.setCookies", json!({"cookies": [theirs]})).await?;
    // Pressed on the keyboard, which gives the popup the tab's address: the extension has no
    // access to the short link's host.
    let popup = popup::open_by_shortcut(&browser, &display).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(popup.evaluate("document.querySelector('#platform').textContent").await?, "Instagram");
    look_at_popup(&popup, "short-link").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    let served = stage.served_session("json").await?.to_string();
    assert!(served.contains("instagram.com") && !served.contains(SHORT_HOST), "another host's cookie");
    assert_eq!(main_job::export(&popup).await?, "exported");

    // From the export first; then the browser's own cookies, once hand-over is switched on.
    let yt_dlp = YtDlp::prepare().await?;
    for is_fresh in [false, true] {
        if is_fresh {
            popup.click("#bridge > summary").await?;
            popup.click("#bridge-allow").await?;
            wait_for_status(&popup, "connected").await?;
        }
        let folder = tempfile::tempdir()?;
        let done = stage.host_yt_dlp(&yt_dlp, &[], SHORT_URL, folder.path()).await?;
        assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
        assert_eq!(done.stderr.contains("from an export made"), !is_fresh, "{}", done.stderr);
        let file = fs::read_dir(folder.path())?.next().context("nothing downloaded")??.path();
        assert_eq!(fs::read(file)?, VIDEO);
    }
    let given = stage.ask_host(&["cookies", SHORT_URL]).await?;
    assert!(given.stdout.contains("instagram.com") && !given.stdout.contains(SHORT_HOST));
    // yt-dlp did not send it any either.
    let asked: Vec<_> =
        stage.platform.requests().into_iter().filter(|asked| asked.path == "/backstage").collect();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.host == SHORT_HOST && !asked.has_cookies));
    Ok(())
}
