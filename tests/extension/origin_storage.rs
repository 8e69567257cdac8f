//! Logins that are more than cookies: each is captured whole by clicks, and a backend uses it with
//! curl alone, and in a browser that Playwright restores.

use crate::traces::{
    assert_not_in_arguments, assert_not_in_chromium, assert_not_in_firefox, assert_not_on_disk,
    assert_popup_shows_no_value,
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::{Chromium, Hosts};
use stagepass_tests::browsers::firefox::built_addon;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FANSLY, ONLYFANS, Sample, X};
use stagepass_tests::stage::main_job::{
    self, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{SOON, close};
use stagepass_tests::system::process_list::ProcessList;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::curl;
use stagepass_tests::tools::playwright::{NewContext, Playwright};

/// Each with the storage entry that belongs to its login.
const SAMPLES: [(Sample, Option<&str>); 3] =
    [(ONLYFANS, Some("bcTokenSha")), (FANSLY, Some("session_active_session")), (X, None)];

/// The popup's words about the login.
async fn verdict(popup: &impl WebPage) -> Result<String> {
    let words = popup.evaluate("document.querySelector('#verdict').innerText").await?;
    Ok(words.as_str().unwrap_or_default().to_owned())
}

/// Exports, and captures with the login as credentials, where there is a documented form of them. The
/// outcome of the capture stays in the extension's storage.
async fn export_and_capture(popup: &impl WebPage, sample: &Sample) -> Result<()> {
    popup.fill("#account-name", "stage.artist").await?;
    assert_eq!(main_job::export(popup).await?, "exported", "{}", sample.id);
    if popup.evaluate("!document.querySelector('#fill-credentials-row').hidden").await? == true {
        popup.click("#fill-credentials").await?;
    }
    assert_eq!(main_job::capture(popup, "stage.artist").await?, "captured", "{}", sample.id);
    Ok(())
}

/// The popup shows how much a capture takes of the page's storage.
async fn assert_popup_shows_the_size(
    popup: &impl WebPage,
    tab: &impl WebPage,
    entry: Option<&str>,
) -> Result<()> {
    let mut expected = Vec::new();
    if let Some(name) = entry.map(|name| json!(name)) {
        let size = tab.evaluate(&format!("new Blob([{name}, localStorage.getItem({name})]).size")).await?;
        expected.push(format!("{size} bytes"));
    }
    let shown = "[...document.querySelectorAll('#entry-table tbody td')].map(({textContent}) => textContent)";
    assert_eq!(popup.evaluate(shown).await?, json!(expected));
    Ok(())
}

/// A backend gets the login in the form of credentials that the platform's clients expect.
async fn assert_revealed_in_shape(stage: &Stage, sample: &Sample) -> Result<()> {
    let served = stage.served(sample.id, json!({})).await?;
    let cookies = served["cookies"].as_array().context("no cookies")?;
    let value_of =
        |name: &str| &cookies.iter().find(|cookie| cookie["name"] == name).unwrap_or(&Value::Null)["value"];
    let named = cookies
        .iter()
        .map(|cookie| json!({"name": cookie["name"], "value": cookie["value"], "domain": cookie["domain"]}));
    let entry = &served["origins"][0]["localStorage"][0]["value"];
    let mut expected = json!({"userAgent": served["user_agent"], "cookies": named.collect::<Vec<_>>()});
    match sample.id {
        "onlyfans" => {
            expected["sessionToken"] = value_of("sess").clone();
            expected["authId"] = "48151623".into();
            expected["authUid"] = value_of("auth_uid_48151623").clone();
            expected["xBc"] = entry.clone();
        }
        "fansly" => {
            let session: Value = serde_json::from_str(entry.as_str().context("no entry")?)?;
            expected["authToken"] = session["token"].clone();
        }
        _ => expected = json!({}),
    }
    let is_full =
        |fields: &Value| fields.as_object().is_some_and(|all| all.values().all(|field| !field.is_null()));
    assert!(is_full(&expected), "{}", sample.id);
    let revealed = stage.revealed(sample.id).await?;
    assert!(
        revealed == expected,
        "{}: {:?}",
        sample.id,
        revealed.as_object().map(|fields| fields.keys().collect::<Vec<_>>())
    );
    Ok(())
}

/// A backend gets the page for the signed-in account.
async fn assert_used_by_a_backend(stage: &Stage, sample: &Sample) -> Result<()> {
    let (status, body) = stage.fetch_account(sample).await?;
    assert_eq!((status, &*body), (200, r#"{"name":"stage.artist"}"#), "{}", sample.id);
    Ok(())
}

/// A browser restored from Playwright's storage state shows the page of the signed-in account.
async fn assert_restored_by_playwright(stage: &Stage, sample: &Sample) -> Result<()> {
    let served = stage.served(sample.id, json!({"format": "playwright"})).await?;
    let user_agent = served["user_agent"].as_str().map(str::to_owned);
    let urls = vec![sample.front_url.to_owned()];
    let state = served["storage_state"].clone();
    let signed_in = NewContext { state, user_agent, urls, ..NewContext::default() };
    let signed_out = NewContext { state: json!({"cookies": [], "origins": []}), ..signed_in.clone() };
    let hosts = Hosts::of_platform(&stage.platform);
    let opened = Playwright::prepare().await?.open(&hosts, &[signed_in, signed_out]).await?;
    let shown: Vec<_> = opened.iter().map(|opened| opened.pages[0].text.as_str()).collect();
    assert!(shown[0].contains("stage.artist"), "{}: {shown:?}", sample.id);
    assert!(!shown[1].contains("stage.artist"), "{}: {shown:?}", sample.id);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_login_is_captured_whole_and_used_by_a_backend() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host().await?;
    let origins: Vec<_> = SAMPLES.iter().flat_map(|(sample, _)| sample.origins).copied().collect();
    let origins = [&origins[..], &[SERVER_ORIGINS]].concat();
    stage.grant(&origins).await?;
    let browser = stage.open_browser().await?;
    let processes = ProcessList::watch();
    for (index, (sample, entry)) in SAMPLES.iter().enumerate() {
        let tab = stage.sign_in_at(&browser, sample).await?;
        let popup = popup::open(&browser).await?;
        if index == 0 {
            sign_in_to_server(&popup, stage.server.url()).await?;
        }
        wait_for_view(&popup, "ready").await?;
        let is_proven = "document.querySelector('[data-login=proven]')";
        let shown = popup.wait_for("the verdict", SOON, is_proven).await;
        shown.with_context(|| sample.id)?;
        popup.click("#cookies summary").await?;
        look_at_popup(&popup, &format!("ready-{}", sample.id)).await?;
        assert_popup_shows_no_value(&stage, &popup, *entry).await?;
        assert_popup_shows_the_size(&popup, &tab, *entry).await?;
        export_and_capture(&popup, sample).await?;
        look_at_popup(&popup, &format!("captured-{}", sample.id)).await?;
        assert_popup_shows_no_value(&stage, &popup, *entry).await?;
        close(popup).await?;
        assert_revealed_in_shape(&stage, sample).await?;
        assert_used_by_a_backend(&stage, sample).await?;
        assert_restored_by_playwright(&stage, sample).await?;
    }
    let secrets = SecretSearch::new(&stage.platform.secrets())?;
    assert_not_in_arguments(processes, &secrets);
    assert_not_in_chromium(&stage, &browser, &secrets).await?;
    assert_not_on_disk(&stage, &secrets)?;
    assert_ends_with_another(&stage, "x-bc").await?;
    let _tab = stage.sign_in_at(&browser, &ONLYFANS).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_used_by_a_backend(&stage, &ONLYFANS).await?;
    assert_ends_with_another(&stage, "user-agent").await
}

/// The sample platform is strict: with another value of this header it ends the session.
async fn assert_ends_with_another(stage: &Stage, changed: &str) -> Result<()> {
    let fields = json!({"format": "header", "url": ONLYFANS.account_url});
    let served = stage.served("onlyfans", fields).await?;
    let headers = served["headers"].as_array().into_iter().flatten().filter_map(|header| {
        let name = header["name"].as_str()?;
        let value = if name.eq_ignore_ascii_case(changed) { "another" } else { header["value"].as_str()? };
        Some((name.to_owned(), value.to_owned()))
    });
    let headers: Vec<_> = headers.collect();
    ensure!(headers.iter().any(|(_, value)| value == "another"), "no {changed}");
    let (proxy, authority) = (stage.proxy.url(), stage.platform.authority_pem());
    let (status, _) = curl::fetch(ONLYFANS.account_url, &headers, &proxy, &authority).await?;
    assert_eq!(status, 401);
    assert_eq!(stage.fetch_account(&ONLYFANS).await?.0, 401, "the session has ended");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_each_login_is_captured_whole_and_used_by_a_backend() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host_for_firefox().await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    for (index, (sample, entry)) in SAMPLES.iter().enumerate() {
        firefox.sign_in_at(&stage.platform, sample, 0).await?;
        let popup = firefox.open_popup().await?;
        if index == 0 {
            sign_in_to_server(&popup, stage.server.url()).await?;
        }
        wait_for_view(&popup, "ready").await?;
        export_and_capture(&popup, sample).await?;
        look_at_popup(&popup, &format!("firefox-captured-{}", sample.id)).await?;
        assert_popup_shows_no_value(&stage, &popup, *entry).await?;
        firefox.close_popup().await?;
        assert_revealed_in_shape(&stage, sample).await?;
        assert_used_by_a_backend(&stage, sample).await?;
        assert_restored_by_playwright(&stage, sample).await?;
    }
    let secrets = SecretSearch::new(&stage.platform.secrets())?;
    assert_not_in_firefox(&stage, &firefox, &firefox.open_popup().await?, &secrets).await?;
    assert_not_on_disk(&stage, &secrets)?;
    firefox.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_storage_is_read_only_from_the_chosen_container() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.sign_in_at(&stage.platform, &FANSLY, 1).await?;
    firefox.open_tab("https://apiv3.fansly.com/", 0).await?;
    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "no_tab");
    look_at_popup(&popup, "firefox-no-tab").await?;
    assert_eq!(sessions(&stage).await?, 0);
    // The button opens one in the chosen container, where nobody is signed in.
    popup.click("#verdict .open-tab").await?;
    let popup = firefox.open_popup().await?;
    wait_for_view(&popup, "ready").await?;
    popup.wait_for("the verdict", SOON, "document.querySelector('[data-login=missing]')").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "not_signed_in");
    assert_eq!(sessions(&stage).await?, 0);
    firefox.close().await
}

/// How many sessions the server has received.
pub(crate) async fn sessions(stage: &Stage) -> Result<u64> {
    let body = stage.server.user().await?.get("/api/platform-sessions").await?.body;
    body["total"].as_u64().with_context(|| body.to_string())
}

/// A browser that is signed in at Fansly, with the popup open over its page.
pub(crate) async fn on_fansly() -> Result<(Stage, Chromium, Attachment, Attachment)> {
    on(&FANSLY).await
}

/// A browser that is signed in at a sample platform, with the popup open over its page.
pub(crate) async fn on(sample: &Sample) -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[sample.origins, &[SERVER_ORIGINS]].concat()).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at(&browser, sample).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    Ok((stage, browser, tab, popup))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_open_tab_the_popup_says_so_and_opens_one() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    popup.wait_for("the verdict", SOON, "document.querySelector('[data-login=proven]')").await?;
    close(popup).await?;
    // Another origin of the same platform, which must not be read in its place.
    tab.navigate("https://apiv3.fansly.com/").await?;
    tab.evaluate(
        "localStorage.setItem('session_active_session', '{\"token\": \"t\", \"accountId\": \"1\"}')",
    )
    .await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    let is_unknown = "document.querySelector('[data-login=unknown]')";
    popup.wait_for("the verdict", SOON, is_unknown).await?;
    assert!(verdict(&popup).await?.contains("No tab is open at fansly.com"));
    look_at_popup(&popup, "no-tab").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "no_tab");
    look_at_popup(&popup, "capture-no-tab").await?;
    assert_eq!(sessions(&stage).await?, 0);

    popup.click("#verdict .open-tab").await?;
    let connection = browser.client();
    connection.wait_for_target("the tab", SOON, |target| target.url == FANSLY.front_url).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_used_by_a_backend(&stage, &FANSLY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_says_when_a_copy_does_not_live_long_elsewhere() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&["*://*.youtube.com/*", SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab("about:blank").await?;
    let names = ["LOGIN_INFO", "SAPISID", "__Secure-1PSIDTS", "__Secure-3PSIDTS"];
    let cookies = names.map(|name| {
        json!({"name": name, "value": "planted", "domain": ".youtube.com", "path": "/", "secure": true,
            "expires": jiff::Timestamp::now().as_second() + 86_400})
    });
    browser.client().send("Storage.setCookies", json!({"cookies": cookies})).await?;
    // Nothing answers at this address; only the tab's address matters.
    tab.send("Page.navigate", json!({"url": "https://www.youtube.com/"})).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    let said = verdict(&popup).await?;
    for words in [
        "Signed in",
        "probably ties __Secure-1PSIDTS and __Secure-3PSIDTS to this",
        "stop working elsewhere",
        "Let programs get fresh cookies from this browser instead",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    look_at_popup(&popup, "device-bound").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    let outcome = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    assert!(
        outcome.as_str().is_some_and(|words| words.contains("the copy may not work for long")),
        "{outcome}"
    );
    Ok(())
}
