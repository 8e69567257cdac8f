//! The stage of every bad call: users with records of their own, and the
//! means to see that nothing of it has changed.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::server::{self, Answer, Client, EMAIL, PASSWORD, Server};
use tempfile::TempDir;

pub(crate) const API: &str = "/api/credentials";
/// The id of no record.
pub(crate) const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const OTHER_EMAIL: &str = "other@example.org";
const SUSPENDED_EMAIL: &str = "suspended@example.org";
/// The users' lists.
pub(crate) const LISTS: [&str; 4] = [
    "/api/platform-connections",
    "/api/platform-sessions",
    "/api/download-credentials",
    "/api/capture-requests",
];

/// The callers, and the records of the one who is called the user.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) anonymous: Client,
    pub(crate) user: Client,
    pub(crate) other: Client,
    pub(crate) service: Client,
    /// An access token of the user.
    pub(crate) token: String,
    /// One of somebody who was suspended after signing in.
    pub(crate) suspended_token: String,
    /// What access tokens are signed with.
    pub(crate) token_key: Vec<u8>,
    pub(crate) service_secret: String,
    pub(crate) other_id: String,
    pub(crate) connection: String,
    pub(crate) session: String,
    pub(crate) download: String,
    pub(crate) capture_request: String,
    _directory: TempDir,
}

/// The one place that knows where the records and the users are kept.
pub(crate) async fn start() -> Result<Stage> {
    let directory = server::new_data_dir().await?;
    for email in [OTHER_EMAIL, SUSPENDED_EMAIL] {
        server::add_user(directory.path(), email, PASSWORD).await?;
    }
    let mut command = server::command(directory.path())?;
    // More calls in a row than a person's programs make.
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("STAGEPASS_USER_RATE_LIMIT", "0");
    let server = Server::start_command(directory.path(), &mut command).await?;
    let user = server.user().await?;
    let other = server.user_named(OTHER_EMAIL, PASSWORD).await?;
    let suspended_token = access_token(&server, SUSPENDED_EMAIL).await?;
    let suspending = server::command(directory.path())?.args(["user", "disable", SUSPENDED_EMAIL]).output();
    ensure!(suspending.await?.status.success(), "cannot suspend a user");
    let service = server.service()?;
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    Ok(Stage {
        anonymous: server.anonymous(),
        token: access_token(&server, EMAIL).await?,
        suspended_token,
        token_key: std::fs::read(directory.path().join("jwt-secret"))?,
        service_secret: std::fs::read_to_string(directory.path().join("rbac-sync-webhook-secret"))?,
        other_id: text(&other.get("/users/me").await?.body["data"]["id"])?,
        session: made(&user, "store-platform-session", &session(&connection)).await?,
        download: made(&user, "create-download-cred", &download(&connection)).await?,
        capture_request: made(&service, "request-capture", &request(&connection)).await?,
        connection,
        user,
        other,
        service,
        server,
        _directory: directory,
    })
}

async fn access_token(server: &Server, email: &str) -> Result<String> {
    let signed_in = json!({"email": email, "password": PASSWORD});
    text(&server.anonymous().post("/auth/login", &signed_in).await?.body["data"]["access_token"])
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is no text"))
}

async fn made(client: &Client, verb: &str, body: &Value) -> Result<String> {
    text(&client.post(&format!("{API}/{verb}"), body).await?.body["id"])
}

pub(crate) fn cookie() -> Value {
    json!({"name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expires": 1_735_689_600, "httpOnly": true, "secure": true})
}

pub(crate) fn session(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie()],
        "user_agent": "Mozilla/5.0", "expires_at": "2099-12-31T23:59:59Z"})
}

pub(crate) fn download(connection: &str) -> Value {
    let file = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tSID\tv\n";
    json!({"platform": "youtube", "creator_profile_id": connection, "auth_type": "cookies",
        "username": "fitcreator99", "credentials": {"cookies_netscape": file}, "display_name": "My channel"})
}

pub(crate) fn request(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "reason": "the session has expired"})
}

/// `body` with the members of `change` in place of its own.
pub(crate) fn with(mut body: Value, change: Value) -> Value {
    if let Value::Object(change) = change {
        for (field, value) in change {
            body[field] = value;
        }
    }
    body
}

/// Status and text of a refusal, whose body must be the whole envelope.
pub(crate) fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}), "{}", answer.status);
    (answer.status.as_u16(), error)
}

impl Stage {
    /// POST of a text as JSON.
    pub(crate) async fn post_text(
        &self,
        client: &Client,
        verb: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Answer> {
        let request = client.request(Method::POST, &format!("{API}/{verb}"));
        client.send(request.header("content-type", "application/json").body(body.into())).await
    }

    /// A call that nobody signs, to which a caller is added by hand.
    pub(crate) fn unsigned(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path)
    }

    /// All that the bad calls could change: the lists of both users, and what
    /// services are given.
    pub(crate) async fn records(&self) -> Result<Vec<Value>> {
        let mut records = Vec::new();
        for client in [&self.user, &self.other] {
            for list in LISTS {
                records.push(succeeds(client.get(&format!("{list}?pageSize=100")).await?)?);
            }
        }
        for (verb, body) in [
            ("reveal", json!({"creatorProfileId": self.connection})),
            ("get-platform-session", json!({"creator_profile_id": self.connection, "platform": "instagram"})),
            ("reveal-download-cred", json!({"id": self.download})),
        ] {
            records.push(succeeds(self.service.post(&format!("{API}/{verb}"), &body).await?)?);
        }
        Ok(records)
    }
}

fn succeeds(answer: Answer) -> Result<Value> {
    ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    Ok(answer.body)
}
