//! The audit log: what it tells, and that nobody can change it unnoticed.

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use serde_json::json;
use stagepass_tests::process::Program;
use stagepass_tests::server::{self, Client, EMAIL, Server};
use std::path::Path;
use std::time::Duration;

const API: &str = "/api/credentials";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const PLANTED: &str = "planted-audit-Qm7vX";

async fn audit(directory: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let mut program = Program::spawn(server::command(directory)?.arg("audit").args(arguments))?;
    let status = program.wait(Duration::from_secs(30)).await?;
    let output = [program.stdout(), program.stderr()].concat();
    Ok((status.success(), String::from_utf8(output)?))
}

async fn post(client: &Client, verb: &str, body: serde_json::Value) -> Result<serde_json::Value> {
    Ok(client.post(&format!("{API}/{verb}"), &body).await?.body)
}

/// A server with a few rows in its audit log, and the connection they tell of.
async fn used(directory: &Path) -> Result<(Server, String)> {
    let server = Server::start(directory).await?;
    let user = server.user().await?;
    let id = user.create_profile("instagram", "fitcreator99").await?;
    let session = json!({"creator_profile_id": id, "platform": "instagram",
        "cookies": [{"name": "sessionid", "value": PLANTED, "domain": ".instagram.com"}]});
    let stored = post(&user, "store-platform-session", session).await?;
    let service = server.service()?;
    post(&service, "store", json!({"creatorProfileId": id, "credentials": {"password": PLANTED}})).await?;
    post(&service, "reveal", json!({"creatorProfileId": id})).await?;
    post(&service, "reveal", json!({"creatorProfileId": UNKNOWN})).await?;
    post(&service, "get-platform-session", json!({"creator_profile_id": id, "platform": "instagram"}))
        .await?;
    post(&user, "revoke-platform-session", json!({"id": stored["id"]})).await?;
    Ok((server, id))
}

#[tokio::test]
async fn a_failed_sign_in_is_told_without_what_was_typed() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let server = Server::start(directory.path()).await?;
    let me = server.user().await?.get("/users/me").await?.body["data"]["id"].clone();
    let me = me.as_str().context("no id")?;
    for email in [EMAIL, PLANTED] {
        let wrong = json!({"email": email, "password": PLANTED});
        assert_eq!(server.anonymous().post("/auth/login", &wrong).await?.status, 401);
    }
    let (_, list) = audit(directory.path(), &["list"]).await?;
    let told: Vec<_> =
        list.lines().map(|line| line.split('\t').skip(1).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "anonymous login - Invalid user credentials.".to_owned(),
        format!("anonymous login users/{me} Invalid user credentials."),
        format!("user:{me} login users/{me} ok"),
    ];
    assert_eq!(told, expected);
    Ok(())
}

#[tokio::test]
async fn whoever_changes_deletes_reorders_or_cuts_rows_is_found_out() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let directory = directory.path();
    let (server, _) = used(directory).await?;
    server.stop().await?;
    let (whole, output) = audit(directory, &["verify"]).await?;
    ensure!(whole, "{output}");
    let head = output.lines().find_map(|line| line.strip_prefix("head: ")).context("no head")?.to_owned();
    let database = Connection::open(directory.join("stagepass.db"))?;
    let tampered = async |sql: &str, expect: Option<&str>| -> Result<String> {
        database.execute_batch("BEGIN")?;
        database.execute_batch(sql)?;
        database.execute_batch("COMMIT")?;
        let mut arguments = vec!["verify"];
        arguments.extend(expect.into_iter().flat_map(|head| ["--expect", head]));
        let (whole, output) = audit(directory, &arguments).await?;
        ensure!(!whole, "{sql}: {output}");
        Ok(output)
    };
    let backup =
        "CREATE TABLE kept AS SELECT * FROM audit_log; CREATE TABLE kept_heads AS SELECT * FROM audit_heads";
    database.execute_batch(backup)?;
    let restore = || {
        database.execute_batch(
            "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept;
             DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept_heads",
        )
    };
    for (sql, told) in [
        ("UPDATE audit_log SET outcome = 'ok' WHERE sequence = 6", "row 6 was changed or moved"),
        ("UPDATE audit_log SET at = at + 1 WHERE sequence = 1", "row 1 was changed or moved"),
        ("DELETE FROM audit_log WHERE sequence = 3", "rows 3 to 3 are missing"),
        (
            "UPDATE audit_log SET sequence = -1 WHERE sequence = 2;
             UPDATE audit_log SET sequence = 2 WHERE sequence = 3;
             UPDATE audit_log SET sequence = 3 WHERE sequence = -1",
            "row 2 was changed or moved",
        ),
        ("DELETE FROM audit_log WHERE sequence >= 7", "rows 7 to 8 are missing at the end"),
        ("DELETE FROM audit_log; DELETE FROM audit_heads", "all of its rows are missing"),
    ] {
        let expect = sql.contains("audit_heads").then_some(head.as_str());
        let output = tampered(sql, expect).await?;
        ensure!(output.contains(told), "{sql}: {output}");
        restore()?;
    }
    let (whole, output) = audit(directory, &["verify", "--expect", &head]).await?;
    ensure!(whole, "{output}");
    Ok(())
}

#[tokio::test]
async fn a_forged_head_is_not_vouched_for_by_the_next_row() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let directory = directory.path();
    let (server, id) = used(directory).await?;
    server.stop().await?;
    let database = Connection::open(directory.join("stagepass.db"))?;
    let row: Vec<u8> =
        database.query_row("SELECT mac FROM audit_log WHERE sequence = 6", [], |row| row.get(0))?;
    for forge in [
        "UPDATE audit_heads SET sequence = 6, mac = ?1, signature = zeroblob(32)",
        "DELETE FROM audit_heads WHERE ?1 IS NOT NULL",
    ] {
        database.execute("DELETE FROM audit_log WHERE chain = 1 AND sequence > 6", [])?;
        database.execute(forge, [&row])?;
        // The server goes on, in a chain of its own.
        let server = Server::start(directory).await?;
        let answer = post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
        assert_eq!(answer["success"], true);
        server.stop().await?;
        let (whole, output) = audit(directory, &["verify"]).await?;
        ensure!(!whole && output.contains("chain 1: its head "), "{forge}: {output}");
    }
    Ok(())
}

#[tokio::test]
async fn a_tail_that_is_cut_off_with_its_head_is_found_by_the_head_written_down() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let directory = directory.path();
    let (server, id) = used(directory).await?;
    server.stop().await?;
    let database = Connection::open(directory.join("stagepass.db"))?;
    database.execute_batch("CREATE TABLE kept_heads AS SELECT * FROM audit_heads")?;
    let rows: i64 = database.query_row("SELECT count(*) FROM audit_log", [], |row| row.get(0))?;
    let server = Server::start(directory).await?;
    post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
    server.stop().await?;
    let (_, output) = audit(directory, &["verify"]).await?;
    let head = output.lines().find_map(|line| line.strip_prefix("head: ")).context("no head")?.to_owned();
    // As somebody would who wants that last access forgotten.
    database.execute("DELETE FROM audit_log WHERE sequence > ?1", [rows])?;
    database.execute_batch("DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept_heads")?;
    let (whole, output) = audit(directory, &["verify"]).await?;
    ensure!(whole, "by itself it looks whole: {output}");
    let (whole, output) = audit(directory, &["verify", "--expect", &head]).await?;
    ensure!(!whole && output.contains("it is shorter than it was"), "{output}");
    Ok(())
}
