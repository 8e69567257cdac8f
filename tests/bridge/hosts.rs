//! What the extension gives a broken native host, or another program in its place: no more
//! than the popup allows, and nothing for an invalid request.

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::stage::bridge::{BridgeStage, Bridged as _};
use stagepass_tests::stage::main_job::{Stage, built_extension};
use stagepass_tests::stage::scripted_host::{ScriptedHost, ScriptedHosts};
use stagepass_tests::system::secret_search::SecretSearch;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A browser whose native host is the test, with hand-over switched on.
async fn start() -> Result<(BridgeStage, ScriptedHosts, ScriptedHost)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let bridge = BridgeStage::on(stage).await?;
    bridge.popup.click("#bridge-allow").await?;
    let host = connect(&bridge, &hosts).await?;
    Ok((bridge, hosts, host))
}

/// Answers `listen`, each time the extension sends it.
async fn connect(bridge: &BridgeStage, hosts: &ScriptedHosts) -> Result<ScriptedHost> {
    let mut host = hosts.next().await?;
    let listen = host.receive().await?;
    assert_eq!((&listen["type"], &listen["browser"]), (&json!("listen"), &json!("Chromium")));
    host.send(&json!({"id": listen["id"], "type": "listen", "ok": true})).await?;
    bridge.wait_for_status("connected").await?;
    Ok(host)
}

/// Sends a message and returns its answer, skipping each `listen` of the extension.
async fn ask(host: &mut ScriptedHost, message: &Value) -> Result<Value> {
    let mut answer = host.ask(message).await?;
    while answer["type"] == "listen" {
        answer = host.receive().await?;
    }
    assert_eq!((&answer["id"], &answer["type"]), (&message["id"], &message["type"]));
    Ok(answer)
}

