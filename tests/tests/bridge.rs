//! Fresh cookies from the running browser: a real Chromium whose extension keeps
//! a port to the native host, and the host's commands, which ask there.

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;
use stagepass_core::Cookie;
use stagepass_tests::bridge::{BridgeStage, printed_cookies};
use stagepass_tests::platform::{ROTATING_VIDEO_URL, ROTATION_COOKIE, VIDEO, VIDEO_URL};
use stagepass_tests::yt_dlp::YtDlp;
use std::fs;

/// A cookie as a cookie file has it.
fn plain(cookie: &Cookie) -> String {
    let Cookie { name, path, expires, http_only, secure, .. } = cookie;
    let (host, value, is_host_only) = (cookie.host(), cookie.value.expose_secret(), cookie.is_host_only());
    json!([host, is_host_only, path, name, value, expires, http_only, secure]).to_string()
}

fn sorted(cookies: &[Cookie]) -> Vec<String> {
    let mut texts: Vec<_> = cookies.iter().map(plain).collect();
    texts.sort();
    texts
}

fn value_of(cookies: &[Cookie], name: &str) -> Result<String> {
    let cookie = cookies.iter().find(|cookie| cookie.name == name).with_context(|| name.to_owned())?;
    Ok(cookie.value.expose_secret().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_the_browsers_own_as_they_are_at_that_moment() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let stage = &bridge.stage;
    // Off at first: nothing is handed over, and there is nobody to ask.
    let refused = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(!stage.host_dir().join("run").exists());

    bridge.switch_on().await?;
    let printed = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert_eq!(printed.stderr, "");
    assert_eq!(sorted(&printed_cookies(&printed)?), sorted(&bridge.held().await?));

    let change = "document.cookie = 'fresh=from-this-moment; domain=instagram.com; path=/; secure'";
    bridge.tab.evaluate(change).await?;
    let fresh = printed_cookies(&stage.ask_host(&["cookies", "instagram"]).await?)?;
    assert_eq!(value_of(&fresh, "fresh")?, "from-this-moment");

    bridge
        .popup
        .wait_for(
            "both in the list",
            std::time::Duration::from_secs(10),
            "document.querySelectorAll('#hand-overs li').length === 2",
        )
        .await?;
    for entry in bridge.hand_overs().await? {
        assert!(entry.contains("Instagram") && entry.contains("stagepass-nativ"), "{entry}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn yt_dlp_uses_fresh_cookies_and_what_was_replaced_goes_back_into_the_browser() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let stage = &bridge.stage;
    bridge.switch_on().await?;
    let yt_dlp = YtDlp::prepare().await?;
    let folder = tempfile::tempdir()?;

    let done = stage.host_yt_dlp(&yt_dlp, &[], VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("backstage.mp4"))?, VIDEO);
    assert!(!done.stderr.contains("replaced"), "{}", done.stderr);

    // Nobody has said yes yet: nothing is run.
    let refused = stage.host_yt_dlp(&yt_dlp, &["--write-back"], ROTATING_VIDEO_URL, folder.path()).await?;
    assert!(!refused.status.success() && refused.stderr.contains("nothing was run"), "{}", refused.stderr);

    bridge.popup.click("#bridge-write-back").await?;
    bridge
        .popup
        .wait_for(
            "the switch",
            std::time::Duration::from_secs(10),
            "document.querySelector('#bridge-write-back').checked",
        )
        .await?;
    let before = bridge.held().await?;
    let done = stage.host_yt_dlp(&yt_dlp, &["--write-back"], ROTATING_VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("encore.mp4"))?, VIDEO);
    let after = bridge.held().await?;
    assert_ne!(value_of(&before, "sessionid")?, value_of(&after, "sessionid")?);
    assert!(value_of(&after, ROTATION_COOKIE).is_err(), "a cookie came back that was never handed out");
    Ok(())
}
