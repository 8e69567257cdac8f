//! What the plugin does without the program, with a slow or another one, and with an old yt-dlp: one
//! warning, and yt-dlp goes on.

use super::{ALONE, PATIENCE, Stage};
use anyhow::Result;
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::tools::python::run;
use stagepass_tests::tools::yt_dlp::YtDlp;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

/// Changes the installed plugin.
pub(crate) fn replace_plugin(stage: &Stage, change: impl Fn(String) -> String) -> Result<()> {
    let path =
        stage.home.path().join(".config/yt-dlp/plugins/Stagepass/yt_dlp_plugins/extractor/stagepass.py");
    Ok(fs::write(&path, change(fs::read_to_string(&path)?))?)
}

/// Lets the plugin start a script instead of our program.
pub(crate) fn replace_program(stage: &Stage, script: &str) -> Result<()> {
    let path = stage.home.path().join("program");
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    replace_plugin(stage, |text| {
        let other = |line: &str| match line.starts_with("PROGRAM = ") {
            true => format!("PROGRAM = ['{}']\n", path.display()),
            false => format!("{line}\n"),
        };
        text.lines().map(other).collect()
    })
}

#[tokio::test]
async fn a_missing_slow_or_other_program_is_one_warning_and_the_run_goes_on() -> Result<()> {
    let stage = Stage::set_up().await?;
    for (script, words) in [
        ("", "cannot start"),
        ("#!/bin/sh\nexec sleep 60\n", "did not answer within 5 seconds"),
        ("#!/bin/sh\necho '<html>'\n", "gave no answer"),
        ("#!/bin/sh\nexit 2\n", "gave no answer"),
        ("#!/bin/sh\necho null\n", "gave no answer"),
        ("#!/bin/sh\necho '{\"hosts\": {}}'\n", "gave no answer"),
        ("#!/bin/sh\necho '{\"error\": \"other version\", \"is_fatal\": false}'\n", "other version"),
    ] {
        replace_program(&stage, script)?;
        let before = stage.platform.requests().len();
        let begin = Instant::now();
        let done = stage.run_plain(&["-i", VIDEO_URL, VIDEO_URL]).await?;
        assert!(begin.elapsed() < Duration::from_secs(30), "{script}");
        assert_eq!(done.stderr.matches("[stagepass]").count(), 1, "{script}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{script}: {}", done.stderr);
        assert!(stage.platform.requests().len() > before, "{script}: yt-dlp has sent nothing");
    }
    Ok(())
}

#[tokio::test]
async fn an_old_yt_dlp_gets_one_warning() -> Result<()> {
    let stage = Stage::set_up().await?;
    for (old, version) in
        [(YtDlp::prepare_too_old().await?, "2025.02.19"), (YtDlp::prepare_of_debian().await?, "2023.03.04")]
    {
        let mut command = stage.program(&old.program());
        command.args(ALONE).args(["--proxy", &stage.proxy.url(), VIDEO_URL]);
        let done = run(&mut command, PATIENCE).await?;
        assert_eq!(done.stderr.matches("[stagepass]").count(), 1, "{}", done.stderr);
        let words = format!("yt-dlp {version} can't get logins: it needs 2025.03.21 or later");
        assert!(done.stderr.contains(&words), "{}", done.stderr);
        let mut command = stage.stagepass(&["yt-dlp"])?;
        command.env("STAGEPASS_YT_DLP", old.program()).args(ALONE);
        let done = run(command.args(["--proxy", &stage.proxy.url(), VIDEO_URL]), PATIENCE).await?;
        assert!(!done.status.success() && done.stderr.contains("didn't load the plugin"), "{}", done.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_run_with_a_password_gets_the_cookies_and_changes_no_export() -> Result<()> {
    let stage = Stage::set_up().await?;
    let export = stage.export().await?;
    let before = fs::read_to_string(&export)?;
    let done = stage.run_plain(&["--username", "somebody", "--password", "else", VIDEO_URL]).await?;
    assert!(stage.has_video("backstage.mp4")?, "{}{}", done.stdout, done.stderr);
    assert_eq!(fs::read_to_string(&export)?, before);
    Ok(())
}
