//! A whole installation for one test: a server, the store behind it, and people
//! who may sign in.

mod kept_values;

use crate::services::directus::{self, Directus};
use crate::services::postgres::{Database, connect};
use crate::services::server::{self, Client, PASSWORD, Server};
use crate::services::server_on_directus::{self, encryption_key, former_encryption_key};
use crate::system::private_file;
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Where records and users are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// All in SQLite in the data directory.
    Sqlite,
    /// All in PostgreSQL.
    Postgres,
    /// Records and users in Directus, the rest in SQLite.
    Directus,
}

/// A data directory, what belongs to it elsewhere, and the settings that point there.
#[derive(Debug)]
pub struct Installation {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
    directus: Option<Directus>,
    postgres: Option<Database>,
}

/// Somebody who may sign in.
#[derive(Debug)]
pub struct Person {
    email: String,
    password: String,
    in_directus: Option<directus::User>,
}

impl Installation {
    /// A new, empty one.
    ///
    /// # Errors
    /// When the store can't be reached.
    pub async fn new(store: Store) -> Result<Self> {
        let mut installation = Self::empty()?;
        match store {
            Store::Sqlite => {}
            Store::Postgres => return Self::on_postgres(Database::create().await?),
            Store::Directus => {
                let directus = Directus::of_this_run()?;
                let set = &mut installation.environment;
                set.push(("DIRECTUS_URL", directus.url().to_owned()));
                set.push(("DIRECTUS_ADMIN_TOKEN", directus.admin_token().expose_secret().to_owned()));
                set.push(("DIRECTUS_SECRET", directus.secret().expose_secret().to_owned()));
                // All installations share these keys, since they keep their records in one Directus.
                set.push(("CREDENTIALS_ENC_KEY_B64", encryption_key()));
                set.push(("CREDENTIALS_ENC_OLD_KEYS_B64", former_encryption_key()));
                installation.keep_secret("RBAC_SYNC_WEBHOOK_SECRET_FILE", "rbac-sync-webhook-secret")?;
                server_on_directus::bootstrap(installation.command()?, &directus).await?;
                installation.directus = Some(directus);
            }
        }
        Ok(installation)
    }

    /// A new one in an existing database.
    ///
    /// # Errors
    /// When its secrets can't be written.
    pub fn on_postgres(database: Database) -> Result<Self> {
        let mut installation = Self::empty()?;
        installation.set("DATABASE_URL", database.url());
        // A busy machine must not look like an outage.
        installation.set("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT", "10");
        installation.set("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "30");
        installation.keep_secret("STAGEPASS_JWT_SECRET_FILE", "jwt-secret")?;
        installation.keep_keys()?;
        installation.postgres = Some(database);
        Ok(installation)
    }

    fn empty() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        Ok(Self { directory, environment: Vec::new(), directus: None, postgres: None })
    }

    /// Makes the keys that a server makes itself only on its default store.
    fn keep_keys(&mut self) -> Result<()> {
        self.keep_secret("CREDENTIALS_ENC_KEY_B64_FILE", "credentials-enc-key")?;
        self.keep_secret("RBAC_SYNC_WEBHOOK_SECRET_FILE", "rbac-sync-webhook-secret")
    }

    /// Makes a random secret and keeps it where the server would keep its own.
    fn keep_secret(&mut self, variable: &'static str, name: &str) -> Result<()> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let path = self.directory.path().join(name);
        private_file::write(&path, STANDARD.encode(random))?;
        self.environment.push((variable, path.to_str().context("a path that is not UTF-8")?.to_owned()));
        Ok(())
    }

