//! A separate database for each test, in the PostgreSQL that `cargo xtask test` has
//! started, set up as in a real installation: the server's role is an ordinary one that
//! owns its database and has no other rights.

use crate::system::process::variable_of_this_run;
use crate::system::wait;
use anyhow::{Context, Result};
use reqwest::Url;
use tokio_postgres::{Client, NoTls};

/// A database and the role that owns it; dropping this drops both.
#[derive(Debug)]
pub struct Database {
    name: String,
    password: String,
    cluster: Url,
    is_shared_cluster: bool,
}

impl Database {
    /// Creates an empty one.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or it refuses.
    pub async fn create() -> Result<Self> {
        Self::create_in(Url::parse(&variable_of_this_run("TEST_POSTGRES_URL")?)?, true).await
    }

    /// Creates one in the cluster that a superuser's URL names. In a cluster that is not shared
    /// it stays until the cluster goes.
    pub(crate) async fn create_in(cluster: Url, is_shared_cluster: bool) -> Result<Self> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)?;
        let (name, password) = (format!("test_{}", hex::encode(&random[..8])), hex::encode(&random[8..]));
        let superuser = connect(cluster.as_str()).await?;
        // Made before the first statement, so that it is dropped even if a later one fails.
        let database = Self { name, password, cluster, is_shared_cluster };
        let Self { name, password, .. } = &database;
        for statement in [
            format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0"),
            // Other tests' roles stay out.
            format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
        ] {
            superuser.batch_execute(&statement).await?;
        }
        Ok(database)
    }

    /// The server's `DATABASE_URL`: its own role, and this database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as(&self.name, &self.password)
    }

    /// The superuser's URL for this database, to check what the server stored.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.url_as(self.cluster.username(), self.cluster.password().unwrap_or_default())
    }

    /// The `DATABASE_URL` of a server that tries several hosts in this order.
    #[must_use]
    pub fn url_at(&self, hosts: &[String]) -> String {
        let Self { name, password, .. } = self;
        format!("postgres://{name}:{password}@{}/{name}", hosts.join(","))
    }

    /// The database's name, and its role's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn url_as(&self, user: &str, password: &str) -> String {
        let mut url = self.cluster.clone();
        url.set_path(&self.name);
        // This only fails for a URL without a host.
        let _ = url.set_username(user).and_then(|()| url.set_password(Some(password)));
        url.into()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, cluster) = (self.name.clone(), self.cluster.clone());
        if !self.is_shared_cluster {
            return;
        }
        // What can't be dropped disappears with the cluster.
        wait::on_another_thread(async move {
            if let Ok(superuser) = connect(cluster.as_str()).await {
                let _ =
                    superuser.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
                let _ = superuser.batch_execute(&format!("DROP ROLE IF EXISTS {name}")).await;
            }
        });
    }
}

/// A client of a database, whose connection lasts until it is dropped.
///
/// # Errors
/// When the database can't be reached, or refuses.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("no connection to PostgreSQL")?;
    // A fault of the connection shows in the client's next call.
    tokio::spawn(connection);
    Ok(client)
}
