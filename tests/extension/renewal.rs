//! Renewal: cookies that the platform rotates in the browser replace the captured session by
//! themselves, if renewal is switched on.

use crate::races::HOLD_NEXT_SESSION;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::firefox::built_addon;
use stagepass_tests::browsers::options;
use stagepass_tests::browsers::page::WebPage as _;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::platform::LOGIN_URL;
use stagepass_tests::services::server::{self, EMAIL, PASSWORD, Server};
use stagepass_tests::stage::main_job::{
    self, Stage, built_extension, sign_in, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{
    ACCOUNT, RenewalStage, SOON, alarm, close, ring, wait_for_badge, wait_for_renewal,
};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;

/// Moves the extension's last attempt into the past.
pub(crate) async fn let_the_wait_pass(worker: &Attachment) -> Result<()> {
    change_kept(worker, "kept.attemptedAt -= kept.waitMs").await
}

async fn change_kept(worker: &Attachment, change: &str) -> Result<()> {
    let script = format!(
        "navigator.locks.request('last-captures', async () => {{ \
         const {{ lastCaptures }} = await chrome.storage.local.get('lastCaptures'); \
         const kept = lastCaptures.instagram; {change}; await chrome.storage.local.set({{ lastCaptures }}); }})"
    );
    worker.evaluate(&script).await?;
    Ok(())
}

/// The session id that the browser holds, and the one that a backend gets.
async fn session_ids(renewal: &RenewalStage) -> Result<(Value, Value)> {
    let of = |cookies: &Value| {
        let all = cookies.as_array().into_iter().flatten();
        all.into_iter().find(|cookie| cookie["name"] == "sessionid").map(|cookie| cookie["value"].clone())
    };
    let held = renewal.browser.client().send("Storage.getCookies", json!({})).await?;
    let served = renewal.stage.served_session("json").await?;
    Ok((of(&held["cookies"]).context("none held")?, of(&served["cookies"]).context("none served")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_cookies_are_stored_while_the_popup_is_closed_and_the_worker_sleeps() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let before = session_ids(&renewal).await?;
    assert_eq!(before.0, before.1);
    popup::put_worker_to_sleep(&renewal.browser).await?;
    renewal.rotate().await?;
    renewal.wait_for_sessions(2).await?;
    assert_eq!(renewal.sessions().await?.1, "active");
    let after = session_ids(&renewal).await?;
    assert_eq!(after.0, after.1);
    assert_ne!(after.0, before.0);

    let worker = renewal.worker().await?;
    // The browser's version is of no use where no login depends on it.
    renewal.wait_for_kept(&worker, "kept.changes === 0 && kept.userAgent === null").await?;
    assert_no_trace(&renewal, &worker).await
}

/// No cookie's value is stored between wake-ups, printed or logged.
async fn assert_no_trace(renewal: &RenewalStage, worker: &Attachment) -> Result<()> {
    renewal.stage.ensure_no_trace(worker).await?;
    let secrets = SecretSearch::new(&renewal.stage.platform.secrets())?;
    assert!(!secrets.is_in(&renewal.stage.server.program().stderr()), "the server's log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_stored_once_and_later_changes_wait_ten_minutes() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    for _ in 0..5 {
        renewal.rotate().await?;
    }
    renewal.wait_for_sessions(2).await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.changes === 0").await?;

    renewal.rotate().await?;
    renewal.wait_for_kept(&worker, "kept.changes > 0").await?;
    let kept = renewal.kept(&worker).await?;
    let due = kept["attemptedAt"].as_f64().context("no time")? + 600_000.0;
    let is_set = format!("chrome.alarms.get('send-on').then((alarm) => alarm?.scheduledTime === {due})");
    worker.wait_for("the alarm for their end", SOON, &is_set).await?;
    // A restarted worker keeps to it, too.
    drop(worker);
    popup::put_worker_to_sleep(&renewal.browser).await?;
    let worker = renewal.worker().await?;
    worker.wait_for("the alarm again", SOON, &is_set).await?;
    assert_eq!(renewal.sessions().await?.0, 2);

    let_the_wait_pass(&worker).await?;
    ring(&worker, "send-on", 0).await?;
    renewal.wait_for_sessions(3).await?;
    let (held, served) = session_ids(&renewal).await?;
    assert_eq!(held, served);
    renewal.wait_for_kept(&worker, "kept.changes === 0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_delays_no_renewal() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    change_kept(&worker, "Object.assign(kept, {attemptedAt: Date.now() + 86_400_000, waitMs: 600_000})")
        .await?;
    renewal.rotate().await?;
    renewal.wait_for_sessions(2).await
}

/// Waits until the worker has been told of all changes so far.
async fn wait_for_change(worker: &Attachment, renewal: &RenewalStage, change: &str) -> Result<()> {
    let listen = "globalThis.seen = new Promise((resolve) => chrome.cookies.onChanged.addListener(resolve))\
                  .then(() => chrome.storage.local.get()); 0";
    worker.evaluate(listen).await?;
    renewal.tab.evaluate(change).await?;
    worker.evaluate("seen.then(() => 0)").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn renewal_is_off_at_first_then_stores_earlier_changes_and_ignores_other_cookies() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let worker = renewal.worker().await?;
    renewal.rotate().await?;
    renewal.wait_for_kept(&worker, "!kept.isOn && kept.changes > 0").await?;
    assert_eq!(alarm(&worker, "send-on").await?, Value::Null);
    assert_eq!(renewal.sessions().await?.0, 1);

    let popup = renewal.popup().await?;
    wait_for_renewal(&popup, "off").await?;
    popup.click("#renewal > summary").await?;
    look_at_popup(&popup, "renewal-off").await?;
    popup.click("#renewal-switch").await?;
    wait_for_renewal(&popup, "on").await?;
    renewal.wait_for_sessions(2).await?;
    let (held, served) = session_ids(&renewal).await?;
    assert_eq!(held, served);
    renewal.wait_for_kept(&worker, "kept.changes === 0").await?;
    let other = "document.cookie = 'theme=dark; domain=instagram.com; path=/; secure'";
    wait_for_change(&worker, &renewal, other).await?;
    assert_eq!(renewal.kept(&worker).await?["changes"], 0);

    popup.click("#renewal-switch").await?;
    wait_for_renewal(&popup, "off").await?;
    assert_eq!(renewal.sessions().await?.0, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_the_platform_stores_nothing_and_is_explained_until_the_next_capture() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    renewal.tab.evaluate("document.querySelector('#logout').click()").await?;
    let worker = renewal.worker().await?;
    wait_for_badge(&worker, "!").await?;
    let title = worker.evaluate("chrome.action.getTitle({})").await?;
    assert!(title.as_str().is_some_and(|title| title.contains("no longer kept up to date")), "{title}");
    assert_eq!(renewal.sessions().await?, (1, "active".to_owned()));

    let popup = renewal.popup().await?;
    popup
        .wait_for("the reason", SOON, "document.querySelector('#problem-list [data-code=not_signed_in]')")
        .await?;
    wait_for_renewal(&popup, "stopped").await?;
    let link = popup.evaluate("document.querySelector('#problem-list a').href").await?;
    assert_eq!(link, LOGIN_URL);
    popup.click("#renewal > summary").await?;
    look_at_popup(&popup, "no-longer-renewed").await?;
    close(popup).await?;

    // The next sign-in may be to any account: a person says which connection it is.
    let tab = renewal.stage.sign_in_at_platform(&renewal.browser).await?;
    assert_eq!(renewal.sessions().await?.0, 1);
    wait_for_badge(&worker, "!").await?;
    let popup = renewal.popup().await?;
    assert_eq!(main_job::capture(&popup, ACCOUNT).await?, "captured");
    wait_for_badge(&worker, "").await?;
    popup.wait_for("no reason to be left", SOON, "document.querySelector('#problems').hidden").await?;
    wait_for_renewal(&popup, "on").await?;
    tab.evaluate("fetch('/video/encore.mp4').then(() => 0)").await?;
    renewal.wait_for_sessions(3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_appears_when_a_login_expires() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let ends_at = jiff::Timestamp::now().as_second() + 12;
    let session_id = json!({"name": "sessionid", "value": "planted-short-lived", "domain": ".instagram.com",
        "path": "/", "secure": true, "httpOnly": true, "expires": ends_at});
    renewal.tab.send("Network.setCookie", session_id).await?;
    renewal.wait_for_sessions(2).await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, &format!("kept.expires === {ends_at} && kept.changes === 0")).await?;
    renewal.wait_for_kept(&worker, "kept.expires * 1000 <= Date.now()").await?;
    ring(&worker, "send-on", 0).await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'not_signed_in'").await?;
    wait_for_badge(&worker, "!").await?;
    assert_eq!(renewal.sessions().await?.0, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_does_not_replace_the_captured_one() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let before = session_ids(&renewal).await?.1;
    // Each login of the sample platform has another user id.
    let _tab = renewal.stage.sign_in_at_platform(&renewal.browser).await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'other_account'").await?;
    wait_for_badge(&worker, "!").await?;
    let (held, served) = session_ids(&renewal).await?;
    assert_ne!(held, before);
    assert_eq!((served, renewal.sessions().await?.0), (before, 1));
    let popup = renewal.popup().await?;
    popup
        .wait_for("the reason", SOON, "document.querySelector('#problem-list [data-code=other_account]')")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_is_only_followed_by_a_capture() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let user = renewal.stage.server.user().await?;
    let newest = async || -> Result<Value> {
        Ok(json!({"id": user.get("/api/platform-sessions").await?.body["data"][0]["id"]}))
    };
    // From elsewhere, for example on the server's own pages.
    user.post("/api/credentials/revoke-platform-session", &newest().await?).await?;
    renewal.rotate().await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'session_revoked'").await?;
    assert_eq!(renewal.sessions().await?, (1, "revoked".to_owned()));

    let popup = renewal.popup().await?;
    popup
        .wait_for("the reason", SOON, "document.querySelector('#problem-list [data-code=session_revoked]')")
        .await?;
    assert_eq!(main_job::capture(&popup, ACCOUNT).await?, "captured");
    renewal.wait_for_kept(&worker, "kept.isOn && !kept.problem").await?;
    popup.click("#sessions summary").await?;
    for _ in 0..2 {
        popup.click("#session-list .danger").await?;
    }
    renewal.wait_for_kept(&worker, "!kept.isOn").await?;
    wait_for_renewal(&popup, "off").await?;
    assert_eq!(renewal.sessions().await?, (2, "revoked".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stored_during_a_revocation_is_revoked_as_well() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    let popup = renewal.popup().await?;
    popup.click("#sessions summary").await?;
    popup.wait_for("the session", SOON, "document.querySelector('#session-list .danger')").await?;
    // A session is being stored, and the server has not answered yet.
    worker.evaluate(HOLD_NEXT_SESSION).await?;
    renewal.rotate().await?;
    worker.wait_for("the store", SOON, "globalThis.isHeld").await?;
    for _ in 0..2 {
        popup.click("#session-list .danger").await?;
    }
    let waits = "navigator.locks.query().then(({pending}) => pending.some(({name}) => name === 'renewal'))";
    worker.wait_for("the revocation to wait", SOON, waits).await?;
    worker.evaluate("release()").await?;
    let is_revoked = async || Ok((renewal.sessions().await? == (2, "revoked".to_owned())).then_some(()));
    wait::until("both to be revoked", SOON, is_revoked).await?;
    renewal.wait_for_kept(&worker, "!kept.isOn").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_session_of_another_browser_is_not_renewed_either() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let user = renewal.stage.server.user().await?;
    let session = |connection: &Value| {
        json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [
            {"name": "sessionid", "value": "of-another-browser", "domain": ".instagram.com"}]})
    };
    let connection = renewal.connection_id().await?;
    let stored = user.post("/api/credentials/store-platform-session", &session(&connection)).await?;
    user.post("/api/credentials/revoke-platform-session", &json!({"id": stored.body["id"]})).await?;
    // More than a page of unrelated sessions.
    let other = json!(user.create_profile("instagram", "other").await?);
    for _ in 0..101 {
        user.post("/api/credentials/store-platform-session", &session(&other)).await?;
    }
    renewal.rotate().await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'session_revoked'").await?;
    assert_eq!(renewal.sessions().await?.0, 103);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_sign_in_to_the_server_is_explained_and_the_next_one_stores_what_waited() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let directory = renewal.stage.server.directory();
    let user = async |what: &str| -> Result<()> {
        let status = server::command(directory)?.args(["user", what, EMAIL]).status().await?;
        anyhow::ensure!(status.success(), "user {what}");
        Ok(())
    };
    user("disable").await?;
    renewal.rotate().await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'signed_out'").await?;
    wait_for_badge(&worker, "!").await?;

    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "sign-in").await?;
    popup
        .wait_for("the reason", SOON, "document.querySelector('#problem-list [data-code=signed_out]')")
        .await?;
    look_at_popup(&popup, "signed-out-of-server").await?;
    user("enable").await?;
    sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "ready").await?;
    renewal.wait_for_sessions(2).await?;
    wait_for_badge(&worker, "").await
}

/// Popup and options while the server can't be reached.
async fn look_at_what_fails(renewal: &RenewalStage) -> Result<()> {
    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "failed").await?;
    popup.click("#renewal > summary").await?;
    wait_for_renewal(&popup, "failing").await?;
    look_at_popup(&popup, "renewal-failing").await?;
    let options = options::open_from_popup(&renewal.browser, popup).await?;
    options.wait_for("the platform", SOON, "document.querySelector('#renewed [data-code=failing]')").await?;
    look_at_options(&options, "renewal-failing").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_retried_less_and_less_often() -> Result<()> {
    let mut renewal = RenewalStage::set_up_with_renewal().await?;
    let address = renewal.stage.server.address().to_owned();
    renewal.stage.server.kill();
    renewal.rotate().await?;
    let worker = renewal.worker().await?;
    for (failures, minutes) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (6, 15)] {
        let has_failed = format!("kept.failures === {failures} && kept.waitMs === {} * 60_000", minutes);
        renewal.wait_for_kept(&worker, &has_failed).await?;
        if failures == 1 {
            look_at_what_fails(&renewal).await?;
        }
        let_the_wait_pass(&worker).await?;
        worker.wait_for("the alarm", SOON, "chrome.alarms.get('send-on').then(Boolean)").await?;
        if failures == 6 {
            renewal.stage.server = Server::start_at(renewal.stage.server.directory(), &address).await?;
        }
        ring(&worker, "send-on", 0).await?;
    }
    renewal.wait_for_sessions(2).await?;
    renewal.wait_for_kept(&worker, "kept.failures === 0 && kept.problem === null").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_works_with_the_keyboard_and_has_a_name() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let popup = renewal.popup().await?;
    popup.evaluate("document.querySelector('#renewal summary').focus()").await?;
    popup.press("Enter").await?;
    popup.press("Tab").await?;
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "renewal-switch");
    popup.press(" ").await?;
    wait_for_renewal(&popup, "on").await?;
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "renewal-switch");
    let tree = popup.send("Accessibility.getFullAXTree", json!({})).await?;
    let nodes = tree["nodes"].as_array().context("no nodes")?.iter();
    let switches: Vec<_> =
        nodes.filter(|node| node["role"]["value"] == "switch").map(|node| &node["name"]["value"]).collect();
    assert!(switches.contains(&&json!("Keep this session current automatically")), "{switches:?}");
    look_at_popup(&popup, "renewing").await?;
    close(popup).await?;

    // Switching it off needs no tab of the platform.
    let _other = renewal.browser.open_tab("about:blank").await?;
    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "no-platform").await?;
    look_at_popup(&popup, "no-platform").await?;
    let options = options::open_from_popup(&renewal.browser, popup).await?;
    options.wait_for("the platform", SOON, "document.querySelector('#renewed [data-code=on]')").await?;
    let label = "document.querySelector('#renewed button').ariaLabel";
    assert_eq!(options.evaluate(label).await?, "Switch off keeping the session of Instagram up to date");
    options.click("#renewed button").await?;
    options.wait_for("none to be left", SOON, "!document.querySelector('#renewed li')").await?;
    options.wait_for("the focus near it", SOON, "document.activeElement.id === 'renewal-heading'").await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "!kept.isOn").await
}