    /// Which store it is.
    #[must_use]
    pub fn store(&self) -> Store {
        match (&self.postgres, &self.directus) {
            (Some(_), _) => Store::Postgres,
            (None, Some(_)) => Store::Directus,
            (None, None) => Store::Sqlite,
        }
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The key that signs access tokens.
    ///
    /// # Errors
    /// Before the first start of a server that makes the key itself.
    pub fn token_key(&self) -> Result<Vec<u8>> {
        match &self.directus {
            Some(directus) => Ok(directus.secret().expose_secret().as_bytes().to_owned()),
            None => Ok(fs::read(self.directory().join("jwt-secret"))?),
        }
    }

    /// The database of an installation on PostgreSQL.
    ///
    /// # Errors
    /// When it is on another store.
    pub fn postgres(&self) -> Result<&Database> {
        self.postgres.as_ref().context("this installation is not on PostgreSQL")
    }

    /// Sets a variable for everything that is started from now on.
    pub fn set(&mut self, variable: &'static str, value: impl Into<String>) {
        self.environment.retain(|(name, _)| *name != variable);
        self.environment.push((variable, value.into()));
    }

    /// Unsets a variable.
    pub fn unset(&mut self, variable: &str) {
        self.environment.retain(|(name, _)| *name != variable);
    }

    /// The server's program with the settings of this installation.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn command(&self) -> Result<Command> {
        let mut command = server::command(self.directory())?;
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs one of the server's commands to its end, and returns how it ended.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command()?.args(arguments).output().await?)
    }

    /// Runs a command that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments).await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Checks that `audit verify` finds the audit log complete and unchanged.
    ///
    /// # Errors
    /// When it does not.
    pub async fn verify_audit_log(&self) -> Result<()> {
        let said = self.succeed(&["audit", "verify"]).await?;
        ensure!(said.contains("the audit log is complete and unchanged"), "{said}");
        Ok(())
    }

    /// Changes the server's own database behind the server's back, as an attacker with write
    /// access can. Returns how many rows changed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn change(&self, statement: &str) -> Result<u64> {
        if let Some(database) = &self.postgres {
            let database = connect(&database.superuser_url()).await?;
            database.batch_execute("SET search_path = stagepass").await?;
            return Ok(database.execute(statement, &[]).await?);
        }
        let database = self.sqlite()?;
        Ok(database.execute(statement, [])?.try_into()?)
    }

    /// The texts in the first column of a statement's result.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn query(&self, statement: &str) -> Result<Vec<String>> {
        if let Some(database) = &self.postgres {
            let database = connect(&database.superuser_url()).await?;
            database.batch_execute("SET search_path = stagepass").await?;
            let rows = database.query(statement, &[]).await?;
            return Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?);
        }
        let database = self.sqlite()?;
        let mut select = database.prepare(statement)?;
        let rows = select.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn sqlite(&self) -> Result<rusqlite::Connection> {
        let database = rusqlite::Connection::open(self.directory().join("stagepass.db"))?;
        database.busy_timeout(Duration::from_secs(10))?;
        Ok(database)
    }

    /// Starts a server with the most detailed log.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn serve(&self) -> Result<Server> {
        self.serve_logging("trace").await
    }

    /// Starts a server with a log filter. The filter must let through the line with the
    /// server's address.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn serve_logging(&self, log: &str) -> Result<Server> {
        let mut command = self.command()?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", log]);
        Server::start_command(self.directory(), &mut command).await
    }

    /// Adds a user with an address of their own.
    ///
    /// # Errors
    /// When they can't be added.
    pub async fn add_person(&self) -> Result<Person> {
        if let Some(directus) = &self.directus {
            let user = directus.create_user().await?;
            let (email, password) = (user.email().to_owned(), user.password().expose_secret().to_owned());
            return Ok(Person { email, password, in_directus: Some(user) });
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let email = format!("person-{}@example.org", hex::encode(random));
        server::change_user(self.command()?, "add", &email, PASSWORD).await?;
        Ok(Person { email, password: PASSWORD.to_owned(), in_directus: None })
    }

    /// Suspends somebody.
    ///
    /// # Errors
    /// When that fails.
    pub async fn suspend(&self, person: &Person) -> Result<()> {
        match &person.in_directus {
            Some(user) => user.suspend().await,
            None => self.succeed(&["user", "disable", &person.email]).await.map(drop),
        }
    }
}

impl Person {
    /// Their address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Their password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A client that is signed in as this person.
    ///
    /// # Errors
    /// When signing in fails.
    pub async fn sign_in(&self, server: &Server) -> Result<Client> {
        server.user_named(&self.email, &self.password).await
    }
}
