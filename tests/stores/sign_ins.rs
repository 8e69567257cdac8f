//! Sign-ins, and what ends them, where this server has the users.

use anyhow::{Context as _, Result, bail, ensure};
use macro_rules_attribute::apply;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Answer, Server, change_user};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CREDENTIALS: &str = "/api/v1/app-credentials";
/// How many sign in at the same time: fewer than the wrong passwords that an account allows.
const CALLERS: usize = 8;

/// The result of a sign-in.
#[derive(Debug)]
enum Proof {
    Tokens { access: String, refresh: String },
    Cookie(String),
}

/// Signs in again and again, until it is refused.
async fn sign_in_until_refused(server: &Server, person: &Person, mode: &str) -> Result<Vec<Proof>> {
    let client = server.anonymous();
    let body = json!({"email": person.email(), "password": person.password(), "mode": mode});
    let mut proofs = Vec::new();
    loop {
        let answer = client.post("/auth/login", &body).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Ok(proofs);
        }
        ensure!(answer.status == StatusCode::OK, "{}: {}", answer.status, answer.body);
        proofs.push(proof(&answer)?);
    }
}

/// Refreshes again and again, until it is refused.
async fn refresh_until_refused(server: &Server, mut refresh: String) -> Result<Vec<Proof>> {
    let client = server.anonymous();
    let mut proofs = Vec::new();
    loop {
        let answer = client.post("/auth/refresh", &json!({"refresh_token": refresh})).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Ok(proofs);
        }
        ensure!(answer.status == StatusCode::OK, "{}: {}", answer.status, answer.body);
        let proof = tokens(&answer.body)?;
        if let Proof::Tokens { refresh: next, .. } = &proof {
            refresh.clone_from(next);
        }
        proofs.push(proof);
    }
}

fn proof(answer: &Answer) -> Result<Proof> {
    match answer.headers.get("set-cookie") {
        Some(cookie) => Ok(Proof::Cookie(cookie.to_str()?.split(';').next().context("a cookie")?.to_owned())),
        None => tokens(&answer.body),
    }
}

fn tokens(body: &Value) -> Result<Proof> {
    let text = |name: &str| body["data"][name].as_str().context("a token").map(str::to_owned);
    Ok(Proof::Tokens { access: text("access_token")?, refresh: text("refresh_token")? })
}

/// How many of the proofs still work.
async fn count_good(server: &Server, proofs: &[Proof]) -> Result<usize> {
    let client = server.anonymous();
    let mut good = 0;
    for proof in proofs {
        let is_good = match proof {
            Proof::Cookie(cookie) => {
                let listing = client.request(Method::GET, CREDENTIALS).header("cookie", cookie);
                client.send(listing).await?.status.is_success()
            }
            Proof::Tokens { access, refresh } => {
                let renewal = client.post("/auth/refresh", &json!({"refresh_token": refresh})).await?;
                let me = server.bearer(access).get("/users/me").await?;
                renewal.status.is_success() || me.status.is_success()
            }
        };
        good += usize::from(is_good);
    }
    Ok(good)
}

#[apply(on_each_database)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_change_during_a_sign_in_ends_that_sign_in(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
    let server = std::sync::Arc::new(installation.serve_logging("info").await?);
    for round in 0..3 {
        let person = std::sync::Arc::new(installation.add_person().await?);
        let body = json!({"email": person.email(), "password": person.password()});
        let first = tokens(&server.anonymous().post("/auth/login", &body).await?.body)?;
        let Proof::Tokens { refresh, .. } = &first else { unreachable!("tokens were requested") };
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (server, person) = (server.clone(), person.clone());
            let mode = ["json", "session"][number % 2];
            callers.spawn(async move { sign_in_until_refused(&server, &person, mode).await });
        }
        let (refreshing, refresh) = (server.clone(), refresh.clone());
        callers.spawn(async move { refresh_until_refused(&refreshing, refresh).await });
        sleep(Duration::from_millis(300)).await;
        change_user(installation.command()?, "set-password", person.email(), "another-password-9uZ").await?;
        let mut proofs = vec![first];
        while let Some(caller) = callers.join_next().await {
            proofs.extend(caller??);
        }
        let good = count_good(&server, &proofs).await?;
        assert_eq!(good, 0, "of {} sign-ins, in round {round}", proofs.len());
    }
    Ok(())
}

/// Installation and user of a test, with `rate` as the user's rate limit.
async fn stage(store: Store, rate: &str) -> Result<(Installation, Person)> {
    let mut installation = Installation::new(store).await?;
    installation.set("STAGEPASS_USER_RATE_LIMIT", rate);
    let person = installation.add_person().await?;
    Ok((installation, person))
}

async fn sign_in(server: &Server, person: &Person, mode: &str) -> Result<Proof> {
    let body = json!({"email": person.email(), "password": person.password(), "mode": mode});
    let answer = server.anonymous().post("/auth/login", &body).await?;
    ensure!(answer.status == StatusCode::OK, "{}: {}", answer.status, answer.body);
    proof(&answer)
}

async fn refresh(server: &Server, refresh: &str) -> Result<Answer> {
    server.anonymous().post("/auth/refresh", &json!({"refresh_token": refresh})).await
}

