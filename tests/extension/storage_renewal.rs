//! Renewal of logins that are more than cookies: from an open tab, or with the storage that the server
//! already has.

use crate::origin_storage::{on, on_fansly, sessions};
use crate::storage_choice::{PLATFORM, URL, entries, entry_box, on_unknown_site, open_choice};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::ONLYFANS;
use stagepass_tests::stage::main_job::{self, Stage, wait_for_view};
use stagepass_tests::stage::renewal::{SOON, close, wait_for_renewal};
use stagepass_tests::system::wait;

/// Captures what the popup shows, switches renewal on and closes the popup.
async fn capture_and_renew(popup: Attachment) -> Result<()> {
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    wait_for_view(&popup, "ready").await?;
    popup.click("#renewal > summary").await?;
    popup.click("#renewal-switch").await?;
    wait_for_renewal(&popup, "on").await?;
    close(popup).await
}

/// A browser that has captured OnlyFans and keeps the session current.
async fn on_onlyfans() -> Result<(Stage, Chromium, Attachment)> {
    let (stage, browser, tab, popup) = on(&ONLYFANS).await?;
    capture_and_renew(popup).await?;
    Ok((stage, browser, tab))
}

/// Makes the extension look at its renewals now.
async fn sweep(worker: &Attachment) -> Result<()> {
    worker.evaluate("chrome.alarms.create('send-on', {when: Date.now() + 100})").await.map(drop)
}

/// Moves a time that is kept of each capture ten minutes into the past: `lookedAt`, when its page was
/// read, or `attemptedAt`, when storing was tried.
async fn let_time_pass(worker: &Attachment, since: &str) -> Result<()> {
    let change = format!(
        "navigator.locks.request('last-captures', async () => {{ \
        const {{lastCaptures}} = await chrome.storage.local.get('lastCaptures'); \
        for (const kept of Object.values(lastCaptures)) kept.{since} -= 10 * 60_000; \
        await chrome.storage.local.set({{lastCaptures}}); }})"
    );
    worker.evaluate(&change).await.map(drop)
}

/// Makes the extension look at its renewals ten minutes later.
async fn sweep_later(worker: &Attachment) -> Result<()> {
    let_time_pass(worker, "lookedAt").await?;
    sweep(worker).await
}

/// Waits until such a look has ended, which it does by setting the alarm for the next one.
async fn wait_for_sweep(worker: &Attachment) -> Result<()> {
    let is_next_set =
        "chrome.alarms.get('send-on').then((alarm) => alarm?.scheduledTime > Date.now() + 10_000)";
    worker.wait_for("the sweep", SOON, is_next_set).await
}

/// Counts how often pages are read: the top frame, in the isolated world.
const COUNT_READS: &str = "globalThis.reads = 0; \
    const run = chrome.scripting.executeScript.bind(chrome.scripting); \
    chrome.scripting.executeScript = (injection) => { \
        const { target, world } = injection; \
        if (target.frameIds.join() === '0' && !target.allFrames && world === 'ISOLATED') globalThis.reads += 1; \
        return run(injection); }; 0";

/// Waits until the server has received `total` sessions in all.
async fn wait_for_sessions(stage: &Stage, total: u64) -> Result<()> {
    let what = format!("{total} sessions");
    wait::until(&what, SOON, async || Ok((sessions(stage).await? == total).then_some(()))).await
}

/// Waits until a condition holds for `kept`, what the extension keeps about the capture.
async fn wait_for_kept(worker: &Attachment, platform: &str, condition: &str) -> Result<()> {
    let holds = format!(
        "chrome.storage.local.get('lastCaptures').then(({{lastCaptures: {{{platform:?}: kept}}}}) => {condition})"
    );
    let waited = worker.wait_for(condition, SOON, &holds).await;
    let kept = worker.evaluate("chrome.storage.local.get('lastCaptures')").await?;
    waited.with_context(|| kept.to_string())
}

