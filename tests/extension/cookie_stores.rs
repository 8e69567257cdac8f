//! Which cookie store is captured: private windows and containers are chosen by name in the
//! real popup, and never mixed.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::firefox::built_addon;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FANSLY, LOGIN_URL};
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Chooses a cookie store by its name, with the keys that a person would use.
async fn choose(popup: &impl WebPage, name: &str) -> Result<()> {
    let choose = format!(
        "(() => {{ const select = document.querySelector('#store'); \
         const option = [...select.options].find(({{text}}) => text === {}); \
         select.value = option.value; select.dispatchEvent(new Event('change', {{bubbles: true}})); }})()",
        json!(name)
    );
    popup.evaluate(&choose).await?;
    let chosen = format!(
        "document.querySelector('main').dataset.state === 'ready' && \
         document.querySelector('#store').selectedOptions[0].text === {}",
        json!(name)
    );
    popup.wait_for(&format!("{name} to be chosen"), SOON, &chosen).await
}

/// The offered names, the chosen one first; empty if there is nothing to choose.
async fn offered(popup: &impl WebPage) -> Result<Value> {
    popup
        .evaluate(
            "(() => { if (document.querySelector('#store-choice').hidden) return []; \
             const select = document.querySelector('#store'); const chosen = select.selectedOptions[0]; \
             return [chosen, ...[...select.options].filter((option) => option !== chosen)].map(({text}) => text); })()",
        )
        .await
}

/// The value of the login cookie that a backend gets.
async fn served(stage: &Stage) -> Result<Value> {
    let session = stage.served_session("json").await?;
    session_id(session["cookies"].as_array().context("no cookies")?)
}

/// The value of the only login cookie.
fn session_id(cookies: &[Value]) -> Result<Value> {
    let mut found = cookies.iter().filter(|cookie| cookie["name"] == "sessionid");
    let value = found.next().context("no login")?["value"].clone();
    anyhow::ensure!(found.next().is_none(), "cookies of two logins are mixed");
    Ok(value)
}

/// The value of a tab's login cookie.
async fn held(tab: &Attachment) -> Result<Value> {
    let held = tab.send("Network.getCookies", json!({})).await?;
    session_id(held["cookies"].as_array().context("no cookies")?)
}

/// Allows the extension in private windows, as its page in the browser's settings does.
async fn allow_in_private_windows(browser: &Chromium) -> Result<()> {
    let settings = browser.open_tab("chrome://extensions/").await?;
    let change = json!({"extensionId": browser.extension_id()?, "incognitoAccess": true});
    settings.evaluate(&format!("chrome.developerPrivate.updateExtensionConfiguration({change})")).await?;
    settings.close().await
}

/// Opens a private window with a page.
async fn open_private_window(browser: &Chromium, url: &str) -> Result<Attachment> {
    let worker = popup::service_worker(browser).await?;
    let options = json!({"incognito": true, "url": url});
    worker.evaluate(&format!("chrome.windows.create({options}).then(() => 0)")).await?;
    let client = browser.client();
    let target = client.wait_for_target("the private window", SOON, |target| target.url == url).await?;
    let tab = client.attach(target).await?;
    tab.wait_for("the page", SOON, "document.readyState === 'complete'").await?;
    Ok(tab)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_window_is_chosen_by_name_and_gone_when_it_is_closed() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    allow_in_private_windows(&browser).await?;
    let normal = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(offered(&popup).await?, json!([]), "there is nothing to choose from");
    popup.close().await?;

    let private = open_private_window(&browser, LOGIN_URL).await?;
    stage.sign_in_on(&private).await?;
    assert_ne!(held(&normal).await?, held(&private).await?);
    // Over the tab in front.
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(offered(&popup).await?, json!(["Private windows", "Normal windows"]));
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(served(&stage).await?, held(&private).await?);

    choose(&popup, "Normal windows").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(served(&stage).await?, held(&normal).await?);
    choose(&popup, "Private windows").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(served(&stage).await?, held(&private).await?);
    popup.close().await?;

    let worker = popup::service_worker(&browser).await?;
    let open = "chrome.windows.getAll().then((all) => \
        chrome.action.openPopup({windowId: all.find(({incognito}) => !incognito).id}))";
    worker.evaluate(open).await?;
    let popup = popup::attach(&browser, SOON).await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(offered(&popup).await?, json!(["Normal windows", "Private windows"]));
    choose(&popup, "Private windows").await?;
    assert_eq!(
        popup.evaluate("document.querySelector('#renewal-status').dataset.code").await?,
        "not_lasting"
    );
    assert_eq!(popup.evaluate("document.querySelector('#bridge-allow').disabled").await?, true);
    look_at_popup(&popup, "private-window").await?;
    let before = served(&stage).await?;
    private.close().await?;
    let is_gone = "chrome.cookies.getAllCookieStores().then(({length}) => length === 1)";
    worker.wait_for("the private store to be gone", SOON, is_gone).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "store_gone");
    let said = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    assert!(said.as_str().is_some_and(|said| said.contains("The private window is closed")), "{said}");
    assert_eq!(served(&stage).await?, before);
    Ok(())
}

