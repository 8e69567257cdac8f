//! What was answered with success is on disk: after a restart, after `kill -9`,
//! and in a trace of the system calls.

use anyhow::{Context as _, Result, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use stagepass_tests::services::server::{self, Client, Server};
use stagepass_tests::system::process::on_path;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;

const STORE: &str = "/api/credentials/store-platform-session";
const GET: &str = "/api/credentials/get-platform-session";

fn session(connection: &str, value: &str) -> Value {
    let cookie = json!({"name": "sessionid", "value": value, "domain": ".instagram.com", "path": "/"});
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie]})
}

async fn value_of(service: &Client, connection: &str) -> Result<String> {
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let answer = service.post(GET, &wanted).await?;
    let value = answer.body["cookies"][0]["value"].as_str();
    Ok(value.with_context(|| format!("{}: {}", answer.status, answer.body))?.to_owned())
}

/// A sealed text from the database, without the part that others have in common with it.
fn sealed(directory: &Path, sql: &str) -> Result<SecretString> {
    let database = rusqlite::Connection::open(directory.join("stagepass.db"))?;
    let sealed: String = database.query_row(sql, [], |row| row.get(0))?;
    let (_, without_key_id) =
        sealed.trim_start_matches("v2:").split_once(':').context("a sealed text has parts")?;
    Ok(without_key_id.into())
}

/// Waits until no file in the data directory holds the sealed text, which one still does now.
async fn wait_until_erased(
    directory: &Path,
    sealed: SecretString,
    erase: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    let search = SecretSearch::new(&[sealed])?;
    assert!(!search.files_in(directory)?.is_empty());
    erase().await?;
    wait::until("the erased text to be gone", Duration::from_secs(30), async || {
        Ok(search.files_in(directory)?.is_empty().then_some(()))
    })
    .await
}

