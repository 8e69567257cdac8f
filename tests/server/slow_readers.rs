//! What large lists cost the server while many clients read them slowly: a piece of each in
//! memory, not all of it. On a real server, measured by its process's memory.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::{Client, Server};
use stagepass_tests::services::slow_readers::{CREDENTIAL_BYTES, SlowReader, add_large_credentials};
use stagepass_tests::system::process_memory::peak_kib;
use std::time::Duration;
use tokio::time::sleep;

const LOG: &str = "warn,stagepass_server::serve=info";
const CREDENTIALS: usize = 100;
/// Each of them reads 12 MB.
const READERS: usize = 20;
/// Pages that are built at once, each from 12 MB of which it shows little.
const PAGES: usize = 6;
/// A piece for each reader, the rows read with it, and what the allocator keeps.
const ALLOWED_KIB: u64 = 64 * 1024;
/// Types with the maximum number of fields, with long names.
const TYPES: usize = 98;
const FIELDS: usize = 64;

struct Stage {
    user: Client,
    cookie: String,
    project: String,
    server: Server,
    installation: Installation,
}

impl Stage {
    async fn new(store: Store) -> Result<Self> {
        let mut installation = Installation::new(store).await?;
        installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
        // Without optimisation it takes long to open sealed values.
        installation.set("STAGEPASS_REQUEST_TIMEOUT", "300");
        let person = installation.add_person().await?;
        let server = installation.serve_logging(LOG).await?;
        let user = person.sign_in(&server).await?;
        let project = add_large_credentials(&user, CREDENTIALS).await?;
        add_large_types(&user).await?;
        let body = json!({"email": person.email(), "password": person.password(), "mode": "session"});
        let answer = server.anonymous().post("/auth/login", &body).await?;
        let cookie = answer.headers["set-cookie"].to_str()?.split(';').next().context("a cookie")?.to_owned();
        Ok(Self { user, cookie, project, server, installation })
    }

    /// Starts another server, which has used no memory for lists yet, and returns its peak.
    async fn restart(&mut self) -> Result<u64> {
        let server = self.installation.serve_logging(LOG).await?;
        self.user = self.user.at(&server);
        std::mem::replace(&mut self.server, server).stop().await?;
        assert_eq!(self.user.get("/api/v1/projects").await?.status, 200);
        self.peak_kib()
    }

    fn peak_kib(&self) -> Result<u64> {
        peak_kib(self.server.program().id()?)
    }

    fn page(&self, path: &str) -> RequestBuilder {
        self.server.anonymous().request(Method::GET, path).header("cookie", &self.cookie)
    }
}

async fn add_large_types(user: &Client) -> Result<()> {
    let fields: Vec<_> = (0..FIELDS)
        .map(|number| {
            json!({"fieldName": format!("field{number}"), "fieldType": "string",
                "fieldLabel": format!("{}{number:03}", "字".repeat(197))})
        })
        .collect();
    for number in 0..TYPES {
        let new = json!({"typeName": format!("{} {number:03}", "字".repeat(196)), "fields": fields});
        let made = user.post("/api/v1/credential-types", &new).await?;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    Ok(())
}

/// All values are there, in a list that is read as fast as it comes.
fn check(rows: &Value, count: usize) {
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), count);
    for row in rows {
        let values = row["keys"].as_array().into_iter().flatten().filter_map(|key| key["keyValue"].as_str());
        assert_eq!(values.map(str::len).sum::<usize>(), CREDENTIAL_BYTES, "{}", row["credentialName"]);
    }
}

async fn takes_pieces(store: Store) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let by_project = format!("/api/v1/app-credentials/by-project/{}", stage.project);
    let lists = [
        ("/api/v1/app-credentials?pageSize=100", CREDENTIALS * CREDENTIAL_BYTES),
        (by_project.as_str(), CREDENTIALS * CREDENTIAL_BYTES),
        ("/api/v1/credential-types?pageSize=100", TYPES * FIELDS * 600),
    ];
    for (path, bytes) in lists {
        let before = stage.restart().await?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(SlowReader::ask(stage.user.request(Method::GET, path)).await?);
        }
        for _ in 0..3 {
            for reader in &mut readers {
                reader.read_some().await?;
            }
            sleep(Duration::from_millis(200)).await;
        }
        let taken = stage.peak_kib()? - before;
        assert!(taken < ALLOWED_KIB, "{path}: {taken} KiB for {READERS} readers");
        // A client that reads on is not cut off, and all others may leave.
        let last = readers.pop().context("a reader")?;
        drop(readers);
        assert!(last.finish().await? > bytes, "{path}");
    }
    check(&stage.user.get(lists[0].0).await?.body["data"], CREDENTIALS);
    check(&stage.user.get(lists[1].0).await?.body, CREDENTIALS);
    Ok(())
}

#[tokio::test]
async fn large_lists_take_a_piece_of_memory_for_each_slow_reader_on_sqlite() -> Result<()> {
    takes_pieces(Store::Sqlite).await
}

#[tokio::test]
async fn large_lists_take_a_piece_of_memory_for_each_slow_reader_on_postgresql() -> Result<()> {
    takes_pieces(Store::Postgres).await
}

/// The pages show the names in a list, and must not hold the rest.
#[tokio::test]
async fn pages_of_large_lists_only_hold_what_they_show() -> Result<()> {
    let mut stage = Stage::new(Store::Sqlite).await?;
    let project = format!("/app/projects/{}", stage.project);
    for path in [
        "/app/credentials?pageSize=100",
        project.as_str(),
        "/app/types?pageSize=100",
        "/app/credentials/new?pageSize=100",
        "/app/projects?pageSize=100",
    ] {
        let before = stage.restart().await?;
        let pages = try_join_all((0..PAGES).map(async |_| {
            let answer = stage.page(path).send().await?;
            assert_eq!(answer.status(), 200, "{path}");
            anyhow::Ok(answer.bytes().await?.len())
        }))
        .await?;
        let taken = stage.peak_kib()? - before;
        assert!(taken < ALLOWED_KIB, "{path}: {taken} KiB for {PAGES} pages");
        // The memory for one page, however slowly it is read: the target for 100 of them is 150 MB.
        let largest = pages.into_iter().max().context("a page")?;
        assert!(largest < 1024 * 1024, "{path}: {largest} bytes");
    }
    Ok(())
}
