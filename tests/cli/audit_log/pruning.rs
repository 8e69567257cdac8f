//! `audit prune` and `STAGEPASS_AUDIT_DAYS`.

use super::stage::{Stage, start};
use anyhow::{Context as _, Result, ensure};
use stagepass_tests::services::audit_log::age;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::system::wait;
use std::time::Duration;

/// Long enough for every step here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stage whose log of six rows is 100 days old.
async fn aged(store: Store) -> Result<Stage> {
    let mut stage = start(store).await?;
    age(&stage.installation, 100).await?;
    // This server knows the log as it was before.
    let server = std::mem::replace(&mut stage.server, stage.installation.serve().await?);
    server.stop().await?;
    Ok(stage)
}

#[tokio::test]
async fn removed_and_remaining_rows_verify_together_on_sqlite() -> Result<()> {
    assert_verify_together(&aged(Store::Sqlite).await?).await
}

#[tokio::test]
async fn removed_and_remaining_rows_verify_together_on_postgres() -> Result<()> {
    assert_verify_together(&aged(Store::Postgres).await?).await
}

async fn assert_verify_together(stage: &Stage) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name).to_str().unwrap_or_default().to_owned();
    stage.content(&["verify"]).await?;
    stage.content(&["export", "--until", "90d", "--output", &file("old")]).await?;
    let said = stage.content(&["prune", "--before", "90d"]).await?;
    ensure!(said.starts_with("removed 6 rows older than 20"), "{said}");
    assert_eq!(stage.actions(&[]).await?, ["audit prune", "audit prune"]);
    let outcomes: Vec<_> = stage.list(&[]).await?.into_iter().map(|row| row["outcome"].to_string()).collect();
    ensure!(outcomes[0].starts_with("\"started: rows older than 20"), "{outcomes:?}");
    ensure!(outcomes[1] == "\"ok: 6 rows removed\"", "{outcomes:?}");
    let said = stage.content(&["verify"]).await?;
    ensure!(said.contains("unchanged: 2 rows; Stagepass removed 6 older ones"), "{said}");
    stage.content(&["export", "--output", &file("rest")]).await?;
    let both = ["verify", "--file", &file("old"), "--file", &file("rest")];
    let said = stage.content(&both).await?;
    ensure!(said.contains("the export is complete and unchanged: 8 rows"), "{said}");
    // Nothing more can be removed, and that is not recorded.
    let said = stage.content(&["prune", "--before", "90d"]).await?;
    ensure!(said.starts_with("nothing removed"), "{said}");
    assert_eq!(stage.actions(&[]).await?.len(), 2);
    let said = stage.not_content(&["prune", "--before", "2999-01-01"]).await?;
    ensure!(said.contains("--before must not be in the future"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_running_server_continues_after_rows_were_removed_on_sqlite() -> Result<()> {
    assert_continues(&start(Store::Sqlite).await?).await
}

#[tokio::test]
async fn a_running_server_continues_after_rows_were_removed_on_postgres() -> Result<()> {
    assert_continues(&start(Store::Postgres).await?).await
}

/// The server knows the log's end; another process appends a row, and removes it.
async fn assert_continues(stage: &Stage) -> Result<()> {
    for _ in 0..3 {
        let said = stage.content(&["prune", "--before", "0s"]).await?;
        ensure!(said.starts_with("removed "), "{said}");
        stage.reveal().await?;
        stage.content(&["verify"]).await?;
    }
    let log = String::from_utf8(stage.server.program().stderr())?;
    ensure!(!log.contains("another program removed"), "{log}");
    Ok(())
}

#[tokio::test]
async fn rows_removed_without_a_valid_anchor_are_found_on_sqlite() -> Result<()> {
    assert_found_out(&start(Store::Sqlite).await?).await
}

#[tokio::test]
async fn rows_removed_without_a_valid_anchor_are_found_on_postgres() -> Result<()> {
    assert_found_out(&start(Store::Postgres).await?).await
}

async fn assert_found_out(stage: &Stage) -> Result<()> {
    let change = async |sql: &str| stage.installation.change(sql).await;
    // Two valid anchors, one after the other.
    stage.content(&["prune", "--before", "0s"]).await?;
    change("CREATE TABLE kept_anchors AS SELECT * FROM audit_anchors").await?;
    let head = stage.head().await?;
    for _ in 0..3 {
        stage.reveal().await?;
    }
    stage.content(&["prune", "--before", "0s"]).await?;
    stage.reveal().await?;
    stage.reveal().await?;
    stage.content(&["verify"]).await?;
    change("CREATE TABLE all_anchors AS SELECT * FROM audit_anchors").await?;
    change("CREATE TABLE all_rows AS SELECT * FROM audit_log").await?;
    for (tamper, told) in [
        ("DELETE FROM audit_log WHERE sequence = (SELECT min(sequence) FROM audit_log)", "are missing"),
        ("UPDATE audit_anchors SET sequence = sequence + 1", "its anchor was changed"),
        ("UPDATE audit_anchors SET removed_by = 'server'", "its anchor was changed"),
        ("UPDATE audit_anchors SET chain = chain + 100", "its anchor was changed"),
        ("DELETE FROM audit_anchors", "rows 1 to "),
        // An old anchor restored, without the rows after it.
        ("DELETE FROM audit_anchors WHERE EXISTS (SELECT 1 FROM kept_anchors)", "are missing"),
    ] {
        ensure!(change(tamper).await? > 0, "{tamper}");
        if tamper.contains("kept_anchors") {
            change("INSERT INTO audit_anchors SELECT * FROM kept_anchors").await?;
        }
        let said = stage.not_content(&["verify"]).await?;
        ensure!(said.contains("the audit log fails verification") && said.contains(told), "{tamper}: {said}");
        // Another removal does not hide it either.
        let said = stage.audit(&["prune", "--before", "0s"]).await?.1;
        let still = stage.not_content(&["verify"]).await?;
        ensure!(still.contains("the audit log fails verification"), "{tamper}: {said}: {still}");
        for restore in ["DELETE FROM audit_anchors", "INSERT INTO audit_anchors SELECT * FROM all_anchors"] {
            change(restore).await?;
        }
        let missing = "INSERT INTO audit_log SELECT * FROM all_rows a WHERE NOT EXISTS
            (SELECT 1 FROM audit_log l WHERE l.chain = a.chain AND l.sequence = a.sequence)";
        change(missing).await?;
        stage.content(&["verify"]).await.with_context(|| tamper.to_owned())?;
    }
    let said = stage.not_content(&["verify", "--expect", &head]).await?;
    ensure!(
        said.contains("the rows up to the expected head were removed") && said.contains("the rows up to "),
        "{said}"
    );
    ensure!(!said.contains("fails verification"), "{said}");
    let head = stage.head().await?;
    stage.content(&["verify", "--expect", &head]).await.map(drop)
}

#[tokio::test]
async fn changed_rows_are_not_removed() -> Result<()> {
    let stage = start(Store::Sqlite).await?;
    stage.installation.change("UPDATE audit_log SET outcome = 'no' WHERE sequence = 4").await?;
    let said = stage.not_content(&["prune", "--before", "0s"]).await?;
    ensure!(
        said.contains("removed 3 rows") && said.contains("chain 1: row 4 was changed or moved"),
        "{said}"
    );
    ensure!(said.contains("stay as evidence"), "{said}");
    let said = stage.not_content(&["verify"]).await?;
    ensure!(said.contains("chain 1: row 4 was changed or moved"), "{said}");
    let outcomes = stage.list(&["--action", "audit prune"]).await?;
    ensure!(outcomes[1]["outcome"] == "ok: 3 rows removed; not all: chain 1: row 4 was changed or moved");
    Ok(())
}

#[tokio::test]
async fn a_server_removes_old_rows_by_itself_on_sqlite() -> Result<()> {
    assert_removes_by_itself(aged(Store::Sqlite).await?).await
}

#[tokio::test]
async fn a_server_removes_old_rows_by_itself_on_postgres() -> Result<()> {
    assert_removes_by_itself(aged(Store::Postgres).await?).await
}

async fn assert_removes_by_itself(mut stage: Stage) -> Result<()> {
    // With a limit beyond the rows' age, and without a limit.
    for days in ["101", "0"] {
        stage.installation.set("STAGEPASS_AUDIT_DAYS", days);
        let running = stage.installation.serve().await?;
        stage.installation.succeed(&["audit", "verify"]).await?;
        running.stop().await?;
        assert_eq!(stage.actions(&["--action", "audit prune"]).await?.len(), 0);
    }
    stage.installation.set("STAGEPASS_AUDIT_DAYS", "99");
    // Two servers at once share the work.
    let (one, two) = (stage.installation.serve().await?, stage.installation.serve().await?);
    let is_done = async || {
        let rows = stage.list(&["--until", "50d"]).await?;
        let told = stage.list(&["--action", "audit prune", "--outcome", "ok"]).await?;
        Ok((rows.is_empty() && !told.is_empty()).then_some(told))
    };
    let told = wait::until("the old rows to go", PATIENCE, is_done).await?;
    assert_eq!(told[0]["caller"], "server");
    let said = stage.content(&["verify"]).await?;
    ensure!(said.contains("Stagepass removed 6 older ones"), "{said}");
    for server in [one, two] {
        let log = String::from_utf8(server.stop().await?)?;
        ensure!(!log.contains("ERROR"), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_number_of_days_stops_the_start() -> Result<()> {
    let mut installation = Installation::new(Store::Sqlite).await?;
    for days in ["-1", "36501", "ninety", ""] {
        installation.set("STAGEPASS_AUDIT_DAYS", days);
        let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]).await?;
        let said = String::from_utf8(output.stderr)?;
        let expected = "STAGEPASS_AUDIT_DAYS must be a whole number from 0 to 36500";
        ensure!(!output.status.success() && said.contains(expected), "{days}: {said}");
    }
    Ok(())
}
