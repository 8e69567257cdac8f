//! The audit log: what it records, and that every change to it is found.

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use serde_json::json;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::sealed::sign_rows;
use stagepass_tests::services::server::{Client, Server, change_user};
use std::time::Duration;

const API: &str = "/api/credentials";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const PLANTED: &str = "planted-audit-Qm7vX";

/// Whether `audit` succeeded, and its output.
async fn audit(installation: &Installation, arguments: &[&str]) -> Result<(bool, String)> {
    let output = installation.run(&[&["audit"], arguments].concat()).await?;
    Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

/// The rows of `audit list` without their times, the oldest first.
async fn told(installation: &Installation) -> Result<Vec<String>> {
    let list = installation.audit_list().await?;
    let without_time = |line: &str| line.split('\t').skip(1).collect::<Vec<_>>().join(" ");
    Ok(list.lines().rev().map(without_time).collect())
}

/// The head that `audit verify` prints for a complete log.
async fn whole_head(installation: &Installation) -> Result<String> {
    let (whole, output) = audit(installation, &["verify"]).await?;
    ensure!(whole, "{output}");
    Ok(output.lines().find_map(|line| line.strip_prefix("head: ")).context("no head")?.to_owned())
}

fn database(installation: &Installation) -> Result<Connection> {
    Ok(Connection::open(installation.directory().join("stagepass.db"))?)
}

async fn post(client: &Client, verb: &str, body: serde_json::Value) -> Result<serde_json::Value> {
    Ok(client.post(&format!("{API}/{verb}"), &body).await?.body)
}

/// A server with nine rows in its audit log, and the connection that they are about.
async fn used() -> Result<(Installation, Server, String)> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
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
    Ok((installation, server, id))
}

async fn id_of(client: &Client) -> Result<String> {
    let me = client.get("/users/me").await?.body;
    Ok(me["data"]["id"].as_str().context("no id")?.to_owned())
}

#[tokio::test]
async fn a_failed_sign_in_is_recorded_without_the_typed_values() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let me = id_of(&person.sign_in(&server).await?).await?;
    for email in [person.email(), PLANTED] {
        let wrong = json!({"email": email, "password": PLANTED});
        assert_eq!(server.anonymous().post("/auth/login", &wrong).await?.status, 401);
    }
    let expected = [
        format!("operator user add users/{me} ok"),
        format!("user:{me} login users/{me} ok"),
        format!("anonymous login users/{me} Invalid user credentials."),
        "anonymous login - Invalid user credentials.".to_owned(),
    ];
    assert_eq!(told(&installation).await?, expected);
    Ok(())
}

#[tokio::test]
async fn user_commands_are_recorded() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let me = id_of(&person.sign_in(&server).await?).await?;
    let email = person.email();
    for change in ["disable", "enable"] {
        installation.succeed(&["user", change, email]).await?;
    }
    change_user(installation.command()?, "set-password", email, PLANTED).await?;
    // A refused command does nothing to record.
    ensure!(change_user(installation.command()?, "add", email, PLANTED).await.is_err());
    ensure!(!installation.run(&["user", "disable", "nobody@example.org"]).await?.status.success());
    installation.succeed(&["user", "delete", email]).await?;
    let told = told(&installation).await?;
    let what: Vec<_> = told.iter().filter_map(|line| line.strip_prefix("operator user ")).collect();
    let expected = ["add", "disable", "enable", "set-password", "delete"]
        .map(|action| format!("{action} users/{me} ok"));
    assert_eq!(what, expected);
    ensure!(!told.join("\n").contains(PLANTED));
    Ok(())
}

