//! Vault sessions: their number and end, wrong passwords, and password changes.

use super::stage::{CREDENTIALS, PASSWORD, Stage, add, log_in, refusal, reveal, start};
use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::{Answer, Client, Server};
use stagepass_tests::system::process_memory;
use stagepass_tests::system::wait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const LOGOUT: &str = "/api/auth/logout";
const CHANGE: &str = "/api/auth/change-password";
const NEW: &str = "another-master-Jf4sB";
const TOO_MANY: &str = "too many failed login attempts";
/// Enough for several key derivations on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const FOUR_HOURS: Duration = Duration::from_secs(4 * 60 * 60);

async fn is_open(vault: &Client) -> Result<bool> {
    let answer = vault.get(CREDENTIALS).await?;
    if answer.status != 200 {
        assert_eq!(refusal(&answer), (401, "Unauthorized"));
    }
    Ok(answer.status == 200)
}

async fn change(vault: &Client, current: &str, password: &str) -> Result<Answer> {
    vault.post(CHANGE, &json!({"current": current, "password": password, "confirm": password})).await
}

async fn fail_to_log_in(server: &Server, times: usize) -> Result<()> {
    for _ in 0..times {
        assert_eq!(refusal(&log_in(server, "wrong password").await?), (401, "invalid password"));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn five_sessions_live_four_hours_and_logging_out_ends_only_one(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let Stage { vault: first, server, .. } = stage;
    let mut sessions = Vec::new();
    for _ in 0..5 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let answer = log_in(server, PASSWORD).await?;
        let token = answer.body["token"].as_str().context("no token")?;
        let digits = token.strip_prefix("fn_sess_").context("another prefix")?;
        assert!(digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
        let end: jiff::Timestamp = answer.body["expires_at"].as_str().context("no end")?.parse()?;
        let lifetime = Duration::from_millis(end.as_millisecond().unsigned_abs()) - now;
        assert!((FOUR_HOURS..FOUR_HOURS + Duration::from_secs(120)).contains(&lifetime), "{lifetime:?}");
        sessions.push(server.bearer(token));
    }
    assert!(!is_open(first).await?, "the oldest of six has ended");
    for session in &sessions {
        assert!(is_open(session).await?);
    }
    assert_eq!(sessions[2].post(LOGOUT, &Value::Null).await?.body, json!({"success": true}));
    assert_eq!(refusal(&sessions[2].post(LOGOUT, &Value::Null).await?), (401, "Unauthorized"));
    assert_eq!(
        stage.bytes("SELECT token_hash FROM vault_sessions").await?.len(),
        4,
        "its copy of the key is deleted"
    );
    for (index, session) in sessions.iter().enumerate() {
        assert_eq!(is_open(session).await?, index != 2, "{index}");
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_new_password_opens_all_keys_and_ends_the_other_sessions(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let vault = &stage.vault;
    let other = stage.server.vault(PASSWORD).await?;
    let id = add(vault, "openai", "a", "planted-key-Xv5nR").await?;
    for (body, expected) in [
        (json!({"password": NEW, "confirm": NEW}), "current required"),
        (json!({"current": 7, "password": NEW, "confirm": NEW}), "current must be a string"),
        (json!({"current": PASSWORD, "password": NEW}), "confirm required"),
        (json!({"current": PASSWORD, "password": NEW, "confirm": PASSWORD}), "passwords do not match"),
        (
            json!({"current": PASSWORD, "password": "short", "confirm": "short"}),
            "password must be at least 8 characters",
        ),
    ] {
        assert_eq!(refusal(&vault.post(CHANGE, &body).await?), (400, expected), "{body}");
    }
    assert_eq!(refusal(&change(vault, "wrong password", NEW).await?), (401, "invalid password"));
    assert_eq!(reveal(&other, &id).await?.body["key"], "planted-key-Xv5nR", "nothing has changed");

    let answer = change(vault, PASSWORD, NEW).await?;
    assert_eq!(answer.body, json!({"success": true, "message": "password changed"}));
    assert!(!is_open(&other).await?);
    assert_eq!(reveal(vault, &id).await?.body["key"], "planted-key-Xv5nR");
    let second = add(vault, "openai", "b", "k").await?;
    assert_eq!(refusal(&log_in(&stage.server, PASSWORD).await?), (401, "invalid password"));
    let opened = stage.server.vault(NEW).await?;
    assert_eq!(reveal(&opened, &id).await?.body["key"], "planted-key-Xv5nR");
    assert_eq!(reveal(&opened, &second).await?.body["key"], "k");
    let log = stage.installation.audit_list().await?;
    for row in
        ["vault\tvault change-password\t-\tok", "anonymous\tvault change-password\t-\tinvalid password"]
    {
        assert!(log.contains(row), "{row} is not in {log}");
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn after_five_wrong_passwords_in_a_minute_every_server_refuses_all_even_after_a_restart(
    store: Store,
) -> Result<()> {
    let Stage { vault, server, installation } = start(store).await?;
    // A right password does not count.
    fail_to_log_in(&server, 2).await?;
    assert_eq!(log_in(&server, PASSWORD).await?.status, 200);
    fail_to_log_in(&server, 2).await?;
    let other = installation.serve().await?;
    let long = "p".repeat(100_000);
    assert_eq!(refusal(&change(&vault.at(&other), &long, NEW).await?), (401, "invalid password"));
    for server in [&server, &other] {
        assert_eq!(refusal(&log_in(server, PASSWORD).await?), (429, TOO_MANY));
    }
    server.stop().await?;

    let server = installation.serve().await?;
    for password in ["wrong password", PASSWORD] {
        let refused = log_in(&server, password).await?;
        assert_eq!(refusal(&refused), (429, TOO_MANY));
        let seconds = refused.body["retry_after_seconds"].as_u64().context("no number")?;
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(refused.headers["retry-after"], seconds.to_string());
    }
    let vault = vault.at(&server);
    assert_eq!(refusal(&change(&vault, PASSWORD, NEW).await?), (429, TOO_MANY));
    assert!(is_open(&vault).await?, "an open session continues");
    let log = installation.audit_list().await?;
    assert_eq!(log.matches("anonymous\tvault login\t-\tinvalid password").count(), 4);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn guesses_from_elsewhere_do_not_lock_out_this_machine(store: Store) -> Result<()> {
    let Stage { server, .. } = &start(store).await?;
    let nobody = server.anonymous();
    let from_elsewhere = |password: &str| {
        let request = nobody.request(reqwest::Method::POST, "/api/auth/login");
        request.header("x-forwarded-for", "192.0.2.1").json(&json!({"password": password}))
    };
    for _ in 0..5 {
        assert_eq!(refusal(&nobody.send(from_elsewhere("wrong password")).await?), (401, "invalid password"));
    }
    assert_eq!(refusal(&nobody.send(from_elsewhere(PASSWORD)).await?), (429, TOO_MANY));
    assert_eq!(log_in(server, PASSWORD).await?.status, 200);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_storm_of_logins_takes_the_memory_of_one_and_leaves_the_server_answering(
    store: Store,
) -> Result<()> {
    let Stage { server, .. } = &start(store).await?;
    let storm: Vec<_> = (0..24)
        .map(|_| {
            let nobody = server.anonymous();
            tokio::spawn(async move { nobody.post("/api/auth/login", &json!({"password": PASSWORD})).await })
        })
        .collect();
    let mut answered_meanwhile = 0;
    while !storm.iter().all(tokio::task::JoinHandle::is_finished) {
        let answer = server.anonymous().get("/api/auth/status").await?;
        ensure!(answer.status == 200, "{}", answer.body);
        answered_meanwhile += 1;
    }
    let (mut opened, mut refused) = (0, 0);
    for answer in storm {
        let answer = answer.await??;
        if answer.status == 200 {
            opened += 1;
        } else {
            assert_eq!(refusal(&answer), (429, "Too many requests"));
            assert!(answer.body["retry_after_seconds"].as_u64().is_some_and(|seconds| seconds > 0));
            refused += 1;
        }
    }
    assert!(opened >= 1 && refused >= 1, "{opened} opened, {refused} refused");
    // Each login takes hundreds of milliseconds, an answer only a few.
    assert!(answered_meanwhile > opened, "{answered_meanwhile} answers");
    let peak_mib = process_memory::peak_kib(server.program().id()?)? / 1024;
    assert!((256..2 * 256).contains(&peak_mib), "{peak_mib} MiB");
    Ok(())
}

/// Sends a login and hangs up while its password is checked, as attempt `number`.
async fn hang_up(stage: &Stage, password: &str, number: usize) -> Result<()> {
    let address = stage.server.address();
    let body = json!({"password": password}).to_string();
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all((head + &body).as_bytes()).await?;
    let counted = format!("SELECT subject FROM login_attempts WHERE attempts = {number}");
    wait::until("the attempt to be counted", PATIENCE, async || {
        Ok((!stage.bytes(&counted).await?.is_empty()).then_some(()))
    })
    .await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_wrong_login_that_hangs_up_is_recorded_and_a_right_one_does_not_count(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let Stage { server, installation, .. } = stage;
    let count = async || -> Result<usize> {
        let log = installation.audit_list().await?;
        Ok(log.matches("anonymous\tvault login\t-\tinvalid password").count())
    };
    hang_up(stage, "wrong password", 1).await?;
    wait::until("the failure to be noted", PATIENCE, async || Ok((count().await? == 1).then_some(())))
        .await?;
    for _ in 0..2 {
        hang_up(stage, PASSWORD, 2).await?;
        // Waits for its turn behind the other one.
        assert_eq!(log_in(server, PASSWORD).await?.status, 200);
    }
    // Right passwords don't count.
    fail_to_log_in(server, 4).await?;
    assert_eq!(refusal(&log_in(server, PASSWORD).await?), (429, TOO_MANY));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_crowd_that_guesses_from_elsewhere_does_not_lock_out_this_machine(store: Store) -> Result<()> {
    let Stage { vault, server, .. } = &start(store).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let crowd: Vec<_> = (0..16)
        .map(|_| {
            let (nobody, stop) = (server.anonymous(), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = nobody.request(reqwest::Method::POST, "/api/auth/login");
                    let request = request.header("x-forwarded-for", "192.0.2.1");
                    nobody.send(request.json(&json!({"password": "wrong password"}))).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for _ in 0..4 {
        assert_eq!(log_in(server, PASSWORD).await?.status, 200);
    }
    let changed = change(vault, PASSWORD, NEW).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    stop.store(true, Ordering::Relaxed);
    for guesser in crowd {
        guesser.await??;
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn of_two_concurrent_password_changes_one_is_refused(store: Store) -> Result<()> {
    let Stage { vault, server, installation } = &start(store).await?;
    let id = add(vault, "openai", "a", "planted-key-Xv5nR").await?;
    let second = installation.serve().await?;
    let other = server.vault(PASSWORD).await?.at(&second);
    let (one, two) = tokio::join!(change(vault, PASSWORD, NEW), change(&other, PASSWORD, "third password"));
    let (one, two) = (one?, two?);
    let (winner, password, lost) =
        if one.status == 200 { (vault, NEW, two) } else { (&other, "third password", one) };
    assert_eq!(lost.status, 401, "{}", lost.body);
    assert_eq!(reveal(winner, &id).await?.body["key"], "planted-key-Xv5nR");
    // Within one session: the second change has the wrong password by then, and fails.
    let (one, two) = tokio::join!(change(winner, password, PASSWORD), change(winner, password, PASSWORD));
    let (one, two) = (one?, two?);
    let lost = if one.status == 200 { two } else { one };
    assert_eq!(refusal(&lost), (401, "invalid password"));
    assert_eq!(reveal(winner, &id).await?.body["key"], "planted-key-Xv5nR");
    assert_eq!(log_in(&second, PASSWORD).await?.status, 200);
    Ok(())
}
