//! An installation with everything that calls need: a server, a signed-in user, a service,
//! and records.

use crate::calls::{Calls, Id, parse_id};
use crate::memory::Watch;
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Client, Server};
use std::sync::Arc;

/// The server's start message, and its errors.
const LOG: &str = "warn,stagepass_server::serve=info";
/// The platform of all connections.
pub(crate) const PLATFORM: &str = "instagram";
/// Cookies of one session: as many as a large platform sets.
pub(crate) const COOKIES: usize = 60;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Reveal,
    GetSession,
    StoreSession,
}

impl Operation {
    /// All operations.
    pub(crate) const ALL: [Self; 3] = [Self::Reveal, Self::GetSession, Self::StoreSession];

    /// The verb.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::GetSession => "get-platform-session",
            Self::StoreSession => "store-platform-session",
        }
    }
}

/// A server that can be called.
pub(crate) struct Stage {
    ids: Arc<[Id]>,
    cookies: usize,
    user: Client,
    service: Client,
    /// Memory use since the server was ready.
    pub(crate) memory: Watch,
    // Ends before its store is removed.
    server: Server,
    _installed: (Installation, Person),
}

/// An installation without the limits that would slow a benchmark down.
pub(crate) async fn install(store: Store) -> Result<(Installation, Person)> {
    let mut installation = Installation::new(store).await?;
    for limit in ["STAGEPASS_USER_RATE_LIMIT", "STAGEPASS_USER_RECORD_LIMIT", "STAGEPASS_USER_STORAGE_LIMIT"]
    {
        installation.set(limit, "0");
    }
    let person = installation.add_person().await?;
    Ok((installation, person))
}

/// Starts an installation's server with a short log.
pub(crate) async fn serve(installation: &Installation) -> Result<Server> {
    installation.serve_logging(LOG).await
}

impl Stage {
    /// A stage with this many connections, each with credentials and a session of many cookies.
    pub(crate) async fn new(store: Store, connections: usize) -> Result<Self> {
        let (installation, person) = install(store).await?;
        let server = serve(&installation).await?;
        let user = person.sign_in(&server).await?;
        let mut ids = Vec::new();
        for number in 0..connections {
            ids.push(parse_id(&add_connection(&user, number).await?)?);
        }
        Self::of((installation, person), server, user, ids.into(), COOKIES)
    }

    /// A stage with these connections, whose sessions have `cookies` cookies.
    pub(crate) fn of(
        installed: (Installation, Person),
        server: Server,
        user: Client,
        ids: Arc<[Id]>,
        cookies: usize,
    ) -> Result<Self> {
        let service = server.service()?;
        let memory = Watch::start(server.program().id()?)?;
        Ok(Self { ids, cookies, user, service, memory, server, _installed: installed })
    }

    /// An anonymous client.
    pub(crate) fn anonymous(&self) -> Client {
        self.server.anonymous()
    }

    /// The connections' ids.
    pub(crate) fn connections(&self) -> Arc<[Id]> {
        Arc::clone(&self.ids)
    }

    /// Calls for any of the connections.
    pub(crate) fn calls(&self, operation: Operation) -> Result<Calls> {
        self.calls_for(operation, Arc::clone(&self.ids))
    }

    /// Calls for the first connection only.
    pub(crate) fn calls_for_the_first(&self, operation: Operation) -> Result<Calls> {
        self.calls_for(operation, self.ids[..1].into())
    }

    fn calls_for(&self, operation: Operation, ids: Arc<[Id]>) -> Result<Calls> {
        let id = ids.first().context("no connections")?;
        let id = std::str::from_utf8(id)?;
        let (caller, body) = match operation {
            Operation::Reveal => (&self.service, json!({"creatorProfileId": id})),
            Operation::GetSession => (&self.service, json!({"creator_profile_id": id, "platform": PLATFORM})),
            Operation::StoreSession => (&self.user, session(id, self.cookies)),
        };
        let path = format!("/api/credentials/{}", operation.name());
        Calls::new(&caller.request(Method::POST, &path).json(&body).build()?, ids)
    }
}

async fn add_connection(user: &Client, number: usize) -> Result<String> {
    let profile = json!({"platform": PLATFORM, "platform_username": format!("stage.artist.{number}"),
        "credentials": credentials()});
    let created = user.post("/api/credentials/create-profile", &profile).await?;
    let id = created.body["id"].as_str().with_context(|| created.body.to_string())?.to_owned();
    let stored = user.post("/api/credentials/store-platform-session", &session(&id, COOKIES)).await?;
    ensure!(stored.status == 200, "{}", stored.body);
    Ok(id)
}

/// The credentials of a connection.
pub(crate) fn credentials() -> Value {
    json!({"username": "stage.artist", "password": "correct horse battery staple",
        "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "device_id": "android-3f2a9c1e7b5d4068"})
}

/// A captured session of a connection with this many cookies.
fn session(connection: &str, cookies: usize) -> Value {
    json!({"creator_profile_id": connection, "platform": PLATFORM, "cookies": cookies_of(cookies),
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
        "expires_at": "2099-12-31T23:59:59Z"})
}

/// `count` cookies, as the extension sends them.
pub(crate) fn cookies_of(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| {
            json!({"name": format!("cookie_{number:02}"), "value": "0123456789%3AabcXYZ%3A28".repeat(4),
                "domain": ".instagram.com", "path": "/", "expires": 4_102_444_799_i64,
                "httpOnly": true, "secure": true, "sameSite": "lax"})
        })
        .collect()
}
