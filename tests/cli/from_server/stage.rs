//! A server with a session of Instagram, a token for it, and the command for people with a home of
//! its own.

use anyhow::{Context as _, Result, ensure};
use secrecy::SecretString;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Client, Server};
use stagepass_tests::stage::host_request::ask_host;
use stagepass_tests::system::private_file;
use stagepass_tests::system::process::{clean_environment, our_program};
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::python::{Outcome, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Long enough for any command on a busy machine, and far shorter than an answer that never ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cookies' values in the session at the server.
pub(super) const SERVED: &str = "planted-served-Vq8sT";
/// What a platform replaces them with.
pub(super) const ROTATED: &str = "planted-rotated-Hn2wC";
/// The value of an entry of the session's origin storage.
pub(super) const STORED: &str = "planted-stored-Jm4xR";
/// The value in an export, which must not be used in place of the server's.
pub(super) const EXPORTED: &str = "planted-exported-Kd7yB";

/// A program that keeps its cookies in `cookies`, and then does what a test wants with the cookie file
/// `$file`.
const PROGRAM: &str = r#"#!/bin/sh
file=$1
cp "$file" "$HOME/cookies"
"#;

/// The two verbs of a program that downloads.
pub(super) const BOTH: &[&str] = &["--verb", "get-platform-session", "--verb", "update-platform-session"];

pub(super) struct Stage {
    pub(super) home: TempDir,
    pub(super) server: Server,
    pub(super) user: Client,
    pub(super) connection: String,
    pub(super) installation: Installation,
    _person: Person,
}

impl Stage {
    /// The server has a session, and the command a token with both verbs.
    pub(super) async fn set_up() -> Result<Self> {
        Self::with_serve_arguments(&[]).await
    }

    pub(super) async fn with_serve_arguments(arguments: &[&str]) -> Result<Self> {
        let installation = Installation::new(Store::Sqlite).await?;
        let person = installation.add_person().await?;
        let mut command = installation.command()?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "trace"]).args(arguments);
        let server = Server::start_command(installation.directory(), &mut command).await?;
        let user = person.sign_in(&server).await?;
        let connection = user.create_profile("instagram", "a").await?;
        let stage =
            Self { home: tempfile::tempdir()?, server, user, connection, installation, _person: person };
        stage.store_session(SERVED).await?;
        stage.make_token("downloader", BOTH).await?;
        Ok(stage)
    }

    /// Stores a session, as the owner's browser would.
    pub(super) async fn store_session(&self, value: &str) -> Result<Value> {
        let cookie = |name: &str, value: &str| {
            json!({"name": name, "value": value, "domain": ".instagram.com", "path": "/", "secure": true,
                "httpOnly": true, "expires": 4_102_444_800_i64})
        };
        let cookies = [cookie("sessionid", value), cookie("ds_user_id", "7"), cookie("csrftoken", value)];
        self.store_cookies(&json!(cookies)).await
    }

    /// The same with these cookies.
    pub(super) async fn store_cookies(&self, cookies: &Value) -> Result<Value> {
        let entry = json!({"name": "device", "value": STORED});
        let session = json!({"creator_profile_id": self.connection, "platform": "instagram",
            "user_agent": "Mozilla/5.0 made up", "cookies": cookies,
            "origins": [{"origin": "https://www.instagram.com", "localStorage": [entry]}]});
        let answer = self.user.post("/api/credentials/store-platform-session", &session).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(answer.body["id"].clone())
    }

    /// A new token in the file that the command uses.
    pub(super) async fn make_token(&self, name: &str, arguments: &[&str]) -> Result<SecretString> {
        let secret =
            self.installation.succeed(&[&["service-token", "add", name], arguments].concat()).await?;
        private_file::write(self.token_file(), &secret)?;
        Ok(secret.trim().into())
    }

    pub(super) fn token_file(&self) -> PathBuf {
        self.home.path().join("token")
    }

    /// The token that the command uses.
    pub(super) fn token(&self) -> Result<String> {
        Ok(fs::read_to_string(self.token_file())?.trim().to_owned())
    }

    /// The value of the setting `STAGEPASS_CONNECTIONS`.
    pub(super) fn connections(&self) -> String {
        format!("instagram={}", self.connection)
    }

    /// The command, which takes the sessions of Instagram from the server.
    pub(super) fn stagepass(&self, arguments: &[&str]) -> Result<Command> {
        self.stagepass_at(self.server.url(), arguments)
    }

    /// The same with another program in the server's place.
    pub(super) fn stagepass_at(&self, url: &str, arguments: &[&str]) -> Result<Command> {
        let mut command = self.unconfigured(arguments)?;
        command.env("STAGEPASS_SERVER", url).env("STAGEPASS_TOKEN_FILE", self.token_file());
        command.env("STAGEPASS_CONNECTIONS", self.connections());
        Ok(command)
    }

    /// The command without a server.
    pub(super) fn unconfigured(&self, arguments: &[&str]) -> Result<Command> {
        command_in(self.home.path(), "stagepass", arguments)
    }

    /// An export of a login at this platform, as a browser makes it.
    pub(super) async fn export(&self, platform: &str) -> Result<()> {
        let cookie = |name: &str| json!({"name": name, "value": EXPORTED, "domain": format!(".{platform}.com"), "secure": true});
        let cookies = ["sessionid", "ds_user_id", "auth_token", "ct0", "twid"].map(cookie);
        let message = json!({"id": 1, "type": "export", "platform": platform, "cookies": cookies});
        let answer = ask_host(command_in(self.home.path(), "stagepass-native-host", &[])?, &message).await?;
        ensure!(answer["ok"] == true, "{answer}");
        Ok(())
    }

    /// `stagepass run` with a script.
    pub(super) fn run_script(&self, script: &str) -> Result<Command> {
        self.run_script_with(&[], script)
    }

    /// The same with further options.
    pub(super) fn run_script_with(&self, options: &[&str], script: &str) -> Result<Command> {
        let path = self.home.path().join("program");
        // A running script can't be written.
        let new = self.home.path().join("new-program");
        fs::write(&new, format!("{PROGRAM}{script}\n"))?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
        fs::rename(new, &path)?;
        let mut command = self.stagepass(&["run", "--platform", "instagram"])?;
        command.args(options).arg("--").arg(path).arg("{cookies}");
        Ok(command)
    }

    /// The cookie file that the latest run got.
    pub(super) fn cookies_of_run(&self) -> Result<String> {
        Ok(fs::read_to_string(self.home.path().join("cookies"))?)
    }

    /// The value of a cookie that the server serves now.
    pub(super) async fn served_value(&self, name: &str) -> Result<String> {
        let wanted = json!({"creator_profile_id": self.connection, "platform": "instagram"});
        let service = self.server.service()?;
        let session = service.post("/api/credentials/get-platform-session", &wanted).await?.body;
        let cookies = session["cookies"].as_array().with_context(|| session.to_string())?;
        let cookie = cookies.iter().find(|cookie| cookie["name"] == name).context("no such cookie")?;
        Ok(cookie["value"].as_str().unwrap_or_default().to_owned())
    }

    /// Checks that nothing of a session, and not the token, is in a text.
    pub(super) fn assert_silent(&self, text: &str) -> Result<()> {
        let planted = [SERVED, ROTATED, STORED, EXPORTED].map(SecretString::from);
        let all = [&planted[..], &[self.token()?.into()]].concat();
        ensure!(!SecretSearch::new(&all)?.is_in(text.as_bytes()), "a secret came out: {text}");
        Ok(())
    }

    /// Runs a command whose error output must have no secret.
    pub(super) async fn run(&self, mut command: Command) -> Result<Outcome> {
        let outcome = run(&mut command, PATIENCE).await?;
        self.assert_silent(&outcome.stderr)?;
        Ok(outcome)
    }

    /// Runs a command that must fail without any output, and returns what it says.
    pub(super) async fn refused(&self, command: Command) -> Result<String> {
        let outcome = self.run(command).await?;
        ensure!(outcome.status.code() == Some(1), "{}{}", outcome.status, outcome.stderr);
        ensure!(outcome.stdout.is_empty(), "something came out");
        Ok(outcome.stderr)
    }
}

fn command_in(home: &Path, program: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(our_program(program)?);
    command.env_clear().envs(clean_environment(home)).args(arguments);
    command.env("STAGEPASS_HOST_DIR", home.join("host"));
    Ok(command)
}
