//! The Directus calls that store one session, sent directly: reading the previous session, creating
//! an item, and updating the sessions that it supersedes.

use crate::calls::Id;
use crate::load::{Caller, Timing, Workload, drive};
use crate::sample::Sample;
use crate::stage::PLATFORM;
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::server::Client;
use std::sync::Arc;

const PATH: &str = "/items/platform_sessions";

/// Stores sessions for these connections.
pub(crate) struct Captures {
    directus: Directus,
    connections: Arc<[Id]>,
    /// The item that is created each time, except for its connection.
    item: Value,
}

impl Captures {
    /// Sessions with this sealed text, for connections that belong to one person.
    pub(crate) async fn new(connections: Arc<[Id]>, blob: String) -> Result<Self> {
        let directus = Directus::of_this_run()?;
        let first = std::str::from_utf8(connections.first().context("no connections")?)?;
        let connection = directus.item("platform_connections", first).await?.context("no connection")?;
        let item = json!({"user_id": connection["user_id"], "platform": PLATFORM, "status": "active",
            "encrypted_cookies": blob, "credentials_version": "v1", "captured_at": "2026-01-15T10:30:00Z"});
        Ok(Self { directus, connections, item })
    }
}

impl Workload for Captures {
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample> {
        drive(timing, async || {
            let connections = self.connections.chunks(self.connections.len().div_ceil(callers));
            connections
                .map(|connections| {
                    let ids = connections.iter().map(|id| Ok(std::str::from_utf8(id)?.to_owned()));
                    let connections = ids.collect::<Result<_>>()?;
                    Ok(Capturer {
                        directus: self.directus.admin(),
                        connections,
                        item: self.item.clone(),
                        next: 0,
                    })
                })
                .collect()
        })
    }
}

struct Capturer {
    directus: Client,
    connections: Vec<String>,
    item: Value,
    next: usize,
}

impl Caller for Capturer {
    async fn call(&mut self) -> Result<()> {
        let connection = &self.connections[self.next % self.connections.len()];
        self.next += 1;
        let of = json!({"creator_profile_id": {"_eq": connection}, "platform": {"_eq": PLATFORM}});
        let newest = json!({"filter": of, "sort": "-captured_at,-id", "limit": 1,
            "fields": "captured_at,creator_profile_id.user_id,creator_profile_id.platform"});
        self.send(Method::from_bytes(b"SEARCH")?, PATH, &json!({"query": newest})).await?;
        let mut item = self.item.clone();
        item["creator_profile_id"] = json!(connection);
        let created = self.send(Method::POST, &format!("{PATH}?fields=id"), &item).await?;
        let mut former = of;
        former["status"] = json!({"_eq": "active"});
        former["id"] = json!({"_neq": created["data"]["id"]});
        let superseded = json!({"status": "superseded", "encrypted_cookies": null});
        let change = json!({"query": {"filter": former, "limit": -1}, "data": superseded});
        self.send(Method::PATCH, &format!("{PATH}?fields=id"), &change).await.map(drop)
    }
}

impl Capturer {
    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let answer = self.directus.send(self.directus.request(method, path).json(body)).await?;
        ensure!(answer.status.is_success(), "Directus answered {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }
}
