//! Capture requests: a service asks, a badge tells the person, and one click leads to the
//! platform and another one to the capture.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::{Attachment, Target};
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::options;
use stagepass_tests::browsers::popup::{self, PromptAnswer};
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::LOGIN_URL;
use stagepass_tests::services::server::Server;
use stagepass_tests::stage::bridge::wait_for_status;
use stagepass_tests::stage::main_job::{
    PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, outcome, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{ACCOUNT, RenewalStage, SOON, alarm, close, ring, wait_for_badge};
use stagepass_tests::system::secret_search::SecretSearch;

const ALARM: &str = "capture-requests";
const REASON: &str = "The session has ended";

async fn pending(renewal: &RenewalStage) -> Result<Value> {
    Ok(renewal.stage.server.user().await?.get("/api/capture-requests").await?.body["total"].clone())
}

/// Waits until the popup lists `count` requests.
async fn wait_for_requests(popup: &Attachment, count: usize) -> Result<()> {
    let is_so_long = format!("document.querySelectorAll('#request-list li').length === {count}");
    let waited = popup.wait_for(&format!("{count} requests"), SOON, &is_so_long).await;
    let words = popup.evaluate("document.body.innerText").await?;
    waited.with_context(|| format!("the popup shows {words}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_shows_a_badge_and_leads_to_the_platform_and_a_capture() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let worker = renewal.worker().await?;
    wait_for_badge(&worker, "").await?;
    renewal.request_capture(REASON).await?;
    ring(&worker, ALARM, 0).await?;
    wait_for_badge(&worker, "1").await?;
    let title = worker.evaluate("chrome.action.getTitle({})").await?;
    assert_eq!(title, "Stagepass · 1 capture request");

    let popup = renewal.popup().await?;
    wait_for_requests(&popup, 1).await?;
    let entry = popup.evaluate("document.querySelector('#request-list li').innerText").await?;
    let entry = entry.as_str().context("no words")?;
    for part in [&format!("Instagram · {ACCOUNT}"), REASON, "Until "] {
        assert!(entry.contains(part), "{entry}");
    }
    look_at_popup(&popup, "capture-requested").await?;
    popup.click("#request-list button:nth-of-type(2)").await?;
    let is_login = |target: &Target| target.kind == "page" && target.url == LOGIN_URL;
    renewal.browser.client().wait_for_target("the login page", SOON, is_login).await?;

    // The open tab does not matter: the request says what to capture.
    let _other = renewal.browser.open_tab("about:blank").await?;
    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "no-platform").await?;
    wait_for_requests(&popup, 1).await?;
    popup.click("#request-list button").await?;
    assert_eq!(outcome(&popup, "#request-outcome").await?, "captured");
    wait_for_requests(&popup, 0).await?;
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "requests-heading");
    wait_for_badge(&worker, "").await?;
    assert_eq!(pending(&renewal).await?, 0);
    let newest = renewal.stage.server.user().await?.get("/api/platform-sessions").await?.body;
    assert_eq!(
        (&newest["total"], &newest["data"][0]["creator_profile_id"]),
        (&json!(2), &renewal.connection_id().await?)
    );
    look_at_popup(&popup, "request-fulfilled").await?;
    let secrets = SecretSearch::new(&renewal.stage.platform.secrets())?;
    for area in ["session", "local"] {
        let held = worker.evaluate(&format!("chrome.storage.{area}.get()")).await?.to_string();
        assert!(!secrets.is_in(held.as_bytes()), "storage.{area}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn declining_with_the_keyboard_ends_the_request_and_keeps_the_focus() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let id = renewal.request_capture(REASON).await?;
    // Opening the popup asks at once instead of waiting for the next poll.
    let popup = renewal.popup().await?;
    wait_for_requests(&popup, 1).await?;
    let worker = renewal.worker().await?;
    wait_for_badge(&worker, "1").await?;
    popup.evaluate("document.querySelector('#platform').focus()").await?;
    popup.evaluate("document.querySelector('#request-list button').focus()").await?;
    let label = "document.activeElement.ariaLabel";
    assert_eq!(popup.evaluate(label).await?, format!("Capture the session of Instagram · {ACCOUNT}"));
    popup.press("Tab").await?;
    assert_eq!(popup.evaluate("document.activeElement.textContent").await?, "Open Instagram");
    popup.press("Tab").await?;
    assert_eq!(popup.evaluate(label).await?, format!("Decline the request for Instagram · {ACCOUNT}"));
    popup.press("Enter").await?;
    wait_for_requests(&popup, 0).await?;
    assert_eq!(popup.evaluate("document.querySelector('#requests').hidden").await?, true);
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "platform");
    wait_for_badge(&worker, "").await?;
    assert_eq!(pending(&renewal).await?, 0);

    // Declining also succeeds if the request is gone, for example from another browser.
    let again =
        popup.evaluate(&format!("chrome.runtime.sendMessage({{type: 'decline', id: '{id}'}})")).await?;
    assert_eq!(again, json!({"value": null}));
    Ok(())
}

/// Waits until the next poll is `minutes` away.
async fn wait_for_period(worker: &Attachment, minutes: u32) -> Result<()> {
    let is_it = format!("chrome.alarms.get('{ALARM}').then((alarm) => alarm?.periodInMinutes === {minutes})");
    let waited = worker.wait_for(&format!("a poll in {minutes} minutes"), SOON, &is_it).await;
    let held = alarm(worker, ALARM).await?;
    waited.with_context(|| held.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_slow_down_until_a_request_comes_and_end_at_sign_out() -> Result<()> {
    let mut renewal = RenewalStage::set_up().await?;
    let worker = renewal.worker().await?;
    wait_for_period(&worker, 1).await?;
    for minutes in [2, 4] {
        ring(&worker, ALARM, 0).await?;
        wait_for_period(&worker, minutes).await?;
    }
    // An unreachable server is not asked more often.
    let address = renewal.stage.server.address().to_owned();
    renewal.stage.server.kill();
    for (minutes, quiet) in [(8, 3), (15, 4), (15, 5)] {
        ring(&worker, ALARM, 0).await?;
        let has_asked = format!(
            "chrome.storage.session.get('captureRequests')\
             .then(({{captureRequests}}) => captureRequests.quiet === {quiet})"
        );
        worker.wait_for("the poll", SOON, &has_asked).await?;
        wait_for_period(&worker, minutes).await?;
    }
    renewal.stage.server = Server::start_at(renewal.stage.server.directory(), &address).await?;
    renewal.request_capture(REASON).await?;
    // A restarted worker keeps to the schedule until the alarm wakes it.
    drop(worker);
    popup::put_worker_to_sleep(&renewal.browser).await?;
    let worker = renewal.worker().await?;
    wait_for_badge(&worker, "").await?;
    wait_for_period(&worker, 15).await?;
    ring(&worker, ALARM, 0).await?;
    wait_for_badge(&worker, "1").await?;
    wait_for_period(&worker, 1).await?;

    let popup = renewal.popup().await?;
    popup.click("#sign-out").await?;
    wait_for_view(&popup, "sign-in").await?;
    wait_for_badge(&worker, "").await?;
    let is_over = format!("chrome.alarms.get('{ALARM}').then((alarm) => !alarm)");
    worker.wait_for("no further polls", SOON, &is_over).await?;
    assert_eq!(popup.evaluate("document.querySelector('#requests').hidden").await?, true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_wakes_a_sleeping_worker_which_then_shows_the_badge() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    renewal.request_capture(REASON).await?;
    let worker = renewal.worker().await?;
    ring(&worker, ALARM, 4_000).await?;
    drop(worker);
    popup::put_worker_to_sleep(&renewal.browser).await?;
    // Nothing else wakes the worker here.
    let is_worker = |target: &Target| target.kind == "service_worker";
    renewal.browser.client().wait_for_target("the worker to wake", SOON, is_worker).await?;
    wait_for_badge(&renewal.worker().await?, "1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_reset_after_the_clock_was_set_back() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    renewal.stage.install_native_host().await?;
    let popup = renewal.popup().await?;
    popup.click("#bridge > summary").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    close(popup).await?;
    let names = [ALARM, "bridge"];
    let worker = renewal.worker().await?;
    for name in names {
        ring(&worker, name, 86_400_000).await?;
    }
    drop(worker);
    popup::put_worker_to_sleep(&renewal.browser).await?;
    let worker = renewal.worker().await?;
    for name in names {
        let is_near = format!(
            "chrome.alarms.get('{name}').then(({{scheduledTime}}) => scheduledTime <= Date.now() + 900_000)"
        );
        worker.wait_for(&format!("the alarm {name} to be near"), SOON, &is_near).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_and_a_problem_are_shown_together() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    renewal.request_capture(REASON).await?;
    let other = renewal.stage.server.user().await?.create_profile("instagram", "other.artist").await?;
    let ask = json!({"creator_profile_id": other, "platform": "instagram"});
    renewal.stage.server.service()?.post("/api/credentials/request-capture", &ask).await?;
    renewal.tab.evaluate("document.querySelector('#logout').click()").await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem").await?;
    let popup = renewal.popup().await?;
    wait_for_requests(&popup, 2).await?;
    wait_for_badge(&worker, "2").await?;
    look_at_popup(&popup, "requests-and-problem").await?;

    // Nobody is signed in at the platform: the popup says so, and the request stays.
    popup.click("#request-list button").await?;
    assert_eq!(outcome(&popup, "#request-outcome").await?, "not_signed_in");
    wait_for_requests(&popup, 2).await?;
    look_at_popup(&popup, "request-not-signed-in").await?;
    assert_eq!(pending(&renewal).await?, 2);
    Ok(())
}

/// Records the notifications that the extension shows.
const RECORD: &str = "(() => { globalThis.shown = []; \
    const create = chrome.notifications.create.bind(chrome.notifications); \
    chrome.notifications.create = (id, options) => { shown.push(options); return create(id, options); }; })()";

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_needs_permission_and_only_says_whose_session() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    let connection = stage.server.user().await?.create_profile("instagram", ACCOUNT).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let _tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open_by_shortcut(&browser, &display).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    let options = options::open_from_popup(&browser, popup).await?;
    let is_on = "document.querySelector('#notify').checked";
    for answer in [PromptAnswer::Deny, PromptAnswer::Allow] {
        options.click("#notify").await?;
        popup::answer_prompt_over(&display, &options, answer).await?;
        let is_so = format!("{is_on} === {}", answer == PromptAnswer::Allow);
        options.wait_for("the switch", SOON, &is_so).await?;
    }

    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(RECORD).await?;
    let ask = json!({"creator_profile_id": connection, "platform": "instagram", "reason": REASON});
    let asked = stage.server.service()?.post("/api/credentials/request-capture", &ask).await?.body;
    ring(&worker, ALARM, 0).await?;
    let id = format!("capture-request:{}", asked["id"].as_str().context("no id")?);
    let is_there = format!("chrome.notifications.getAll().then((all) => {} in all)", json!(id));
    worker.wait_for("the notification", SOON, &is_there).await?;
    let shown = worker.evaluate("shown").await?;
    assert_eq!(
        (&shown[0]["title"], &shown[0]["message"], shown.as_array().map(Vec::len)),
        (&json!("Stagepass: new capture request"), &json!(format!("Instagram · {ACCOUNT}")), Some(1))
    );
    assert!(!shown.to_string().contains(REASON), "{shown}");

    // A click on it, as the browser reports one: there is no desktop here to show it.
    worker.evaluate(&format!("chrome.notifications.onClicked.dispatch({}); 0", json!(id))).await?;
    let is_login = |target: &Target| target.kind == "page" && target.url == LOGIN_URL;
    browser.client().wait_for_target("the login page", SOON, is_login).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;

    // Declining removes the notification; switching off gives the permission back.
    popup.click("#request-list button.quiet").await?;
    let is_gone = format!("chrome.notifications.getAll().then((all) => !({} in all))", json!(id));
    worker.wait_for("no notification", SOON, &is_gone).await?;
    options.click("#notify").await?;
    let is_returned = "chrome.permissions.contains({permissions: ['notifications']}).then((is) => !is)";
    worker.wait_for("the permission to be given back", SOON, is_returned).await
}
