//! `doctor` tries the configured server as commands do.

use super::stage::{BOTH, Stage};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The diagnosis, whether doctor succeeded, and the findings on the server as verdict and detail.
async fn doctor(stage: &Stage, connections: &str) -> Result<(bool, Value, Vec<(String, String)>)> {
    let mut command = stage.stagepass(&["doctor", "--json"])?;
    // A yt-dlp that is there.
    command.env("STAGEPASS_YT_DLP", "true").env("STAGEPASS_CONNECTIONS", connections);
    let out = stage.run(command).await?;
    stage.assert_silent(&out.stdout)?;
    let diagnosis: Value = serde_json::from_str(&out.stdout).with_context(|| out.stderr.clone())?;
    let sections = diagnosis["sections"].as_array().context("no sections")?;
    let server = sections.iter().find(|section| section["subject"] == "Server").context("no server")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = server["findings"].as_array().into_iter().flatten();
    let findings = findings.map(|finding| (text(&finding["verdict"]), text(&finding["detail"]))).collect();
    Ok((out.status.success(), diagnosis, findings))
}

#[tokio::test]
async fn a_server_that_serves_each_connection_is_enough() -> Result<()> {
    let stage = Stage::set_up().await?;
    let (is_well, diagnosis, findings) = doctor(&stage, &stage.connections()).await?;
    assert!(is_well, "{diagnosis:#}");
    assert_eq!((&diagnosis["faults"], &diagnosis["served_platforms"]), (&json!(0), &json!(1)));
    let settings = format!("{}, from the environment", stage.server.url());
    assert_eq!(findings[0], ("ok".to_owned(), settings));
    let (verdict, detail) = &findings[1];
    assert!(verdict == "ok" && detail.starts_with("instagram, 3 cookies"), "{detail}");
    let mut command = stage.stagepass(&["doctor"])?;
    command.env("STAGEPASS_YT_DLP", "true");
    let shown = stage.run(command).await?.stdout;
    assert!(shown.ends_with("but the server serves 1 platform; nothing is wrong.\n"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_not_served_is_a_fault() -> Result<()> {
    let stage = Stage::set_up().await?;
    let connections = format!("{},x=00000000-0000-4000-8000-000000000000", stage.connections());
    let (is_well, diagnosis, findings) = doctor(&stage, &connections).await?;
    assert!(!is_well && diagnosis["served_platforms"] == 1, "{diagnosis:#}");
    // What only shows after a platform has replaced cookies.
    let (verdict, detail) = &findings[2];
    assert!(verdict == "note" && detail.contains("takes no replaced cookies of instagram"), "{detail}");
    let (verdict, detail) = &findings[3];
    assert!(verdict == "fault" && detail.contains("has no connection"), "{detail}");

    stage.make_token("elsewhere", &[BOTH, &["--platform", "x"]].concat()).await?;
    let (is_well, _, findings) = doctor(&stage, &stage.connections()).await?;
    assert!(!is_well && findings[1].1.contains("doesn't let this token"), "{findings:?}");
    stage.installation.succeed(&["service-token", "revoke", "elsewhere"]).await?;
    let (is_well, diagnosis, findings) = doctor(&stage, &connections).await?;
    assert!(!is_well && diagnosis["served_platforms"] == 0, "{diagnosis:#}");
    // The second platform would fail the same way.
    assert!(findings.len() == 2 && findings[1].1.contains("doesn't know the token"), "{findings:?}");
    let (_, _, findings) = doctor(&stage, "instagram").await?;
    assert!(findings[0].1.contains("STAGEPASS_CONNECTIONS must be"), "{findings:?}");
    Ok(())
}
