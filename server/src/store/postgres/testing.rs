//! A database for one test, in the cluster at `TEST_POSTGRES_URL`, and what the statements in it
//! read.

use super::{PostgresSettings, PostgresUrl};
use serde_json::Value;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// A database owned by an ordinary role of its own; dropping this drops both.
pub(in crate::store) struct TestDatabase {
    pub(in crate::store) name: String,
    cluster: tokio_postgres::Config,
}

impl TestDatabase {
    pub(in crate::store) async fn create() -> Self {
        let cluster = std::env::var("TEST_POSTGRES_URL");
        let cluster = cluster.expect("no TEST_POSTGRES_URL: run the tests with `cargo xtask test`");
        let database =
            Self { name: format!("unit_{}", Uuid::now_v7().simple()), cluster: cluster.parse().unwrap() };
        let name = &database.name;
        database.administer(&format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'")).await;
        database.administer(&format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0")).await;
        database
    }

    /// Runs a statement as the superuser, in the superuser's own database.
    pub(in crate::store) async fn administer(&self, statement: &str) {
        connect(&self.cluster).await.batch_execute(statement).await.unwrap();
    }

    /// Connects to this database as the superuser.
    pub(in crate::store) async fn superuser(&self) -> Client {
        connect(self.cluster.clone().dbname(&self.name)).await
    }

    /// The server's settings.
    pub(in crate::store) fn settings(&self) -> PostgresSettings {
        self.settings_after("")
    }

    /// The same settings with other hosts in front, each followed by a comma.
    pub(in crate::store) fn settings_after(&self, others: &str) -> PostgresSettings {
        let hosts: Vec<_> = self
            .cluster
            .get_hosts()
            .iter()
            .map(|host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                host => panic!("{host:?} is not a TCP host"),
            })
            .collect();
        let (name, port) = (&self.name, self.cluster.get_ports()[0]);
        let url = format!("postgres://{name}:{name}@{others}{}:{port}/{name}", hosts.join(","));
        PostgresSettings {
            url: PostgresUrl::parse(&url.into()).unwrap(),
            handshake: Duration::from_secs(10),
            round_trip: Some(Duration::from_secs(30)),
            connections: 20,
        }
    }
}

async fn connect(config: &tokio_postgres::Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, cluster) = (self.name.clone(), self.cluster.clone());
        // The test's own runtime can't block here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let superuser = connect(&cluster).await;
                superuser.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
                superuser.batch_execute(&format!("DROP ROLE {name}")).await.unwrap();
            });
        });
        let _ = dropping.join();
    }
}

/// A statement that ran, possibly inside another.
#[derive(Debug)]
pub(in crate::store) struct Plan {
    pub(in crate::store) statement: String,
    /// The number of pages read, from memory or not.
    pub(in crate::store) pages: u64,
}

/// The plans of everything that runs in a database: PostgreSQL's auto_explain sends them to the
/// connection.
pub(in crate::store) struct Plans<'d>(&'d TestDatabase);

impl<'d> Plans<'d> {
    pub(in crate::store) async fn of(database: &'d TestDatabase) -> Self {
        let plans = Self(database);
        for (setting, value) in [
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_analyze", "on"),
            ("auto_explain.log_buffers", "on"),
            ("auto_explain.log_timing", "off"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_format", "json"),
            ("auto_explain.log_level", "notice"),
        ] {
            plans.set(setting, value).await;
        }
        plans
    }

    /// Changes a setting for connections opened from now on.
    pub(in crate::store) async fn set(&self, setting: &str, value: &str) {
        self.0.administer(&format!("ALTER ROLE {} SET {setting} = '{value}'", self.0.name)).await;
    }

    /// The plans since the last time.
    pub(in crate::store) fn take(&self) -> Vec<Plan> {
        mem::take(&mut *plans())
    }
}

/// The plans received.
static PLANS: Mutex<Vec<Plan>> = Mutex::new(Vec::new());

fn plans() -> MutexGuard<'static, Vec<Plan>> {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores the plan if PostgreSQL's notice has one.
pub(super) fn keep_plan(notice: &DbError) {
    let Some((_, plan)) = notice.message().split_once("plan:\n") else { return };
    let plan: Value = serde_json::from_str(plan).unwrap();
    let statement = plan["Query Text"].as_str().unwrap().to_owned();
    let pages =
        ["Shared Hit Blocks", "Shared Read Blocks"].map(|count| plan["Plan"][count].as_u64().unwrap());
    plans().push(Plan { statement, pages: pages.into_iter().sum() });
}
