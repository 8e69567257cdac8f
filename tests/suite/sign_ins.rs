//! Sign-ins, and what ends them, where this server knows the users.

use crate::STORE;
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stagepass_tests::installation::{Installation, Person};
use stagepass_tests::server::{Server, change_user};
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
        proofs.push(match answer.headers.get("set-cookie") {
            Some(cookie) => Proof::Cookie(cookie.to_str()?.split(';').next().context("a cookie")?.to_owned()),
            None => tokens(&answer.body)?,
        });
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
