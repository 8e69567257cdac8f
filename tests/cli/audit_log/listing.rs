//! `audit list`.

use super::stage::{PLANTED, Stage, start};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::terminal::Terminal;
use std::process::Stdio;

const ALL: [&str; 6] = ["user add", "login", "create-profile", "store", "service-token add", "reveal"];

#[tokio::test]
async fn rows_are_found_by_record_user_service_time_action_and_outcome_on_sqlite() -> Result<()> {
    assert_found(&start(Store::Sqlite).await?).await
}

#[tokio::test]
async fn rows_are_found_by_record_user_service_time_action_and_outcome_on_postgres() -> Result<()> {
    assert_found(&start(Store::Postgres).await?).await
}

async fn assert_found(stage: &Stage) -> Result<()> {
    let Stage { server, person, user_id, connection, .. } = stage;
    let wrong = json!({"email": person.email(), "password": PLANTED});
    ensure!(server.anonymous().post("/auth/login", &wrong).await?.status == 401);
    let found = async |arguments: &[&str]| stage.actions(arguments).await;
    let with_failure = [&ALL[..], &["login"]].concat();
    assert_eq!(found(&[]).await?, with_failure);
    let of_connection = ["create-profile", "store", "reveal"];
    assert_eq!(found(&["--record", connection]).await?, of_connection);
    assert_eq!(found(&["--record", &connection.to_uppercase()]).await?, of_connection);
    assert_eq!(found(&["--record", &format!("platform_connections/{connection}")]).await?, of_connection);
    assert_eq!(found(&["--record", "downloader"]).await?, ["service-token add"]);
    let of_user = ["user add", "login", "create-profile", "reveal", "login"];
    assert_eq!(found(&["--user", &person.email().to_uppercase()]).await?, of_user);
    assert_eq!(found(&["--user", user_id]).await?, of_user);
    assert_eq!(found(&["--service", "downloader"]).await?, ["reveal"]);
    assert_eq!(found(&["--service"]).await?, ["store"]);
    assert_eq!(found(&["--action", "login"]).await?, ["login", "login"]);
    assert_eq!(found(&["--outcome", "ok"]).await?, ALL);
    assert_eq!(found(&["--outcome", "failed"]).await?, ["login"]);
    assert_eq!(found(&["--outcome", "Invalid user"]).await?, ["login"]);
    let rows = stage.list(&[]).await?;
    let at = |index: usize| rows[index]["at"].as_str().unwrap_or_default().to_owned();
    assert_eq!(found(&["--since", &at(2), "--until", &at(4)]).await?, ["create-profile", "store"]);
    assert_eq!(found(&["--since", "1h"]).await?, with_failure);
    assert_eq!(found(&["--until", "1d"]).await?, Vec::<String>::new());
    assert_eq!(found(&["--limit", "2"]).await?, ["reveal", "login"]);
    assert_eq!(found(&["--user", person.email(), "--outcome", "failed"]).await?, ["login"]);
    let said = stage.not_content(&["list", "--user", "nobody@example.org"]).await?;
    ensure!(said.contains("there is no user nobody@example.org here"), "{said}");
    let said = stage.not_content(&["list", "--since", "yesterday"]).await?;
    ensure!(said.contains("must be a date (2026-01-31)"), "{said}");
    Ok(())
}

#[tokio::test]
async fn json_has_ids_and_names_on_sqlite() -> Result<()> {
    assert_named(&start(Store::Sqlite).await?).await
}

#[tokio::test]
async fn json_has_ids_and_names_on_postgres() -> Result<()> {
    assert_named(&start(Store::Postgres).await?).await
}

