//! Services that renew the captured session, too: the owner allows it, the popup shows it, and the
//! extension's own renewal does not undo it.

use crate::races::{HOLD_NEXT_SESSION, newest};
use crate::renewal::let_the_wait_pass;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::services::server::Answer;
use stagepass_tests::stage::main_job;
use stagepass_tests::stage::renewal::{ACCOUNT, RenewalStage, SOON, close, wait_for_renewal};
use stagepass_tests::system::wait;

async fn allow(renewal: &RenewalStage) -> Result<()> {
    let connection = renewal.connection_id().await?;
    let user = renewal.stage.server.user().await?;
    let answer = user.allow_write_back(connection.as_str().unwrap_or_default(), true).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(())
}

/// Returns a cookie as a service that uses the session.
async fn renew_as_service(renewal: &RenewalStage) -> Result<Answer> {
    let cookie = json!({"name": "mid", "value": "made-up", "domain": ".instagram.com"});
    let update = json!({"id": newest(renewal).await?, "creator_profile_id": renewal.connection_id().await?,
        "platform": "instagram", "cookies": [cookie]});
    renewal.stage.server.service()?.post("/api/credentials/update-platform-session", &update).await
}

/// Delays the worker's first call that allows or forbids, and fails while `isAway` is set.
const SLOW_AT_FIRST: &str = "{ \
    const send = fetch; \
    Object.assign(globalThis, {called: 0, answered: 0, isAway: false}); \
    globalThis.fetch = async (url, ...rest) => { \
      if (!String(url).endsWith('/write-back')) return send(url, ...rest); \
      called += 1; \
      if (isAway) throw new TypeError('away'); \
      if (called === 1) await new Promise((done) => setTimeout(done, 500)); \
      const answer = await send(url, ...rest); \
      answered += 1; \
      return answer; }; }";

/// Whether the popup stays as wide as it is with long names of an account and a service.
const FITS: &str = "document.querySelector('#service-write-back-row').hidden = false, \
    ['#service-write-back-label', '#renewal-status'].every((part) => { \
      document.querySelector(part).textContent = 'm'.repeat(99); \
      return document.documentElement.scrollWidth <= document.documentElement.clientWidth; })";

