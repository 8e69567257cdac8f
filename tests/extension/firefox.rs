//! The main job in a real Firefox, with the zip file for its store: the real popup, the server,
//! the native host as its own `install` registers it, and a real yt-dlp.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::firefox::{Firefox, NewCookie, built_addon};
use stagepass_tests::browsers::page::WebPage as _;
use stagepass_tests::look::{look_at_options_as_they_are, look_at_popup};
use stagepass_tests::platform::VIDEO;
use stagepass_tests::stage::cookie_file::whole_file;
use stagepass_tests::stage::main_job::{
    self, Stage, built_extension, exported_path, sign_in_to_server, wait_for_view,
};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// The built-in container for personal use.
const PERSONAL: u32 = 1;

async fn set_up() -> Result<Stage> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.install_native_host_for_firefox().await?;
    Ok(stage)
}

fn sorted(cookies: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = cookies.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// The platform's cookies in a container that the browser itself reports.
async fn held(firefox: &Firefox, container: u32) -> Result<Vec<Value>> {
    let held = firefox.cookies(container).await?.into_iter();
    let ours = held.filter(|held| {
        held.cookie["domain"].as_str().is_some_and(|domain| domain.ends_with("instagram.com"))
    });
    Ok(ours.map(|held| held.cookie).collect())
}

/// The cookies that a backend gets.
async fn served(stage: &Stage) -> Result<Vec<Value>> {
    Ok(stage.served_session("json").await?["cookies"].as_array().context("no cookies")?.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_captures_exports_and_downloads() -> Result<()> {
    let stage = set_up().await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.sign_in_at_platform(&stage.platform, 0).await?;
    let popup = firefox.open_popup().await?;
    wait_for_view(&popup, "server").await?;
    look_at_popup(&popup, "firefox-server").await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    look_at_popup(&popup, "firefox-ready").await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");

    // Exactly the cookies that the browser holds, partitioned ones included.
    let held = held(&firefox, 0).await?;
    assert!(held.len() >= 8, "{} cookies show little", held.len());
    assert!(firefox.cookies(0).await?.iter().any(|held| held.partition.is_some()));
    assert_eq!(sorted(&served(&stage).await?), sorted(&held));
    let session = stage.served_session("json").await?;
    assert!(session["expires_at"].is_string(), "{}", session["expires_at"]);
    assert!(session["user_agent"].as_str().is_some_and(|agent| agent.contains("Firefox/")));

    // The file that the native host wrote.
    assert_eq!(main_job::export(&popup).await?, "exported");
    look_at_popup(&popup, "firefox-captured-and-exported").await?;
    let path = exported_path(&popup).await?;
    assert!(path.starts_with(stage.host_dir()), "{}", path.display());
    let written = fs::read_to_string(&path)?;
    assert_eq!(stage.served_session("netscape").await?["cookies_netscape"], json!(written));
    assert_eq!(whole_file(&written)?.len(), held.len());

    // Only a signed-in person may see the video.
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("cookies.txt");
    fs::copy(&path, &copy)?;
    let done = stage.download(&YtDlp::prepare().await?, Some(&copy), folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("backstage.mp4"))?, VIDEO);

    let options = popup.open_options().await?;
    wait_for_view(&options, "account").await?;
    let is_there = "document.querySelector('#host').dataset.code === 'there'";
    options.wait_for("the native host", SOON, is_there).await?;
    options.wait_for("the sites", SOON, "document.querySelector('#site-list li')").await?;
    look_at_options_as_they_are(&options, "firefox-signed-in").await?;

    let kept =
        options.evaluate("Promise.all([chrome.storage.local.get(), chrome.storage.session.get()])").await?;
    assert!(kept[1]["signIn"].is_object(), "the searched storage has content");
    assert!(!SecretSearch::new(&stage.platform.secrets())?.is_in(kept.to_string().as_bytes()));
    firefox.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_only_the_cookies_of_the_tabs_container() -> Result<()> {
    let stage = set_up().await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.sign_in_at_platform(&stage.platform, 0).await?;
    firefox.sign_in_at_platform(&stage.platform, PERSONAL).await?;
    let (outside, inside) = (held(&firefox, 0).await?, held(&firefox, PERSONAL).await?);
    assert_ne!(sorted(&outside), sorted(&inside));

    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(sorted(&served(&stage).await?), sorted(&inside));
    firefox.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_only_the_visited_sites_cookies_with_first_party_isolation() -> Result<()> {
    let stage = set_up().await?;
    let firefox = stage.open_firefox(&built_addon()?).await?;
    firefox.isolate_first_parties().await?;
    firefox.sign_in_at_platform(&stage.platform, 0).await?;
    let of_visit = held(&firefox, 0).await?;
    assert!(of_visit.iter().any(|cookie| cookie["name"] == "sessionid"));
    let later = jiff::Timestamp::now().as_second() + 390 * 86_400;
    // Later cookies, which the platform set inside another site or before visits were kept apart.
    let of = |visited: &str, name: &str| NewCookie {
        domain: ".instagram.com".to_owned(),
        name: name.to_owned(),
        value: "of-another-visit".to_owned(),
        expires: Some(later),
        visited: visited.to_owned(),
        ..NewCookie::default()
    };
    let others = [of("news.example", "sessionid"), of("news.example", "visitor"), of("", "sessionid")];
    firefox.add_cookies(&others).await?;
    assert_eq!(held(&firefox, 0).await?.len(), of_visit.len() + others.len());

    let popup = firefox.open_popup().await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    assert_eq!(main_job::capture(&popup, "stage.artist").await?, "captured");
    assert_eq!(sorted(&served(&stage).await?), sorted(&of_visit));
    let outcome = popup.evaluate("chrome.storage.session.get('outcome.capture')").await?;
    let entries = outcome["outcome.capture"]["report"]["entries"].as_array().context("no report")?;
    let dropped = entries.iter().filter(|entry| entry["reason"] == "other_visit").count();
    assert_eq!(dropped, others.len(), "{entries:?}");
    firefox.close().await
}
