//! Replaced cookies that a server does not take now: nothing between a run and its server loses them.

use super::stage::{ROTATED, SERVED, Stage};
use anyhow::{Result, ensure};
use axum::http::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use stagepass_tests::services::lookalike::{Lookalike, Way};
use stagepass_tests::system::process::Program;
use stagepass_tests::system::wait;
use std::fs;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const ROTATE: &str = r#"sed -i "s/\tcsrftoken\t.*/\tcsrftoken\tROTATED/" "$file""#;

fn session() -> Value {
    let cookie = |name: &str, value: &str| {
        json!({"name": name, "value": value, "domain": ".instagram.com",
        "path": "/", "secure": true, "httpOnly": true, "expires": 4_102_444_800_i64})
    };
    let cookies = [cookie("sessionid", SERVED), cookie("ds_user_id", "7"), cookie("csrftoken", SERVED)];
    json!({"success": true, "id": "0198c5a2-0000-7000-8000-000000000001", "platform": "instagram",
        "captured_at": "2026-01-15T10:30:00Z", "expires_at": null, "user_agent": null, "cookies": cookies})
}

/// `stagepass run` with a script, at another server.
fn run_at(stage: &Stage, url: &str, script: &str) -> Result<tokio::process::Command> {
    let mut command = stage.run_script(script)?;
    command.env("STAGEPASS_SERVER", url);
    Ok(command)
}

fn waiting(stage: &Stage) -> usize {
    fs::read_dir(stage.home.path().join("host/unsent")).map_or(0, Iterator::count)
}

async fn printed_at(stage: &Stage, url: &str) -> Result<String> {
    let printed = stage.run(stage.stagepass_at(url, &["cookies", "instagram"])?).await?;
    ensure!(printed.status.success(), "{}", printed.stderr);
    Ok(printed.stdout)
}

#[tokio::test]
async fn a_proxy_without_its_server_or_a_revoked_token_loses_nothing() -> Result<()> {
    for status in [StatusCode::BAD_GATEWAY, StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS] {
        let stage = Stage::set_up().await?;
        let server = Lookalike::http(Way::Session(session(), Some(status))).await?;
        let script = ROTATE.replace("ROTATED", ROTATED);
        let done = stage.run(run_at(&stage, server.url(), &script)?).await?;
        assert!(done.stderr.contains("kept here for the next run"), "{status}: {}", done.stderr);
        for _ in 0..2 {
            assert!(printed_at(&stage, server.url()).await?.contains(ROTATED), "{status}");
        }
        assert_eq!(waiting(&stage), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_while_the_server_is_asked_loses_nothing() -> Result<()> {
    let stage = Stage::set_up().await?;
    let server = Lookalike::http(Way::Session(session(), None)).await?;
    let script = ROTATE.replace("ROTATED", ROTATED);
    let mut running = Program::spawn(&mut run_at(&stage, server.url(), &script)?)?;
    wait::until("the server to be asked", PATIENCE, async || {
        let received = String::from_utf8_lossy(&server.received()).into_owned();
        Ok(received.contains("/update-platform-session").then_some(()))
    })
    .await?;
    running.signal(Signal::TERM)?;
    running.wait(PATIENCE).await?;
    assert_eq!(waiting(&stage), 1);
    Ok(())
}

#[tokio::test]
async fn a_run_with_a_former_session_leaves_the_cookies_of_the_newest_alone() -> Result<()> {
    let stage = Stage::set_up().await?;
    ensure!(stage.user.allow_write_back(&stage.connection, true).await?.status == 200);
    let go_on = r#"touch "$HOME/started"; until [ -e "$HOME/go-on" ]; do sleep 0.05; done; "#;
    let script = format!("{go_on}{}", ROTATE.replace("ROTATED", "of-the-former"));
    let mut slow = Program::spawn(&mut stage.run_script(&script)?)?;
    wait::until("the program to start", PATIENCE, async || {
        Ok(stage.home.path().join("started").exists().then_some(()))
    })
    .await?;
    stage.store_session("captured").await?;
    for value in ["first", "second"] {
        stage.run(stage.run_script(&ROTATE.replace("ROTATED", value))?).await?;
    }
    assert_eq!(waiting(&stage), 1, "the server takes only the first within a minute");
    fs::write(stage.home.path().join("go-on"), "")?;
    slow.wait(PATIENCE).await?;
    let said = String::from_utf8(slow.stderr())?;
    assert!(said.contains("has a newer session of instagram by now"), "{said}");
    assert!(printed_at(&stage, stage.server.url()).await?.contains("\tcsrftoken\tsecond\n"));
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_costs_no_session() -> Result<()> {
    let stage = Stage::set_up().await?;
    fs::create_dir_all(stage.home.path().join("host"))?;
    fs::write(stage.home.path().join("host/unsent"), "")?;
    let printed = stage.run(stage.stagepass(&["cookies", "instagram"])?).await?;
    assert!(printed.status.success() && printed.stdout.contains(SERVED), "{}", printed.stderr);
    assert!(
        printed.stderr.contains("warning: replaced cookies that wait for the server"),
        "{}",
        printed.stderr
    );
    Ok(())
}