/// Opens what the popup says about renewal, and waits for the switch for services.
async fn open_renewal(renewal: &RenewalStage) -> Result<Attachment> {
    let popup = renewal.popup().await?;
    popup.click("#renewal > summary").await?;
    let is_shown = "!document.querySelector('#service-write-back-row').hidden";
    popup.wait_for("the switch for services", SOON, is_shown).await?;
    Ok(popup)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_has_renewed_stays_until_a_person_captures() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    allow(&renewal).await?;
    let by_service = renew_as_service(&renewal).await?.body["id"].take();
    ensure!(by_service.is_string(), "{by_service}");
    renewal.rotate().await?;
    let worker = renewal.worker().await?;
    let holds =
        "kept.renewedBy === 'service' && kept.changes > 0 && !kept.problem && kept.waitMs === 600_000";
    renewal.wait_for_kept(&worker, holds).await?;
    assert_eq!((newest(&renewal).await?, renewal.sessions().await?.0), (by_service, 2));

    let popup = open_renewal(&renewal).await?;
    wait_for_renewal(&popup, "by_service").await?;
    look_at_popup(&popup, "renewed-by-service").await?;
    popup.click("#sessions summary").await?;
    let who = "[...document.querySelectorAll('#session-list li')]\
        .map((item) => item.innerText.includes('renewed by a service'))";
    popup.wait_for("the sessions", SOON, &format!("{who}.length === 2")).await?;
    assert_eq!(popup.evaluate(who).await?, json!([true, false]));
    look_at_popup(&popup, "sessions-of-services").await?;

    assert_eq!(main_job::capture(&popup, ACCOUNT).await?, "captured");
    wait_for_renewal(&popup, "on").await?;
    renewal.wait_for_sessions(3).await?;
    // The next renewal builds on that.
    let_the_wait_pass(&worker).await?;
    renewal.rotate().await?;
    renewal.wait_for_sessions(4).await?;
    renewal.wait_for_kept(&worker, "kept.renewedBy === null && kept.changes === 0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_is_noticed_also_after_a_services_renewal() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    allow(&renewal).await?;
    ensure!(renew_as_service(&renewal).await?.status == 200);
    renewal.tab.evaluate("document.querySelector('#logout').click()").await?;
    let worker = renewal.worker().await?;
    renewal.wait_for_kept(&worker, "kept.problem?.code === 'not_signed_in'").await?;
    assert_eq!(renewal.sessions().await?, (2, "active".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_service_and_a_renewal_at_the_same_moment_the_service_wins() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    allow(&renewal).await?;
    let worker = renewal.worker().await?;
    worker.evaluate(HOLD_NEXT_SESSION).await?;
    renewal.rotate().await?;
    worker.wait_for("the renewal", SOON, "globalThis.isHeld").await?;
    let by_service = renew_as_service(&renewal).await?.body["id"].take();
    worker.evaluate("release()").await?;
    renewal.wait_for_kept(&worker, "kept.renewedBy === 'service' && kept.changes > 0").await?;
    assert_eq!((newest(&renewal).await?, renewal.sessions().await?.0), (by_service, 2));

    // A service that may no longer renew it can't keep it current.
    let connection = renewal.connection_id().await?;
    let user = renewal.stage.server.user().await?;
    user.allow_write_back(connection.as_str().context("no id")?, false).await?;
    let_the_wait_pass(&worker).await?;
    renewal.rotate().await?;
    renewal.wait_for_sessions(3).await?;
    renewal.wait_for_kept(&worker, "kept.renewedBy === null && kept.changes === 0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_another_browser_and_a_renewal_at_the_same_moment_both_are_stored() -> Result<()> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    worker.evaluate(HOLD_NEXT_SESSION).await?;
    renewal.rotate().await?;
    worker.wait_for("the renewal", SOON, "globalThis.isHeld").await?;
    let cookie = json!({"name": "sessionid", "value": "of-another-browser", "domain": ".instagram.com"});
    let session = json!({"creator_profile_id": renewal.connection_id().await?, "platform": "instagram",
        "cookies": [cookie]});
    renewal.stage.server.user().await?.post("/api/credentials/store-platform-session", &session).await?;
    // The held request names the session before, and the next one the other browser's.
    let named = "{ const send = fetch; globalThis.named = []; globalThis.fetch = async (request, ...rest) => { \
        if (!request.url?.endsWith('/store-platform-session')) return send(request, ...rest); \
        named.push((await request.clone().json()).renews); \
        const refusal = JSON.stringify({success: false, error: 'Session was superseded'}); \
        return globalThis.isLate ? new Response(refusal, {status: 409}) : send(request, ...rest); }; }";
    worker.evaluate(named).await?;
    let other = newest(&renewal).await?;
    worker.evaluate("release()").await?;
    renewal.wait_for_sessions(3).await?;
    renewal.wait_for_kept(&worker, "kept.changes === 0 && !kept.problem").await?;
    assert_eq!(worker.evaluate("named").await?, json!([other]));
    // If others are faster again and again, it tries later.
    worker.evaluate("globalThis.isLate = true; named.length = 0").await?;
    let_the_wait_pass(&worker).await?;
    renewal.rotate().await?;
    renewal.wait_for_kept(&worker, "kept.failures === 1 && kept.changes > 0 && !kept.problem").await?;
    assert_eq!(worker.evaluate("named.length").await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_allows_services_to_renew_in_the_popup_and_forbids_it_there() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let connection = renewal.connection_id().await?;
    let path = format!("/api/platform-connections/{}", connection.as_str().unwrap_or_default());
    let user = renewal.stage.server.user().await?;
    let is_allowed =
        async || -> Result<Value> { Ok(user.get(&path).await?.body["write_back_allowed"].take()) };
    let popup = open_renewal(&renewal).await?;
    let state = "(({checked, labels: [label]}) => [checked, label.textContent])\
        (document.querySelector('#service-write-back'))";
    let label = format!("Let services renew the session of {ACCOUNT}");
    assert_eq!(popup.evaluate(state).await?, json!([false, label]), "at first");
    popup.click("#service-write-back").await?;
    let is_on = async |wanted: bool| {
        wait::until("the server to know", SOON, async || Ok((is_allowed().await? == wanted).then_some(())))
            .await
    };
    is_on(true).await?;
    look_at_popup(&popup, "services-may-renew").await?;
    close(popup).await?;

    let popup = open_renewal(&renewal).await?;
    assert_eq!(popup.evaluate(state).await?, json!([true, label]), "the server keeps it");
    // The last of two clicks holds.
    let worker = renewal.worker().await?;
    worker.evaluate(SLOW_AT_FIRST).await?;
    popup.evaluate("for (let times = 2; times > 0; times -= 1) document.querySelector('#service-write-back').click()").await?;
    worker.wait_for("both answers", SOON, "answered === 2").await?;
    assert_eq!(is_allowed().await?, true, "the first click won");
    // After an error, the switch shows what holds.
    worker.evaluate("isAway = true").await?;
    popup.click("#service-write-back").await?;
    let failed = "document.querySelector('#message').dataset.code === 'server_away'";
    popup.wait_for("the failure", SOON, failed).await?;
    assert_eq!(popup.evaluate(state).await?, json!([true, label]), "after an error");
    worker.evaluate("isAway = false").await?;
    popup.click("#service-write-back").await?;
    is_on(false).await?;
    let refused = renew_as_service(&renewal).await?;
    assert_eq!(refused.status, 403, "{}", refused.body);
    // Without its connection there is nothing to allow.
    assert_eq!(user.delete(&path).await?.status, 200);
    let asked = "chrome.runtime.sendMessage({type: 'serviceWriteBack', platform: 'instagram'})";
    assert_eq!(popup.evaluate(asked).await?, json!({"value": null}));
    assert_eq!(popup.evaluate(FITS).await?, true, "long names widen the popup");
    Ok(())
}
