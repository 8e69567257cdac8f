//! Which tab is asked what its origin stores: the one behind the popup, else the one used last, and
//! never a frame in another page.

use crate::origin_storage::{on_fansly, sessions};
use crate::storage_choice::{PLATFORM, URL, entries, entry_box, on_unknown_site, open_choice};
use anyhow::{Context as _, Result};
use serde_json::json;
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::FANSLY;
use stagepass_tests::stage::main_job::{self, Stage, wait_for_view};
use stagepass_tests::stage::renewal::{SOON, close};

/// A host of Fansly's that is another origin than the one with the login.
const OTHER_ORIGIN: &str = "https://apiv3.fansly.com/";

/// Names the tab in its title and in an entry of its own.
async fn name(tab: &Attachment, name: &str) -> Result<()> {
    let name = json!(name);
    tab.evaluate(&format!("document.title = {name}; sessionStorage.setItem('tab', {name})")).await.map(drop)
}

/// Opens a window with a page of the unknown site, and attaches to it.
async fn open_window(browser: &Chromium, state: &str) -> Result<Attachment> {
    let url = format!("{URL}?{state}");
    let worker = popup::service_worker(browser).await?;
    let options = json!({"url": url, "focused": false});
    worker.evaluate(&format!("chrome.windows.create({options}).then(() => 0)")).await?;
    let target = browser.client().wait_for_target("the page", SOON, |target| target.url == url).await?;
    let tab = browser.client().attach(target).await?;
    tab.wait_for("the page", SOON, "document.readyState === 'complete'").await?;
    Ok(tab)
}

/// Captures the entry `tab` over one of several tabs, and returns the entry's value and the title of
/// the tab behind the popup.
async fn captured_tab(stage: &Stage, popup: &Attachment) -> Result<(String, String)> {
    assert_eq!(main_job::capture(popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    let [(_, value)] = &entries(&served, "sessionStorage")[..] else { anyhow::bail!("{served}") };
    let behind = "chrome.tabs.query({active: true, currentWindow: true}).then(([{title}]) => title)";
    let behind = popup.evaluate(behind).await?;
    Ok((value.clone(), behind.as_str().context("no title")?.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_tabs_the_one_behind_the_popup_is_read() -> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    close(popup).await?;
    name(&tab, "first").await?;
    let behind = browser.open_tab(&format!("{URL}?behind")).await?;
    name(&behind, "behind").await?;
    tab.send("Page.bringToFront", json!({})).await?;
    // Used later, and in front of a window of its own.
    let other = open_window(&browser, "other").await?;
    name(&other, "other").await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    open_choice(&popup).await?;
    popup.click(&entry_box(&popup, "tab").await?).await?;
    let first = ("first".to_owned(), "first".to_owned());
    assert_eq!(captured_tab(&stage, &popup).await?, first);
    Ok(())
}

/// A browser with the signed-in page of Fansly in one tab, and another origin's page in front.
async fn behind_another_origin() -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    close(popup).await?;
    let front = browser.open_tab(OTHER_ORIGIN).await?;
    Ok((stage, browser, tab, front))
}

/// A capture over the tab in front says that no tab is open at the origin.
async fn assert_no_tab(stage: &Stage, browser: &Chromium, look: &str) -> Result<Attachment> {
    let before = sessions(stage).await?;
    let popup = popup::open(browser).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "no_tab");
    look_at_popup(&popup, look).await?;
    assert_eq!(sessions(stage).await?, before);
    Ok(popup)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_without_its_page_is_not_read() -> Result<()> {
    let (stage, browser, tab, _front) = behind_another_origin().await?;
    let popup = popup::open(&browser).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured", "a tab behind is read");
    close(popup).await?;
    drop(tab);
    let worker = popup::service_worker(&browser).await?;
    let discard = "chrome.tabs.query({url: 'https://fansly.com/*'})\
        .then(([{id}]) => chrome.tabs.discard(id)).then(({discarded}) => discarded)";
    assert_eq!(worker.evaluate(discard).await?, true);
    assert_woken_by_the_button(&stage, &browser, "capture-tab-discarded").await
}

/// The popup says that the one tab at Fansly is asleep, and wakes it on a click.
async fn assert_woken_by_the_button(stage: &Stage, browser: &Chromium, look: &str) -> Result<()> {
    let popup = assert_no_tab(stage, browser, look).await?;
    let words = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    assert!(words.as_str().is_some_and(|words| words.contains("Click that tab so that it loads")), "{words}");
    popup.click("#outcome .open-tab").await?;
    let is_awake = "chrome.tabs.query({url: 'https://fansly.com/*'}).then((tabs) => tabs.length === 1 && \
        tabs.every(({discarded, status, active}) => !discarded && status === 'complete' && active))";
    popup::service_worker(browser).await?.wait_for("the tab to wake", SOON, is_awake).await?;
    let popup = popup::open(browser).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_has_crashed_is_not_read() -> Result<()> {
    let (stage, browser, tab, _front) = behind_another_origin().await?;
    let worker = popup::service_worker(&browser).await?;
    // A page that crashes does not answer.
    let crash = async {
        let _ = tab.send("Page.crash", json!({})).await;
        std::future::pending::<()>().await;
    };
    let has_crashed = "chrome.tabs.query({url: 'https://fansly.com/*'})\
        .then(([{status}]) => status === 'unloaded')";
    tokio::select! {
        seen = worker.wait_for("the crash", SOON, has_crashed) => seen?,
        () = crash => {}
    }
    drop(tab);
    assert_woken_by_the_button(&stage, &browser, "capture-tab-crashed").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_in_another_page_is_not_read() -> Result<()> {
    let (stage, browser, tab, front) = behind_another_origin().await?;
    tab.navigate("https://www.instagram.com/").await?;
    let add_frame = "new Promise((resolve) => { const frame = document.createElement('iframe'); \
        frame.onload = () => resolve(true); frame.src = 'https://fansly.com/'; document.body.append(frame); })";
    for page in [&tab, &front] {
        assert_eq!(page.evaluate(add_frame).await?, true);
    }
    // The frame in the same site's page has the login.
    assert_eq!(front.evaluate("frames.length").await?, 1);
    front.send("Page.bringToFront", json!({})).await?;
    assert_no_tab(&stage, &browser, "capture-frames").await.map(drop)?;
    tab.navigate(FANSLY.front_url).await?;
    front.send("Page.bringToFront", json!({})).await?;
    let popup = popup::open(&browser).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    Ok(())
}
