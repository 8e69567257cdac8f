//! The main job from end to end: a real Chromium with the real popup, the
//! server, the native host and a real yt-dlp.

use anyhow::{Context as _, Result};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::platform::VIDEO;
use stagepass_tests::services::server::PASSWORD;
use stagepass_tests::stage::cookie_file::whole_file;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, exported_path, sign_in_to_server,
};
use stagepass_tests::system::process_list::ProcessList;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::path::{Path, PathBuf};

/// The platform's cookies that the browser itself reports, without the extension. Each in the
/// form of the Credentials API.
pub(crate) async fn cookies_in_browser(browser: &Chromium) -> Result<Vec<Value>> {
    let held = browser.client().send("Storage.getCookies", json!({})).await?;
    let cookies = held["cookies"].as_array().context("no cookies")?.iter();
    let ours = cookies
        .filter(|cookie| cookie["domain"].as_str().is_some_and(|domain| domain.ends_with("instagram.com")));
    Ok(ours
        .map(|cookie| {
            let mut form = json!({
                "name": cookie["name"], "value": cookie["value"], "domain": cookie["domain"], "path": cookie["path"],
                "httpOnly": cookie["httpOnly"], "secure": cookie["secure"],
                "hostOnly": !cookie["domain"].as_str().unwrap_or_default().starts_with('.'),
            });
            if cookie["session"] == json!(false) {
                form["expires"] = json!(cookie["expires"].as_f64().unwrap_or_default().floor() as i64);
            }
            if let Some(same_site) = cookie["sameSite"].as_str() {
                form["sameSite"] = json!(same_site.to_lowercase());
            }
            form
        })
        .collect())
}

fn sorted(cookies: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = cookies.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// Files of the browser's profile that the extension writes to.
fn extension_storage(profile: &Path) -> Result<Vec<PathBuf>> {
    let default = profile.join("Default");
    let names = [
        "Local Extension Settings",
        "Sync Extension Settings",
        "Extension State",
        "Extension Scripts",
        "IndexedDB",
        "Local Storage",
        "Service Worker",
    ];
    let found: Vec<_> = names.iter().map(|name| default.join(name)).filter(|path| path.exists()).collect();
    assert!(!found.is_empty(), "the extension has written nothing");
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_captured_served_exported_and_used_to_download() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host().await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let processes = ProcessList::watch();
    let tab = stage.sign_in_at_platform(&browser).await?;

    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");

    look_at_popup(&popup, "captured").await?;
    let worker = popup::service_worker(&browser).await?;
    let kept = assert_served_as_held(&stage, &browser, &worker).await?;
    // Credentials were not requested, so the cookies are not stored a second time.
    let connection =
        stage.server.user().await?.get("/api/platform-connections").await?.body["data"][0]["id"].clone();
    let reveal = json!({"creatorProfileId": connection});
    let revealed = stage.server.service()?.post("/api/credentials/reveal", &reveal).await?;
    assert_eq!(revealed.body["credentials"], json!({}));

    assert_eq!(main_job::export(&popup).await?, "exported");
    look_at_popup(&popup, "exported").await?;
    let path = exported_path(&popup).await?;
    assert_exported_as_served(&stage, &path, kept).await?;
    assert_downloaded_with(&stage, &path).await?;

    let all = assert_no_trace(&stage, &browser).await?;
    let seen = processes.seen();
    for program in ["stagepass-native-host", "yt-dlp", "stagepass-server"] {
        assert!(
            seen.iter().any(|arguments| String::from_utf8_lossy(arguments).contains(program)),
            "{program}"
        );
    }
    assert!(!seen.iter().any(|arguments| all.is_in(arguments)));
    drop((tab, worker, popup));
    browser.close().await?;
    let secrets = SecretSearch::new(&planted(&stage))?;
    for folder in extension_storage(stage.profile.path())? {
        assert_eq!(secrets.files_in(&folder)?, Vec::<PathBuf>::new());
    }
    Ok(())
}

/// The server returns exactly the browser's cookies, except those that the report lists as
/// dropped. Returns their number.
pub(crate) async fn assert_served_as_held(
    stage: &Stage,
    browser: &Chromium,
    worker: &Attachment,
) -> Result<usize> {
    let outcome = worker.evaluate("chrome.storage.session.get('outcome.capture')").await?;
    let report = &outcome["outcome.capture"]["report"];
    let dropped: Vec<_> =
        report["entries"].as_array().into_iter().flatten().filter(|e| e["verdict"] == "dropped").collect();
    let held = cookies_in_browser(browser).await?;
    let kept: Vec<_> = held
        .into_iter()
        .filter(|cookie| {
            !dropped.iter().any(|d| d["name"] == cookie["name"] && d["domain"] == cookie["domain"])
        })
        .collect();
    let served = stage.served_session("json").await?;
    let served_cookies = served["cookies"].as_array().context("no cookies")?;
    assert_eq!(sorted(served_cookies), sorted(&kept));
    assert!(kept.len() >= 8, "{} cookies show little", kept.len());
    assert!(
        served["expires_at"].is_string()
            && served["user_agent"].as_str().is_some_and(|ua| ua.contains("Chrome"))
    );
    Ok(kept.len())
}

/// The file has the same cookies as the server's netscape form.
async fn assert_exported_as_served(stage: &Stage, path: &Path, count: usize) -> Result<()> {
    let written = fs::read_to_string(path)?;
    let netscape_form = stage.served_session("netscape").await?;
    assert_eq!(netscape_form["cookies_netscape"], json!(written));
    assert_eq!(whole_file(&written)?.len(), count);
    Ok(())
}

/// The file gives access to what only a signed-in person may see.
async fn assert_downloaded_with(stage: &Stage, cookies: &Path) -> Result<()> {
    let yt_dlp = YtDlp::prepare().await?;
    let folder = tempfile::tempdir()?;
    let refused = stage.download(&yt_dlp, None, folder.path()).await?;
    assert!(!refused.status.success() && refused.stderr.contains("HTTP Error 403"), "{}", refused.stderr);
    let copy = folder.path().join("cookies.txt");
    fs::copy(cookies, &copy)?;
    let done = stage.download(&yt_dlp, Some(&copy), folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("backstage.mp4"))?, VIDEO);
    Ok(())
}