/// Gives the browser another session cookie of OnlyFans, and returns its value.
async fn rotate(worker: &Attachment, value: &str) -> Result<()> {
    let cookie = json!({"url": "https://onlyfans.com/", "domain": ".onlyfans.com", "name": "sess", "value": value,
        "secure": true, "httpOnly": true, "expirationDate": jiff::Timestamp::now().as_second() + 86_400});
    worker.evaluate(&format!("chrome.cookies.set({cookie})")).await.map(drop)
}

/// The cookie `sess` and the entry `bcTokenSha` that a backend gets.
async fn served(stage: &Stage) -> Result<(Value, Value)> {
    let served = stage.served("onlyfans", json!({})).await?;
    let cookies = served["cookies"].as_array().context("no cookies")?;
    let sess = cookies.iter().find(|cookie| cookie["name"] == "sess").context("no sess")?;
    Ok((sess["value"].clone(), served["origins"][0]["localStorage"][0]["value"].clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tab_the_server_keeps_the_storage_that_it_has() -> Result<()> {
    let (stage, browser, tab) = on_onlyfans().await?;
    let (_, token) = served(&stage).await?;
    assert!(token.as_str().is_some_and(|token| token.len() == 40), "{token}");
    tab.navigate("about:blank").await?;
    let worker = popup::service_worker(&browser).await?;
    rotate(&worker, "rotated-without-a-tab").await?;
    wait_for_sessions(&stage, 2).await?;
    assert_eq!(served(&stage).await?, (json!("rotated-without-a-tab"), token));
    // Another account's cookies would not belong to that storage.
    wait_for_kept(&worker, "onlyfans", "kept.entryCount === 1 && kept.changes === 0").await?;
    let other =
        json!({"url": "https://onlyfans.com/", "domain": ".onlyfans.com", "name": "auth_id", "value": "7"});
    worker.evaluate(&format!("chrome.cookies.set({other})")).await?;
    wait_for_kept(&worker, "onlyfans", "kept.problem?.code === 'other_account'").await?;
    assert_eq!(sessions(&stage).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_not_there_yet_is_neither_captured_without_nor_erased() -> Result<()> {
    let (stage, browser, tab, popup) = on(&ONLYFANS).await?;
    let token = tab.evaluate("localStorage.getItem('bcTokenSha')").await?;
    let remove = "localStorage.removeItem('bcTokenSha')";
    tab.evaluate(remove).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "entry_missing");
    let words = popup.evaluate("document.querySelector('#outcome').innerText").await?;
    let words = words.as_str().context("no words")?;
    assert!(words.contains("“bcTokenSha”") && words.contains("Nothing was taken"), "{words}");
    look_at_popup(&popup, "capture-entry-missing").await?;
    assert_eq!(sessions(&stage).await?, 0);

    tab.evaluate(&format!("localStorage.setItem('bcTokenSha', {token})")).await?;
    capture_and_renew(popup).await?;
    tab.evaluate(remove).await?;
    let worker = popup::service_worker(&browser).await?;
    rotate(&worker, "rotated-without-the-entry").await?;
    wait_for_sessions(&stage, 2).await?;
    assert_eq!(served(&stage).await?, (json!("rotated-without-the-entry"), token));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_user_agent_renews_where_the_platform_is_bound_to_it() -> Result<()> {
    let (stage, browser, _tab) = on_onlyfans().await?;
    let worker = popup::service_worker(&browser).await?;
    // As if an earlier version of the browser had captured the session.
    worker
        .evaluate(
            "navigator.locks.request('last-captures', async () => { \
               const {lastCaptures} = await chrome.storage.local.get('lastCaptures'); \
               lastCaptures.onlyfans.userAgent = 'Mozilla/5.0 (earlier)'; \
               await chrome.storage.local.set({lastCaptures}); })",
        )
        .await?;
    sweep(&worker).await?;
    wait_for_sessions(&stage, 2).await?;
    wait_for_kept(&worker, "onlyfans", "kept.userAgent === navigator.userAgent").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_token_in_an_open_tab_is_stored_and_another_account_is_seen() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    capture_and_renew(popup).await?;
    let worker = popup::service_worker(&browser).await?;
    let set = |value: Value| {
        let entry = json!(value.to_string());
        format!("localStorage.setItem('session_active_session', {entry})")
    };
    tab.evaluate(&set(json!({"token": "newer-token", "accountId": "2815162342"}))).await?;
    sweep_later(&worker).await?;
    wait_for_sessions(&stage, 2).await?;
    assert!(stage.served("fansly", json!({})).await?.to_string().contains("newer-token"));

    wait_for_kept(&worker, "fansly", "kept.attemptedAt > 0").await?;
    tab.evaluate(&set(json!({"token": "of-somebody-else", "accountId": "1"}))).await?;
    sweep_later(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.problem?.code === 'other_account'").await?;
    assert_eq!(sessions(&stage).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_names_the_account_another_token_is_not_stored() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    let set = |token: &str| {
        let entry = json!(json!({"token": token}).to_string());
        format!("localStorage.setItem('session_active_session', {entry})")
    };
    tab.evaluate(&set("first-token")).await?;
    capture_and_renew(popup).await?;
    let worker = popup::service_worker(&browser).await?;
    tab.evaluate(&set("perhaps-of-somebody-else")).await?;
    sweep_later(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.problem?.code === 'other_account'").await?;
    assert_eq!(sessions(&stage).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_in_storage_is_seen() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    capture_and_renew(popup).await?;
    tab.evaluate("localStorage.removeItem('session_active_session')").await?;
    let worker = popup::service_worker(&browser).await?;
    sweep_later(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.problem?.code === 'not_signed_in'").await?;
    assert_eq!(sessions(&stage).await?, 1);
    Ok(())
}

/// Stores a session of OnlyFans for the same connection, as another browser does.
async fn capture_elsewhere(stage: &Stage) -> Result<()> {
    let user = stage.server.user().await?;
    let connections = user.get("/api/platform-connections").await?.body;
    let session = json!({
        "creator_profile_id": connections["data"][0]["id"], "platform": "onlyfans",
        "cookies": [{"name": "sess", "value": "from-elsewhere", "domain": ".onlyfans.com"}],
        "origins": [{"origin": "https://onlyfans.com", "localStorage": [{"name": "bcTokenSha", "value": "e"}]}],
    });
    let answer = user.post("/api/credentials/store-platform-session", &session).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_storage_alone_waits_for_no_tab_while_nothing_is_known_to_have_changed() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    capture_and_renew(popup).await?;
    tab.navigate("https://apiv3.fansly.com/").await?;
    let worker = popup::service_worker(&browser).await?;
    let listen =
        "void (globalThis.seen = new Promise((resolve) => chrome.cookies.onChanged.addListener(resolve)))";
    worker.evaluate(listen).await?;
    // It is not part of the login.
    let cookie =
        json!({"url": "https://fansly.com/", "name": "f-s", "value": "v", "secure": true, "httpOnly": true});
    worker.evaluate(&format!("chrome.cookies.set({cookie}).then(() => seen).then(() => 0)")).await?;
    sweep_later(&worker).await?;
    wait_for_sweep(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.changes === 0 && kept.problem === null && !kept.waitsFor").await?;
    assert_eq!(sessions(&stage).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_newer_session_of_another_browser_a_renewal_waits_for_a_tab_and_says_so() -> Result<()> {
    let (stage, browser, tab) = on_onlyfans().await?;
    let (_, token) = served(&stage).await?;
    capture_elsewhere(&stage).await?;
    drop(tab);
    let worker = popup::service_worker(&browser).await?;
    let the_tab = "chrome.tabs.query({url: 'https://onlyfans.com/*'}).then(([{id}]) => chrome.tabs";
    let discard = format!("{the_tab}.discard(id)).then(({{discarded}}) => discarded)");
    assert_eq!(worker.evaluate(&discard).await?, true);
    // The server's newest storage is not that of this browser's login.
    rotate(&worker, "rotated-without-a-tab").await?;
    wait_for_kept(&worker, "onlyfans", "kept.waitsFor?.origin === 'https://onlyfans.com'").await?;
    assert_eq!(served(&stage).await?, (json!("from-elsewhere"), json!("e")));
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    popup.click("#renewal > summary").await?;
    wait_for_renewal(&popup, "waiting").await?;
    let problem = "document.querySelector('#problem-list').innerText";
    let words = popup.evaluate(problem).await?;
    assert!(words.as_str().is_some_and(|words| words.contains("onlyfans.com, which is asleep")), "{words}");

    close(popup).await?;
    worker.evaluate(&format!("{the_tab}.remove(id)).then(() => 0)")).await?;
    sweep_later(&worker).await?;
    wait_for_kept(&worker, "onlyfans", "kept.waitsFor?.asleep === false").await?;
    let popup = popup::open(&browser).await?;
    popup.wait_for("other words", SOON, &format!("{problem}.includes('open tab at onlyfans.com')")).await?;
    look_at_popup(&popup, "renewal-waiting").await?;
    assert_eq!(sessions(&stage).await?, 2);

    popup.click("#problem-list .open-tab").await?;
    wait_for_sessions(&stage, 3).await?;
    wait_for_kept(&worker, "onlyfans", "kept.waitsFor === null && kept.changes === 0").await?;
    assert_eq!(served(&stage).await?, (json!("rotated-without-a-tab"), token));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_newer_session_of_another_browser_a_renewal_reads_an_open_tab() -> Result<()> {
    let (stage, browser, _tab) = on_onlyfans().await?;
    let (_, token) = served(&stage).await?;
    capture_elsewhere(&stage).await?;
    let worker = popup::service_worker(&browser).await?;
    rotate(&worker, "rotated-with-a-tab").await?;
    wait_for_sessions(&stage, 3).await?;
    assert_eq!(served(&stage).await?, (json!("rotated-with-a-tab"), token));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_read_at_most_every_ten_minutes() -> Result<()> {
    let (stage, browser, tab, popup) = on_fansly().await?;
    capture_and_renew(popup).await?;
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(COUNT_READS).await?;
    for _ in 0..2 {
        sweep(&worker).await?;
        wait_for_sweep(&worker).await?;
    }
    assert_eq!(worker.evaluate("reads").await?, 0);
    for reads in [1, 1, 2] {
        if reads > worker.evaluate("reads").await?.as_u64().context("no number")? {
            sweep_later(&worker).await?;
        } else {
            sweep(&worker).await?;
        }
        wait_for_sweep(&worker).await?;
        assert_eq!(worker.evaluate("reads").await?, reads);
    }
    // A sign-out that only the page shows is seen with the next look.
    tab.evaluate("localStorage.removeItem('session_active_session')").await?;
    sweep(&worker).await?;
    wait_for_sweep(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.problem === null").await?;
    sweep_later(&worker).await?;
    wait_for_kept(&worker, "fansly", "kept.problem?.code === 'not_signed_in'").await?;
    assert_eq!(sessions(&stage).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_cookies_show_to_be_lost_is_noticed_without_reading_the_page() -> Result<()> {
    let (_stage, browser, _tab) = on_onlyfans().await?;
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(COUNT_READS).await?;
    // The wait between two renewals has just begun, so nothing is stored.
    let wait = "chrome.storage.local.get('lastCaptures').then(({lastCaptures}) => { \
        Object.assign(lastCaptures.onlyfans, {attemptedAt: Date.now(), waitMs: 600_000}); \
        return chrome.storage.local.set({lastCaptures}); })";
    worker.evaluate(wait).await?;
    let remove = "chrome.cookies.remove({url: 'https://onlyfans.com/', name: 'sess'}).then(() => 0)";
    worker.evaluate(remove).await?;
    wait_for_kept(&worker, "onlyfans", "kept.problem?.code === 'not_signed_in'").await?;
    assert_eq!(worker.evaluate("reads").await?, 0);
    Ok(())
}

/// Switches the unknown site's renewal on, which is answered after a sweep.
async fn switch_on_again(popup: &Attachment) -> Result<()> {
    let message = json!({"type": "switchRenewal", "platform": PLATFORM, "isOn": true});
    let answer = popup.evaluate(&format!("chrome.runtime.sendMessage({message})")).await?;
    assert_eq!(answer, json!({"value": null}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_catalogue_a_page_is_read_only_after_its_cookies_have_changed() -> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    open_choice(&popup).await?;
    popup.click(&entry_box(&popup, "getItem").await?).await?;
    capture_and_renew(popup).await?;
    tab.evaluate("localStorage.setItem('getItem', 'newer value')").await?;
    let popup = popup::open(&browser).await?;
    popup.wait_for("the verdict", SOON, "document.querySelector('[data-login]')").await?;
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(COUNT_READS).await?;
    let_time_pass(&worker, "lookedAt").await?;
    switch_on_again(&popup).await?;
    assert_eq!((worker.evaluate("reads").await?, sessions(&stage).await?), (json!(0), 1));

    rotate_unknown(&worker).await?;
    wait_for_sessions(&stage, 2).await?;
    let newer = ("getItem".to_owned(), "newer value".to_owned());
    assert_eq!(entries(&stage.served(PLATFORM, json!({})).await?, "localStorage"), [newer]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_catalogue_a_login_without_cookies_is_not_taken_for_lost() -> Result<()> {
    let (_stage, browser, tab, popup) = on_unknown_site().await?;
    close(popup).await?;
    tab.evaluate("document.cookie = 'login=; Max-Age=0; Secure; Path=/'").await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    open_choice(&popup).await?;
    popup.click(&entry_box(&popup, "getItem").await?).await?;
    capture_and_renew(popup).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    switch_on_again(&popup).await?;
    let kept = popup.evaluate("chrome.storage.local.get('lastCaptures')").await?;
    let kept = &kept["lastCaptures"][PLATFORM];
    assert_eq!((&kept["isOn"], kept["problem"].is_null()), (&json!(true), true), "{kept}");
    Ok(())
}

/// Gives the browser another cookie of the unknown site's login.
async fn rotate_unknown(worker: &Attachment) -> Result<()> {
    let cookie = json!({"url": URL, "name": "login", "value": "newer", "secure": true, "httpOnly": true});
    worker.evaluate(&format!("chrome.cookies.set({cookie}).then(() => 0)")).await.map(drop)
}

/// Each tab has a sessionStorage of its own.
#[tokio::test(flavor = "multi_thread")]
async fn outside_the_catalogue_a_chosen_entry_is_read_from_the_tab_that_has_it_and_never_left_out()
-> Result<()> {
    let (stage, browser, tab, popup) = on_unknown_site().await?;
    open_choice(&popup).await?;
    for name in ["getItem", "tab"] {
        popup.click(&entry_box(&popup, name).await?).await?;
    }
    capture_and_renew(popup).await?;
    let whole = stage.served(PLATFORM, json!({})).await?["origins"].take();
    tab.navigate("about:blank").await?;
    let _other = browser.open_tab(URL).await?;
    let worker = popup::service_worker(&browser).await?;
    rotate_unknown(&worker).await?;
    wait_for_kept(&worker, PLATFORM, "kept.waitsFor?.code === 'entry_missing'").await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "ready").await?;
    popup.click("#renewal > summary").await?;
    wait_for_renewal(&popup, "waiting").await?;
    let words = popup.evaluate("document.querySelector('#problem-list').innerText").await?;
    assert!(words.as_str().is_some_and(|words| words.contains("does not hold “tab”")), "{words}");
    look_at_popup(&popup, "renewal-waiting-entry").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "entry_missing");
    assert_eq!(sessions(&stage).await?, 1);
    close(popup).await?;

    // It tries again after ten minutes, not at each change of a cookie.
    worker.evaluate(COUNT_READS).await?;
    tab.navigate(URL).await?;
    sweep(&worker).await?;
    wait_for_sweep(&worker).await?;
    assert_eq!((worker.evaluate("reads").await?, sessions(&stage).await?), (json!(0), 1));
    let_time_pass(&worker, "attemptedAt").await?;
    sweep(&worker).await?;
    wait_for_sessions(&stage, 2).await?;
    let served = stage.served(PLATFORM, json!({})).await?;
    assert_eq!((&served["cookies"][0]["value"], &served["origins"]), (&json!("newer"), &whole));
    Ok(())
}
