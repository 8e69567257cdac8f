//! What a platform rotates during a run goes back to the server, if the owner and the token allow it.

use super::stage::{ROTATED, SERVED, Stage};
use anyhow::{Result, ensure};
use rustix::process::Signal;
use stagepass_tests::system::process::Program;
use stagepass_tests::system::wait;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A run in which the platform replaces one of the cookies.
fn rotating(name: &str, value: &str) -> String {
    format!(r#"sed -i "s/\t{name}\t.*/\t{name}\t{value}/" "$file"; exit 3"#)
}

async fn allow(stage: &Stage, allowed: bool) -> Result<()> {
    let answer = stage.user.allow_write_back(&stage.connection, allowed).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(())
}

/// Runs with rotation, and returns what the command said.
async fn run(stage: &Stage, script: &str) -> Result<String> {
    let done = stage.run(stage.run_script(script)?).await?;
    // The program's own outcome counts, whatever becomes of the cookies.
    ensure!(done.status.code() == Some(3), "{}: {}", done.status, done.stderr);
    Ok(done.stderr)
}

#[tokio::test]
async fn rotated_cookies_are_what_the_next_run_gets() -> Result<()> {
    let stage = Stage::set_up().await?;
    allow(&stage, true).await?;
    let said = run(&stage, &rotating("csrftoken", ROTATED)).await?;
    let expected =
        format!("note: instagram has replaced cookies; the Stagepass server {} has them", stage.server.url());
    assert!(said.contains(&expected), "{said}");
    assert_eq!(stage.served_value("csrftoken").await?, ROTATED);
    assert_eq!(stage.served_value("sessionid").await?, SERVED);
    let listed = stage.user.get("/api/platform-sessions").await?.body;
    assert_eq!(listed["data"][0]["renewed_by"], "service:downloader");

    // Nothing has changed, so nothing is sent. A second change comes too soon, and the next run has it.
    let said = run(&stage, "exit 3").await?;
    assert!(said.is_empty(), "{said}");
    assert!(stage.cookies_of_run()?.contains(&format!("\tcsrftoken\t{ROTATED}\n")));
    let said = run(&stage, &rotating("csrftoken", "newer")).await?;
    let words = "which are kept here for the next run, since the Stagepass server";
    assert!(said.contains(words) && said.contains("less than a minute ago; it takes them in "), "{said}");
    assert_eq!(stage.served_value("csrftoken").await?, ROTATED);
    run(&stage, "exit 3").await?;
    assert!(stage.cookies_of_run()?.contains("\tcsrftoken\tnewer\n"));
    let unsent = stage.home.path().join("host/unsent");
    assert_eq!(fs::metadata(&unsent)?.permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&unsent)? {
        assert_eq!(entry?.metadata()?.permissions().mode() & 0o777, 0o600);
    }
    // What the owner captures meanwhile is newer.
    stage.store_session("captured").await?;
    run(&stage, "exit 3").await?;
    assert!(stage.cookies_of_run()?.contains("\tcsrftoken\tcaptured\n"));
    assert_eq!(fs::read_dir(&unsent)?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_rotated_login_goes_back_whole() -> Result<()> {
    let stage = Stage::set_up().await?;
    allow(&stage, true).await?;
    let said = run(&stage, &rotating("sessionid", ROTATED)).await?;
    assert!(said.contains("has replaced cookies"), "{said}");
    assert_eq!(stage.served_value("sessionid").await?, ROTATED);
    assert_eq!(stage.served_value("ds_user_id").await?, "7");
    Ok(())
}

#[tokio::test]
async fn without_permission_the_run_goes_on_and_a_note_says_why_nothing_was_kept() -> Result<()> {
    let stage = Stage::set_up().await?;
    let said = run(&stage, &rotating("csrftoken", ROTATED)).await?;
    assert!(
        said.contains("takes no replaced cookies of instagram from services, because its owner"),
        "{said}"
    );
    allow(&stage, true).await?;
    stage.make_token("reader", &["--verb", "get-platform-session"]).await?;
    let said = run(&stage, &rotating("csrftoken", ROTATED)).await?;
    assert!(said.contains("doesn't let this token use update-platform-session for instagram"), "{said}");
    assert_eq!(stage.served_value("csrftoken").await?, SERVED);
    // It is about the browser.
    let said = stage.refused(stage.run_script_with(&["--write-back"], "echo started")?).await?;
    assert!(said.contains("--write-back needs a running browser"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_session_that_was_captured_during_the_run_stays() -> Result<()> {
    let stage = Stage::set_up().await?;
    allow(&stage, true).await?;
    let script = format!(
        r#"touch "$HOME/started"; until [ -e "$HOME/go-on" ]; do sleep 0.05; done; {}"#,
        rotating("csrftoken", ROTATED)
    );
    let mut running = Program::spawn(&mut stage.run_script(&script)?)?;
    wait::until("the program to start", PATIENCE, async || {
        Ok(stage.home.path().join("started").exists().then_some(()))
    })
    .await?;
    stage.store_session("captured meanwhile").await?;
    fs::write(stage.home.path().join("go-on"), "")?;
    assert_eq!(running.wait(PATIENCE).await?.code(), Some(3));
    let said = String::from_utf8(running.stderr())?;
    stage.assert_silent(&said)?;
    assert!(said.contains("has a newer session of instagram by now, which stays"), "{said}");
    assert_eq!(stage.served_value("csrftoken").await?, "captured meanwhile");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_at_the_end_gets_the_cookies_with_the_next_run() -> Result<()> {
    let stage = Stage::set_up().await?;
    allow(&stage, true).await?;
    let script = format!("kill -STOP {}; {}", stage.server.program().id()?, rotating("sessionid", ROTATED));
    let said = run(&stage, &script).await?;
    stage.server.program().signal(Signal::CONT)?;
    assert!(said.contains("did not answer in time"), "{said}");
    let said = run(&stage, "exit 3").await?;
    assert!(
        said.is_empty() && stage.cookies_of_run()?.contains(&format!("\tsessionid\t{ROTATED}\n")),
        "{said}"
    );
    assert_eq!(stage.served_value("sessionid").await?, ROTATED);
    Ok(())
}
