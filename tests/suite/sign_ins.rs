//! Sign-ins, and what ends them, where this server knows the users.

use crate::STORE;
use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stagepass_tests::installation::{Installation, Person, Store};
use stagepass_tests::server::{Answer, Server, change_user};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CREDENTIALS: &str = "/api/v1/app-credentials";
/// How many sign in at the same time: fewer than the wrong passwords that an account may have.
const CALLERS: usize = 8;

/// What a sign-in gave.
#[derive(Debug)]
enum Proof {
    Tokens { access: String, refresh: String },
    Cookie(String),
}

/// Signs in again and again, until that is refused.
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

/// Refreshes again and again, until that is refused.
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

/// How many of the proofs are good for anything.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_in_outlives_a_change_of_the_password_that_comes_while_it_is_checked() -> Result<()> {
    let mut installation = Installation::new(STORE).await?;
    installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
    let server = std::sync::Arc::new(installation.serve_logging("info").await?);
    for round in 0..3 {
        let person = std::sync::Arc::new(installation.add_person().await?);
        let body = json!({"email": person.email(), "password": person.password()});
        let first = tokens(&server.anonymous().post("/auth/login", &body).await?.body)?;
        let Proof::Tokens { refresh, .. } = &first else { unreachable!("it asked for tokens") };
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

/// Installation and person of a test that calls as often as it likes, as `rate` says.
async fn stage(rate: &str) -> Result<(Installation, Person)> {
    let mut installation = Installation::new(STORE).await?;
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

/// Whether the sign-in can be used, but for an access token, which lives out its time.
async fn is_live(server: &Server, proof: &Proof) -> Result<bool> {
    Ok(match proof {
        Proof::Cookie(_) => count_good(server, std::slice::from_ref(proof)).await? == 1,
        Proof::Tokens { refresh: token, .. } => refresh(server, token).await?.status.is_success(),
    })
}

#[tokio::test]
async fn the_thirty_third_sign_in_ends_the_oldest() -> Result<()> {
    let (installation, person) = stage("0").await?;
    let server = installation.serve_logging("info").await?;
    let mut proofs = Vec::new();
    for number in 0..32 {
        proofs.push(sign_in(&server, &person, ["json", "session"][number % 2]).await?);
    }
    // To be renewed makes a sign-in no newer.
    let renewed = refresh(&server, refresh_token(&proofs[0])).await?;
    proofs[0] = tokens(&renewed.body)?;
    let other = installation.add_person().await?;
    let foreign = sign_in(&server, &other, "json").await?;
    for (number, mode) in ["session", "json"].into_iter().enumerate() {
        proofs.push(sign_in(&server, &person, mode).await?);
        assert!(!is_live(&server, &proofs[number]).await?, "{number} has ended");
    }
    for (number, proof) in proofs.iter().enumerate().skip(2) {
        assert!(is_live(&server, proof).await?, "{number} has not");
    }
    assert!(is_live(&server, &foreign).await?, "nor has another user's");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_sign_in_at_once_leave_thirty_two_at_two_servers_too() -> Result<()> {
    let (installation, person) = stage("0").await?;
    let server = installation.serve_logging("info").await?;
    // SQLite has one server at a time.
    let second =
        if STORE == Store::Postgres { Some(installation.serve_logging("info").await?) } else { None };
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

#[tokio::test]
async fn a_fourth_successor_of_a_spent_refresh_token_ends_the_first() -> Result<()> {
    let (installation, person) = stage("0").await?;
    let server = installation.serve_logging("info").await?;
    let first = sign_in(&server, &person, "json").await?;
    let mut successors = Vec::new();
    for _ in 0..4 {
        successors.push(tokens(&refresh(&server, refresh_token(&first)).await?.body)?);
        // Those of one millisecond are of the same age.
        sleep(Duration::from_millis(5)).await;
    }
    let mut live = Vec::new();
    for successor in &successors {
        live.push(is_live(&server, successor).await?);
    }
    assert_eq!(live, [false, true, true, true]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_is_sent_very_often_leaves_three_successors() -> Result<()> {
    let (installation, person) = stage("0").await?;
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

#[tokio::test]
async fn a_refresh_counts_as_a_call_of_its_user() -> Result<()> {
    let (installation, person) = stage("1").await?;
    let other = installation.add_person().await?;
    let server = installation.serve_logging("info").await?;
    let foreign = sign_in(&server, &other, "json").await?;
    let Proof::Tokens { access, refresh: mut token } = sign_in(&server, &person, "json").await? else {
        bail!("it asked for tokens")
    };
    let mut calls = 0;
    let refused = loop {
        let answer = refresh(&server, &token).await?;
        if answer.status != StatusCode::OK {
            break answer;
        }
        calls += 1;
        ensure!(calls < 100, "none of {calls} was refused");
        refresh_token(&tokens(&answer.body)?).clone_into(&mut token);
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "REQUESTS_EXCEEDED");
    assert_eq!(server.bearer(&access).get("/users/me").await?.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(is_live(&server, &foreign).await?, "nobody else is refused");
    // What was refused has spent nothing.
    let seconds = refused.headers["retry-after"].to_str()?.parse()?;
    sleep(Duration::from_secs(seconds)).await;
    assert_eq!(refresh(&server, &token).await?.status, StatusCode::OK);
    Ok(())
}
