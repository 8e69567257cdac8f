//! Which session a capture becomes: several accounts on one platform, unknown sites, revoking,
//! and operating the popup by keyboard.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::services::server::Server;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// The popup over the platform's page, signed in to both, and connections with these names
/// in the server.
async fn start(accounts: &[&str]) -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let user = stage.server.user().await?;
    for account in accounts {
        user.create_profile("instagram", account).await?;
    }
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    Ok((stage, browser, tab, popup))
}

async fn close(popup: Attachment) -> Result<()> {
    popup.evaluate("setTimeout(() => window.close(), 50); 0").await?;
    popup.wait_until_gone(SOON).await
}

async fn reopen(browser: &Chromium, popup: Attachment) -> Result<Attachment> {
    close(popup).await?;
    let popup = popup::open(browser).await?;
    wait_for_view(&popup, "ready").await?;
    Ok(popup)
}

/// Selects the option with these words.
async fn choose(popup: &Attachment, selector: &str, words: &str) -> Result<()> {
    let script = format!(
        "(() => {{ const select = document.querySelector({}); \
         select.selectedIndex = [...select.options].findIndex((option) => option.text === {}); \
         select.dispatchEvent(new Event('change', {{bubbles: true}})); return select.selectedIndex; }})()",
        json!(selector),
        json!(words)
    );
    let index = popup.evaluate(&script).await?;
    anyhow::ensure!(index.as_i64().is_some_and(|index| index >= 0), "{words} is not offered");
    Ok(())
}

async fn chosen(popup: &Attachment) -> Result<Value> {
    popup.evaluate("document.querySelector('#connection').selectedOptions[0].text").await
}

async fn focus(popup: &Attachment) -> Result<Value> {
    popup.evaluate("document.activeElement.id || document.activeElement.textContent").await
}

