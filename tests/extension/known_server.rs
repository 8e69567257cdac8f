//! Another program on the server's port gets no secret, whatever it answers. Popup, settings and
//! badge say so, and everything continues when the server is back.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::firefox::built_addon;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::{options, popup};
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::platform::FRONT_URL;
use stagepass_tests::services::impostor::{Impostor, Trick};
use stagepass_tests::services::proving::{PROOF_PATH, ProvingKey};
use stagepass_tests::services::server::{self, EMAIL, PASSWORD, Server};
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{RenewalStage, SOON, close, ring, wait_for_badge};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;
use std::sync::Arc;
use std::time::Duration;

/// No call to the server in this time means that none is under way.
const QUIET: Duration = Duration::from_millis(500);
const POLL: &str = "capture-requests";
const RENEWAL: &str = "send-on";
/// The extension's storage: `storage.session` and `storage.local`.
const STORAGE: &str = "Promise.all([chrome.storage.session.get(), chrome.storage.local.get()])";

/// Secrets that only the server may receive: passwords, tokens and cookies.
async fn secrets(stage: &Stage, page: &impl WebPage) -> Result<SecretSearch> {
    let kept = page.evaluate(STORAGE).await?;
    let mut secrets = stage.platform.secrets();
    secrets.push(PASSWORD.into());
    for sign_in in [&kept[0]["signIn"], &kept[1]["keptSignIn"]] {
        let tokens = ["accessToken", "refreshToken"].iter().filter_map(|name| sign_in[name].as_str());
        secrets.extend(tokens.map(SecretString::from));
    }
    SecretSearch::new(&secrets)
}

/// The impostor was asked for a proof, and received no secret.
fn ensure_nothing_was_sent(secrets: &SecretSearch, received: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(received);
    ensure!(text.contains("/api/server/proof"), "it received no request for a proof: {text}");
    ensure!(!secrets.is_in(received), "the impostor was sent a secret");
    ensure!(!text.to_lowercase().contains("bearer"), "the impostor was sent a bearer");
    Ok(())
}

/// The text of an element.
async fn text_of(page: &impl WebPage, selector: &str) -> Result<String> {
    let text = page.evaluate(&format!("document.querySelector({}).innerText", json!(selector))).await?;
    Ok(text.as_str().context("no text")?.to_owned())
}

async fn wait_for_message(page: &impl WebPage, code: &str) -> Result<()> {
    let is_said = format!("document.querySelector('#message').dataset.code === {}", json!(code));
    page.wait_for(code, SOON, &is_said).await
}

async fn wait_for_shown(page: &impl WebPage, selector: &str) -> Result<()> {
    let is_shown = format!("document.querySelector({}).checkVisibility()", json!(selector));
    page.wait_for(selector, SOON, &is_shown).await
}

/// The server ends, and another program takes its port.
///
/// First the extension's calls end: one that the server has already proved itself for could
/// otherwise reach the other program.
async fn replace_server(stage: &mut Stage, trick: Trick) -> Result<Impostor> {
    let logged = || stage.server.program().stderr().len();
    wait::until("the extension's calls to end", SOON, async || {
        let before = logged();
        tokio::time::sleep(QUIET).await;
        Ok((logged() == before).then_some(()))
    })
    .await?;
    stage.server.kill();
    Impostor::listen(stage.server.address(), trick).await
}

