//! Limits on calls that Directus answers: ours, and its own.

use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::faulty_directus::FaultyDirectus;
use stagepass_tests::services::server::Server;
use stagepass_tests::services::server_on_directus;
use stagepass_tests::system::wait;
use std::time::Duration;

/// Sends `request(0)`, `request(1)`, … until one is refused, checks that Directus did not get
/// that one, and returns its number. All earlier answers have the status `expected`.
async fn assert_limited(
    (server, proxy): (&Server, &FaultyDirectus),
    path: &str,
    expected: u16,
    request: impl Fn(usize) -> reqwest::RequestBuilder,
) -> Result<usize> {
    let client = server.anonymous();
    for number in 0..100 {
        let heard = proxy.requests(path);
        let answer = client.send(request(number)).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.body["errors"][0]["extensions"]["code"], "REQUESTS_EXCEEDED");
            assert!(answer.headers.contains_key("retry-after"));
            assert_eq!(proxy.requests(path), heard, "{path}");
            return Ok(number);
        }
        assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.body);
    }
    bail!("{path} was never refused");
}

#[tokio::test]
async fn calls_over_the_limit_do_not_reach_directus() {
    let flags = ["--user-rate-limit", "1", "--failed-auth-rate-limit", "1", "--trusted-proxies", "127.0.0.1"];
    let directus = Directus::of_this_run().unwrap();
    let proxy = FaultyDirectus::start(&directus).await.unwrap();
    let user = directus.create_user().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = proxy.url();
    let server =
        server_on_directus::start_with_flags(directory.path(), &directus, &url, &flags).await.unwrap();
    let client = server.anonymous();
    let post = |path: &str, body: Value| client.request(Method::POST, path).json(&body);
    let login =
        |email: &str, password: &str| post("/auth/login", json!({"email": email, "password": password}));
    let (email, password) = (user.email(), user.password().expose_secret());
    for _ in 0..12 {
        assert_eq!(client.send(login(email, password)).await.unwrap().status, StatusCode::OK);
    }
    // However the address is written, and wherever the caller is.
    let spelled =
        |number: usize| if number.is_multiple_of(2) { email.to_owned() } else { email.to_uppercase() };
    let guess =
        |number| login(&spelled(number), "wrong").header("x-forwarded-for", format!("192.0.2.{number}"));
    assert_eq!(assert_limited((&server, &proxy), "/auth/login", 401, guess).await.unwrap(), 10);
    let even_right = client.send(login(email, password)).await.unwrap();
    assert_eq!(even_right.status, StatusCode::TOO_MANY_REQUESTS);

    let from = |request: reqwest::RequestBuilder| request.header("x-forwarded-for", "203.0.113.9");
    let refresh = |number| from(post("/auth/refresh", json!({"refresh_token": format!("guess {number}")})));
    assert!(assert_limited((&server, &proxy), "/auth/refresh", 401, refresh).await.unwrap() >= 9);
    // Each second allows one more guess, so others are tried right after a refusal.
    let logout = || from(post("/auth/logout", json!({"refresh_token": "a guess"})));
    let unknown = || from(client.request(Method::GET, "/users/me").bearer_auth("a guess"));
    let both = wait::until("the limit to refuse other guesses", Duration::from_secs(60), async || {
        assert_limited((&server, &proxy), "/auth/refresh", 401, refresh).await?;
        let heard = |path| proxy.requests(path);
        let before = [heard("/auth/logout"), heard("/users/me")];
        let answers = [client.send(logout()).await?.status, client.send(unknown()).await?.status];
        let refused = answers == [StatusCode::TOO_MANY_REQUESTS; 2];
        Ok(refused.then(|| (before, [heard("/auth/logout"), heard("/users/me")])))
    });
    let (before, after) = both.await.unwrap();
    assert_eq!(before, after, "calls that reached Directus");

    let token = user.sign_in().await.unwrap();
    let mine = |_| client.request(Method::GET, "/users/me").bearer_auth(token.expose_secret());
    assert!(assert_limited((&server, &proxy), "/users/me", 200, mine).await.unwrap() >= 10);
    // A token in the query would bypass that limit.
    let heard = proxy.requests("/users/me");
    let query = format!("/users/me?access_token={}", token.expose_secret());
    assert_eq!(client.get(&query).await.unwrap().status, StatusCode::UNAUTHORIZED);
    assert_eq!(proxy.requests("/users/me"), heard);
}

/// Directus limits each address, and this server calls on behalf of everybody.
#[tokio::test]
async fn a_busy_directus_is_reported_until_it_accepts_calls_again() {
    let directus = Directus::of_this_run().unwrap();
    let limited = Directus::limited_of_this_run().unwrap();
    let owner = directus.create_user().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = server_on_directus::start(directory.path(), &directus, limited.url()).await.unwrap();
    let (email, password) = (owner.email(), owner.password().expose_secret());
    let user = server.user_named(email, password).await.unwrap();
    let list = "/api/platform-connections";

    // The limiter counts calls for five seconds: a sign-in may only pass if these are over.
    let login = json!({"email": email, "password": password});
    let both =
        wait::until("Directus's limiter to refuse a sign-in, too", Duration::from_secs(60), async || {
            let answers = try_join_all((0..40).map(|_| user.get(list))).await?;
            let refused = answers.into_iter().find(|answer| answer.status != StatusCode::OK);
            let handed_on = server.anonymous().post("/auth/login", &login).await?;
            if handed_on.status == StatusCode::OK {
                ensure!(user.get(list).await?.status == StatusCode::OK, "a sign-in passed, but no list");
            }
            Ok(refused.filter(|_| handed_on.status != StatusCode::OK).map(|refused| (refused, handed_on)))
        });
    let (refused, handed_on) = both.await.unwrap();
    assert_eq!(refused.body, json!({"success": false, "error": "Directus busy"}));
    assert_eq!(handed_on.body["errors"][0]["extensions"]["code"], "SERVICE_UNAVAILABLE");
    for refused in [refused, handed_on] {
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait), "{wait}");
    }
    let heard = wait::until("the limiter's next time", Duration::from_secs(30), async || {
        Ok((user.get(list).await?.status == StatusCode::OK).then_some(()))
    });
    heard.await.unwrap();
}
