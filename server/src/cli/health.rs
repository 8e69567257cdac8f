//! `health`: asks the server that these settings describe whether it is ready. For containers, whose
//! images may have no other program that can ask.

use super::error::CliError;
use super::output::say;
use crate::config::ListenArgs;
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use std::error::Error as _;
use std::iter;
use std::time::Duration;

/// The server answers within two seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Prints that the server is ready, or fails with the reason why it is not.
pub(super) async fn run(listen: &ListenArgs) -> Result<(), CliError> {
    let url = listen.own_url()?;
    let answer = ask(&format!("{url}/readyz")).await.map_err(|error| {
        // The library's own message leaves out the reason.
        let reason = iter::successors(error.source(), |&error| error.source()).last();
        let reason = reason.map_or_else(|| error.to_string(), ToString::to_string);
        CliError::User(format!("no answer from {url}: {reason}"))
    })?;
    if answer.status().is_success() {
        return say("ready");
    }
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let reason = json["error"].as_str().or(body.lines().next()).unwrap_or("no reason given");
    Err(CliError::User(format!("not ready ({}): {reason}", status.as_u16())))
}

async fn ask(url: &str) -> reqwest::Result<Response> {
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        // The certificate is for the public name. The question carries no secret, and it stays on
        // this machine.
        .tls_danger_accept_invalid_certs(true);
    client.build()?.get(url).send().await
}
