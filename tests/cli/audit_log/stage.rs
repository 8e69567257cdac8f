//! A server with rows in its audit log, and the output of commands about them.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::Server;

pub(crate) const API: &str = "/api/credentials";
pub(crate) const PLANTED: &str = "planted-audit-log-Wd4Tz";

/// A server that a person and two services have used.
pub(crate) struct Stage {
    pub(crate) installation: Installation,
    pub(crate) server: Server,
    pub(crate) person: Person,
    pub(crate) user_id: String,
    pub(crate) connection: String,
}

pub(crate) async fn start(store: Store) -> Result<Stage> {
    let installation = Installation::new(store).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    let me = user.get("/users/me").await?.body;
    let user_id = me["data"]["id"].as_str().context("no id")?.to_owned();
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    let body = json!({"creatorProfileId": connection, "credentials": {"password": PLANTED}});
    ensure!(server.service()?.post(&format!("{API}/store"), &body).await?.status == 200);
    let stage = Stage { installation, server, person, user_id, connection };
    let token =
        stage.installation.succeed(&["service-token", "add", "downloader", "--verb", "reveal"]).await?;
    stage.reveal_as(token.trim()).await?;
    Ok(stage)
}

impl Stage {
    /// Reveals the connection's credentials to a service that acts for the person.
    async fn reveal_as(&self, secret: &str) -> Result<()> {
        let request =
            self.server.service_with(secret).request(reqwest::Method::POST, &format!("{API}/reveal"));
        let request = request.header("x-acting-user", &self.user_id);
        let answer = request.json(&json!({"creatorProfileId": self.connection})).send().await?;
        ensure!(answer.status() == 200, "{}", answer.status());
        Ok(())
    }

    /// Adds a row.
    pub(crate) async fn reveal(&self) -> Result<()> {
        let body = json!({"creatorProfileId": self.connection});
        let answer = self.server.service()?.post(&format!("{API}/reveal"), &body).await?;
        ensure!(answer.body["success"] == true, "{}", answer.body);
        Ok(())
    }

    /// Whether `audit` succeeded, and its output.
    pub(crate) async fn audit(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = self.installation.run(&[&["audit"], arguments].concat()).await?;
        Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
    }

    /// The output of `audit`, which must succeed.
    pub(crate) async fn content(&self, arguments: &[&str]) -> Result<String> {
        let (is_content, said) = self.audit(arguments).await?;
        ensure!(is_content, "{arguments:?}: {said}");
        Ok(said)
    }

    /// The output of `audit`, which must fail.
    pub(crate) async fn not_content(&self, arguments: &[&str]) -> Result<String> {
        let (is_content, said) = self.audit(arguments).await?;
        ensure!(!is_content, "{arguments:?}: {said}");
        Ok(said)
    }

    /// The rows of `audit list --json` with these arguments, oldest first.
    pub(crate) async fn list(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let listed = self.installation.succeed(&[&["audit", "list", "--json"], arguments].concat()).await?;
        let mut rows: Vec<Value> = listed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        rows.reverse();
        Ok(rows)
    }

    /// The actions of these rows.
    pub(crate) async fn actions(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let rows = self.list(arguments).await?;
        Ok(rows.iter().map(|row| row["action"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// The head that `audit verify` prints for a complete log.
    pub(crate) async fn head(&self) -> Result<String> {
        let said = self.content(&["verify"]).await?;
        Ok(said.lines().find_map(|line| line.strip_prefix("head: ")).context("no head")?.to_owned())
    }
}
