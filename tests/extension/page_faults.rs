//! Pages and tabs that make it hard to read what they store: each is read exactly or gets a plain
//! message, and nothing half-captured is stored.

use crate::origin_storage::{on_fansly, sessions};
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::firefox::{Firefox, built_addon};
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FANSLY, Platform};
use stagepass_tests::stage::main_job::{self, Stage, built_extension, sign_in_to_server, wait_for_view};
use stagepass_tests::stage::renewal::{SOON, close};
use stagepass_tests::system::wait;

/// What the popup says of a page that does not answer.
const SILENT: &str = "The tab at fansly.com doesn't answer";
/// The page waits for an answer, and does nothing else.
const WAIT_FOR_ANSWER: &str = "void setTimeout(() => { const request = new XMLHttpRequest(); \
    request.open('GET', '/hanging', false); request.send(); })";

/// A page that hangs until this is dropped.
enum Hanging<'a> {
    /// It waits for an answer of the sample platform.
    ForAnswer(&'a Platform),
    /// Its process is stopped.
    Stopped(Pid),
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        match self {
            Self::ForAnswer(platform) => platform.answer_hanging(),
            // A test that has failed may have ended the browser.
            Self::Stopped(process) => drop(kill_process(*process, Signal::CONT)),
        }
    }
}

/// The page that is read, in either browser.
trait Page {
    /// The value of a JavaScript expression.
    async fn value_of(&self, expression: &str) -> Result<Value>;

    /// Makes it hang.
    async fn hang<'a>(&self, stage: &'a Stage) -> Result<Hanging<'a>>;
}

impl Page for Attachment {
    async fn value_of(&self, expression: &str) -> Result<Value> {
        self.evaluate(expression).await
    }

    async fn hang<'a>(&self, stage: &'a Stage) -> Result<Hanging<'a>> {
        let before = stage.platform.hanging();
        self.evaluate(WAIT_FOR_ANSWER).await?;
        let hangs = async || Ok((stage.platform.hanging() > before).then_some(()));
        wait::until("the page to hang", SOON, hangs).await?;
        Ok(Hanging::ForAnswer(&stage.platform))
    }
}

impl Page for Firefox {
    async fn value_of(&self, expression: &str) -> Result<Value> {
        self.evaluate_in_page(expression).await
    }

    // While a page of Firefox waits for an answer, scripts can run in it.
    async fn hang<'a>(&self, _: &'a Stage) -> Result<Hanging<'a>> {
        let process = self.process_in_front().await?;
        kill_process(process, Signal::STOP)?;
        Ok(Hanging::Stopped(process))
    }
}

/// Sets Fansly's entry to the value of a JavaScript expression.
async fn set_entry(page: &impl Page, value: &str) -> Result<()> {
    page.value_of(&format!("localStorage.setItem('session_active_session', {value})")).await.map(drop)
}

async fn outcome_text(popup: &impl WebPage) -> Result<String> {
    let words = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    Ok(words.as_str().unwrap_or_default().to_owned())
}

/// The popup says why nothing is stored.
async fn assert_refused(popup: &impl WebPage, code: &str, words: &str) -> Result<()> {
    assert_eq!(main_job::capture(popup, "stage.artist").await?, code);
    let said = outcome_text(popup).await?;
    assert!(said.contains(words) && said.to_lowercase().contains("nothing was taken"), "{said}");
    Ok(())
}

/// The server has neither a session nor a connection.
async fn assert_nothing_is_stored(stage: &Stage) -> Result<()> {
    let connections = stage.server.user().await?.get("/api/platform-connections").await?.body;
    assert_eq!((sessions(stage).await?, &connections["data"]), (0, &json!([])));
    Ok(())
}

/// A login entry that can't be stored refuses the whole capture. Leaves the entry as it was.
async fn assert_bad_text_is_refused(page: &impl Page, popup: &impl WebPage, look: bool) -> Result<()> {
    let whole = page.value_of("localStorage.getItem('session_active_session')").await?;
    let long = "JSON.stringify({token: 'x'.repeat(600000), accountId: '1'})";
    for (value, code, words) in [
        ("'no JSON'", "not_signed_in", "you are not signed in"),
        ("'{\"token\": \"\\ud800\", \"accountId\": \"1\"}'", "storage_ill_formed", "session_active_session"),
        (long, "storage_too_large", "512 KiB"),
    ] {
        set_entry(page, value).await?;
        assert_refused(popup, code, words).await?;
        if look {
            look_at_popup(popup, &format!("capture-{}", code.replace('_', "-"))).await?;
        }
    }
    set_entry(page, &whole.to_string()).await
}

/// A tab that hangs is named, by the outcome and by the verdict.
async fn assert_silence_is_named(
    stage: &Stage,
    page: &impl Page,
    popup: &impl WebPage,
    look: bool,
) -> Result<()> {
    let hanging = page.hang(stage).await?;
    assert_refused(popup, "tab_silent", SILENT).await?;
    // Meanwhile the popup has asked once more.
    popup.wait_for("the verdict", SOON, "document.querySelector('[data-login=unknown]')").await?;
    if look {
        look_at_popup(popup, "capture-tab-silent").await?;
    }
    drop(hanging);
    Ok(())
}

