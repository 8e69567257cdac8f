//! Capture requests from a server that was taken over: a request leads to no site that only the
//! server names, and never to more than one site.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::{Attachment, Target};
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::stage::main_job::{
    SERVER_ORIGINS, Stage, built_extension, outcome, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{RenewalStage, SOON, close};

/// A site of the sample platform that the catalogue does not know.
const SITE: &str = "cdninstagram.com";

/// Requests a capture as a service.
async fn ask(stage: &Stage, platform: &str, reason: &str) -> Result<String> {
    let connection = stage.server.user().await?.create_profile(platform, "alice").await?;
    let ask = json!({"creator_profile_id": connection, "platform": platform, "reason": reason});
    let asked = stage.server.service()?.post("/api/credentials/request-capture", &ask).await?.body;
    Ok(asked["id"].as_str().with_context(|| asked.to_string())?.to_owned())
}

/// The text of the only request, and of its buttons.
async fn only_request(popup: &Attachment) -> Result<(String, Vec<String>)> {
    let is_there = "document.querySelectorAll('#request-list li').length === 1";
    let waited = popup.wait_for("a request", SOON, is_there).await;
    let words = popup.evaluate("document.body.innerText").await?;
    waited.with_context(|| format!("the popup shows {words}"))?;
    let words = popup.evaluate("document.querySelector('#request-list li').innerText").await?;
    let ways = "[...document.querySelectorAll('#request-list :is(a, button)')].map((way) => way.innerText)";
    let ways = serde_json::from_value(popup.evaluate(ways).await?)?;
    Ok((words.as_str().context("no words")?.to_owned(), ways))
}

/// The core's answer to one of the extension's pages.
async fn core_says(popup: &Attachment, call: &str) -> Result<Value> {
    popup
        .evaluate(&format!(
            "import(chrome.runtime.getURL('background/core.js')).then(({{loadCore}}) => loadCore())\
             .then((core) => core.{call} ?? null)"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_all_of_com_gets_nothing() -> Result<()> {
    let renewal = RenewalStage::set_up().await?;
    let id = ask(&renewal.stage, "example.com", "soon").await?;
    // Our server refuses both; a malicious one would not.
    let database = rusqlite::Connection::open(renewal.stage.server.directory().join("stagepass.db"))?;
    let statement =
        "UPDATE capture_requests SET platform = 'com', reason = 'Sign in at\u{202e} once' WHERE id = ?1";
    assert_eq!(database.execute(statement, [&id])?, 1);

    let popup = renewal.popup().await?;
    let (words, ways) = only_request(&popup).await?;
    assert_eq!(ways, ["Decline"]);
    for part in ["“com” · alice", "“Sign in at\u{fffd} once”", "This is not a single site"] {
        assert!(words.contains(part), "{words}");
    }
    look_at_popup(&popup, "request-for-com").await?;

    // The rest of the extension does not accept such a site either.
    for suffix in ["com", "co.uk", "github.io"] {
        assert_eq!(core_says(&popup, &format!("origins_of('{suffix}')")).await?, json!([]));
        assert_eq!(core_says(&popup, &format!("login_url('{suffix}')")).await?, json!(null));
        assert_eq!(core_says(&popup, &format!("recognise('https://{suffix}/')")).await?, json!(null));
    }
    assert_eq!(core_says(&popup, "origins_of('me.github.io')").await?, json!(["*://*.me.github.io/*"]));
    assert_eq!(core_says(&popup, "origins_of('localhost')").await?, json!(["*://localhost/*"]));
    let intent = json!({"type": "begin", "intent": {"kind": "fulfil", "subject": id, "platform": "com",
        "store": {"id": "0"}, "origins": [], "connection": {"id": renewal.connection_id().await?}}});
    popup.evaluate(&format!("chrome.runtime.sendMessage({intent})")).await?;
    assert_eq!(outcome(&popup, "#request-outcome").await?, "unknown_platform");
    let user = renewal.stage.server.user().await?;
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 1, "only the one from the set-up");

    popup.click("#request-list button").await?;
    let is_gone = "document.querySelectorAll('#request-list li').length === 0";
    popup.wait_for("no request", SOON, is_gone).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_only_the_server_names_can_be_opened_after_a_visit_or_capture() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&["*://*.cdninstagram.com/*", SERVER_ORIGINS]).await?;
    ask(&stage, SITE, "the session has ended").await?;
    let browser = stage.open_browser().await?;
    let _blank = browser.open_tab("about:blank").await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "no-platform").await?;
    let (words, ways) = only_request(&popup).await?;
    assert_eq!(ways, ["Decline"]);
    for part in ["“cdninstagram.com” · alice", "“the session has ended”", "Stagepass doesn't know this site"]
    {
        assert!(words.contains(part), "{words}");
    }
    look_at_popup(&popup, "request-for-unknown-site").await?;
    close(popup).await?;

    // A person who visits the site can capture it.
    let tab = browser.open_tab(&format!("https://app.{SITE}/")).await?;
    let login = json!({"name": "login", "value": "planted-login-cookie", "domain": format!(".{SITE}"),
        "path": "/", "secure": true, "httpOnly": true});
    tab.send("Network.setCookie", login).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    let (words, ways) = only_request(&popup).await?;
    assert_eq!(ways, ["Capture", "Open cdninstagram.com", "Decline"]);
    assert!(words.contains("cdninstagram.com · alice") && !words.contains("“cdninstagram"), "{words}");
    popup.click("#request-list button").await?;
    assert_eq!(outcome(&popup, "#request-outcome").await?, "captured");
    close(popup).await?;

    // From then on the site is known, whatever the tab shows.
    ask(&stage, SITE, "once more").await?;
    let _other = browser.open_tab("about:blank").await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "no-platform").await?;
    let (_, ways) = only_request(&popup).await?;
    assert_eq!(ways, ["Capture", "Open cdninstagram.com", "Decline"]);
    popup.click("#request-list button:nth-of-type(2)").await?;
    let is_site = |target: &Target| target.kind == "page" && target.url == format!("https://{SITE}/");
    browser.client().wait_for_target("the site", SOON, is_site).await?;
    Ok(())
}
