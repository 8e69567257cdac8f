//! A real Firefox, with the zip file that its store would get.

use crate::steps::{self, SOON, printed, sorted};
use anyhow::Result;
use stagepass_tests::browsers::firefox::Firefox;
use stagepass_tests::browsers::page::WebPage as _;
use stagepass_tests::platform::{ROTATING_VIDEO_URL, VIDEO_URL};
use stagepass_tests::stage::bridge::{Bridged as _, FirefoxBridge, switch_on, wait_for_status};
use stagepass_tests::stage::main_job::{Stage, built_extension};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;
use stagepass_tests::tools::yt_dlp::YtDlp;

/// The built-in container for personal use.
const PERSONAL: u32 = 1;

async fn set_up() -> Result<Stage> {
    Stage::set_up(&built_extension()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_firefoxs_current_cookies() -> Result<()> {
    let stage = set_up().await?;
    let bridge = FirefoxBridge::open(&stage, 0).await?;
    assert!(bridge.firefox.cookies(0).await?.iter().any(|held| held.partition.is_some()));
    steps::hands_over_the_browsers_current_cookies(&stage, &bridge).await?;
    assert_keeps_no_value(&stage, &bridge.firefox).await?;
    steps::switching_off_ends_hand_over(&stage, &bridge).await?;
    bridge.firefox.close().await
}

/// The extension remembers each hand-over, without a value.
async fn assert_keeps_no_value(stage: &Stage, firefox: &Firefox) -> Result<()> {
    let kept = "Promise.all([chrome.storage.local.get(), chrome.storage.session.get()])";
    let kept = firefox.popup().evaluate(kept).await?;
    assert!(kept[0]["handOvers"].is_array() && kept[1]["openHandOvers"].is_array(), "{kept}");
    assert!(!SecretSearch::new(&stage.platform.secrets())?.is_in(kept.to_string().as_bytes()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn yt_dlp_uses_firefoxs_cookies_and_rotated_cookies_are_written_back() -> Result<()> {
    let stage = set_up().await?;
    let bridge = FirefoxBridge::open(&stage, 0).await?;
    switch_on(&bridge.popup()).await?;
    steps::downloads_and_writes_back_rotated_cookies(&stage, &bridge).await?;
    bridge.firefox.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_switched_on_containers_cookies_are_handed_over() -> Result<()> {
    let stage = set_up().await?;
    let bridge = FirefoxBridge::open(&stage, PERSONAL).await?;
    switch_on(&bridge.popup()).await?;
    bridge.popup().click("#bridge-write-back").await?;

    // A tab without a container comes to the front, also signed in.
    bridge.firefox.sign_in_at_platform(&stage.platform, 0).await?;
    let (outside, inside) = (bridge.held_in(0).await?, bridge.held().await?);
    assert_ne!(sorted(&outside), sorted(&inside));
    assert_eq!(sorted(&printed(&stage, &[VIDEO_URL]).await?), sorted(&inside));

    // Rotated cookies are written back into this container only.
    let folder = tempfile::tempdir()?;
    let yt_dlp = YtDlp::prepare().await?;
    let done = stage.host_yt_dlp(&yt_dlp, &["--write-back"], ROTATING_VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(sorted(&bridge.held_in(0).await?), sorted(&outside));
    let session = |cookies: &[_]| steps::value_of(cookies, "sessionid");
    assert_ne!(session(&bridge.held().await?)?, session(&inside)?);

    // Switched off and on over the other tab, it hands over that tab's cookies.
    bridge.open_popup().await?;
    bridge.popup().click("#bridge-allow").await?;
    wait_for_status(&bridge.popup(), "off").await?;
    switch_on(&bridge.popup()).await?;
    assert_eq!(sorted(&printed(&stage, &[VIDEO_URL]).await?), sorted(&outside));
    bridge.firefox.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_page_stops_when_idle_but_not_while_something_is_switched_on() -> Result<()> {
    let stage = set_up().await?;
    let bridge = FirefoxBridge::open(&stage, 0).await?;
    bridge.firefox.close_popup().await?;
    wait::until("the background page to be stopped", SOON, async || {
        Ok(bridge.firefox.stop_resting_background().await?.then_some(()))
    })
    .await?;

    bridge.open_popup().await?;
    switch_on(&bridge.popup()).await?;
    bridge.firefox.close_popup().await?;
    for _ in 0..5 {
        assert!(!bridge.firefox.stop_resting_background().await?);
        assert_eq!(sorted(&printed(&stage, &[VIDEO_URL]).await?), sorted(&bridge.held().await?));
    }
    bridge.firefox.close().await
}