async fn connection(stage: &Stage, account: &str) -> Result<Value> {
    let connections = stage.server.user().await?.get("/api/platform-connections").await?.body;
    let connections = connections["data"].as_array().context("no connections")?;
    connections
        .iter()
        .find(|connection| connection["platform_username"] == account)
        .cloned()
        .context("no such connection")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_asks_which_account_and_remembers_the_latest() -> Result<()> {
    let (stage, browser, _tab, mut popup) = start(&["alice", "bob"]).await?;
    popup.click("#capture").await?;
    let is_asked = "document.querySelector('#message').dataset.code === 'no_connection_chosen'";
    popup.wait_for("the question", SOON, is_asked).await?;
    assert_eq!(focus(&popup).await?, "connection");
    look_at_popup(&popup, "connection-to-be-chosen").await?;
    assert_eq!(stage.server.user().await?.get("/api/platform-sessions").await?.body["total"], 0);

    for account in ["alice", "bob", "alice"] {
        choose(&popup, "#connection", account).await?;
        assert_eq!(main_job::capture(&popup, "unused").await?, "captured");
        let newest = stage.server.user().await?.get("/api/platform-sessions").await?.body["data"][0].clone();
        assert_eq!(newest["creator_profile_id"], connection(&stage, account).await?["id"]);
        popup = reopen(&browser, popup).await?;
        assert_eq!(chosen(&popup).await?, account);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn capturing_for_an_existing_name_keeps_its_credentials() -> Result<()> {
    let (stage, _browser, _tab, popup) = start(&["alice", "bob"]).await?;
    let before = connection(&stage, "alice").await?;
    choose(&popup, "#connection", "New connection").await?;
    assert_eq!(main_job::capture(&popup, " alice ").await?, "captured");
    assert_eq!(
        connection(&stage, "alice").await?["credentials_updated_at"],
        before["credentials_updated_at"]
    );
    let user = stage.server.user().await?;
    assert_eq!(user.get("/api/platform-connections").await?.body["total"], 2);
    let session = user.get("/api/platform-sessions").await?.body["data"][0].clone();
    assert_eq!(session["creator_profile_id"], before["id"]);
    Ok(())
}

/// It can't be broken into lines, and must not push other elements aside.
const LONG_NAME: &str = "an_account_whose_name_is_as_long_as_some_that_platforms_allow_1234567890";

/// An expired session of another account.
async fn store_expired_session(stage: &Stage) -> Result<()> {
    let user = stage.server.user().await?;
    let session = json!({"creator_profile_id": user.create_profile("x", LONG_NAME).await?, "platform": "x",
        "cookies": [{"name": "auth_token", "value": "over", "domain": ".x.com", "path": "/"}],
        "expires_at": "2026-01-15T10:30:00.000Z"});
    let stored = user.post("/api/credentials/store-platform-session", &session).await?;
    anyhow::ensure!(stored.status == 200, "{}", stored.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_asks_first_and_updates_the_popup() -> Result<()> {
    let (stage, browser, _tab, popup) = start(&[]).await?;
    store_expired_session(&stage).await?;
    for _ in 0..2 {
        assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
        // The list of connections is loaded again.
        popup.wait_for("hers", SOON, "document.querySelector('#new-connection').hidden").await?;
    }
    popup.click("#sessions summary").await?;
    for state in ["active", "superseded", "expired"] {
        let is_listed = format!("document.querySelector('#session-list [data-state={state}]')");
        popup.wait_for(state, SOON, &is_listed).await?;
    }
    look_at_popup(&popup, "sessions").await?;
    popup.click("#session-list [data-state=active] .danger").await?;
    assert_eq!(focus(&popup).await?, "Keep");
    look_at_popup(&popup, "session-to-be-revoked").await?;
    popup.press("Enter").await?;
    assert_eq!(focus(&popup).await?, "Revoke");

    // A double click counts as one decision.
    popup.evaluate("document.querySelector('#session-list .danger').click()").await?;
    let second = "document.querySelector('#session-list .danger')\
                  .dispatchEvent(new MouseEvent('click', {bubbles: true, detail: 2}))";
    popup.evaluate(second).await?;
    let user = stage.server.user().await?;
    assert_eq!(user.get("/api/platform-sessions").await?.body["data"][0]["status"], "active");

    popup.click("#session-list .danger").await?;
    let is_revoked = "Boolean(document.querySelector('#session-list [data-state=revoked]'))";
    popup.wait_for("the session to be revoked", SOON, is_revoked).await?;
    look_at_popup(&popup, "session-revoked").await?;
    let name = popup.evaluate("document.querySelector('#session-list li div').firstChild.data").await?;
    assert_eq!(name, "Instagram · alice");
    assert_eq!(user.get("/api/platform-sessions").await?.body["data"][0]["status"], "revoked");
    assert_eq!(popup.evaluate("document.querySelector('#outcome').textContent").await?, "");
    let popup = reopen(&browser, popup).await?;
    assert_eq!(popup.evaluate("document.querySelector('#outcome').textContent").await?, "");
    Ok(())
}

/// A host below a domain of the sample platform that the catalogue does not know.
const UNKNOWN_URL: &str = "https://app.cdninstagram.com/";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_site_is_captured_for_its_own_host_or_the_domain_above_it() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&["*://*.cdninstagram.com/*", SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab(UNKNOWN_URL).await?;
    let login = json!({"name": "login", "value": "planted-login-cookie", "domain": ".cdninstagram.com",
        "path": "/", "secure": true, "httpOnly": true});
    tab.send("Network.setCookie", login).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(
        popup.evaluate("document.querySelector('#platform').textContent").await?,
        "app.cdninstagram.com"
    );
    let hint = popup.evaluate("document.querySelector('#site-hint').innerText").await?;
    assert!(hint.as_str().is_some_and(|hint| hint.contains("all of cdninstagram.com")), "{hint}");
    look_at_popup(&popup, "unknown-site").await?;

    choose(&popup, "#site", "cdninstagram.com").await?;
    let has_changed = "document.querySelector('#platform').textContent === 'cdninstagram.com'";
    popup.wait_for("the other site", SOON, has_changed).await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let connection = connection(&stage, "alice").await?;
    assert_eq!(connection["platform"], "cdninstagram.com");
    let wanted = json!({"creator_profile_id": connection["id"], "platform": "cdninstagram.com"});
    let served = stage.server.service()?.post("/api/credentials/get-platform-session", &wanted).await?;
    assert_eq!(served.body["cookies"][0]["value"], "planted-login-cookie", "{}", served.body["error"]);

    let popup = reopen(&browser, popup).await?;
    assert_eq!(popup.evaluate("document.querySelector('#site').value").await?, "cdninstagram.com");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_says_what_a_platform_needs_besides_cookies() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let sites = [("onlyfans", "user agent"), ("youtube", "private window")];
    let origins: Vec<_> = sites.iter().map(|(site, _)| format!("*://*.{site}.com/*")).collect();
    let origins: Vec<_> = origins.iter().map(String::as_str).chain([SERVER_ORIGINS]).collect();
    stage.grant(&origins).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab("about:blank").await?;
    for (site, advice) in sites {
        // Nothing answers at this address; only the tab's address matters.
        tab.send("Page.navigate", json!({"url": format!("https://www.{site}.com/")})).await?;
        let popup = popup::open(&browser).await?;
        if site == "onlyfans" {
            sign_in_to_server(&popup, stage.server.url()).await?;
        }
        wait_for_view(&popup, "ready").await?;
        let said = popup.evaluate("document.querySelector('#advice').innerText").await?;
        assert!(said.as_str().is_some_and(|said| said.contains(advice)), "{site}: {said}");
        look_at_popup(&popup, &format!("advice-{site}")).await?;
        close(popup).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_leads_through_the_popup_and_never_loses_its_place() -> Result<()> {
    let (mut stage, browser, _tab, popup) = start(&[]).await?;
    assert_eq!(focus(&popup).await?, "platform");
    look_at_popup(&popup, "ready").await?;
    let mut stops = Vec::new();
    for _ in 0..11 {
        popup.press("Tab").await?;
        stops.push(focus(&popup).await?);
    }
    let expected = [
        "cookie-counts",
        "connection",
        "account-name",
        "fill-credentials",
        "capture",
        "export",
        "Captured sessions",
        "Keep up to date",
        "Fresh cookies for yt-dlp",
        "sign-out",
        "settings",
    ];
    assert_eq!(stops, expected.map(Value::from));

    popup.evaluate("document.querySelector('#capture').focus()").await?;
    popup.press("Enter").await?;
    assert_eq!(main_job::outcome(&popup, "#outcome").await?, "captured");
    wait_for_view(&popup, "ready").await?;
    assert_eq!(focus(&popup).await?, "capture");

    // With an unreachable server there is no list to choose from, and nothing to capture for.
    let address = stage.server.address().to_owned();
    stage.server.kill();
    close(popup).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "failed").await?;
    assert_eq!(popup.evaluate("document.querySelector('#connection').disabled").await?, true);
    assert_eq!(popup.evaluate("document.querySelector('#capture').ariaDisabled").await?, "true");
    look_at_popup(&popup, "server-away").await?;
    popup.evaluate("document.querySelector('#retry').focus()").await?;
    popup.evaluate("document.querySelector('#retry').dataset.old = ''").await?;
    popup.press("Enter").await?;
    let is_redrawn = "document.querySelector('#retry:not([data-old])')";
    popup.wait_for("the second failure", SOON, &format!("Boolean({is_redrawn})")).await?;
    assert_eq!(focus(&popup).await?, "retry");
    stage.server = Server::start_at(stage.server.directory(), &address).await?;
    popup.press("Enter").await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(focus(&popup).await?, "platform");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookies_are_saved_as_credentials_on_request() -> Result<()> {
    let (stage, _browser, _tab, popup) = start(&[]).await?;
    popup.click("#fill-credentials").await?;
    popup.click("#cookies summary").await?;
    look_at_popup(&popup, "cookies-and-new-connection").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let reveal = json!({"creatorProfileId": connection(&stage, "alice").await?["id"]});
    let revealed = stage.server.service()?.post("/api/credentials/reveal", &reveal).await?.body;
    let served = stage.served_session("json").await?["cookies"].clone();
    let cookies: Vec<_> = served.as_array().into_iter().flatten().collect();
    let mut expected = json!({"cookies": cookies
        .iter()
        .map(|cookie| json!({"name": cookie["name"], "value": cookie["value"], "domain": cookie["domain"]}))
        .collect::<Vec<_>>()});
    for name in ["sessionid", "csrftoken", "ds_user_id"] {
        let cookie = cookies.iter().find(|cookie| cookie["name"] == name);
        expected[name] = cookie.context(name)?["value"].clone();
    }
    let filled = revealed["credentials"].as_object().context("no credentials")?;
    assert!(revealed["credentials"] == expected, "{:?}", filled.keys().collect::<Vec<_>>());
    Ok(())
}
