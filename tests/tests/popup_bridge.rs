//! The popup's part in fresh cookies: switches that a keyboard reaches and a
//! screen reader names, and plain words for what is wrong.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::bridge::{BridgeStage, wait_for_status};
use stagepass_tests::display::Display;
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::main_job::{
    PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::options;
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::popup::{self, PromptAnswer};
use stagepass_tests::renewal::{close, ring};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Presses Tab until the element has the focus.
async fn tab_to(bridge: &BridgeStage, id: &str) -> Result<()> {
    for _ in 0..40 {
        if bridge.popup.evaluate("document.activeElement.id").await? == id {
            return Ok(());
        }
        bridge.popup.press("Tab").await?;
    }
    anyhow::bail!("Tab does not lead to {id}")
}

async fn checked(bridge: &BridgeStage, id: &str, is_checked: bool) -> Result<()> {
    let condition = format!("document.querySelector({}).checked === {is_checked}", json!(format!("#{id}")));
    bridge.popup.wait_for(id, SOON, &condition).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switches_work_with_the_keyboard_alone() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let write_back = "document.querySelector('#bridge-write-back').disabled";
    assert_eq!(bridge.popup.evaluate(write_back).await?, true);
    tab_to(&bridge, "bridge-allow").await?;
    bridge.popup.press(" ").await?;
    bridge.wait_for_status("connected").await?;
    checked(&bridge, "bridge-allow", true).await?;
    tab_to(&bridge, "bridge-write-back").await?;
    bridge.popup.press(" ").await?;
    checked(&bridge, "bridge-write-back", true).await?;

    // The same key takes it back.
    bridge.popup.evaluate("document.querySelector('#bridge-allow').focus()").await?;
    bridge.popup.press(" ").await?;
    bridge.wait_for_status("off").await?;
    look_at_popup(&bridge.popup, "hand-over-off").await?;
    assert_eq!(bridge.popup.evaluate("document.activeElement.id").await?, "bridge-allow");
    assert_eq!(bridge.popup.evaluate(write_back).await?, true);
    assert!(!bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_reader_has_a_name_for_each_control_and_hears_how_it_stands() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    bridge.popup.wait_for("a hand-over", SOON, "document.querySelector('#hand-overs li')").await?;
    look_at_popup(&bridge.popup, "hand-over-on").await?;
    let tree = bridge.popup.send("Accessibility.getFullAXTree", json!({})).await?;
    let nodes = tree["nodes"].as_array().context("no nodes")?;
    let named = |role: &str| -> Vec<&str> {
        let of_role =
            nodes.iter().filter(|node| node["role"]["value"] == role && node["ignored"] == json!(false));
        of_role.filter_map(|node| node["name"]["value"].as_str()).collect()
    };
    let switches = named("switch");
    assert_eq!(
        switches,
        [
            "Hand over the cookies of Instagram when asked",
            "Let yt-dlp --write-back put replaced cookies back"
        ]
    );
    assert!(named("list").contains(&"Handed over"), "{:?}", named("list"));
    let live = bridge.popup.evaluate("document.querySelector('#bridge-status').role").await?;
    assert_eq!(live, "status");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_is_not_installed_is_said_and_its_coming_is_enough() -> Result<()> {
    let bridge = BridgeStage::on(Stage::set_up(&built_extension()?).await?).await?;
    bridge.popup.click("#bridge-allow").await?;
    bridge.wait_for_status("no_host").await?;
    let words = bridge.popup.evaluate("document.querySelector('#bridge-status').innerText").await?;
    let words = words.as_str().context("no words")?;
    for command in ["stagepass-native-host install", "stagepass-native-host doctor"] {
        assert!(words.contains(command), "{command} in {words}");
    }
    look_at_popup(&bridge.popup, "hand-over-host-missing").await?;
    bridge.stage.install_native_host().await?;
    // Whoever looks at the popup again wants to know how it stands now.
    bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'keepBridge'})").await?;
    let again: Value = bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'bridge'})").await?;
    assert_eq!(again["value"]["allowed"][0]["platform"], "instagram", "{again}");
    bridge.wait_for_status("connected").await
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_before_it_is_on_it_stays_off() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    let both =
        "(() => { const allow = document.querySelector('#bridge-allow'); allow.click(); allow.click(); })()";
    bridge.popup.evaluate(both).await?;
    wait_for_view(&bridge.popup, "ready").await?;
    bridge.wait_for_status("off").await?;
    let allowed = "chrome.storage.local.get('bridge').then(({bridge}) => Object.keys(bridge.platforms))";
    assert_eq!(bridge.popup.evaluate(allowed).await?, json!([]));
    assert_eq!(bridge.popup.evaluate("document.querySelector('#bridge-allow').checked").await?, false);
    assert!(!bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    bridge.switch_on().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_not_handed_over_before_it_is_switched_on_anew() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    assert!(bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    // Nor one that no cookie names any more.
    let forget = "chrome.cookies.remove({url: 'https://www.instagram.com/', name: 'ds_user_id'})";
    let worker = popup::service_worker(&bridge.browser).await?;
    assert_eq!(worker.evaluate(&format!("{forget}.then((removed) => removed.name)")).await?, "ds_user_id");
    let refused = bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", refused.stdout);
    // Each login of the sample platform is of another user id.
    let _tab = bridge.stage.sign_in_at_platform(&bridge.browser).await?;
    let refused = bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", refused.stdout);
    assert!(refused.stderr.contains("another account is signed in"), "{}", refused.stderr);

    drop(bridge.popup);
    let popup = popup::open(&bridge.browser).await?;
    wait_for_view(&popup, "ready").await?;
    popup.click("#bridge > summary").await?;
    popup
        .wait_for("the reason", SOON, "document.querySelector('#hand-overs [data-kind=other_account]')")
        .await?;
    look_at_popup(&popup, "hand-over-other-account").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "off").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    assert!(bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_helpers_way_is_said_and_once_it_is_gone_the_alarm_is_enough() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host().await?;
    std::fs::create_dir_all(stage.host_dir())?;
    let in_the_way = stage.host_dir().join("run");
    std::fs::write(&in_the_way, "not a folder")?;
    let bridge = BridgeStage::on(stage).await?;
    bridge.popup.click("#bridge-allow").await?;
    bridge.wait_for_status("bridge_refused").await?;
    look_at_popup(&bridge.popup, "hand-over-refused-by-host").await?;
    let words = bridge.popup.evaluate("document.querySelector('#bridge-status').innerText").await?;
    assert!(words.as_str().is_some_and(|words| words.contains("run")), "{words}");
    std::fs::remove_file(in_the_way)?;
    ring(&popup::service_worker(&bridge.browser).await?, "bridge", 0).await?;
    bridge.wait_for_status("connected").await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_server_and_no_tab_of_the_platform_to_be_switched_off() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host().await?;
    stage.grant(&[PLATFORM_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let _tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "server").await?;
    popup.click("#bridge > summary").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    assert!(stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    popup.wait_for("a hand-over", SOON, "document.querySelector('#hand-overs li')").await?;
    close(popup).await?;

    let _other = browser.open_tab("about:blank").await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "server").await?;
    popup.click("#bridge > summary").await?;
    popup.wait_for("the hand-over", SOON, "document.querySelector('#hand-overs li')").await?;
    assert_eq!(popup.evaluate("document.querySelector('#bridge-switches').hidden").await?, true);
    look_at_popup(&popup, "no-server-hand-overs").await?;

    let options = options::open_from_popup(&browser, popup).await?;
    options.wait_for("the platform", SOON, "document.querySelector('#allowed [data-id=instagram]')").await?;
    let label = "document.querySelector('#allowed button').ariaLabel";
    assert_eq!(options.evaluate(label).await?, "Switch off handing over the cookies of Instagram");
    look_at_options(&options, "no-server").await?;
    options.click("#allowed button").await?;
    options.wait_for("none to be left", SOON, "!document.querySelector('#allowed li')").await?;
    assert_eq!(options.evaluate("document.activeElement.id").await?, "programs-heading");
    assert!(!stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_goes_on_after_the_browsers_prompt_and_stays_off_after_a_refusal() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    stage.install_native_host().await?;
    stage.grant(&[SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let mut popup = popup::open_by_shortcut(&browser, &display).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    for (answer, status) in [(PromptAnswer::Deny, "permission_refused"), (PromptAnswer::Allow, "connected")] {
        wait_for_view(&popup, "ready").await?;
        let is_first = answer == PromptAnswer::Deny;
        look_at_popup(&popup, if is_first { "site-not-permitted" } else { "site-permission-refused" })
            .await?;
        // What came of it opens the section by itself.
        popup.evaluate("document.querySelector('#bridge').open = true").await?;
        popup.click("#bridge-allow").await?;
        popup::answer_prompt(&display, &tab, &popup, answer).await?;
        drop(popup);
        popup = popup::open_by_shortcut(&browser, &display).await?;
        wait_for_status(&popup, status).await?;
        let is_on = popup.evaluate("document.querySelector('#bridge-allow').checked").await?;
        assert_eq!(is_on, answer == PromptAnswer::Allow);
    }
    let asked = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(asked.status.success() && asked.stderr.is_empty(), "{}", asked.stderr);

    // The permission withdrawn in the browser's own settings ends it, switch or no switch.
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(&format!("chrome.permissions.remove({{origins: ['{PLATFORM_ORIGINS}']}})")).await?;
    let refused = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(refused.stderr.contains("has not been given"), "{}", refused.stderr);
    Ok(())
}