#[tokio::test]
async fn erased_values_are_gone_from_the_disk_even_in_sealed_form() -> Result<()> {
    const COOKIES: &str = "SELECT encrypted_cookies FROM platform_sessions WHERE status = 'active'";
    const ORIGINS: &str = "SELECT encrypted_origins FROM platform_sessions WHERE status = 'active'";
    const CREDENTIALS: &str = "SELECT encrypted_credentials FROM platform_connections";
    let directory = server::new_data_dir().await?;
    let path = directory.path();
    let server = Server::start(path).await?;
    let user = server.user().await?;
    let connection = user.create_profile("instagram", "a").await?;
    let mut body = session(&connection, "erased");
    let entry = json!({"name": "token", "value": "erased"});
    body["origins"] = json!([{"origin": "https://www.instagram.com", "localStorage": [entry]}]);
    let store = async || user.post(STORE, &body).await;

    for part in [COOKIES, ORIGINS] {
        let id = store().await?.body["id"].clone();
        wait_until_erased(path, sealed(path, part)?, async || {
            user.post("/api/credentials/revoke-platform-session", &json!({"id": id})).await.map(drop)
        })
        .await?;
        store().await?;
        let superseded = sealed(path, part)?;
        wait_until_erased(path, superseded, async || store().await.map(drop)).await?;
    }
    let replaced = sealed(path, CREDENTIALS)?;
    wait_until_erased(path, replaced, async || user.create_profile("instagram", "a").await.map(drop)).await?;
    // Another process does this.
    let (cookies, credentials) = (sealed(path, COOKIES)?, sealed(path, CREDENTIALS)?);
    let delete = async || {
        let deleted = server::command(path)?.args(["user", "delete", server::EMAIL]).status().await?;
        ensure!(deleted.success(), "user delete");
        Ok(())
    };
    wait_until_erased(path, cookies, delete).await?;
    assert!(SecretSearch::new(&[credentials])?.files_in(path)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn stored_sessions_survive_a_restart() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let server = Server::start(directory.path()).await?;
    let user = server.user().await?;
    let connection = user.create_profile("instagram", "a").await?;
    assert_eq!(user.post(STORE, &session(&connection, "kept")).await?.status, 200);
    server.stop().await?;
    let server = Server::start(directory.path()).await?;
    assert_eq!(value_of(&server.service()?, &connection).await?, "kept");
    // The access token still works: its key was kept as well.
    assert_eq!(user.at(&server).get("/api/platform-sessions").await?.body["total"], 1);
    Ok(())
}

/// Stores sessions one after the other until the server is gone, and notes the
/// ids that were answered.
async fn store_until_killed(user: Client, connection: String, answered: Arc<Mutex<BTreeSet<String>>>) {
    for number in 0.. {
        let Ok(answer) = user.post(STORE, &session(&connection, &format!("value-{number}"))).await else {
            return;
        };
        let id = answer.body["id"].as_str().map(str::to_owned);
        answered.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
    }
}

#[tokio::test]
async fn kill_9_at_any_moment_loses_nothing_that_was_answered() -> Result<()> {
    const WRITERS: usize = 8;
    let directory = server::new_data_dir().await?;
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let mut connections = Vec::new();
    for round in 0..8_u64 {
        let mut server = Server::start(directory.path()).await?;
        let user = server.user().await?;
        for writer in connections.len()..WRITERS {
            connections.push(user.create_profile("instagram", &format!("creator-{writer}")).await?);
        }
        let writers: Vec<_> = connections
            .iter()
            .map(|connection| {
                tokio::spawn(store_until_killed(user.clone(), connection.clone(), Arc::clone(&answered)))
            })
            .collect();
        // A different moment in each round.
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        server.kill();
        for writer in writers {
            writer.await?;
        }
    }
    let answered = answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(answered.len() > 50, "only {} were answered: the test shows little", answered.len());

    let server = Server::start(directory.path()).await?;
    let user = server.user().await?;
    let kept = all_session_ids(&user).await?;
    let lost = answered.difference(&kept).count();
    assert_eq!(lost, 0, "of {} answered", answered.len());
    for connection in &connections {
        assert!(value_of(&server.service()?, connection).await?.starts_with("value-"));
    }
    // Nothing is half-written either: each connection has one active session.
    let integrity = rusqlite_check(&directory.path().join("stagepass.db"))?;
    assert_eq!(integrity, ("ok".to_owned(), WRITERS));
    Ok(())
}

async fn all_session_ids(user: &Client) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for page in 1.. {
        let body = user.get(&format!("/api/platform-sessions?pageSize=100&page={page}")).await?.body;
        let rows = body["data"].as_array().context("no rows")?;
        if rows.is_empty() {
            break;
        }
        ids.extend(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned));
    }
    Ok(ids)
}

/// SQLite's own verdict on the file, and the number of active sessions.
fn rusqlite_check(path: &Path) -> Result<(String, usize)> {
    let database = rusqlite::Connection::open(path)?;
    let verdict = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let active = "SELECT count(*) FROM platform_sessions WHERE status = 'active'";
    Ok((verdict, database.query_row(active, [], |row| row.get(0))?))
}

/// One of the trace's system calls that matter here.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    Request,
    Sync,
    Answer,
}

/// The calls that matter, in the order in which they ended. A call that another thread's
/// call interrupts has two lines, `… <unfinished ...>` and later
/// `<... fdatasync resumed>…`, joined here by the thread's id.
fn calls(trace: &str) -> Vec<Call> {
    let mut unfinished: HashMap<&str, Call> = HashMap::new();
    trace
        .lines()
        .filter_map(|line| {
            let (thread, line) = line.split_once(' ')?;
            if line.contains("resumed>") {
                // The resumed line shows what was read, the line before shows what was written.
                return unfinished.remove(thread).or_else(|| kind(line));
            }
            let call = kind(line)?;
            if line.ends_with("<unfinished ...>") {
                unfinished.insert(thread, call);
                return None;
            }
            Some(call)
        })
        .collect()
}

fn kind(line: &str) -> Option<Call> {
    let is_sync = line.trim_start().starts_with("fdatasync(") || line.trim_start().starts_with("fsync(");
    if is_sync && line.contains("stagepass.db-wal") {
        Some(Call::Sync)
    } else if line.contains("POST /api/credentials/store-platform-session") {
        Some(Call::Request)
    } else if line.contains("HTTP/1.1 200 OK") {
        Some(Call::Answer)
    } else {
        None
    }
}