#[tokio::test]
async fn a_token_issued_just_before_a_new_password_is_void() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    for _ in 0..3 {
        let user = person.sign_in(&server).await?;
        assert_eq!(user.get("/users/me").await?.status, 200);
        change_user(installation.command()?, "set-password", person.email(), person.password()).await?;
        assert_eq!(user.get("/users/me").await?.status, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_reused_refresh_token_is_recorded() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let me = id_of(&person.sign_in(&server).await?).await?;
    let login = json!({"email": person.email(), "password": person.password()});
    let tokens = server.anonymous().post("/auth/login", &login).await?.body;
    let spent = json!({"refresh_token": tokens["data"]["refresh_token"]});
    let refresh = async || server.anonymous().post("/auth/refresh", &spent).await;
    let successor = refresh().await?;
    assert_eq!(successor.status, 200);
    // Makes it look as if it had been spent long ago.
    installation.change("UPDATE refresh_tokens SET spent_at = spent_at - 60000, mac = NULL").await?;
    sign_rows(&installation).await?;
    assert_eq!(refresh().await?.status, 401);
    let last = told(&installation).await?.pop().context("nothing is told")?;
    let outcome = "a spent refresh token was used again: its sign-in was ended";
    assert_eq!(last, format!("anonymous refresh users/{me} {outcome}"));
    let ended = json!({"refresh_token": successor.body["data"]["refresh_token"]});
    assert_eq!(server.anonymous().post("/auth/refresh", &ended).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn an_empty_log_is_not_called_complete() -> Result<()> {
    let (used, server, _) = used().await?;
    server.stop().await?;
    let head = whole_head(&used).await?;
    let fresh = Installation::new(Store::Sqlite).await?;
    fresh.serve().await?.stop().await?;
    let (whole, output) = audit(&fresh, &["verify"]).await?;
    ensure!(!whole && output.contains("the audit log is empty") && !output.contains("whole"), "{output}");
    let (whole, output) = audit(&fresh, &["verify", "--expect", &head]).await?;
    ensure!(!whole && output.contains("all of its rows are missing"), "{output}");
    Ok(())
}

#[tokio::test]
async fn changed_deleted_reordered_and_cut_rows_are_found() -> Result<()> {
    let (installation, server, _) = used().await?;
    server.stop().await?;
    let head = whole_head(&installation).await?;
    let database = database(&installation)?;
    let tampered = async |sql: &str, expect: Option<&str>| -> Result<String> {
        database.execute_batch("BEGIN")?;
        database.execute_batch(sql)?;
        database.execute_batch("COMMIT")?;
        let mut arguments = vec!["verify"];
        arguments.extend(expect.into_iter().flat_map(|head| ["--expect", head]));
        let (whole, output) = audit(&installation, &arguments).await?;
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
        ("UPDATE audit_log SET outcome = 'ok' WHERE sequence = 7", "row 7 was changed or moved"),
        ("UPDATE audit_log SET at = at + 1 WHERE sequence = 1", "row 1 was changed or moved"),
        ("DELETE FROM audit_log WHERE sequence = 3", "rows 3 to 3 are missing"),
        (
            "UPDATE audit_log SET sequence = -1 WHERE sequence = 2;
             UPDATE audit_log SET sequence = 2 WHERE sequence = 3;
             UPDATE audit_log SET sequence = 3 WHERE sequence = -1",
            "row 2 was changed or moved",
        ),
        ("DELETE FROM audit_log WHERE sequence >= 7", "rows 7 to 9 are missing at the end"),
        // Values that no server can have written.
        ("UPDATE audit_log SET mac = x'00' WHERE sequence = 4", "row 4 was changed or moved"),
        ("UPDATE audit_log SET acting_for = 'somebody' WHERE sequence = 4", "row 4 was changed or moved"),
        (
            "UPDATE audit_log SET outcome = CAST(x'ff' AS TEXT) WHERE sequence = 4",
            "row 4 was changed or moved",
        ),
        ("UPDATE audit_heads SET signature = x''", "its head was changed"),
        ("UPDATE audit_heads SET mac = zeroblob(33)", "its head was changed"),
        ("DELETE FROM audit_log; DELETE FROM audit_heads", "all of its rows are missing"),
    ] {
        let expect = sql.contains("audit_heads").then_some(head.as_str());
        let output = tampered(sql, expect).await?;
        ensure!(output.contains(told), "{sql}: {output}");
        restore()?;
    }
    let (whole, output) = audit(&installation, &["verify", "--expect", &head]).await?;
    ensure!(whole, "{output}");
    Ok(())
}

#[tokio::test]
async fn the_next_row_does_not_confirm_a_forged_head() -> Result<()> {
    let (installation, server, id) = used().await?;
    server.stop().await?;
    let database = database(&installation)?;
    let row: Vec<u8> =
        database.query_row("SELECT mac FROM audit_log WHERE sequence = 6", [], |row| row.get(0))?;
    for forge in [
        "UPDATE audit_heads SET sequence = 6, mac = ?1, signature = zeroblob(32)",
        "UPDATE audit_heads SET signature = x'00' WHERE ?1 IS NOT NULL",
        "DELETE FROM audit_heads WHERE ?1 IS NOT NULL",
    ] {
        database.execute("DELETE FROM audit_log WHERE chain = 1 AND sequence > 6", [])?;
        database.execute(forge, [&row])?;
        // The server continues in a new chain.
        let server = installation.serve().await?;
        let answer = post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
        assert_eq!(answer["success"], true);
        server.stop().await?;
        let (whole, output) = audit(&installation, &["verify"]).await?;
        ensure!(!whole && output.contains("chain 1: its head "), "{forge}: {output}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_tail_is_found_with_a_head_noted_earlier() -> Result<()> {
    let (installation, server, id) = used().await?;
    server.stop().await?;
    let database = with_kept_heads(&installation)?;
    let rows: i64 = database.query_row("SELECT count(*) FROM audit_log", [], |row| row.get(0))?;
    let server = installation.serve().await?;
    post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
    server.stop().await?;
    let head = whole_head(&installation).await?;
    cut(&database, rows)?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(whole, "the database alone looks complete: {output}");
    let (whole, output) = audit(&installation, &["verify", "--expect", &head]).await?;
    ensure!(!whole && output.contains("it is shorter than it was"), "{output}");
    Ok(())
}

/// The database, with a copy of the current heads for [`cut`].
fn with_kept_heads(installation: &Installation) -> Result<Connection> {
    let database = database(installation)?;
    database.execute_batch("CREATE TABLE kept_heads AS SELECT * FROM audit_heads")?;
    Ok(database)
}

/// Does what an attacker does to hide the latest access: deletes the newest rows, and restores
/// the head from before them.
fn cut(database: &Connection, rows: i64) -> Result<()> {
    database.busy_timeout(Duration::from_secs(10))?;
    let cut = database.execute("DELETE FROM audit_log WHERE chain = 1 AND sequence > ?1", [rows])?;
    ensure!(cut > 0, "there was nothing to cut");
    database.execute_batch("DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept_heads")?;
    Ok(())
}

#[tokio::test]
async fn a_tail_cut_off_while_the_server_runs_is_reported() -> Result<()> {
    let (installation, server, id) = used().await?;
    let database = with_kept_heads(&installation)?;
    let service = server.service()?;
    let reveal = async || post(&service, "reveal", json!({"creatorProfileId": id})).await;
    reveal().await?;
    cut(&database, 9)?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(whole, "the database alone looks complete: {output}");
    reveal().await?;
    let found = "chain 2: row 1 says what a server found: chain 1 had 10 rows and lost some of them";
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(!whole && output.contains(found), "{output}");
    // The server continues in the new chain, and so does the next one.
    reveal().await?;
    let log = String::from_utf8(server.stop().await?)?;
    assert_eq!(log.matches("another program removed the newest rows of the audit log").count(), 1);
    installation.serve().await?.stop().await?;
    installation.succeed(&["service-token", "add", "later", "--verb", "reveal"]).await?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(!whole && output.contains(found), "{output}");
    let chains = "SELECT count(*) FROM audit_log WHERE chain = 2";
    assert_eq!(database.query_row(chains, [], |row| row.get::<_, i64>(0))?, 4);
    let told = told(&installation).await?;
    let row = "server audit-log-cut audit_heads/1 chain 1 had 10 rows and lost some of them";
    assert_eq!(told.iter().filter(|line| *line == row).count(), 1, "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_tail_cut_off_between_a_start_and_the_first_row_is_reported() -> Result<()> {
    let (installation, server, id) = used().await?;
    let database = with_kept_heads(&installation)?;
    post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
    server.stop().await?;
    let server = installation.serve().await?;
    cut(&database, 9)?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(whole, "the database alone looks complete: {output}");
    post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(!whole && output.contains("chain 1 had 10 rows and lost some of them"), "{output}");
    Ok(())
}

#[tokio::test]
async fn rows_written_by_another_process_do_not_hide_a_cut() -> Result<()> {
    let (installation, server, id) = used().await?;
    let database = with_kept_heads(&installation)?;
    let service = server.service()?;
    let reveal = async || post(&service, "reveal", json!({"creatorProfileId": id})).await;
    reveal().await?;
    cut(&database, 9)?;
    // They make the chain longer than the server expects.
    for name in ["one", "two"] {
        installation.succeed(&["service-token", "add", name, "--verb", "reveal"]).await?;
    }
    reveal().await?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(!whole && output.contains("chain 1 had 10 rows and lost some of them"), "{output}");
    Ok(())
}

#[tokio::test]
async fn emptying_the_log_while_the_server_runs_is_reported() -> Result<()> {
    let (installation, server, id) = used().await?;
    let database = database(&installation)?;
    database.busy_timeout(Duration::from_secs(10))?;
    database.execute_batch("DELETE FROM audit_log; DELETE FROM audit_heads")?;
    post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(
        !whole
            && output.contains("chain 1 had 9 rows")
            && output.contains("the chain and its head are missing"),
        "{output}"
    );
    Ok(())
}

#[tokio::test]
async fn processes_that_append_in_turns_keep_one_complete_chain() -> Result<()> {
    let (installation, one, id) = used().await?;
    let two = installation.serve().await?;
    for round in 0..3 {
        for server in [&one, &two] {
            post(&server.service()?, "reveal", json!({"creatorProfileId": id})).await?;
            let name = format!("{round} {}", server.url());
            installation.succeed(&["service-token", "add", &name, "--verb", "reveal"]).await?;
        }
    }
    let (whole, output) = audit(&installation, &["verify"]).await?;
    ensure!(whole && output.contains("head: 1:21:") && !output.contains(','), "{output}");
    Ok(())
}