fn cookies(id: u32, platform: &str) -> Value {
    json!({"id": id, "type": "cookies", "platform": platform, "program": "test"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_no_platform_that_is_not_switched_on() -> Result<()> {
    let (bridge, _hosts, mut host) = start().await?;
    let secrets = SecretSearch::new(&bridge.stage.platform.secrets())?;
    for platform in ["x", "instagram.com", "", "__proto__", "constructor", "toString"] {
        let answer = ask(&mut host, &cookies(7, platform)).await?;
        assert_eq!(
            (&answer["ok"], &answer["error"]["code"]),
            (&json!(false), &json!("not_allowed")),
            "{platform}"
        );
    }
    for platform in [json!(null), json!(["instagram"]), json!({"toString": 1})] {
        let answer = ask(&mut host, &json!({"id": 8, "type": "cookies", "platform": platform})).await?;
        assert_eq!(answer["ok"], false, "{answer}");
    }
    // A message that is not a request gets no answer, and the next one does.
    for junk in [
        json!(null),
        json!([]),
        json!("cookies"),
        json!({"type": "cookies"}),
        json!({"id": 1}),
        json!({"id": 1, "type": "constructor", "platform": "instagram"}),
        json!({"id": 1.5, "type": "cookies"}),
    ] {
        host.send(&junk).await?;
    }
    let answer = ask(&mut host, &cookies(9, "instagram")).await?;
    assert_eq!(answer["ok"], true);
    assert!(secrets.is_in(answer.to_string().as_bytes()), "the search works");

    bridge.popup.click("#bridge-allow").await?;
    bridge.wait_for_status("off").await?;
    assert!(host.ask(&cookies(10, "instagram")).await.is_err(), "the port is still open");
    Ok(())
}

/// The cookie with some members changed.
fn changed(cookie: &Value, change: Value) -> Value {
    let mut cookie = cookie.clone();
    for (key, value) in change.as_object().into_iter().flatten() {
        cookie[key] = value.clone();
    }
    cookie
}

/// The message that writes one cookie back.
fn back(id: u32, hand_over: &Value, cookie: Value, was: &Value) -> Value {
    json!({"id": id, "type": "write_back", "platform": "instagram", "program": "test",
        "hand_over": hand_over, "replacements": [{"cookie": cookie, "was": was}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_handed_over_and_unchanged_cookies_are_written_back() -> Result<()> {
    let (bridge, _hosts, mut host) = start().await?;
    let given = ask(&mut host, &cookies(1, "instagram")).await?;
    let handed = given["cookies"].as_array().context("no cookies")?;
    let session = handed.iter().find(|cookie| cookie["name"] == "sessionid").context("no sessionid")?;
    let partitioned = handed.iter().find(|cookie| cookie["name"] == "ig_part").context("no ig_part")?;
    let account = handed.iter().find(|cookie| cookie["name"] == "ds_user_id").context("no ds_user_id")?;
    let new = json!({"value": "written-back"});
    let (hand_over, was) = (&given["hand_over"], &session["value"]);

    // Before the person agrees, nothing is written back.
    let refused = ask(&mut host, &back(2, hand_over, changed(session, new.clone()), was)).await?;
    assert_eq!(refused["ok"], false, "{refused}");
    bridge.popup.click("#bridge-write-back").await?;
    bridge.popup.wait_for("the switch", SOON, "document.querySelector('#bridge-write-back').checked").await?;
    assert_eq!(host.receive().await?["platforms"][0]["write_back"], true);

    for (cookie, was, expected) in [
        (changed(session, json!({"name": "never_handed_out"})), was.clone(), [0, 0, 1]),
        (changed(session, json!({"domain": ".example.org"})), was.clone(), [0, 0, 1]),
        (changed(session, json!({"path": "/accounts"})), was.clone(), [0, 0, 1]),
        // It would become another account's session.
        (changed(account, json!({"value": "17841400000000002"})), account["value"].clone(), [0, 0, 1]),
        (changed(session, new.clone()), json!("another value"), [0, 1, 0]),
        (changed(session, new.clone()), was.clone(), [1, 0, 0]),
        (changed(session, json!({"value": "again"})), was.clone(), [0, 1, 0]),
        (changed(partitioned, new.clone()), partitioned["value"].clone(), [1, 0, 0]),
    ] {
        let answer = ask(&mut host, &back(3, hand_over, cookie.clone(), &was)).await?;
        let outcome = ["written", "changed_meanwhile", "refused"].map(|count| answer[count].clone());
        assert_eq!(outcome, expected.map(|count| json!(count)), "{}", cookie["name"]);
    }
    for unknown in [json!("another-hand-over"), json!(null), json!("__proto__")] {
        let answer = ask(&mut host, &back(4, &unknown, changed(session, new.clone()), was)).await?;
        assert_eq!(answer["ok"], false, "{unknown}");
    }
    let held = bridge.held().await?;
    let expected = [("sessionid", "written-back"), ("ig_part", "written-back")];
    for (name, value) in expected {
        let same: Vec<_> = held.iter().filter(|cookie| cookie.name == name).collect();
        assert_eq!(same.len(), 1, "{name}");
        assert_eq!(same[0].value.expose_secret(), value);
    }
    let session = held.iter().find(|cookie| cookie.name == "sessionid").context("no sessionid")?;
    assert!(session.http_only && session.secure && !session.is_host_only(), "it is a different cookie now");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_disconnects_or_sends_nonsense_is_restarted() -> Result<()> {
    let (bridge, hosts, mut host) = start().await?;
    // A frame that is not JSON is skipped; a frame that is too long closes the port.
    host.send_bytes(&[5, 0, 0, 0, b'n', b'o', b'n', b's', b'e']).await?;
    assert_eq!(ask(&mut host, &cookies(1, "instagram")).await?["ok"], true);
    host.send_bytes(&[0xff; 16]).await?;
    let host = connect(&bridge, &hosts).await?;
    drop(host);
    let mut host = connect(&bridge, &hosts).await?;
    assert_eq!(ask(&mut host, &cookies(1, "instagram")).await?["ok"], true);
    Ok(())
}

/// Counts the changes of state, and the messages, from now on.
const COUNT_STATES: &str = "globalThis.states = 0; globalThis.said = 0; \
    chrome.storage.session.onChanged.addListener(({bridgeState}) => { if (bridgeState) states += 1; }); \
    new MutationObserver(() => { said += 1; }).observe(document.querySelector('#bridge-status'), \
    {childList: true, characterData: true, subtree: true}); 0";
/// Long enough for a loop without pauses to be noticed.
const A_WHILE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_crashing_host_is_restarted_less_and_less_often_even_with_an_open_popup() -> Result<()> {
    let (bridge, hosts, host) = start().await?;
    bridge.popup.evaluate(COUNT_STATES).await?;
    drop(host);
    let mut starts = 0;
    let starting = async {
        loop {
            // Each host says that it listens, and then crashes.
            let mut host = hosts.next().await?;
            let listen = host.receive().await?;
            host.send(&json!({"id": listen["id"], "type": "listen", "ok": true})).await?;
            starts += 1;
        }
    };
    let ended: Result<Result<()>, _> = tokio::time::timeout(A_WHILE, starting).await;
    assert!(ended.is_err(), "{ended:?}");
    assert!((1..=5).contains(&starts), "started {starts} times");
    let states = bridge.popup.evaluate("states").await?;
    assert!(states.as_u64() <= Some(20), "its state changed {states} times");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_host_is_looked_for_once_even_with_an_open_popup() -> Result<()> {
    let bridge = BridgeStage::on(Stage::set_up(&built_extension()?).await?).await?;
    bridge.popup.click("#bridge-allow").await?;
    bridge.wait_for_status("no_host").await?;
    bridge.popup.evaluate(COUNT_STATES).await?;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(bridge.popup.evaluate("[states, said]").await?, json!([0, 0]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_is_answered_and_delays_nobody() -> Result<()> {
    const QUESTIONS: u32 = 3000;
    let (bridge, _hosts, mut host) = start().await?;
    for id in 0..QUESTIONS {
        host.send(&cookies(id, "instagram")).await?;
    }
    let shown = bridge.popup.evaluate("chrome.runtime.sendMessage({type: 'bridge'})").await?;
    assert_eq!(shown["value"]["allowed"][0]["platform"], "instagram", "{shown}");
    let (mut given, mut busy) = (0, 0);
    while given + busy < QUESTIONS {
        let answer = host.receive().await?;
        match (answer["type"].as_str(), &answer["ok"], answer["error"]["code"].as_str()) {
            (Some("cookies"), Value::Bool(true), _) => given += 1,
            (Some("cookies"), _, Some("busy")) => busy += 1,
            // Sent again after each change.
            (Some("listen"), ..) => {}
            _ => anyhow::bail!("{answer}"),
        }
    }
    assert!(given > 0 && busy > 0, "{given} given, {busy} refused");
    assert_eq!(ask(&mut host, &cookies(QUESTIONS, "instagram")).await?["ok"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_to_listen_is_quoted_in_the_popup() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let hosts = ScriptedHosts::install(&stage).await?;
    let bridge = BridgeStage::on(stage).await?;
    bridge.popup.click("#bridge-allow").await?;
    let mut host = hosts.next().await?;
    host.receive().await?;
    let error = json!({"code": "io", "message": "the folder <b>is</b> in the way"});
    host.send(&json!({"id": "listen", "type": "listen", "ok": false, "error": error})).await?;
    bridge.wait_for_status("bridge_refused").await?;
    let said = bridge.popup.evaluate("document.querySelector('#bridge-status').textContent").await?;
    assert!(said.as_str().is_some_and(|said| said.contains("<b>is</b> in the way")), "{said}");
    Ok(())
}