#[test]
fn a_call_that_is_interrupted_in_the_trace_counts_once_when_it_ends() {
    let trace = "1 read(9<s>,  <unfinished ...>\n\
                 4 <... read resumed>\"GET / HTTP/1.1\", 99) = 14\n\
                 1 <... read resumed>\"POST /api/credentials/store-platform-session HTT\"..., 99) = 99\n\
                 2 fdatasync(7</x/stagepass.db-wal> <unfinished ...>\n\
                 3 fdatasync(8</x/other> <unfinished ...>\n\
                 1 write(9<s>, \"HTTP/1.1 200 OK\"..., 64 <unfinished ...>\n\
                 2 <... fdatasync resumed>) = 0\n\
                 3 <... fdatasync resumed>) = 0\n\
                 1 <... write resumed>) = 64\n";
    assert_eq!(calls(trace), [Call::Request, Call::Sync, Call::Answer]);
}

/// A server under strace, which writes to `trace`.
async fn start_traced(directory: &Path, trace: &Path) -> Result<Server> {
    let strace = on_path(&["strace"]).context("strace is not installed")?;
    let program = server::command(directory)?;
    let mut command = Command::new(strace);
    command.args([
        "-f",
        "-y",
        "-s",
        "64",
        "-e",
        "trace=read,recvfrom,write,writev,sendto,fsync,fdatasync",
        "-o",
    ]);
    command.arg(trace).arg(program.as_std().get_program()).args(["serve", "--listen", "127.0.0.1:0"]);
    let variables =
        program.as_std().get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    command.env_clear().envs(variables.collect::<Vec<_>>());
    Server::start_command(directory, &mut command).await
}

#[tokio::test]
async fn the_trace_shows_the_sync_before_the_answer() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let trace = directory.path().join("trace");
    let server = start_traced(directory.path(), &trace).await?;
    let user = server.user().await?;
    let connection = user.create_profile("instagram", "a").await?;
    for number in 0..5 {
        assert_eq!(user.post(STORE, &session(&connection, &number.to_string())).await?.status, 200);
    }
    let text = std::fs::read_to_string(&trace)?;
    let calls = calls(&text);
    let first = calls.iter().position(|call| *call == Call::Request).context("no request in the trace")?;
    let rounds: Vec<_> = calls[first..].split(|call| *call == Call::Request).skip(1).collect();
    assert_eq!(rounds.len(), 5);
    for round in rounds {
        let answer = round.iter().position(|call| *call == Call::Answer).context("no answer in the trace")?;
        assert!(round[..answer].contains(&Call::Sync), "{round:?}");
    }
    Ok(())
}

#[tokio::test]
async fn many_commits_share_a_sync() -> Result<()> {
    const CLIENTS: usize = 64;
    let directory = server::new_data_dir().await?;
    let trace = directory.path().join("trace");
    let server = start_traced(directory.path(), &trace).await?;
    let user = server.user().await?;
    let connection = user.create_profile("instagram", "a").await?;
    let count = |meant: Call| -> Result<usize> {
        Ok(calls(&std::fs::read_to_string(&trace)?).iter().filter(|call| **call == meant).count())
    };
    // While another process locks the database, all of them have to wait.
    let other = rusqlite::Connection::open(directory.path().join("stagepass.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let before = count(Call::Sync)?;
    let stores: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (user, body) = (user.clone(), session(&connection, &number.to_string()));
            tokio::spawn(async move { user.post(STORE, &body).await })
        })
        .collect();
    wait::until("all requests to arrive", Duration::from_secs(8), async || {
        Ok((count(Call::Request)? == CLIENTS).then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    other.execute_batch("ROLLBACK")?;
    for store in stores {
        assert_eq!(store.await??.status, 200);
    }
    let syncs = count(Call::Sync)? - before;
    assert!((1..=CLIENTS / 4).contains(&syncs), "{CLIENTS} commits took {syncs} syncs");
    Ok(())
}