/// The other program ends, and the server is back; returns what the other program received.
async fn bring_back(stage: &mut Stage, impostor: Impostor) -> Result<Vec<u8>> {
    let received = impostor.stop().await;
    let address = stage.server.address().to_owned();
    stage.server = Server::start_at(stage.server.directory(), &address).await?;
    Ok(received)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_gets_no_polls_or_renewals_and_they_resume_with_the_server() -> Result<()> {
    let mut renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    let secrets = secrets(&renewal.stage, &worker).await?;
    // The real server may be running at another port all the while.
    let elsewhere = Server::start(renewal.stage.server.directory()).await?;
    let former = json!({"nonce": STANDARD.encode([7; 32])});
    let former = renewal.stage.server.anonymous().post(PROOF_PATH, &former).await?.body;
    ensure!(former["signature"].is_string(), "{former}");
    for (number, trick) in [
        Trick::Refuse,
        Trick::OwnKey(Arc::new(ProvingKey::generate()?)),
        Trick::PassOn(elsewhere.url().to_owned()),
        // The key is the right one, but its signature is for another address or nonce.
        Trick::PassOnAsItsOwn(elsewhere.url().to_owned()),
        Trick::Replay(former),
    ]
    .into_iter()
    .enumerate()
    {
        let impostor = replace_server(&mut renewal.stage, trick).await?;
        ring(&worker, POLL, 0).await?;
        wait_for_badge(&worker, "!").await?;
        let title = worker.evaluate("chrome.action.getTitle({})").await?;
        assert_eq!(title, "Stagepass · something else answers in place of your server");
        renewal.rotate().await?;
        // The wait since the last attempt is over.
        let let_pass = "navigator.locks.request('last-captures', async () => { \
            const {lastCaptures} = await chrome.storage.local.get('lastCaptures'); \
            lastCaptures.instagram.attemptedAt = 0; await chrome.storage.local.set({lastCaptures}); })";
        renewal.wait_for_kept(&worker, "kept.changes > 0").await?;
        worker.evaluate(let_pass).await?;
        worker.evaluate(&format!("chrome.alarms.create('{RENEWAL}', {{when: Date.now()}})")).await?;
        renewal.wait_for_kept(&worker, "kept.failures > 0 && kept.problem === null").await?;
        // The platform's new cookies are secrets, too.
        ensure_nothing_was_sent(
            &SecretSearch::new(&renewal.stage.platform.secrets())?,
            &impostor.received(),
        )?;

        ensure_nothing_was_sent(&secrets, &bring_back(&mut renewal.stage, impostor).await?)?;
        worker.evaluate(let_pass).await?;
        ring(&worker, POLL, 0).await?;
        wait_for_badge(&worker, "").await?;
        renewal.wait_for_sessions(2 + number as u64).await?;
        renewal.wait_for_kept(&worker, "kept.changes === 0").await?;
    }
    Ok(())
}

/// A browser that is signed in and shows the popup over the platform's page.
async fn start_signed_in() -> Result<(RenewalStage, Attachment)> {
    let renewal = RenewalStage::set_up().await?;
    let popup = renewal.popup().await?;
    Ok((renewal, popup))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_gets_no_capture_or_password_and_popup_and_settings_say_so() -> Result<()> {
    let (mut renewal, popup) = start_signed_in().await?;
    let secrets = secrets(&renewal.stage, &popup).await?;
    let address = renewal.stage.server.address().to_owned();

    let impostor = replace_server(&mut renewal.stage, Trick::Refuse).await?;
    popup.click("#capture").await?;
    wait_for_view(&popup, "unproven").await?;
    let said = text_of(&popup, "main").await?;
    assert!(
        said.contains(&format!("Something else answers at {address}. Nothing was sent to it.")),
        "{said}"
    );
    look_at_popup(&popup, "unproven").await?;
    // Checking again changes nothing while the impostor is there.
    popup.click("#check-again").await?;
    wait_for_view(&popup, "unproven").await?;
    let options = options::open(&renewal.browser).await?;
    wait_for_view(&options, "unproven").await?;
    look_at_options(&options, "unproven").await?;
    options.close().await?;
    ensure_nothing_was_sent(&secrets, &bring_back(&mut renewal.stage, impostor).await?)?;

    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "unused").await?, "captured");

    popup.click("#sign-out").await?;
    wait_for_view(&popup, "sign-in").await?;
    let impostor =
        replace_server(&mut renewal.stage, Trick::OwnKey(Arc::new(ProvingKey::generate()?))).await?;
    main_job::sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "unproven").await?;
    ensure_nothing_was_sent(&secrets, &bring_back(&mut renewal.stage, impostor).await?)?;
    popup.click("#check-again").await?;
    wait_for_view(&popup, "sign-in").await?;
    main_job::sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "ready").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_set_up_from_scratch_must_be_connected_again() -> Result<()> {
    let (mut renewal, popup) = start_signed_in().await?;
    let address = renewal.stage.server.address().to_owned();
    let before = renewal.stage.server.fingerprint().await?;
    let data = server::new_data_dir().await?;
    renewal.stage.server.kill();
    renewal.stage.server = Server::start_at(data.path(), &address).await?;
    let now = renewal.stage.server.fingerprint().await?;
    assert_ne!(before, now);

    popup.click("#capture").await?;
    wait_for_view(&popup, "unproven").await?;
    popup.click("#change-server").await?;
    wait_for_view(&popup, "server").await?;
    sign_in_to_server(&popup, renewal.stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    Ok(())
}

/// A browser with access to the platform and the server, and the popup over the platform.
async fn start() -> Result<(Stage, stagepass_tests::browsers::chromium::Chromium, Attachment, Attachment)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab(FRONT_URL).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "server").await?;
    Ok((stage, browser, tab, popup))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_fingerprint_is_shown_before_a_password_is_typed() -> Result<()> {
    let (stage, browser, _tab, popup) = start().await?;
    popup.fill("#server-url", stage.server.url()).await?;
    popup.click("#connect").await?;
    wait_for_view(&popup, "sign-in").await?;
    let fingerprint = stage.server.fingerprint().await?;
    assert_eq!(text_of(&popup, "#fingerprint").await?, fingerprint);
    assert!(text_of(&popup, "#server-key").await?.contains("stagepass-server fingerprint"));
    let log = String::from_utf8(stage.server.program().stderr())?;
    assert!(log.contains(&fingerprint), "the server prints it at its start");
    main_job::sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "ready").await?;
    let options = options::open(&browser).await?;
    assert_eq!(text_of(&options, "#account-fingerprint").await?, fingerprint);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_named_localhost_is_reached_at_one_address_only() -> Result<()> {
    let (stage, _browser, _tab, popup) = start().await?;
    let port = stage.server.address().rsplit_once(':').context("no port")?.1;
    let other = Impostor::listen(&format!("[::1]:{port}"), Trick::Refuse).await?;
    sign_in_to_server(&popup, &format!("localhost:{port}")).await?;
    wait_for_view(&popup, "ready").await?;
    let stored = popup.evaluate("chrome.storage.local.get('server')").await?;
    assert_eq!(stored["server"], format!("http://127.0.0.1:{port}"));
    assert_eq!(String::from_utf8(other.received())?, "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_key_is_reported_as_too_old_and_gets_no_password() -> Result<()> {
    let (mut stage, _browser, _tab, popup) = start().await?;
    let old = replace_server(&mut stage, Trick::NoKey).await?;
    popup.fill("#server-url", stage.server.url()).await?;
    popup.click("#connect").await?;
    wait_for_message(&popup, "server_too_old").await?;
    wait_for_view(&popup, "server").await?;
    look_at_popup(&popup, "server-too-old").await?;
    assert_eq!(popup.evaluate("chrome.storage.local.get('server')").await?, json!({}));
    ensure_nothing_was_sent(&SecretSearch::new(&[PASSWORD.into()])?, &old.stop().await)
}

/// Changes the storage to that of an extension from before keys, under this host name.
fn before_there_were_keys(name: &str) -> String {
    format!(
        "(async () => {{ \
         const {{lastCaptures, keptSignIn}} = await chrome.storage.local.get(); \
         const {{signIn}} = await chrome.storage.session.get(); \
         const rename = (record) => record && {{...record, server: record.server.replace('127.0.0.1', {name})}}; \
         await chrome.storage.local.remove('serverKey'); \
         await chrome.storage.session.remove(['signIn', 'captureRequests']); \
         const kept = lastCaptures && {{instagram: rename(lastCaptures.instagram)}}; \
         await chrome.storage.local.set({{server: rename(signIn).server, keptSignIn: rename(keptSignIn ?? signIn), \
             lastCaptures: kept ?? {{}}}}); }})()",
        name = json!(name)
    )
}

async fn upgrade(name: &str) -> Result<()> {
    let mut renewal = RenewalStage::set_up_with_renewal().await?;
    let worker = renewal.worker().await?;
    let secrets = secrets(&renewal.stage, &worker).await?;
    worker.evaluate(&before_there_were_keys(name)).await?;
    drop(worker);
    // At first another program answers: even then nothing is sent.
    let impostor =
        replace_server(&mut renewal.stage, Trick::OwnKey(Arc::new(ProvingKey::generate()?))).await?;
    popup::put_worker_to_sleep(&renewal.browser).await?;
    let worker = renewal.worker().await?;
    wait_for_badge(&worker, "!").await?;
    let title = worker.evaluate("chrome.action.getTitle({})").await?;
    assert_eq!(title, "Stagepass · check your server's fingerprint");
    renewal.rotate().await?;
    renewal.wait_for_kept(&worker, "kept.failures > 0 && kept.problem === null").await?;
    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "unconfirmed").await?;
    wait_for_shown(&popup, "#confirm-server").await?;
    let fingerprint = renewal.stage.server.fingerprint().await?;
    assert_ne!(text_of(&popup, "#found-fingerprint").await?, fingerprint);
    close(popup).await?;
    let received = bring_back(&mut renewal.stage, impostor).await?;
    ensure_nothing_was_sent(&secrets, &received)?;
    ensure_nothing_was_sent(&SecretSearch::new(&renewal.stage.platform.secrets())?, &received)?;

    let popup = popup::open(&renewal.browser).await?;
    wait_for_view(&popup, "unconfirmed").await?;
    wait_for_shown(&popup, "#confirm-server").await?;
    assert_eq!(text_of(&popup, "#found-fingerprint").await?, fingerprint);
    look_at_popup(&popup, "unconfirmed").await?;
    let options = options::open(&renewal.browser).await?;
    wait_for_view(&options, "unconfirmed").await?;
    wait_for_shown(&options, "#confirm-server").await?;
    look_at_options(&options, "unconfirmed").await?;
    options.click("#confirm-server").await?;
    wait_for_view(&options, "account").await?;
    assert_eq!(text_of(&options, "#account-email").await?, EMAIL, "still signed in");
    options.close().await?;
    wait_for_badge(&worker, "").await?;
    let popup = renewal.popup().await?;
    assert_eq!(main_job::capture(&popup, "unused").await?, "captured");
    renewal.rotate().await?;
    renewal.wait_for_kept(&worker, "kept.isOn && kept.problem === null").await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_nothing_is_sent_before_the_fingerprint_is_confirmed() -> Result<()> {
    upgrade("127.0.0.1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_a_server_named_localhost_keeps_sign_in_and_renewal() -> Result<()> {
    upgrade("localhost").await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_an_impostor_gets_nothing_and_an_upgrade_asks_for_the_fingerprint() -> Result<()> {
    let mut stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.sign_in_at_platform(&stage.platform, 0).await?;
    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    let secrets = secrets(&stage, &popup).await?;
    for trick in [Trick::Refuse, Trick::OwnKey(Arc::new(ProvingKey::generate()?))] {
        let impostor = replace_server(&mut stage, trick).await?;
        // Opening the popup asks for capture requests and connections.
        let popup = firefox.open_popup().await?;
        wait_for_view(&popup, "unproven").await?;
        look_at_popup(&popup, "firefox-unproven").await?;
        let badge = popup.evaluate("chrome.action.getBadgeText({})").await?;
        assert_eq!(badge, "!");
        ensure_nothing_was_sent(&secrets, &bring_back(&mut stage, impostor).await?)?;
        popup.click("#check-again").await?;
        wait_for_view(&popup, "ready").await?;
    }

    popup.evaluate(&before_there_were_keys("localhost")).await?;
    popup.evaluate(&format!("chrome.permissions.remove({})", json!({"origins": [SERVER_ORIGINS]}))).await?;
    let popup = firefox.open_popup().await?;
    wait_for_view(&popup, "unconfirmed").await?;
    wait_for_shown(&popup, "#look-at-server").await?;
    look_at_popup(&popup, "firefox-unconfirmed").await?;
    popup.click("#look-at-server").await?;
    wait_for_shown(&popup, "#confirm-server").await?;
    assert_eq!(text_of(&popup, "#found-fingerprint").await?, stage.server.fingerprint().await?);
    popup.click("#confirm-server").await?;
    wait_for_view(&popup, "ready").await?;
    let is_captured = wait::until("a capture", SOON, async || {
        Ok((main_job::capture(&popup, "unused").await? == "captured").then_some(Value::Null))
    });
    is_captured.await?;
    firefox.close().await
}
