//! The popup's messages when something is wrong: each fault has its own plain message, nothing
//! is stored, and there is a way to continue.

use anyhow::{Context as _, Result};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::{FRONT_URL, LOGIN_URL};
use stagepass_tests::services::server::{self, EMAIL, PASSWORD, Server};
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// A browser with access to the platform and the server, without a native host.
async fn start() -> Result<(Stage, Chromium)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    Ok((stage, browser))
}

/// The popup over the platform's page, signed in to both.
async fn start_signed_in() -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let (stage, browser) = start().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    Ok((stage, browser, tab, popup))
}

async fn text_of(popup: &Attachment, selector: &str) -> Result<String> {
    let text = popup.evaluate(&format!("document.querySelector({}).innerText", json!(selector))).await?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

async fn wait_for_message(popup: &Attachment, code: &str) -> Result<()> {
    let condition = format!("document.querySelector('#message').dataset.code === {}", json!(code));
    popup.wait_for(&format!("the message {code}"), SOON, &condition).await
}

#[tokio::test(flavor = "multi_thread")]
async fn not_signed_in_names_the_cookies_and_the_login_page_and_stores_nothing() -> Result<()> {
    let (stage, browser) = start().await?;
    let tab = browser.open_tab(FRONT_URL).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    look_at_popup(&popup, "not-signed-in-at-platform").await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "not_signed_in");
    look_at_popup(&popup, "capture-not-signed-in").await?;
    // Said once, beside the way to sign in, and before any click.
    let text = text_of(&popup, "main").await?;
    assert_eq!(text.matches("sessionid").count(), 1, "{text}");
    assert!(text.contains("ds_user_id"), "{text}");
    let link = popup.evaluate("document.querySelector('#login-link').href").await?;
    assert_eq!(link, LOGIN_URL);
    let user = stage.server.user().await?;
    for list in ["/api/platform-connections", "/api/platform-sessions"] {
        assert_eq!(user.get(list).await?.body["total"], 0, "{list}");
    }
    drop(tab);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_reports_an_unreachable_server_and_recovers() -> Result<()> {
    let (mut stage, _browser, _tab, popup) = start_signed_in().await?;
    let address = stage.server.address().to_owned();
    stage.server.kill();
    assert_eq!(main_job::capture(&popup, "a").await?, "server_away");
    wait_for_view(&popup, "ready").await?;
    look_at_popup(&popup, "capture-server-away").await?;
    stage.server = Server::start_at(stage.server.directory(), &address).await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "captured");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_reports_a_refusal_and_continues() -> Result<()> {
    let (stage, _browser, _tab, popup) = start_signed_in().await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "captured");
    // The popup still offers the connection that was deleted in the meantime.
    let user = stage.server.user().await?;
    let connections = user.get("/api/platform-connections").await?;
    let id = connections.body["data"][0]["id"].as_str().context("no connection")?.to_owned();
    let gone = format!("/api/platform-connections/{id}");
    assert_eq!(user.delete(&gone).await?.status, 200);
    assert_eq!(main_job::capture(&popup, "a").await?, "server_refused");
    let said = user.delete(&gone).await?.body["error"].as_str().context("no words")?.to_owned();
    let text = text_of(&popup, "#outcome").await?;
    assert!(text.contains(&said), "{text} lacks {said}");
    look_at_popup(&popup, "capture-refused").await?;

    wait_for_view(&popup, "ready").await?;
    let choose_new = "(() => { const select = document.querySelector('#connection'); select.value = 'new'; \
                      select.dispatchEvent(new Event('change', { bubbles: true })); })()";
    popup.evaluate(choose_new).await?;
    assert_eq!(main_job::capture(&popup, "b").await?, "captured");
    let left = user.get("/api/platform-connections").await?.body;
    assert_eq!((&left["total"], &left["data"][0]["platform_username"]), (&json!(1), &json!("b")));
    Ok(())
}