async fn assert_named(stage: &Stage) -> Result<()> {
    let Stage { person, user_id, connection, .. } = stage;
    let rows = stage.list(&["--action", "reveal"]).await?;
    let [row] = &rows[..] else { anyhow::bail!("{rows:?}") };
    let mut row = row.clone();
    let at = row["at"].take();
    ensure!(at.as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{at}");
    let expected = json!({"chain": row["chain"], "sequence": row["sequence"], "at": null,
        "caller": "service:downloader", "caller_name": null,
        "acting_for": user_id, "acting_for_name": person.email(), "action": "reveal",
        "record": format!("platform_connections/{connection}"), "record_name": "instagram fitcreator99",
        "outcome": "ok"});
    assert_eq!(row, expected);
    let of_user = stage.list(&["--action", "create-profile"]).await?;
    assert_eq!(of_user[0]["caller_name"], person.email());
    // A deleted user is shown by id.
    stage.installation.succeed(&["user", "delete", person.email()]).await?;
    let rows = stage.list(&["--user", user_id]).await?;
    ensure!(rows.len() >= 4 && rows.iter().all(|row| row["acting_for_name"] == Value::Null), "{rows:?}");
    let table = stage.content(&["list", "--user", user_id]).await?;
    ensure!(table.contains(&format!("user {user_id}")) && !table.contains(person.email()), "{table}");
    ensure!(table.contains(&format!("connection {connection}")), "{table}");
    Ok(())
}

#[tokio::test]
async fn a_table_for_people_has_names_and_ids() -> Result<()> {
    let stage = start(Store::Sqlite).await?;
    let table = stage.content(&["list"]).await?;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 1 + ALL.len(), "{table}");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["TIME", "(UTC)", "WHO", "ACTION", "OUTCOME", "RECORD"]
    );
    let Stage { person, connection, .. } = &stage;
    let revealed = format!("connection instagram fitcreator99 ({connection})");
    ensure!(lines[1].contains(&format!("service downloader for {}", person.email())), "{table}");
    ensure!(lines[1].ends_with(&revealed), "{table}");
    ensure!(table.contains("  service (shared secret)  ") && table.contains("service token downloader\n"));
    let column = |name: &str| lines[0].find(name).context("no column");
    for line in &lines[1..5] {
        ensure!(line[column("OUTCOME")?..].starts_with("ok "), "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn at_a_narrow_terminal_no_line_is_broken() -> Result<()> {
    let stage = start(Store::Sqlite).await?;
    for columns in [80, 120] {
        let mut command = stage.installation.command()?;
        command.args(["audit", "list"]);
        let mut terminal = Terminal::start_at_width(command, columns)?;
        let (status, shown) = terminal.end().await?;
        ensure!(status.success(), "{shown}");
        for line in shown.lines() {
            ensure!(line.trim_end().chars().count() <= columns.into(), "{columns}: {line}");
        }
        ensure!(shown.contains(&format!("\n    user {}\r\n", stage.person.email())), "{shown}");
        let record = format!("\n    connection instagram fitcreator99 ({})\r\n", stage.connection);
        ensure!(shown.contains(&record), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn stored_text_cannot_control_the_terminal() -> Result<()> {
    let stage = start(Store::Sqlite).await?;
    let hostile = "char(27) || '[2J' || char(8238) || char(10) || char(9)";
    for change in [
        format!("UPDATE users SET email = {hostile} || email"),
        format!("UPDATE platform_connections SET platform_username = {hostile} || 'name'"),
        format!("UPDATE audit_log SET outcome = {hostile} || 'forged' WHERE action = 'reveal'"),
        format!("UPDATE audit_log SET record = {hostile} || record WHERE action = 'store'"),
        format!("UPDATE audit_log SET caller = {hostile} || caller WHERE action = 'login'"),
    ] {
        ensure!(stage.installation.change(&change).await? == 1, "{change}");
    }
    let table = stage.content(&["list"]).await?;
    let shown = "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}";
    for text in ["forged", "name (", "platform_connections/", "user:"] {
        ensure!(table.contains(&format!("{shown}{text}")), "{text}: {table:?}");
    }
    assert_eq!(table.lines().count(), 1 + ALL.len(), "{table:?}");
    let json = stage.content(&["list", "--json"]).await?;
    ensure!(
        !json.contains(['\u{1b}', '\u{202e}', '\u{fffd}']) && json.lines().count() == ALL.len(),
        "{json:?}"
    );
    let rows = stage.list(&["--action", "reveal"]).await?;
    assert_eq!(rows[0]["outcome"], "\u{1b}[2J\u{202e}\n\tforged", "programs get the stored text");
    Ok(())
}

#[tokio::test]
async fn a_closed_pipe_ends_audit_quietly() -> Result<()> {
    let stage = start(Store::Sqlite).await?;
    for arguments in [&["list"][..], &["list", "--json"], &["export"]] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut command = stage.installation.command()?;
        command.arg("audit").args(arguments).stdout(writer).stderr(Stdio::piped());
        let output = command.spawn()?.wait_with_output().await?;
        assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0), "{arguments:?}");
    }
    Ok(())
}