fn refresh_token(proof: &Proof) -> &str {
    match proof {
        Proof::Tokens { refresh, .. } => refresh,
        Proof::Cookie(_) => "",
    }
}

/// Whether the sign-in still works. Access tokens are ignored: they last until they expire.
async fn is_live(server: &Server, proof: &Proof) -> Result<bool> {
    Ok(match proof {
        Proof::Cookie(_) => count_good(server, std::slice::from_ref(proof)).await? == 1,
        Proof::Tokens { refresh: token, .. } => refresh(server, token).await?.status.is_success(),
    })
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_thirty_third_sign_in_ends_the_oldest(store: Store) -> Result<()> {
    let (installation, person) = stage(store, "0").await?;
    let server = installation.serve_logging("info").await?;
    let mut proofs = Vec::new();
    for number in 0..32 {
        proofs.push(sign_in(&server, &person, ["json", "session"][number % 2]).await?);
    }
    // A refresh does not make a sign-in newer.
    let renewed = refresh(&server, refresh_token(&proofs[0])).await?;
    proofs[0] = tokens(&renewed.body)?;
    let other = installation.add_person().await?;
    let foreign = sign_in(&server, &other, "json").await?;
    for (number, mode) in ["session", "json"].into_iter().enumerate() {
        proofs.push(sign_in(&server, &person, mode).await?);
        assert!(!is_live(&server, &proofs[number]).await?, "{number} must have ended");
    }
    for (number, proof) in proofs.iter().enumerate().skip(2) {
        assert!(is_live(&server, proof).await?, "{number} must be live");
    }
    assert!(is_live(&server, &foreign).await?, "another user's sign-in must be live");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_sign_ins_leave_thirty_two_even_at_two_servers(store: Store) -> Result<()> {
    let (installation, person) = stage(store, "0").await?;
    let server = installation.serve_logging("info").await?;
    // SQLite has one server at a time.
    let second =
        if store == Store::Postgres { Some(installation.serve_logging("info").await?) } else { None };
    let servers = [&server, second.as_ref().unwrap_or(&server)];
    let mut proofs = Vec::new();
    for _ in 0..5 {
        let eight = (0..8).map(|number| sign_in(servers[number % 2], &person, "json"));
        proofs.extend(futures_util::future::try_join_all(eight).await?);
    }
    let mut live = 0;
    for proof in &proofs {
        live += usize::from(is_live(&server, proof).await?);
    }
    assert_eq!(live, 32, "of {}", proofs.len());
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_fourth_successor_of_a_spent_refresh_token_ends_the_first(store: Store) -> Result<()> {
    let (installation, person) = stage(store, "0").await?;
    let server = installation.serve_logging("info").await?;
    let first = sign_in(&server, &person, "json").await?;
    let mut successors = Vec::new();
    for _ in 0..4 {
        successors.push(tokens(&refresh(&server, refresh_token(&first)).await?.body)?);
        // Tokens of the same millisecond have the same age.
        sleep(Duration::from_millis(5)).await;
    }
    let mut live = Vec::new();
    for successor in &successors {
        live.push(is_live(&server, successor).await?);
    }
    assert_eq!(live, [false, true, true, true]);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_is_sent_very_often_leaves_three_successors(store: Store) -> Result<()> {
    let (installation, person) = stage(store, "0").await?;
    let server = installation.serve_logging("info").await?;
    let first = sign_in(&server, &person, "json").await?;
    let calls = (0..200).map(|_| refresh(&server, refresh_token(&first)));
    let mut successors = Vec::new();
    for answer in futures_util::future::try_join_all(calls).await? {
        ensure!(answer.status == StatusCode::OK, "{}: {}", answer.status, answer.body);
        successors.push(tokens(&answer.body)?);
    }
    let mut live = 0;
    for successor in &successors {
        live += usize::from(is_live(&server, successor).await?);
    }
    assert_eq!(live, 3);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_refresh_counts_as_a_call_of_its_user(store: Store) -> Result<()> {
    let (installation, person) = stage(store, "1").await?;
    let other = installation.add_person().await?;
    let server = installation.serve_logging("info").await?;
    let foreign = sign_in(&server, &other, "json").await?;
    let Proof::Tokens { access, refresh: mut token } = sign_in(&server, &person, "json").await? else {
        bail!("tokens were requested")
    };
    let mut calls = 0;
    // Each second allows one more call, so the other one is tried right after a refusal.
    let refused = loop {
        let answer = refresh(&server, &token).await?;
        if answer.status == StatusCode::OK {
            refresh_token(&tokens(&answer.body)?).clone_into(&mut token);
        } else if server.bearer(&access).get("/users/me").await?.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        calls += 1;
        ensure!(calls < 100, "none of {calls} calls was refused with another call");
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "REQUESTS_EXCEEDED");
    assert!(is_live(&server, &foreign).await?, "other users are not refused");
    // A refused refresh does not spend its token.
    let seconds = refused.headers["retry-after"].to_str()?.parse()?;
    sleep(Duration::from_secs(seconds)).await;
    assert_eq!(refresh(&server, &token).await?.status, StatusCode::OK);
    Ok(())
}
