//! Fresh cookies in the popup: switches that a keyboard reaches and a screen reader names, and
//! plain words when something is wrong.

use crate::origin_storage::on;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::options;
use stagepass_tests::browsers::popup::{self, PromptAnswer};
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::platform::{FANSLY, ONLYFANS, VIDEO_URL};
use stagepass_tests::stage::bridge::{BridgeStage, wait_for_status};
use stagepass_tests::stage::main_job::{
    PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{close, ring};
use stagepass_tests::stage::scripted_host::{ScriptedHost, ScriptedHosts};
use stagepass_tests::system::wait;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

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

    // The same key switches it off again.
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
async fn a_screen_reader_hears_each_controls_name_and_state() -> Result<()> {
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
            "Let programs on this computer use my Instagram login",
            "Let yt-dlp --write-back put replaced cookies back into this browser"
        ]
    );
    assert!(named("list").contains(&"Handed over"), "{:?}", named("list"));
    let live = bridge.popup.evaluate("document.querySelector('#bridge-status').role").await?;
    assert_eq!(live, "status");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_reports_a_missing_native_host_and_recovers() -> Result<()> {
    let bridge = BridgeStage::on(Stage::set_up(&built_extension()?).await?).await?;
    bridge.popup.click("#bridge-allow").await?;
    bridge.wait_for_status("no_host").await?;
    let words = bridge.popup.evaluate("document.querySelector('#bridge-status').innerText").await?;
    let words = words.as_str().context("no words")?;
    for command in ["stagepass install", "stagepass doctor"] {
        assert!(words.contains(command), "{command} in {words}");
    }
    look_at_popup(&bridge.popup, "hand-over-host-missing").await?;
    bridge.stage.install_native_host().await?;
    // Opening the popup again refreshes the status.
    bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'keepBridge'})").await?;
    let again: Value = bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'bridge'})").await?;
    assert_eq!(again["value"]["allowed"][0]["platform"], "instagram", "{again}");
    bridge.wait_for_status("connected").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_turned_off_while_turning_on_stays_off() -> Result<()> {
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
async fn another_account_is_not_handed_over_until_switched_on_again() -> Result<()> {
    let bridge = BridgeStage::set_up().await?;
    bridge.switch_on().await?;
    assert!(bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    // An account that no cookie names any more is not handed over either.
    let forget = "chrome.cookies.remove({url: 'https://www.instagram.com/', name: 'ds_user_id'})";
    let worker = popup::service_worker(&bridge.browser).await?;
    assert_eq!(worker.evaluate(&format!("{forget}.then((removed) => removed.name)")).await?, "ds_user_id");
    let refused = bridge.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", refused.stdout);
    // Each login of the sample platform has another user id.
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
async fn the_popup_reports_a_blocked_native_host_and_the_alarm_recovers() -> Result<()> {
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
async fn hand_over_can_be_switched_off_without_a_server_or_the_platforms_tab() -> Result<()> {
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
    assert_eq!(options.evaluate(label).await?, "Switch off the use of my Instagram login");
    look_at_options(&options, "no-server").await?;
    options.click("#allowed button").await?;
    options.wait_for("none to be left", SOON, "!document.querySelector('#allowed li')").await?;
    assert_eq!(options.evaluate("document.activeElement.id").await?, "programs-heading");
    assert!(!stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_turns_on_after_the_prompt_and_stays_off_after_a_refusal() -> Result<()> {
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
        // The outcome opens the section by itself.
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

    // Withdrawing the permission in the browser's settings ends it, whatever the switch says.
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(&format!("chrome.permissions.remove({{origins: ['{PLATFORM_ORIGINS}']}})")).await?;
    let refused = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(refused.stderr.contains("Stagepass has no access to"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_is_handed_over_only_once_that_is_switched_on() -> Result<()> {
    let (stage, _browser, _tab, popup) = on(&ONLYFANS).await?;
    stage.install_native_host().await?;
    popup.evaluate("document.querySelector('#bridge').open = true").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    look_at_popup(&popup, "hand-over-with-storage-off").await?;
    let arguments = ["cookies", "--format", "json", ONLYFANS.front_url];
    let cookies_alone = stage.ask_host(&arguments).await?;
    assert!(cookies_alone.stdout.contains("auth_id"), "{}", cookies_alone.stderr);
    assert!(!cookies_alone.stdout.contains("bcTokenSha"));

    popup.click("#bridge-storage").await?;
    // The native host hears of it a moment later.
    let both = wait::until("the storage", SOON, async || {
        let given = stage.ask_host(&arguments).await?;
        Ok(given.stdout.contains("bcTokenSha").then_some(given))
    })
    .await?;
    assert!(both.stdout.contains("auth_id"), "{}", both.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_is_switched_on_for_one_platform_alone() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[ONLYFANS.origins, FANSLY.origins, &[SERVER_ORIGINS]].concat()).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let browser = stage.open_browser().await?;
    let _onlyfans = stage.sign_in_at(&browser, &ONLYFANS).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    let mut host = allow_to(&popup, &hosts).await?;
    popup.click("#bridge-storage").await?;
    wait_for_announcement(&mut host, true).await?;
    close(popup).await?;
    let _fansly = stage.sign_in_at(&browser, &FANSLY).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    popup.evaluate("document.querySelector('#bridge').open = true").await?;
    popup.click("#bridge-allow").await?;
    while host.receive().await?["platforms"].as_array().map(Vec::len) != Some(2) {}

    for (id, platform, entries) in [(7, "onlyfans", Some(1)), (8, "fansly", None)] {
        let asked =
            json!({"id": id, "type": "cookies", "platform": platform, "program": "test", "storage": true});
        let answer = host.ask(&asked).await?;
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(id), &json!(true)), "{}", answer["error"]);
        let origins = answer["origins"].as_array().filter(|origins| !origins.is_empty());
        assert_eq!(origins.map(Vec::len), entries, "{platform}");
    }
    Ok(())
}

/// Lets the answer of a page wait until the test releases it.
const HOLD: &str = "const run = chrome.scripting.executeScript.bind(chrome.scripting); \
                    chrome.scripting.executeScript = async (injection) => { \
                    const read = await run(injection); globalThis.isRead = true; \
                    await new Promise((done) => { globalThis.release = done; }); return read; }; 0";

/// Switches the hand-over on, and answers the extension as a host does.
async fn allow_to(popup: &Attachment, hosts: &ScriptedHosts) -> Result<ScriptedHost> {
    popup.evaluate("document.querySelector('#bridge').open = true").await?;
    popup.click("#bridge-allow").await?;
    let mut host = hosts.next().await?;
    let listen = host.receive().await?;
    host.send(&json!({"id": listen["id"], "type": "listen", "ok": true})).await?;
    wait_for_status(popup, "connected").await?;
    Ok(host)
}

/// Receives until the extension says whether storage is handed over.
async fn wait_for_announcement(host: &mut ScriptedHost, storage: bool) -> Result<()> {
    while host.receive().await?["platforms"][0]["storage"] != storage {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_switched_off_while_it_is_read_is_not_handed_over() -> Result<()> {
    let (stage, browser, _tab, popup) = on(&ONLYFANS).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let mut host = allow_to(&popup, &hosts).await?;
    popup.click("#bridge-storage").await?;
    wait_for_announcement(&mut host, true).await?;

    let asked =
        json!({"id": 7, "type": "cookies", "platform": "onlyfans", "program": "test", "storage": true});
    let answer = host.ask(&asked).await?;
    assert_eq!((&answer["ok"], answer["origins"].as_array().map(Vec::len)), (&json!(true), Some(1)));
    let shown = "document.querySelector('#hand-overs li')?.innerText ?? ''";
    let is_listed = format!("({shown}).includes('cookies handed over with what its pages store')");
    popup.wait_for("the hand-over", SOON, &is_listed).await?;
    look_at_popup(&popup, "hand-over-with-storage").await?;

    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(HOLD).await?;
    host.send(&asked).await?;
    worker.wait_for("the page's answer", SOON, "globalThis.isRead").await?;
    popup.click("#bridge-storage").await?;
    wait_for_announcement(&mut host, false).await?;
    worker.evaluate("globalThis.release()").await?;
    let answer = host.receive().await?;
    assert_eq!((&answer["id"], &answer["ok"], answer.get("origins")), (&json!(7), &json!(false), None));
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("this was switched off in Stagepass's popup"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_storage_alone_names_the_account_another_one_is_not_handed_over() -> Result<()> {
    let (stage, browser, tab, popup) = on(&FANSLY).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let mut host = allow_to(&popup, &hosts).await?;
    popup.click("#bridge-storage").await?;
    wait_for_announcement(&mut host, true).await?;
    let asked = json!({"id": 7, "type": "cookies", "platform": "fansly", "program": "test", "storage": true});
    let answer = host.ask(&asked).await?;
    assert_eq!(answer["origins"].as_array().map(Vec::len), Some(1), "{}", answer["error"]);
    // The page's origin is checked again in the page itself.
    let worker = popup::service_worker(&browser).await?;
    let elsewhere = "globalThis.run = chrome.scripting.executeScript.bind(chrome.scripting); \
        chrome.scripting.executeScript = (injection) => \
            run({ ...injection, args: ['https://elsewhere.example', ...injection.args.slice(1)] }); 0";
    worker.evaluate(elsewhere).await?;
    let answer = host.ask(&asked).await?;
    assert_eq!((&answer["ok"], answer.get("origins")), (&json!(false), None));
    worker.evaluate("chrome.scripting.executeScript = globalThis.run; 0").await?;

    let change = "{ const name = 'session_active_session', kept = JSON.parse(localStorage.getItem(name)); \
        localStorage.setItem(name, JSON.stringify({ ...kept, accountId: '999' })); }";
    tab.evaluate(change).await?;
    let answer = host.ask(&asked).await?;
    assert_eq!(
        (&answer["ok"], &answer["error"]["message"]),
        (&json!(false), &json!("another account is signed in"))
    );
    tab.evaluate("localStorage.removeItem('session_active_session')").await?;
    let answer = host.ask(&asked).await?;
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(answer["ok"] == false && message.starts_with("not signed in"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_consent_starts_without_write_back_and_storage() -> Result<()> {
    let (stage, _browser, _tab, popup) = on(&ONLYFANS).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let mut host = allow_to(&popup, &hosts).await?;
    let allowed = |is_on: bool| {
        format!(
            "chrome.storage.local.get('bridge').then(({{bridge: {{platforms: {{onlyfans}}}}}}) => \
             onlyfans.writeBack === {is_on} && onlyfans.storage === {is_on})"
        )
    };
    popup.click("#bridge-write-back").await?;
    popup.click("#bridge-storage").await?;
    popup.wait_for("both to be allowed", SOON, &allowed(true)).await?;
    wait_for_announcement(&mut host, true).await?;
    let asked = |id: u32, storage: bool| json!({"id": id, "type": "cookies", "platform": "onlyfans", "program": "test", "storage": storage});
    let answer = host.ask(&asked(7, true)).await?;
    assert_eq!(answer["origins"].as_array().map(Vec::len), Some(1), "{}", answer["error"]);
    let mut written_back =
        json!({"id": 8, "type": "write_back", "platform": "onlyfans", "program": "test", "replacements": []});
    written_back["hand_over"] = answer["hand_over"].clone();
    assert_eq!(host.ask(&written_back).await?["ok"], true);

    wait_for_view(&popup, "ready").await?;
    // A popup that was open before, perhaps over another window, still shows the switch as off.
    let switch_on_again = "{ const allow = document.querySelector('#bridge-allow'); \
                           allow.checked = false; allow.click(); }";
    popup.evaluate(switch_on_again).await?;
    popup.wait_for("the new consent", SOON, &allowed(false)).await?;
    wait_for_view(&popup, "ready").await?;
    for switch in ["bridge-write-back", "bridge-storage"] {
        let is_off = format!("!document.querySelector('#{switch}').checked");
        popup.wait_for(switch, SOON, &is_off).await?;
    }
    wait_for_announcement(&mut host, false).await?;
    let answer = host.ask(&asked(9, true)).await?;
    assert!(answer["cookies"].as_array().is_some_and(|cookies| !cookies.is_empty()), "{}", answer["error"]);
    assert_eq!(answer["origins"].as_array().map_or(0, Vec::len), 0);

    // What was handed over before is not written back under the new consent.
    popup.click("#bridge-write-back").await?;
    let is_allowed =
        "chrome.storage.local.get('bridge').then(({bridge}) => bridge.platforms.onlyfans.writeBack)";
    popup.wait_for("write-back to be allowed", SOON, is_allowed).await?;
    wait_for_announcement(&mut host, false).await?;
    assert_eq!(host.ask(&written_back).await?["error"]["code"], "not_allowed");
    written_back["hand_over"] = answer["hand_over"].clone();
    assert_eq!(host.ask(&written_back).await?["ok"], true);
    Ok(())
}
