//! The stage of every bad call: users with records of their own, and the
//! means to see that nothing of it has changed.

use crate::STORE;
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::installation::{Installation, Person};
use stagepass_tests::server::{Answer, Client, Server};

pub(crate) const API: &str = "/api/credentials";
/// The id of no record.
pub(crate) const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
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
    _installation: Installation,
    _people: [Person; 3],
}

pub(crate) async fn start() -> Result<Stage> {
    let mut installation = Installation::new(STORE).await?;
    // More calls in a row than a person's programs make.
    installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
    let people = [
        installation.add_person().await?,
        installation.add_person().await?,
        installation.add_person().await?,
    ];
    let server = installation.serve().await?;
    let [user, other] = [people[0].sign_in(&server).await?, people[1].sign_in(&server).await?];
    let suspended_token = access_token(&server, &people[2]).await?;
    installation.suspend(&people[2]).await?;
    let service = server.service()?;
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    Ok(Stage {
        anonymous: server.anonymous(),
        token: access_token(&server, &people[0]).await?,
        suspended_token,
        token_key: installation.token_key()?,
        service_secret: std::fs::read_to_string(installation.directory().join("rbac-sync-webhook-secret"))?,
        other_id: text(&other.get("/users/me").await?.body["data"]["id"])?,
        session: made(&user, "store-platform-session", &session(&connection)).await?,
        download: made(&user, "create-download-cred", &download(&connection)).await?,
        capture_request: made(&service, "request-capture", &request(&connection)).await?,
        connection,
        user,
        other,
        service,
        server,
        _installation: installation,
        _people: people,
    })
}

async fn access_token(server: &Server, person: &Person) -> Result<String> {
    let signed_in = json!({"email": person.email(), "password": person.password()});
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