/// Holds back the answers to the popup's questions for connections and for the state of the server, each
/// until it is called in `held`.
const HOLD_ANSWERS: &str = "{ \
    const send = chrome.runtime.sendMessage.bind(chrome.runtime); \
    globalThis.held = {}; \
    chrome.runtime.sendMessage = async (message) => { \
      const answer = await send(message); \
      if (['connections', 'status'].includes(message.type)) \
        await new Promise((resolve) => { held[message.type] = resolve; }); \
      return answer; \
    }; \
    globalThis.holdNoMore = () => { chrome.runtime.sendMessage = send; Object.values(held).forEach((go) => go()); }; }";

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_about_another_store_allows_no_click() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    allow_in_private_windows(&browser).await?;
    let normal = stage.sign_in_at_platform(&browser).await?;
    let private = open_private_window(&browser, LOGIN_URL).await?;
    stage.sign_in_on(&private).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    popup.evaluate(HOLD_ANSWERS).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    popup.wait_for("the connections", SOON, "held.connections").await?;
    let other = "(() => { const select = document.querySelector('#store'); \
        select.selectedIndex = 1 - select.selectedIndex; \
        select.dispatchEvent(new Event('change', {bubbles: true})); })()";
    popup.evaluate(other).await?;
    popup.wait_for("the other store's view to begin", SOON, "held.status").await?;
    popup.evaluate("held.connections(); setTimeout(() => { globalThis.isLate = true; }, 100); true").await?;
    popup.wait_for("the late connections", SOON, "globalThis.isLate").await?;
    let state = "[document.querySelector('main').dataset.state === 'ready', document.querySelector('#capture').ariaDisabled]";
    assert_eq!(popup.evaluate(state).await?, json!([false, "true"]));
    popup.evaluate("holdNoMore()").await?;
    wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(served(&stage).await?, held(&normal).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_windows_storage_is_not_taken_for_a_normal_session() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[FANSLY.origins, &[SERVER_ORIGINS]].concat()).await?;
    let browser = stage.open_browser().await?;
    allow_in_private_windows(&browser).await?;
    let _normal = browser.open_tab("https://apiv3.fansly.com/").await?;
    let private = open_private_window(&browser, FANSLY.front_url).await?;
    stage.sign_in_on_sample(&private).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    choose(&popup, "Normal windows").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "no_tab");
    choose(&popup, "Private windows").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(stage.fetch_account(&FANSLY).await?.0, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn firefoxs_containers_and_private_windows_are_chosen_by_name() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.allow_in_private_windows().await?;
    let mut logins = Vec::new();
    for (name, container) in [("Normal windows", 0), ("Container “Personal”", 1), ("Container “Work”", 2)]
    {
        firefox.sign_in_at_platform(&stage.platform, container).await?;
        logins.push((name, firefox.cookie_in_front("sessionid").await?));
    }
    firefox.sign_in_at_platform_in_private(&stage.platform).await?;
    logins.push(("Private windows", firefox.cookie_in_front("sessionid").await?));

    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    let offered = offered(&popup).await?;
    assert_eq!(offered[0], "Private windows");
    look_at_popup(&popup, "containers").await?;
    // Containers without an open tab are offered, too.
    let names = ["Normal windows", "Container “Personal”", "Container “Work”", "Container “Banking”"];
    assert!(
        names.iter().all(|name| offered.as_array().is_some_and(|all| all.contains(&json!(name)))),
        "{offered}"
    );
    for (name, login) in logins.into_iter().rev() {
        choose(&popup, name).await?;
        assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured", "{name}");
        assert_eq!(served(&stage).await?, login, "{name}");
    }
    choose(&popup, "Container “Banking”").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "not_signed_in");

    // What a private window's page stores is not taken for a normal session, either.
    firefox.close_popup().await?;
    firefox.sign_in_here_at(&stage.platform, &FANSLY).await?;
    let popup = firefox.open_popup().await?;
    wait_for_view(&popup, "ready").await?;
    for name in ["Normal windows", "Container “Personal”"] {
        choose(&popup, name).await?;
        assert_eq!(main_job::capture(&popup, "stage.artist").await?, "no_tab", "{name}");
    }
    choose(&popup, "Private windows").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(stage.fetch_account(&FANSLY).await?.0, 200);
    firefox.close().await
}
