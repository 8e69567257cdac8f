//! A site that the catalogue doesn't know: the person chooses what to take of what it stores.

use crate::origin_storage::sessions;
use anyhow::{Result, ensure};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::firefox::built_addon;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::FANSLY;
use stagepass_tests::stage::main_job::{
    self, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{SOON, close};

/// A host below a domain of the sample platform that the catalogue does not know.
pub(crate) const URL: &str = "https://app.cdninstagram.com/";
pub(crate) const PLATFORM: &str = "app.cdninstagram.com";

/// Stores entries with names that mean something to JavaScript, and one with broken text.
const FILL: &str = "(() => { \
    for (const name of ['__proto__', 'constructor', 'getItem', 'key', 'length', '', '日本 👩‍💻']) { \
      localStorage.setItem(name, `value of ${name}`); \
    } \
    localStorage.setItem('broken', 'a\\ud800b'); \
    localStorage.setItem('bro\\ud800ken', 'value of a broken name'); \
    sessionStorage.setItem('tab', 'value of the tab'); \
    document.cookie = 'login=planted-login-cookie; Secure; Path=/'; \
  })()";

/// A browser with the popup open over such a site's page.
pub(crate) async fn on_unknown_site() -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&["*://*.app.cdninstagram.com/*", SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab(URL).await?;
    tab.evaluate(FILL).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    Ok((stage, browser, tab, popup))
}

/// Opens the fold and waits until it lists what the page stores, or says why not.
pub(crate) async fn open_choice(popup: &impl WebPage) -> Result<()> {
    popup.click("#storage-summary").await?;
    let is_listed = "document.querySelector('#storage-entries li') \
        || document.querySelector('#storage-status').textContent";
    popup.wait_for("what the page stores", SOON, is_listed).await
}

/// The selector of an entry's box.
pub(crate) async fn entry_box(popup: &impl WebPage, name: &str) -> Result<String> {
    let find = format!(
        "[...document.querySelectorAll('#storage-entries label')] \
         .find(({{firstChild}}) => firstChild.data === {}).htmlFor",
        json!(name)
    );
    let id = popup.evaluate(&find).await?;
    Ok(format!("#{}", id.as_str().unwrap_or_default()))
}

/// The names and values that a backend gets of one area, sorted.
pub(crate) fn entries(served: &Value, area: &str) -> Vec<(String, String)> {
    let entries = served["origins"][0][area].as_array().into_iter().flatten();
    let mut all: Vec<_> = entries
        .map(|entry| {
            [&entry["name"], &entry["value"]].map(|text| text.as_str().unwrap_or_default().to_owned())
        })
        .map(|[name, value]| (name, value))
        .collect();
    all.sort();
    all
}

/// Chooses entries by clicks, captures, and checks that exactly they are served.
async fn choose_and_capture(stage: &Stage, popup: &impl WebPage, look: &str) -> Result<()> {
    assert_eq!(main_job::capture(popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    assert!(served.get("origins").is_none(), "nothing is chosen at first: {served}");
    open_choice(popup).await?;
    look_at_popup(popup, look).await?;
    let shown = popup.evaluate("document.documentElement.outerHTML").await?.to_string();
    assert!(shown.contains("__proto__") && !shown.contains("value of"), "the popup shows a value");
    for broken in ["broken", "bro\u{fffd}ken"] {
        let its_box = entry_box(popup, broken).await?;
        let is_disabled = popup.evaluate(&format!("document.querySelector('{its_box}').disabled")).await?;
        assert_eq!(is_disabled, true, "{broken}");
    }
    for name in ["__proto__", "getItem", "日本 👩‍💻", "tab"] {
        popup.click(&entry_box(popup, name).await?).await?;
    }
    let summary = popup.evaluate("document.querySelector('#storage-summary').textContent").await?;
    assert_eq!(summary, "Also taking 4 stored entries");
    assert_eq!(main_job::capture(popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = ["__proto__", "getItem", "日本 👩‍💻"].map(|name| of(name, &format!("value of {name}")));
    assert_eq!(entries(&served, "localStorage"), expected);
    assert_eq!(entries(&served, "sessionStorage"), [of("tab", "value of the tab")]);
    assert_eq!(served["origins"][0]["origin"], "https://app.cdninstagram.com");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_chosen_entries_are_taken() -> Result<()> {
    let (stage, _browser, tab, popup) = on_unknown_site().await?;
    choose_and_capture(&stage, &popup, "storage-choice").await?;

    // Everything: one entry with a broken value or name refuses the whole capture.
    let before = sessions(&stage).await?;
    popup.click("#storage-all").await?;
    for broken in ["broken", "bro\\ud800ken"] {
        assert_eq!(main_job::capture(&popup, "alice").await?, "storage_ill_formed", "{broken}");
        assert_eq!(sessions(&stage).await?, before);
        tab.evaluate(&format!("localStorage.removeItem('{broken}')")).await?;
    }
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    assert_eq!(entries(&served, "localStorage").len(), 7);
    assert!(entries(&served, "localStorage").contains(&(String::new(), "value of ".to_owned())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn in_firefox_exactly_the_chosen_entries_are_taken() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.open_tab(URL, 0).await?;
    firefox.evaluate_in_page(FILL).await?;
    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    choose_and_capture(&stage, &popup, "firefox-storage-choice").await?;
    firefox.close().await
}

/// Draws as many values, the same ones in each run.
pub(crate) fn drawn<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Result<Vec<T>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let tree = prop::collection::vec(strategy, count).new_tree(&mut runner);
    Ok(tree.map_err(|fault| anyhow::anyhow!("{fault}"))?.current())
}

/// Names and values of every kind that a page can store, the same ones in each run.
fn odd_entries(count: usize) -> Result<Vec<(String, String)>> {
    let text = || {
        prop_oneof![
            3 => "\\PC{0,20}",
            2 => any::<String>(),
            1 => prop::sample::select(vec![
                "", "__proto__", "constructor", "toString", "0", "\u{0}nul\u{0}", "\\ud800", "\u{2028}\u{2029}",
                "\u{fffe}\u{ffff}", "\u{1f600}", "</script>", "\u{202e}", "\r\n\t",
            ])
            .prop_map(str::to_owned),
        ]
    };
    let drawn = drawn((text(), text()), count)?;
    // The index makes each name its own.
    let named = drawn.into_iter().enumerate().map(|(index, (name, value))| (format!("{name}{index}"), value));
    let long = ("long".to_owned(), "v".repeat(5_000));
    Ok(named.chain([long, (String::new(), "of no name".to_owned())]).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_entry_that_the_browser_held_is_served_exactly() -> Result<()> {
    let (stage, _browser, tab, popup) = on_unknown_site().await?;
    let mut expected = odd_entries(400)?;
    for area in ["localStorage", "sessionStorage"] {
        let fill = format!(
            "{area}.clear(); for (const [name, value] of {}) {area}.setItem(name, value); {area}.length",
            json!(expected)
        );
        assert_eq!(tab.evaluate(&fill).await?, json!(expected.len()));
    }
    open_choice(&popup).await?;
    popup.click("#storage-all").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    expected.sort();
    for area in ["localStorage", "sessionStorage"] {
        assert!(entries(&served, area) == expected, "{area}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_stores_too_much_is_refused_whole() -> Result<()> {
    let (stage, _browser, tab, popup) = on_unknown_site().await?;
    tab.evaluate("localStorage.clear(); localStorage.setItem('large', 'x'.repeat(5 * 1024 * 1024 - 100))")
        .await?;
    open_choice(&popup).await?;
    popup.click("#storage-all").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "storage_too_large");
    look_at_popup(&popup, "storage-too-large").await?;
    let many =
        "localStorage.clear(); for (let index = 0; index < 1001; index += 1) localStorage.setItem(index, '')";
    tab.evaluate(many).await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "storage_too_large");
    assert_eq!(sessions(&stage).await?, 0);
    Ok(())
}

/// The words of the fold, and the names of the entries whose boxes are checked.
async fn shown_choice(popup: &impl WebPage) -> Result<(String, Value)> {
    let summary = popup.evaluate("document.querySelector('#storage-summary').textContent").await?;
    let checked = "[...document.querySelectorAll('#storage-entries input:checked')]\
        .map(({labels: [{firstChild}]}) => firstChild.data)";
    Ok((summary.as_str().unwrap_or_default().to_owned(), popup.evaluate(checked).await?))
}

/// Opens the popup again, over the same tab.
async fn reopened(browser: &Chromium, popup: Attachment) -> Result<Attachment> {
    close(popup).await?;
    let popup = popup::open(browser).await?;
    wait_for_view(&popup, "ready").await?;
    Ok(popup)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_popup_begins_with_the_choice_of_the_latest_capture() -> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    choose_and_capture(&stage, &popup, "storage-choice-first").await?;
    let popup = reopened(&browser, popup).await?;
    assert_eq!(shown_choice(&popup).await?.0, "Also taking 4 stored entries");
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    assert_eq!((entries(&served, "localStorage").len(), entries(&served, "sessionStorage").len()), (3, 1));

    tab.evaluate(
        "localStorage.removeItem('getItem'); localStorage.removeItem('broken'); \
        localStorage.removeItem('bro\\ud800ken')",
    )
    .await?;
    open_choice(&popup).await?;
    let (_, checked) = shown_choice(&popup).await?;
    assert_eq!(checked, json!(["__proto__", "日本 👩‍💻", "tab", "getItem"]));
    look_at_popup(&popup, "storage-choice-absent").await?;
    popup.click(&entry_box(&popup, "getItem").await?).await?;
    assert_eq!(shown_choice(&popup).await?.0, "Also taking 3 stored entries");
    popup.click("#storage-all").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let popup = reopened(&browser, popup).await?;
    assert_eq!(shown_choice(&popup).await?.0, "Also taking everything that this site stores");
    tab.evaluate("localStorage.setItem('later', 'value of later')").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    assert!(entries(&served, "localStorage").iter().any(|(name, _)| name == "later"), "{served}");

    open_choice(&popup).await?;
    popup.click("#storage-all").await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    assert!(stage.served(PLATFORM, json!({})).await?.get("origins").is_none());
    let popup = reopened(&browser, popup).await?;
    assert_eq!(shown_choice(&popup).await?, ("Also take what this site stores".to_owned(), json!([])));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_for_a_request_takes_what_the_latest_capture_took() -> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    choose_and_capture(&stage, &popup, "storage-choice-request").await?;
    close(popup).await?;
    tab.evaluate("localStorage.setItem('getItem', 'newer value')").await?;
    let connections = stage.server.user().await?.get("/api/platform-connections").await?.body;
    let ask =
        json!({"creator_profile_id": connections["data"][0]["id"], "platform": PLATFORM, "reason": "new"});
    let answer = stage.server.service()?.post("/api/credentials/request-capture", &ask).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    // Another site's page is in front.
    let _front = browser.open_tab("https://www.instagram.com/").await?;
    let popup = popup::open(&browser).await?;
    popup.wait_for("the request", SOON, "document.querySelector('#request-list button')").await?;
    popup.click("#request-list button").await?;
    assert_eq!(main_job::outcome(&popup, "#request-outcome").await?, "captured");
    let served = stage.served(PLATFORM, json!({})).await?;
    let newer = ("getItem".to_owned(), "newer value".to_owned());
    assert!(entries(&served, "localStorage").contains(&newer), "{served}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_choice_can_be_given_up_without_a_tab() -> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    choose_and_capture(&stage, &popup, "storage-choice-kept").await?;
    close(popup).await?;
    // Another origin of the site.
    tab.send("Page.navigate", json!({"url": format!("https://www.{PLATFORM}/")})).await?;
    let popup = popup::open(&browser).await?;
    assert_eq!(main_job::capture(&popup, "alice").await?, "no_tab");
    open_choice(&popup).await?;
    look_at_popup(&popup, "storage-choice-no-tab").await?;
    let said = popup.evaluate("document.querySelector('#storage-status').textContent").await?;
    assert!(said.as_str().is_some_and(|words| words.contains(PLATFORM)), "{said}");
    for name in ["__proto__", "getItem", "日本 👩‍💻", "tab"] {
        popup.click(&entry_box(&popup, name).await?).await?;
    }
    assert_eq!(main_job::capture(&popup, "alice").await?, "captured");
    assert!(stage.served(PLATFORM, json!({})).await?.get("origins").is_none());
    Ok(())
}

/// Neither the popup nor the worker, asked directly, says what the page at `origin` stores.
async fn assert_withheld(popup: &Attachment, platform: &str, origin: &str) -> Result<()> {
    let is_offered = "!document.querySelector('#show-preview').hidden";
    popup.wait_for("the button that asks for the permission", SOON, is_offered).await?;
    let rows = "document.querySelectorAll('#entry-table tbody tr, #storage-entries li').length";
    assert_eq!(popup.evaluate(rows).await?, 0);
    for asked in [
        json!({"type": "storage", "platform": platform, "storeId": "0", "origin": origin}),
        json!({"type": "preview", "platform": platform, "storeId": "0",
            "storage": {"origin": origin, "entries": null}}),
    ] {
        let answer = popup.evaluate(&format!("chrome.runtime.sendMessage({asked})")).await?;
        assert_eq!(answer["failure"]["code"], "permission_missing", "{asked}");
        assert!(answer["value"].is_null(), "{asked}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_sites_permission_no_entry_is_listed_or_read() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    stage.grant(&[SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = browser.open_tab(URL).await?;
    tab.evaluate(FILL).await?;
    let popup = popup::open_by_shortcut(&browser, &display).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    open_choice(&popup).await?;
    let said = popup.evaluate("document.querySelector('#storage-status').textContent").await?;
    assert!(
        said.as_str().is_some_and(|words| words.contains("doesn't let Stagepass read this site")),
        "{said}"
    );
    assert_withheld(&popup, PLATFORM, "https://app.cdninstagram.com").await?;
    let shown = popup.evaluate("document.documentElement.outerHTML").await?.to_string();
    assert!(!shown.contains("__proto__"), "the popup shows an entry's name");
    look_at_popup(&popup, "storage-choice-not-permitted").await?;
    // It is Stagepass that holds back: the shortcut lets the browser run functions in this tab.
    let count = "chrome.tabs.query({active: true, currentWindow: true}) \
        .then(([{id}]) => \
            chrome.scripting.executeScript({target: {tabId: id}, func: () => localStorage.length})) \
        .then(([{result}]) => result)";
    assert_eq!(popup.evaluate(count).await?, 9);
    close(popup).await?;

    // Nothing of the login that the catalogue describes, either.
    tab.navigate(FANSLY.front_url).await?;
    stage.sign_in_on_sample(&tab).await?;
    let popup = popup::open_by_shortcut(&browser, &display).await?;
    wait_for_view(&popup, "ready").await?;
    assert_withheld(&popup, FANSLY.id, "https://fansly.com").await?;
    assert_eq!(sessions(&stage).await?, 0);
    Ok(())
}
