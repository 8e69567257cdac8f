//! `stagepass yt-dlp`: everything that yt-dlp takes, with and without cookies.

use super::{ALONE, PATIENCE, Stage};
use anyhow::Result;
use stagepass_tests::platform::{FANSLY, VIDEO_URL, X};
use stagepass_tests::tools::python::{Outcome, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

async fn run_with(stage: &Stage, ours: &[&str], theirs: &[&str]) -> Result<Outcome> {
    let mut command = stage.stagepass(&["yt-dlp"])?;
    command.args(ours).args(ALONE).args(["--proxy", &stage.proxy.url()]).args(theirs);
    run(&mut command, PATIENCE).await
}

#[tokio::test]
async fn takes_a_list_of_urls_a_configuration_and_public_pages() -> Result<()> {
    let stage = Stage::set_up().await?;
    let list = stage.home.path().join("list.txt");
    fs::write(&list, format!("# Comment\n{VIDEO_URL}\n"))?;
    let configuration = stage.home.path().join("settings.txt");
    fs::write(&configuration, format!("--batch-file {}\n", list.display()))?;
    let settings = configuration.to_string_lossy().into_owned();
    let list = list.to_string_lossy().into_owned();
    for theirs in [&["-a", &list][..], &["--config-locations", &settings], &["--", VIDEO_URL]] {
        let done = run_with(&stage, &[], theirs).await?;
        assert!(done.status.success() && stage.has_video("backstage.mp4")?, "{theirs:?}: {}", done.stderr);
        // Installed and private plugin don't both bring cookies.
        assert_eq!(done.stderr.matches("from an export made").count(), 1, "{}", done.stderr);
    }
    let done = run_with(&stage, &[], &["-i", X.front_url, VIDEO_URL]).await?;
    assert!(stage.has_video("backstage.mp4")?, "{}", done.stderr);
    assert_eq!(done.stderr.matches("no cookies of x: ").count(), 1, "{}", done.stderr);
    Ok(())
}

#[tokio::test]
async fn require_cookies_sends_no_request_without_them() -> Result<()> {
    let stage = Stage::set_up().await?;
    let done = run_with(&stage, &["--require-cookies"], &[VIDEO_URL]).await?;
    assert!(done.status.success() && stage.has_video("backstage.mp4")?, "{}", done.stderr);
    for url in [X.front_url, FANSLY.front_url, "https://unknown.example/video", "unknown.example/video.mp4"] {
        let before = stage.platform.requests().len();
        let done = run_with(&stage, &["--require-cookies"], &["-i", url, VIDEO_URL]).await?;
        assert_eq!(done.status.code(), Some(1), "{url}: {}", done.stderr);
        assert!(done.stderr.contains("no cookies of "), "{url}: {}", done.stderr);
        assert!(stage.has_video("backstage.mp4")?, "{url}: the other URL goes on");
        let requests = stage.platform.requests().split_off(before);
        assert!(requests.iter().all(|request| request.host.ends_with("instagram.com")), "{requests:?}");
        assert!(stage.proxy.refused().is_empty(), "{:?}", stage.proxy.refused());
    }
    Ok(())
}

#[tokio::test]
async fn a_named_platform_is_brought_at_once() -> Result<()> {
    let stage = Stage::set_up().await?;
    let done = run_with(&stage, &["--platform", "instagram"], &["-i", X.front_url]).await?;
    assert!(done.stderr.contains("cookies of instagram; these are from an export"), "{}", done.stderr);
    let before = stage.platform.requests().len();
    let done = run_with(&stage, &["--platform", "vimeo", "--require-cookies"], &[VIDEO_URL]).await?;
    assert!(!done.status.success() && done.stderr.contains("no cookies of vimeo"), "{}", done.stderr);
    assert_eq!(stage.platform.requests().len(), before);
    Ok(())
}

#[tokio::test]
async fn write_back_without_a_browser_asks_the_platform_nothing() -> Result<()> {
    let stage = Stage::set_up().await?;
    let before = stage.platform.requests().len();
    let done = run_with(&stage, &["--write-back"], &[VIDEO_URL]).await?;
    assert!(
        !done.status.success() && done.stderr.contains("--write-back needs a running browser"),
        "{}",
        done.stderr
    );
    assert_eq!(stage.platform.requests().len(), before);
    Ok(())
}

#[tokio::test]
async fn require_cookies_sends_nothing_if_the_program_does_not_answer() -> Result<()> {
    let stage = Stage::set_up().await?;
    let before = stage.platform.requests().len();
    let exports = stage.home.path().join(".local/share/stagepass/host/exports");
    fs::set_permissions(&exports, fs::Permissions::from_mode(0o777))?;
    let done = run_with(&stage, &["--require-cookies"], &["-i", VIDEO_URL]).await?;
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert_eq!(stage.platform.requests().len(), before, "{}", done.stderr);
    Ok(())
}
