//! Users of a Directus: which tokens are accepted, which calls are forwarded, and what the
//! server answers when Directus fails.

mod sign_in;
mod tokens;
mod trouble;

use anyhow::Result;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use stagepass_tests::services::directus::{Directus, User};
use stagepass_tests::services::faulty_directus::FaultyDirectus;
use stagepass_tests::services::server::{Answer, Client, Server};
use stagepass_tests::services::server_on_directus;
use tempfile::TempDir;

const SESSIONS: &str = "/api/platform-sessions";

/// A Directus behind a proxy, a user in it, and a server that uses it.
struct Setup {
    directus: Directus,
    proxy: FaultyDirectus,
    user: User,
    server: Server,
    _directory: TempDir,
}

impl Setup {
    async fn new(knows_secret: bool) -> Result<Self> {
        let directus = Directus::of_this_run()?;
        let proxy = FaultyDirectus::start(&directus).await?;
        let user = directus.create_user().await?;
        let directory = tempfile::tempdir()?;
        let (path, url) = (directory.path(), proxy.url());
        let server = if knows_secret {
            server_on_directus::start_with_secret(path, &directus, &url).await
        } else {
            server_on_directus::start(path, &directus, &url).await
        };
        Ok(Self { directus, proxy, user, server: server?, _directory: directory })
    }

    async fn with_token(&self, token: &SecretString) -> Result<Answer> {
        let request = self.server.anonymous().request(Method::GET, SESSIONS);
        self.server.anonymous().send(request.bearer_auth(token.expose_secret())).await
    }

    async fn sign_in(&self) -> Result<Client> {
        self.server.user_named(self.user.email(), self.user.password().expose_secret()).await
    }
}

fn assert_unauthorized(answer: &Answer, why: &str) {
    let expected = json!({"success": false, "error": "Unauthorized"});
    assert_eq!((answer.status, &answer.body), (StatusCode::UNAUTHORIZED, &expected), "{why}");
}
