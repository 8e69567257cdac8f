//! A platform with two sites, x.com and twitter.com: cookies left over at one of them are not
//! captured, renewed or handed over as the login at the other.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::stage::bridge::{printed_cookies, wait_for_status};
use stagepass_tests::stage::main_job::{
    self, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{SOON, close, wait_for_badge, wait_for_renewal};
use stagepass_tests::system::wait;

/// A browser on x.com, with the popup open and signed in to the server.
struct OnX {
    stage: Stage,
    browser: Chromium,
    _tab: Attachment,
}

/// The cookies of somebody who is signed in at one of the sites.
async fn sign_in(browser: &Chromium, domain: &str, account: &str, session: &str) -> Result<()> {
    let cookies = [("auth_token", session), ("ct0", session), ("twid", account)].map(|(name, value)| {
        json!({"name": name, "value": value, "domain": domain, "path": "/", "secure": true,
            "httpOnly": true, "sameSite": "None", "expires": jiff::Timestamp::now().as_second() + 86_400})
    });
    browser.client().send("Storage.setCookies", json!({"cookies": cookies})).await?;
    Ok(())
}

impl OnX {
    async fn set_up() -> Result<(Self, Attachment)> {
        let stage = Stage::set_up(&built_extension()?).await?;
        stage.install_native_host().await?;
        stage.grant(&["*://*.x.com/*", "*://*.twitter.com/*", SERVER_ORIGINS]).await?;
        let browser = stage.open_browser().await?;
        let tab = browser.open_tab("about:blank").await?;
        // Nothing answers at this address; only the tab's address matters.
        tab.send("Page.navigate", json!({"url": "https://x.com/home"})).await?;
        let popup = popup::open(&browser).await?;
        sign_in_to_server(&popup, stage.server.url()).await?;
        wait_for_view(&popup, "ready").await?;
        Ok((Self { stage, browser, _tab: tab }, popup))
    }

    /// Opens the popup again, so that it reads the current cookies.
    async fn reopen(&self, popup: Attachment) -> Result<Attachment> {
        close(popup).await?;
        let popup = popup::open(&self.browser).await?;
        wait_for_view(&popup, "ready").await?;
        Ok(popup)
    }

    /// How many sessions the server has received, and each cookie's domain and value that a backend
    /// gets.
    async fn served(&self) -> Result<(u64, Vec<(String, String)>)> {
        let user = self.stage.server.user().await?;
        let sessions = user.get("/api/platform-sessions").await?.body;
        let connection = user.get("/api/platform-connections").await?.body["data"][0]["id"].clone();
        let wanted = json!({"creator_profile_id": connection, "platform": "x"});
        let service = self.stage.server.service()?;
        let served = service.post("/api/credentials/get-platform-session", &wanted).await?;
        let cookies = served.body["cookies"].as_array().context("no session")?.clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cookies = cookies.iter().map(|cookie| (text(&cookie["domain"]), text(&cookie["value"])));
        Ok((sessions["total"].as_u64().context("no total")?, cookies.collect()))
    }

    /// The platform's cookies that a program gets: each one's domain and value.
    async fn handed_over(&self) -> Result<Vec<(String, String)>> {
        use secrecy::ExposeSecret as _;
        let cookies = printed_cookies(&self.stage.ask_host(&["cookies", "https://x.com/someone"]).await?)?;
        let shown = |cookie: &stagepass_core::Cookie| {
            (cookie.domain.clone(), cookie.value.expose_secret().to_owned())
        };
        Ok(cookies.iter().map(shown).collect())
    }
}

fn of(domain: &str, account: &str, session: &str) -> Vec<(String, String)> {
    [session, session, account].map(|value| (domain.to_owned(), value.to_owned())).to_vec()
}

/// Switches renewal on for the captured session.
async fn renew(popup: &Attachment) -> Result<()> {
    popup.click("#renewal > summary").await?;
    popup.click("#renewal-switch").await?;
    wait_for_renewal(popup, "on").await
}

async fn wait_for_problem(worker: &Attachment, code: &str) -> Result<()> {
    let script = format!(
        "chrome.storage.local.get('lastCaptures').then(({{lastCaptures}}) => \
         lastCaptures.x.problem?.code === {})",
        json!(code)
    );
    let waited = worker.wait_for(code, SOON, &script).await;
    let kept = worker.evaluate("chrome.storage.local.get('lastCaptures')").await?;
    waited.with_context(|| kept.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_takes_the_signed_in_site_and_says_what_it_leaves_out() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    sign_in(&on_x.browser, ".twitter.com", "u%3D1111", "left-over").await?;
    sign_in(&on_x.browser, ".x.com", "u%3D2222", "live").await?;
    let popup = on_x.reopen(popup).await?;
    popup.click("#cookies > summary").await?;
    look_at_popup(&popup, "left-over-cookies").await?;
    let left_out = "[...document.querySelectorAll('#cookies [data-verdict=dropped]')]\
                    .map((row) => row.querySelector('small').innerText + ': ' + row.querySelector('.reason').innerText)";
    let reason = ".twitter.com: from the platform's other site, which has its own login";
    assert_eq!(popup.evaluate(left_out).await?, json!([reason, reason, reason]));
    assert_eq!(main_job::capture(&popup, "live.account").await?, "captured");
    assert_eq!(on_x.served().await?, (1, of(".x.com", "u%3D2222", "live")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_not_renewed_with_another_account_of_the_sibling_site() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    sign_in(&on_x.browser, ".twitter.com", "u%3D1111", "first").await?;
    let popup = on_x.reopen(popup).await?;
    assert_eq!(main_job::capture(&popup, "old.account").await?, "captured");
    assert_eq!(on_x.served().await?, (1, of(".twitter.com", "u%3D1111", "first")));
    renew(&popup).await?;
    close(popup).await?;

    // The platform rotates the cookie there, and the new one is stored.
    sign_in(&on_x.browser, ".twitter.com", "u%3D1111", "second").await?;
    let second = (2, of(".twitter.com", "u%3D1111", "second"));
    wait::until("the renewal", SOON, async || Ok((on_x.served().await?.0 == 2).then_some(()))).await?;
    assert_eq!(on_x.served().await?, second);

    sign_in(&on_x.browser, ".x.com", "u%3D2222", "of-somebody-else").await?;
    let worker = popup::service_worker(&on_x.browser).await?;
    wait_for_problem(&worker, "other_account").await?;
    wait_for_badge(&worker, "!").await?;
    assert_eq!(on_x.served().await?, second);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unnamed_account_is_not_renewed_with_a_named_one() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    // The other site's cookie does not name the account.
    sign_in(&on_x.browser, ".twitter.com", "u%3D2222", "left-over").await?;
    sign_in(&on_x.browser, ".x.com", "", "unnamed").await?;
    let popup = on_x.reopen(popup).await?;
    assert_eq!(main_job::capture(&popup, "unnamed.account").await?, "captured");
    renew(&popup).await?;
    sign_in(&on_x.browser, ".x.com", "u%3D2222", "of-somebody-else").await?;
    wait_for_problem(&popup::service_worker(&on_x.browser).await?, "other_account").await?;
    assert_eq!(on_x.served().await?, (1, of(".x.com", "", "unnamed")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unnamed_account_is_not_renewed_with_an_unnamed_one_of_the_sibling_site() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    sign_in(&on_x.browser, ".x.com", "", "unnamed").await?;
    let popup = on_x.reopen(popup).await?;
    assert_eq!(main_job::capture(&popup, "unnamed.account").await?, "captured");
    renew(&popup).await?;
    sign_in(&on_x.browser, ".twitter.com", "", "left-over").await?;
    // Signed out at one site, while an old login is left at the other.
    let worker = popup::service_worker(&on_x.browser).await?;
    worker
        .evaluate("chrome.cookies.remove({url: 'https://x.com/', name: 'auth_token'}).then(() => 0)")
        .await?;
    wait_for_problem(&worker, "other_account").await?;
    assert_eq!(on_x.served().await?, (1, of(".x.com", "", "unnamed")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_accounts_cookies_are_not_handed_over_as_anothers() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    sign_in(&on_x.browser, ".twitter.com", "u%3D1111", "first").await?;
    let popup = on_x.reopen(popup).await?;
    popup.click("#bridge > summary").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    assert_eq!(on_x.handed_over().await?, of(".twitter.com", "u%3D1111", "first"));

    sign_in(&on_x.browser, ".x.com", "u%3D2222", "of-somebody-else").await?;
    let refused = on_x.stage.ask_host(&["cookies", "https://x.com/someone"]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", refused.stdout);
    assert!(refused.stderr.contains("another account is signed in"), "{}", refused.stderr);

    // Switched on again, for the account that is signed in now.
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "off").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    assert_eq!(on_x.handed_over().await?, of(".x.com", "u%3D2222", "of-somebody-else"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_over_switched_on_while_signed_out_is_for_the_first_account() -> Result<()> {
    let (on_x, popup) = OnX::set_up().await?;
    // A leftover cookie without a login names no account.
    let twid = json!({"name": "twid", "value": "u%3D1111", "domain": ".twitter.com", "path": "/"});
    on_x.browser.client().send("Storage.setCookies", json!({"cookies": [twid]})).await?;
    popup.click("#bridge > summary").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    sign_in(&on_x.browser, ".x.com", "", "unnamed").await?;
    assert_eq!(on_x.handed_over().await?, of(".x.com", "", "unnamed"));
    sign_in(&on_x.browser, ".x.com", "u%3D2222", "of-somebody-else").await?;
    assert!(!on_x.stage.ask_host(&["cookies", "https://x.com/someone"]).await?.status.success());
    Ok(())
}