/// The values of all cookies that the platform has set, and the password.
fn planted(stage: &Stage) -> Vec<SecretString> {
    let mut secrets = stage.platform.secrets();
    assert!(secrets.len() >= 5);
    secrets.push(PASSWORD.into());
    secrets
}

/// The tokens that the extension holds and the secrets that the server keeps.
async fn tokens_and_keys(stage: &Stage, worker: &Attachment) -> Result<Vec<SecretString>> {
    let held = worker.evaluate("chrome.storage.session.get('signIn')").await?;
    let tokens =
        ["accessToken", "refreshToken"].map(|name| held["signIn"][name].as_str().map(SecretString::from));
    let files = ["credentials-enc-key", "rbac-sync-webhook-secret", "jwt-secret"];
    let keys =
        files.map(|name| fs::read_to_string(stage.server.directory().join(name)).map(SecretString::from));
    let mut all = keys.into_iter().collect::<Result<Vec<_>, _>>()?;
    all.extend(tokens.into_iter().collect::<Option<Vec<_>>>().context("no tokens")?);
    Ok(all)
}

/// No value is in the database, in the logs at their most detailed level or in the
/// extension's storage. No token or key is there either, except in the storage. Returns the
/// search for all of them.
async fn assert_no_trace(stage: &Stage, browser: &Chromium) -> Result<SecretSearch> {
    let worker = popup::service_worker(browser).await?;
    let values = SecretSearch::new(&planted(stage))?;
    let all = SecretSearch::new(&[planted(stage), tokens_and_keys(stage, &worker).await?].concat())?;
    // The search works: it finds the values in the exported file.
    assert!(!values.files_in(stage.host_dir())?.is_empty());
    for area in ["session", "local"] {
        let held = worker.evaluate(&format!("chrome.storage.{area}.get()")).await?;
        assert!(!values.is_in(held.to_string().as_bytes()), "storage.{area}");
    }
    let mut databases = 0;
    for entry in fs::read_dir(stage.server.directory())?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("stagepass.db") {
            databases += 1;
            assert_eq!(all.files_in(&entry.path())?, Vec::<PathBuf>::new());
        }
    }
    assert!(databases >= 2, "the database and its log");
    let log = stage.server.program().stderr();
    assert!(!log.is_empty() && !all.is_in(&log) && !all.is_in(&stage.server.program().stdout()));
    Ok(all)
}

#[test]
fn the_search_knows_base64() -> Result<()> {
    let secret = SecretString::from("planted-secret-value");
    let secrets = SecretSearch::new(std::slice::from_ref(&secret))?;
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("x{}y", secret.expose_secret()));
    assert!(secrets.is_in(encoded.as_bytes()));
    Ok(())
}