/// An expired token with the claims of one that the server issued.
async fn expired_token(stage: &Stage) -> Result<String> {
    let me = stage.server.user().await?.get("/users/me").await?.body["data"]["id"].clone();
    let claims = json!({"id": me, "role": null, "app_access": false, "admin_access": false,
        "iat": 1_700_000_000, "exp": 1_700_000_900, "iss": "directus"});
    let secret = std::fs::read(stage.server.directory().join("jwt-secret"))?;
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&secret))?)
}

async fn signed_in_with(worker: &Attachment, change: &str) -> Result<Value> {
    let script = format!(
        "(async () => {{ const {{ signIn }} = await chrome.storage.session.get('signIn'); {change}; \
         await chrome.storage.session.set({{ signIn }}); return signIn; }})()"
    );
    worker.evaluate(&script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refreshed_once_and_a_disabled_user_is_signed_out() -> Result<()> {
    let (stage, browser, _tab, popup) = start_signed_in().await?;
    let worker = popup::service_worker(&browser).await?;
    let expired = expired_token(&stage).await?;
    let before = signed_in_with(&worker, &format!("signIn.accessToken = {}", json!(expired))).await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "captured");
    let after = signed_in_with(&worker, "").await?;
    assert_ne!(after["refreshToken"], before["refreshToken"], "refreshed");
    assert_ne!(after["accessToken"], json!(expired));
    // Loads the list of connections again, since otherwise that request would be refused next.
    let chosen = "document.querySelector('#new-connection').hidden";
    popup.wait_for("the new connection", SOON, chosen).await?;

    let disabled =
        server::command(stage.server.directory())?.args(["user", "disable", EMAIL]).status().await?;
    assert!(disabled.success());
    popup.click("#capture").await?;
    wait_for_view(&popup, "sign-in").await?;
    wait_for_message(&popup, "signed_out").await?;
    look_at_popup(&popup, "sign-in-expired").await?;
    // Only the password must be typed again.
    assert_eq!(popup.evaluate("document.querySelector('#email').value").await?, EMAIL);
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "password");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_native_host_there_is_a_file_to_download() -> Result<()> {
    let (_stage, _browser, _tab, popup) = start_signed_in().await?;
    assert_eq!(main_job::export(&popup).await?, "no_host");
    let text = text_of(&popup, "#export-result").await?;
    for command in ["stagepass install", "stagepass doctor"] {
        assert!(text.contains(command), "{command} in {text}");
    }
    assert_eq!(popup.evaluate("Boolean(document.querySelector('#download'))").await?, true);
    look_at_popup(&popup, "export-host-missing").await?;
    popup.click("#download").await?;
    let is_saved = "document.querySelector('#export-result [role=status]').textContent !== ''";
    popup.wait_for("the file", SOON, is_saved).await?;
    look_at_popup(&popup, "export-file-saved").await
}

/// Breaks the manifest of the browser's native host in one way.
type Mishap = fn(&mut Value);

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_and_doctor_report_the_same_fault_of_a_native_host() -> Result<()> {
    let (stage, _browser, _tab, popup) = start_signed_in().await?;
    let folder = stage.profile.native_messaging_hosts();
    let folder = folder.to_str().context("no text")?;
    let manifest = stage.profile.native_messaging_hosts().join("app.stagepass.native_host.json");
    let doctor = ["doctor", "--json", "--manifest-dir", folder];
    let mishaps: [(&str, &str, Mishap); 4] = [
        ("host_forbidden", "extension", |manifest| manifest["allowed_origins"] = json!([])),
        ("no_host", "program", |manifest| manifest["path"] = json!("/gone/stagepass-native-host")),
        ("host_failed", "start", |manifest| manifest["path"] = json!("/bin/false")),
        ("no_host", "manifest", |manifest| manifest["type"] = json!("socket")),
    ];
    for (code, step, mishap) in mishaps {
        stage.install_native_host().await?;
        let mut changed: Value = serde_json::from_slice(&std::fs::read(&manifest)?)?;
        mishap(&mut changed);
        std::fs::write(&manifest, changed.to_string())?;
        assert_eq!(main_job::export(&popup).await?, code, "{step}");
        let text = text_of(&popup, "#export-result").await?;
        assert!(text.contains("stagepass doctor"), "{text}");
        look_at_popup(&popup, &format!("export-host-{step}")).await?;

        let diagnosed = stage.host_command(&doctor)?.output().await?;
        assert!(!diagnosed.status.success(), "{step}");
        let diagnosis: Value = serde_json::from_slice(&diagnosed.stdout)?;
        let findings = diagnosis["sections"][0]["findings"].as_array().context("no findings")?;
        let fault = findings.iter().find(|finding| finding["verdict"] == "fault").context("no fault")?;
        assert_eq!(fault["step"], step, "{diagnosis:#}");
        let advice = fault["advice"].as_str().unwrap_or_default();
        assert!(advice.contains("stagepass install --manifest-dir"), "{advice}");
    }
    stage.install_native_host().await?;
    assert_eq!(main_job::export(&popup).await?, "exported");
    assert!(stage.host_command(&doctor)?.status().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_export_names_the_folder() -> Result<()> {
    let (stage, _browser, _tab, popup) = start_signed_in().await?;
    stage.install_native_host().await?;
    // A file where the folder should be.
    std::fs::create_dir_all(stage.host_dir())?;
    std::fs::write(stage.host_dir().join("exports"), "in the way")?;
    assert_eq!(main_job::export(&popup).await?, "host_refused");
    let text = text_of(&popup, "#export-result").await?;
    assert!(text.contains(&stage.host_dir().join("exports").display().to_string()), "{text}");
    look_at_popup(&popup, "export-refused").await?;
    assert_eq!(std::fs::read_to_string(stage.host_dir().join("exports"))?, "in the way");
    Ok(())
}

/// Chromium itself refuses such a cookie, while Firefox accepts one with a tab: two more
/// entries are added to its list.
const ADD_BROKEN_COOKIES: &str = r#"
    const getAll = chrome.cookies.getAll.bind(chrome.cookies);
    const broken = { domain: ".instagram.com", path: "/", hostOnly: false, httpOnly: false, secure: true,
        session: true, sameSite: "lax", storeId: "0" };
    chrome.cookies.getAll = async (details) => [...(await getAll(details)),
        { ...broken, name: "tabbed", value: "planted\tvalue" },
        { ...broken, name: "broken", value: "planted\nvalue" }];
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_a_tab_or_newline_in_it_is_dropped_with_a_reason() -> Result<()> {
    let (stage, browser, _tab, popup) = start_signed_in().await?;
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(ADD_BROKEN_COOKIES).await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "captured");
    let outcome = worker.evaluate("chrome.storage.session.get('outcome.capture')").await?;
    let entries = outcome["outcome.capture"]["report"]["entries"].as_array().context("no report")?.clone();
    for name in ["tabbed", "broken"] {
        let entry = entries.iter().find(|entry| entry["name"] == name).context("no entry")?;
        assert_eq!((&entry["verdict"], &entry["reason"]), (&json!("dropped"), &json!("control_character")));
    }
    let served = stage.served_session("json").await?["cookies"].to_string();
    assert!(served.contains("sessionid") && !served.contains("planted"));
    let text = text_of(&popup, "#outcome").await?;
    assert!(text.contains("left out"), "{text}");
    popup.click("#cookies summary").await?;
    look_at_popup(&popup, "captured-with-cookies-left-out").await?;
    Ok(())
}

/// Values that JavaScript allows and Rust or JSON do not, in the members of a cookie.
const ADD_ODD_COOKIES: &str = r#"
    const getAll = chrome.cookies.getAll.bind(chrome.cookies);
    const plain = { value: "", domain: ".instagram.com", path: "/", hostOnly: false, httpOnly: false, secure: true,
        session: false, sameSite: "lax", storeId: "0" };
    const shadowed = JSON.parse('{"__proto__": {"value": "inherited"}, "constructor": [], "deep": {"deeper": [1e400]}}');
    chrome.cookies.getAll = async (details) => [...(await getAll(details)),
        { ...plain, ...shadowed, name: "lone", value: "a\ud800b" },
        { ...plain, name: "absent", sameSite: undefined, expirationDate: undefined, partitionKey: null },
        { ...plain, name: "late", expirationDate: 2 ** 60 },
        { ...plain, name: "later", domain: ".example.org", expirationDate: Number.MAX_VALUE },
        Object.create({ ...plain, name: "inherited" })];
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_with_odd_members_does_not_affect_the_others() -> Result<()> {
    let (stage, browser, _tab, popup) = start_signed_in().await?;
    let worker = popup::service_worker(&browser).await?;
    worker.evaluate(ADD_ODD_COOKIES).await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "captured");
    let outcome = worker.evaluate("chrome.storage.session.get('outcome.capture')").await?;
    let entries = outcome["outcome.capture"]["report"]["entries"].as_array().context("no report")?.clone();
    for (name, verdict, reason, expires) in [
        ("lone", "kept", json!(null), json!(null)),
        ("absent", "kept", json!(null), json!(null)),
        ("late", "repaired", json!("expiry"), json!(253_402_300_799_i64)),
        ("later", "dropped", json!("other_site"), json!((1_i64 << 53) - 1)),
        ("inherited", "kept", json!(null), json!(null)),
    ] {
        let entry = entries.iter().find(|entry| entry["name"] == name).context("no entry")?;
        assert_eq!((&entry["verdict"], &entry["reason"]), (&json!(verdict), &reason), "{name}");
        assert_eq!(entry["expires"], expires, "{name}");
    }
    let served = stage.served_session("json").await?;
    let cookies = served["cookies"].as_array().context("no cookies")?;
    let lone = cookies.iter().find(|cookie| cookie["name"] == "lone").context("no cookie")?;
    assert_eq!(lone["value"], "a\u{fffd}b");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_cookie_is_an_error_without_its_value() -> Result<()> {
    let (_stage, browser, _tab, popup) = start_signed_in().await?;
    let worker = popup::service_worker(&browser).await?;
    let malformed = "chrome.cookies.getAll = async () => [{ name: 'a', value: 'b', domain: 'instagram.com', path: '/', \
                     hostOnly: true, httpOnly: true, secure: true, expirationDate: 'planted-value' }]; 0";
    worker.evaluate(malformed).await?;
    assert_eq!(main_job::capture(&popup, "a").await?, "internal");
    let outcome = worker.evaluate("chrome.storage.session.get('outcome.capture')").await?.to_string();
    assert!(outcome.contains("BrowserCookie") && !outcome.contains("planted"), "{outcome}");
    let text = text_of(&popup, "body").await?;
    assert!(!text.contains("planted"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_address_and_a_wrong_password_are_reported_plainly() -> Result<()> {
    let (stage, browser) = start().await?;
    let _tab = browser.open_tab(FRONT_URL).await?;
    let popup = popup::open(&browser).await?;
    wait_for_view(&popup, "server").await?;
    look_at_popup(&popup, "server").await?;
    for (url, code) in [
        ("http://example.org", "bad_address"),
        ("ftp://localhost", "bad_address"),
        ("http://127.0.0.1:1", "server_away"),
    ] {
        popup.fill("#server-url", url).await?;
        popup.click("#connect").await?;
        wait_for_message(&popup, code).await?;
        look_at_popup(&popup, &format!("server-{}", code.replace('_', "-"))).await?;
    }
    popup.fill("#server-url", stage.server.url()).await?;
    popup.click("#connect").await?;
    wait_for_view(&popup, "sign-in").await?;
    look_at_popup(&popup, "sign-in").await?;
    main_job::sign_in(&popup, "wrong-password").await?;
    wait_for_message(&popup, "wrong_password").await?;
    assert_eq!(popup.evaluate("document.activeElement.id").await?, "password");
    look_at_popup(&popup, "sign-in-wrong-password").await?;
    main_job::sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "ready").await?;
    Ok(())
}