/// Changes the session cookie's value, as the platform would, in one container.
const REPLACE: &str = "async (storeId, value) => { \
    const [held] = await chrome.cookies.getAll({name: 'sessionid', domain: 'instagram.com', storeId}); \
    const {name, domain, path, secure, httpOnly, expirationDate} = held; \
    const url = 'https://www.instagram.com/'; \
    await chrome.cookies.set({url, name, value, domain, path, secure, httpOnly, expirationDate, storeId}); }";

#[tokio::test(flavor = "multi_thread")]
async fn firefox_renews_only_from_the_captured_container() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    for container in [0, 1] {
        firefox.sign_in_at_platform(&stage.platform, container).await?;
    }
    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, ACCOUNT).await?, "captured");
    popup.click("#renewal > summary").await?;
    popup.click("#renewal-switch").await?;
    wait_for_renewal(&popup, "on").await?;

    for (store, value) in [("firefox-default", "planted-elsewhere"), ("firefox-container-1", "planted-here")]
    {
        popup.evaluate(&format!("({REPLACE})({}, {})", json!(store), json!(value))).await?;
    }
    let is_stored = "chrome.storage.local.get('lastCaptures')\
                     .then(({lastCaptures: {instagram}}) => instagram.attemptedAt > 0)";
    popup.wait_for("the store", SOON, is_stored).await?;
    let served = stage.served_session("json").await?["cookies"].clone();
    let session_id = served.as_array().into_iter().flatten().find(|cookie| cookie["name"] == "sessionid");
    assert_eq!(session_id.context("no sessionid")?["value"], "planted-here");
    let kept = popup.evaluate("chrome.storage.local.get()").await?.to_string();
    assert!(kept.contains("lastCaptures") && !kept.contains("planted"), "{kept}");
    firefox.close().await
}
