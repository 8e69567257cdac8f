//! The stage of every bad call: users with their own records, and a way to see that none of
//! them has changed.

use crate::{API, session};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Answer, Client, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The users' lists.
pub(crate) const LISTS: [&str; 4] = [
    "/api/platform-connections",
    "/api/platform-sessions",
    "/api/download-credentials",
    "/api/capture-requests",
];

/// The callers, and the records of the caller named `user`.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) anonymous: Client,
    pub(crate) user: Client,
    pub(crate) other: Client,
    pub(crate) service: Client,
    /// An access token of the user.
    pub(crate) token: String,
    /// A token of somebody who was suspended after signing in.
    pub(crate) suspended_token: String,
    /// The key that signs access tokens.
    pub(crate) token_key: Vec<u8>,
    pub(crate) service_secret: String,
    pub(crate) other_id: String,
    pub(crate) connection: String,
    pub(crate) session: String,
    pub(crate) download: String,
    pub(crate) capture_request: String,
    /// A session with nothing changed, which its service may renew.
    pub(crate) update: Value,
    _installation: Installation,
    _people: [Person; 3],
}

pub(crate) async fn start(store: Store) -> Result<Stage> {
    let mut installation = Installation::new(store).await?;
    // The tests call more often than a person's programs do.
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
    let renewed = user.create_profile("instagram", "renewed").await?;
    let allowed = user.allow_write_back(&renewed, true).await?;
    ensure!(allowed.status == 200, "{}", allowed.body);
    let cookies = json!([{"name": "csrftoken", "value": "v", "domain": ".instagram.com"}]);
    let mut update = json!({"creator_profile_id": renewed, "platform": "instagram", "cookies": cookies});
    update["id"] = made(&user, "store-platform-session", &update).await?.into();
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
        update,
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
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is not text"))
}

async fn made(client: &Client, verb: &str, body: &Value) -> Result<String> {
    text(&client.post(&format!("{API}/{verb}"), body).await?.body["id"])
}

pub(crate) fn download(connection: &str) -> Value {
    let file = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tSID\tv\n";
    json!({"platform": "youtube", "creator_profile_id": connection, "auth_type": "cookies",
        "username": "fitcreator99", "credentials": {"cookies_netscape": file}, "display_name": "My channel"})
}

pub(crate) fn request(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "reason": "the session has expired"})
}

impl Stage {
    /// Sends a request that closes its connection, and returns everything that comes back.
    pub(crate) async fn exchange(&self, request: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.server.address()).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

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

    /// A call without a caller, which the test adds itself.
    pub(crate) fn unsigned(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous.request(method, path)
    }

    /// Everything that bad calls could change: the lists of both users, and what services
    /// receive.
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