/// A tab that goes to another site while it is read is named.
async fn assert_change_is_named(browser: &Chromium, popup: &Attachment) -> Result<()> {
    // It leaves once the worker has found it and asks it.
    let leave = "{ const run = chrome.scripting.executeScript.bind(chrome.scripting); \
        chrome.scripting.executeScript = async (injection) => { \
            chrome.scripting.executeScript = run; \
            const { tabId } = injection.target; \
            await chrome.tabs.update(tabId, { url: 'about:blank' }); \
            while ((await chrome.tabs.get(tabId)).url?.startsWith('https://fansly.com')) \
                await new Promise((done) => setTimeout(done, 50)); \
            return run(injection); }; }";
    popup::service_worker(browser).await?.evaluate(leave).await?;
    assert_eq!(main_job::capture(popup, "stage.artist").await?, "tab_changed");
    let said = outcome_text(popup).await?;
    assert!(said.contains("The tab at fansly.com changed"), "{said}");
    Ok(())
}

/// A page that shows a dialog is named. In Chromium a dialog closes the popup when it opens or closes.
/// Returns the one that is opened last.
async fn assert_dialog_is_named(
    browser: &Chromium,
    tab: &Attachment,
    popup: Attachment,
) -> Result<Attachment> {
    // From now on a command closes dialogs.
    tab.send("Page.enable", json!({})).await?;
    tab.evaluate("void setTimeout(() => alert('Stop'), 50)").await?;
    popup.wait_until_gone(SOON).await?;
    let popup = popup::open(browser).await?;
    assert_refused(&popup, "tab_silent", SILENT).await?;
    close(popup).await?;
    let closed = tab.send("Page.handleJavaScriptDialog", json!({"accept": true})).await;
    closed.context("no dialog is open")?;
    let popup = popup::open(browser).await?;
    popup.wait_for("the page to be read", SOON, "document.querySelector('[data-login=proven]')").await?;
    Ok(popup)
}

/// Neither ten megabytes beside the login nor a page that redefines what is read change anything.
async fn assert_odd_pages_are_read_exactly(
    stage: &Stage,
    page: &impl Page,
    popup: &impl WebPage,
) -> Result<()> {
    page.value_of("localStorage.setItem('filler', 'x'.repeat(5 * 1024 * 1024 - 400))").await?;
    assert_eq!(main_job::capture(popup, "stage.artist").await?, "captured");
    let served = stage.served("fansly", json!({})).await?;
    assert_eq!(served["origins"][0]["localStorage"].as_array().map(Vec::len), Some(1));

    let redefine = "const forged = () => '{\"token\": \"forged\", \"accountId\": \"666\"}'; \
        Storage.prototype.getItem = forged; Storage.prototype.key = forged; \
        Object.defineProperty(Storage.prototype, 'length', {get: () => 1}); \
        JSON.parse = () => ({}); JSON.stringify = forged; \
        String.prototype.isWellFormed = () => true; TextEncoder.prototype.encode = () => []; \
        Array.from = () => ['forged']; Object.prototype.fault = 'forged'; \
        Object.defineProperty(window, 'origin', {value: 'https://evil.example'});";
    // The page's own script.
    let add = format!(
        "document.head.append(Object.assign(document.createElement('script'), {{textContent: {}}}))",
        json!(redefine)
    );
    page.value_of(&add).await?;
    let read = page.value_of("localStorage.getItem('session_active_session')").await?;
    assert!(read.to_string().contains("forged"), "the page has redefined nothing");
    assert_eq!(main_job::capture(popup, "stage.artist").await?, "captured");
    let served = stage.served("fansly", json!({})).await?.to_string();
    assert!(served.contains("2815162342") && !served.contains("forged"), "{served}");
    assert_eq!(stage.fetch_account(&FANSLY).await?.0, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_read_exactly_or_refused_whole() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    assert_bad_text_is_refused(&tab, &popup, true).await?;
    let popup = assert_dialog_is_named(&browser, &tab, popup).await?;
    assert_silence_is_named(&stage, &tab, &popup, true).await?;
    assert_change_is_named(&browser, &popup).await?;
    assert_nothing_is_stored(&stage).await?;
    close(popup).await?;

    tab.navigate(FANSLY.front_url).await?;
    let popup = popup::open(&browser).await?;
    assert_odd_pages_are_read_exactly(&stage, &tab, &popup).await
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_a_page_is_read_exactly_or_refused_whole() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.sign_in_at(&stage.platform, &FANSLY, 0).await?;
    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    assert_bad_text_is_refused(&firefox, &popup, false).await?;
    assert_silence_is_named(&stage, &firefox, &popup, false).await?;
    assert_nothing_is_stored(&stage).await?;
    assert_odd_pages_are_read_exactly(&stage, &firefox, &popup).await?;
    firefox.close().await
}
