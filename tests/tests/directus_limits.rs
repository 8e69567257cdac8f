//! How often calls may come that Directus answers: by our limits, and by its own.

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::directus::Directus;
use stagepass_tests::faulty_directus::FaultyDirectus;
use stagepass_tests::server::Server;
use stagepass_tests::{server_on_directus, wait};
use std::time::Duration;

/// Sends what `request` makes until it is refused as one too many, and checks
/// that Directus hears of none from then on. All before have the status `expected`.
async fn assert_limited(
    (server, proxy): (&Server, &FaultyDirectus),
    path: &str,
    expected: u16,
    request: impl Fn(usize) -> reqwest::RequestBuilder,
) -> Result<usize> {
    let client = server.anonymous();
    for number in 0..100 {
        let answer = client.send(request(number)).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.body["errors"][0]["extensions"]["code"], "REQUESTS_EXCEEDED");
            assert!(answer.headers.contains_key("retry-after"));
            let heard = proxy.requests(path);
            assert_eq!(client.send(request(number)).await?.status, answer.status);
            assert_eq!(proxy.requests(path), heard, "{path}");
            return Ok(number);
        }
        assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.body);
    }
    bail!("{path} was never refused");
}

#[tokio::test]
async fn directus_hears_of_no_call_that_is_one_too_many() {
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
    let logout = |number| from(post("/auth/logout", json!({"refresh_token": format!("guess {number}")})));
    assert_eq!(assert_limited((&server, &proxy), "/auth/logout", 401, logout).await.unwrap(), 0);
    let unknown =
        |number| from(client.request(Method::GET, "/users/me").bearer_auth(format!("guess {number}")));
    assert_eq!(assert_limited((&server, &proxy), "/users/me", 401, unknown).await.unwrap(), 0);

    let token = user.sign_in().await.unwrap();
    let mine = |_| client.request(Method::GET, "/users/me").bearer_auth(token.expose_secret());
    assert!(assert_limited((&server, &proxy), "/users/me", 200, mine).await.unwrap() >= 10);
    // A token in the query would come past that limit.
    let heard = proxy.requests("/users/me");
    let query = format!("/users/me?access_token={}", token.expose_secret());
    assert_eq!(client.get(&query).await.unwrap().status, StatusCode::UNAUTHORIZED);
    assert_eq!(proxy.requests("/users/me"), heard);
}

/// Directus limits whoever calls it, and this server calls for everybody.
#[tokio::test]
async fn what_directus_has_too_much_of_is_refused_as_nobodys_fault_until_it_is_less() {
    let directus = Directus::of_this_run().unwrap();
    let limited = Directus::limited_of_this_run().unwrap();
    let owner = directus.create_user().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = server_on_directus::start(directory.path(), &directus, limited.url()).await.unwrap();
    let (email, password) = (owner.email(), owner.password().expose_secret());
    let user = server.user_named(email, password).await.unwrap();
    let list = "/api/platform-connections";

    let refused = wait::until("Directus's limiter", Duration::from_secs(60), async || {
        let answers = try_join_all((0..40).map(|_| user.get(list))).await?;
        Ok(answers.into_iter().find(|answer| answer.status != StatusCode::OK))
    });
    let refused = refused.await.unwrap();
    assert_eq!(refused.body, json!({"success": false, "error": "Directus busy"}));
    let login = json!({"email": email, "password": password});
    let handed_on = server.anonymous().post("/auth/login", &login).await.unwrap();
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
