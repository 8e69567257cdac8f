//! Several browsers and profiles at once, which share the host's folder.

use crate::steps::{SOON, printed, value_of};
use anyhow::Result;
use serde_json::{Value, json};
use stagepass_tests::browsers::chromium::Profile;
use stagepass_tests::browsers::options;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::stage::bridge::{
    BridgeStage, Bridged as _, FirefoxBridge, held_by_chromium, open_chromium, switch_on,
};
use stagepass_tests::stage::main_job::Stage;
use stagepass_tests::system::wait;

/// Names the browser's profile in its options, and waits until programs see it.
async fn name_profile(stage: &Stage, options: &impl WebPage, name: &str) -> Result<()> {
    options.fill("#bridge-profile", name).await?;
    options.evaluate("void document.activeElement.blur()").await?;
    wait::until(&format!("the profile {name}"), SOON, async || {
        Ok(stage.ask_host(&["browsers"]).await?.stdout.contains(name).then_some(()))
    })
    .await
}

/// The session id that a command gets.
async fn session_of(stage: &Stage, options: &[&str]) -> Result<String> {
    value_of(&printed(stage, &[&[VIDEO_URL], options].concat()).await?, "sessionid")
}

/// Waits until `count` browsers are connected.
async fn wait_for_browsers(stage: &Stage, count: usize) -> Result<()> {
    wait::until(&format!("{count} browsers"), SOON, async || {
        let shown = stage.ask_host(&["browsers"]).await?.stdout;
        Ok((shown.matches("instagram").count() == count).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_or_the_chosen_browser_is_asked() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let stage = &bridge.stage;
    bridge.switch_on().await?;
    name_profile(stage, &options::open(&bridge.browser).await?, "studio").await?;
    let studio = value_of(&bridge.held().await?, "sessionid")?;

    let firefox = FirefoxBridge::open(stage, 0).await?;
    switch_on(&firefox.popup()).await?;
    name_profile(stage, &firefox.firefox.popup().open_options().await?, "desk").await?;
    let desk = value_of(&firefox.held().await?, "sessionid")?;
    assert_eq!(session_of(stage, &[]).await?, desk);

    let second = Profile::new()?;
    stage.install_native_host_in(&second).await?;
    let (browser, tab, popup) = open_chromium(stage, &second).await?;
    switch_on(&popup).await?;
    name_profile(stage, &options::open(&browser).await?, "tour").await?;
    let tour = value_of(&held_by_chromium(&browser).await?, "sessionid")?;
    assert!(studio != desk && desk != tour && tour != studio, "three sessions");

    // Without a choice the browser that connected last is asked, not the one with the newest login.
    assert_eq!(session_of(stage, &[]).await?, tour);
    for (options, session) in [
        (&["--browser", "firefox"][..], &desk),
        (&["--browser", "chromium"], &tour),
        (&["--profile", "studio"], &studio),
        (&["--profile", "Desk"], &desk),
        (&["--browser", "Chromium", "--profile", "studio"], &studio),
    ] {
        assert_eq!(session_of(stage, options).await?, *session, "{options:?}");
    }
    assert_all_are_listed(stage).await?;

    // One browser that leaves does not affect the others.
    drop((tab, popup));
    browser.close().await?;
    wait_for_browsers(stage, 2).await?;
    assert_eq!(session_of(stage, &[]).await?, desk);
    assert_eq!(session_of(stage, &["--browser", "chromium"]).await?, studio);
    firefox.firefox.close().await?;
    wait_for_browsers(stage, 1).await?;
    assert_eq!(session_of(stage, &[]).await?, studio);
    Ok(())
}

/// In the order in which they connected, and named in the message for an unknown browser.
async fn assert_all_are_listed(stage: &Stage) -> Result<()> {
    let shown: Value = serde_json::from_str(&stage.ask_host(&["browsers", "--json"]).await?.stdout)?;
    let named = |browser: &Value| {
        [&browser["browser"], &browser["profile"], &browser["platforms"][0]["platform"]].map(Value::clone)
    };
    let names: Vec<_> = shown.as_array().into_iter().flatten().map(named).collect();
    assert_eq!(
        json!(names),
        json!([
            ["Chromium", "tour", "instagram"],
            ["Firefox", "desk", "instagram"],
            ["Chromium", "studio", "instagram"]
        ])
    );
    for unknown in [["--browser", "vivaldi"], ["--profile", "attic"]] {
        let refused = stage.ask_host(&[&["cookies", VIDEO_URL], &unknown[..]].concat()).await?;
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{unknown:?}");
        let all = "no such browser is connected. Connected: Chromium (profile tour), \
                   Firefox (profile desk), Chromium (profile studio)";
        assert!(refused.stderr.contains(all), "{}", refused.stderr);
    }
    Ok(())
}
