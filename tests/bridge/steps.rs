//! Steps that are the same in every browser, each in its real popup.

use anyhow::{Context as _, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;
use stagepass_core::Cookie;
use stagepass_tests::browsers::page::WebPage as _;
use stagepass_tests::platform::{FRONT_URL, ROTATING_VIDEO_URL, ROTATION_COOKIE, VIDEO, VIDEO_URL};
use stagepass_tests::stage::bridge::{Bridged, hand_overs, printed_cookies, switch_on, wait_for_status};
use stagepass_tests::stage::cookie_file::whole_file;
use stagepass_tests::stage::main_job::Stage;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::python::run;
use stagepass_tests::tools::yt_dlp::{RUN_TIMEOUT, YtDlp};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A cookie in the form of a cookie file.
fn plain(cookie: &Cookie) -> String {
    let Cookie { name, path, expires, http_only, secure, .. } = cookie;
    let (host, value, is_host_only) = (cookie.host(), cookie.value.expose_secret(), cookie.is_host_only());
    json!([host, is_host_only, path, name, value, expires, http_only, secure]).to_string()
}

pub(crate) fn sorted(cookies: &[Cookie]) -> Vec<String> {
    let mut texts: Vec<_> = cookies.iter().map(plain).collect();
    texts.sort();
    texts
}

pub(crate) fn value_of(cookies: &[Cookie], name: &str) -> Result<String> {
    let cookie = cookies.iter().find(|cookie| cookie.name == name).with_context(|| name.to_owned())?;
    Ok(cookie.value.expose_secret().to_owned())
}

/// The output of `cookies`, without any notes.
pub(crate) async fn printed(stage: &Stage, arguments: &[&str]) -> Result<Vec<Cookie>> {
    let printed = stage.ask_host(&[&["cookies"], arguments].concat()).await?;
    assert_eq!(printed.stderr, "");
    printed_cookies(&printed)
}

/// The private files of runs that are there.
pub(crate) fn private_files(stage: &Stage) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(stage.host_dir().join("runs"))?.flatten();
    Ok(entries.filter(|entry| entry.file_name() != ".lock").map(|entry| entry.path()).collect())
}

/// Hand-over is off at first. Switched on, it gives exactly the browser's cookies; a change
/// is visible at once, and the popup lists the programs that asked.
pub(crate) async fn hands_over_the_browsers_current_cookies(
    stage: &Stage,
    bridge: &impl Bridged,
) -> Result<()> {
    // Off at first: nothing is handed over, and no browser is connected.
    let refused = stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(!stage.host_dir().join("run").exists());

    let popup = bridge.popup();
    switch_on(&popup).await?;
    assert_eq!(sorted(&printed(stage, &[VIDEO_URL]).await?), sorted(&bridge.held().await?));

    let change = "document.cookie = 'fresh=from-this-moment; domain=instagram.com; path=/; secure'";
    bridge.evaluate_in_page(change).await?;
    assert_eq!(value_of(&printed(stage, &["instagram"]).await?, "fresh")?, "from-this-moment");

    popup
        .wait_for("both in the list", SOON, "document.querySelectorAll('#hand-overs li').length === 2")
        .await?;
    for entry in hand_overs(&popup).await? {
        assert!(entry.contains("Instagram") && entry.contains(" › stagepass"), "{entry}");
        assert!(!entry.contains("stagepass-native-host"), "{entry}");
    }
    Ok(())
}

/// yt-dlp downloads what only a signed-in person may see. With `--write-back`, and after
/// consent, the rotated cookie is written back, and nothing else.
pub(crate) async fn downloads_and_writes_back_rotated_cookies(
    stage: &Stage,
    bridge: &impl Bridged,
) -> Result<()> {
    let yt_dlp = YtDlp::prepare().await?;
    let folder = tempfile::tempdir()?;
    let done = stage.host_yt_dlp(&yt_dlp, &[], VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("backstage.mp4"))?, VIDEO);
    assert!(!done.stderr.contains("replaced"), "{}", done.stderr);

    plain_yt_dlp_downloads_too(stage, &yt_dlp, folder.path()).await?;
    // Nobody has agreed yet: nothing is run.
    let refused = stage.host_yt_dlp(&yt_dlp, &["--write-back"], ROTATING_VIDEO_URL, folder.path()).await?;
    assert!(!refused.status.success() && refused.stderr.contains("nothing was run"), "{}", refused.stderr);

    let popup = bridge.popup();
    popup.click("#bridge-write-back").await?;
    popup.wait_for("the switch", SOON, "document.querySelector('#bridge-write-back').checked").await?;
    let before = bridge.held().await?;
    let done = stage.host_yt_dlp(&yt_dlp, &["--write-back"], ROTATING_VIDEO_URL, folder.path()).await?;
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read(folder.path().join("encore.mp4"))?, VIDEO);
    let secrets = SecretSearch::new(&stage.platform.secrets())?;
    assert!(!secrets.is_in([done.stdout, done.stderr].concat().as_bytes()));
    let after = bridge.held().await?;
    let replaced = value_of(&after, "sessionid")?;
    assert_ne!(value_of(&before, "sessionid")?, replaced);
    assert!(
        value_of(&after, ROTATION_COOKIE).is_err(),
        "a cookie was written back that was never handed over"
    );
    // Everything else is unchanged.
    let others = |cookies: Vec<Cookie>| -> Vec<Cookie> {
        cookies.into_iter().filter(|cookie| cookie.name != "sessionid").collect()
    };
    assert_eq!(sorted(&others(before)), sorted(&others(after)));

    // The person is still signed in, and the export has all cookies, too.
    let front = format!("fetch({}, {{cache: 'no-store'}}).then((page) => page.text())", json!(FRONT_URL));
    let front = bridge.evaluate_in_page(&front).await?;
    assert!(front.as_str().is_some_and(|front| front.contains("Signed in as stage.artist")), "{front}");
    let exported: serde_json::Value =
        serde_json::from_str(&stage.ask_host(&["list", "--json"]).await?.stdout)?;
    let exported = whole_file(&fs::read_to_string(exported[0]["path"].as_str().context("no export")?)?)?;
    assert_eq!(value_of(&exported, "sessionid")?, replaced);
    assert!(value_of(&exported, ROTATION_COOKIE).is_ok());
    assert_eq!(private_files(stage)?.len(), 0);
    let came_back = "document.querySelector('#hand-overs [data-kind=written_back]')";
    popup.wait_for("what came back in the list", SOON, came_back).await?;
    let list = hand_overs(&popup).await?;
    assert!(list[0].contains("1 cookie written back"), "{list:?}");
    Ok(())
}

/// Plain yt-dlp with the plugin does the same, and says nothing.
async fn plain_yt_dlp_downloads_too(stage: &Stage, yt_dlp: &YtDlp, folder: &Path) -> Result<()> {
    assert!(stage.ask_host(&["install", "--yt-dlp"]).await?.status.success());
    fs::remove_file(folder.join("backstage.mp4"))?;
    let done = run(&mut stage.plain_yt_dlp_command(yt_dlp, &[], VIDEO_URL, folder), RUN_TIMEOUT).await?;
    assert_eq!(fs::read(folder.join("backstage.mp4"))?, VIDEO, "{}{}", done.stdout, done.stderr);
    assert!(![done.stdout, done.stderr].concat().contains("[stagepass]"));
    Ok(())
}

/// After switching off, no browser is connected any more.
pub(crate) async fn switching_off_ends_hand_over(stage: &Stage, bridge: &impl Bridged) -> Result<()> {
    let popup = bridge.popup();
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "off").await?;
    let refused = stage.ask_host(&["cookies", VIDEO_URL, "--browser", "firefox"]).await?;
    let said = &refused.stderr;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{said}");
    assert!(said.contains("no such browser is connected. Connected: none"), "{said}");
    Ok(())
}
