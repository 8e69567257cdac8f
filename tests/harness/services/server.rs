//! A real stagepass-server in a data directory of its own, and a client with one
//! constructor for each kind of caller.

use crate::system::http;
use crate::system::process::{Program, clean_environment, our_program};
use crate::system::wait;
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The user that every server here has.
pub const EMAIL: &str = "creator@example.org";
/// Its password.
pub const PASSWORD: &str = "planted-password-Zk3v9";
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Server {
    program: Program,
    directory: PathBuf,
    url: String,
}

/// The URL in the line, text or JSON, that says where a server listens.
fn url_in(line: &str) -> Option<&str> {
    let is_json = line.contains(r#""message":"listening""#);
    let (_, url) = line.split_once(if is_json { r#""url":""# } else { " listening url=" })?;
    url.split([' ', '"']).next()
}

/// A data directory with one user in it.
///
/// # Errors
/// When the user can't be added.
pub async fn new_data_dir() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    add_user(directory.path(), EMAIL, PASSWORD).await?;
    Ok(directory)
}

/// Adds a user with the server's own command.
///
/// # Errors
/// When it refuses.
pub async fn add_user(directory: &Path, email: &str, password: &str) -> Result<()> {
    user_command(directory, "add", email, password).await
}

/// Gives a user another password with the server's own command.
///
/// # Errors
/// When it refuses.
pub async fn set_password(directory: &Path, email: &str, password: &str) -> Result<()> {
    user_command(directory, "set-password", email, password).await
}

async fn user_command(directory: &Path, what: &str, email: &str, password: &str) -> Result<()> {
    change_user(command(directory)?, what, email, password).await
}

/// Adds a user, or changes a user's password, with a command that has the
/// necessary settings.
///
/// # Errors
/// When it refuses.
pub async fn change_user(mut command: Command, what: &str, email: &str, password: &str) -> Result<()> {
    let mut program = Program::spawn(command.args(["user", what, email, "--password-stdin"]))?;
    let mut stdin = program.take_stdin().context("stdin is piped")?;
    stdin.write_all(format!("{password}\n").as_bytes()).await?;
    drop(stdin);
    let status = program.wait(START_TIMEOUT).await?;
    ensure!(status.success(), "user {what}: {}", String::from_utf8_lossy(&program.stderr()));
    Ok(())
}

/// The server's program with a clean environment and this data directory.
///
/// # Errors
/// When it has not been built.
pub fn command(directory: &Path) -> Result<Command> {
    let mut command = Command::new(our_program("stagepass-server")?);
    command.env_clear().envs(clean_environment(directory)).env("STAGEPASS_DATA_DIR", directory);
    // Stops at once instead of first telling clients to go elsewhere.
    command.env("STAGEPASS_DRAIN_TIME", "0");
    Ok(command)
}

/// The command that serves at an address with the most detailed log.
///
/// # Errors
/// When the server has not been built.
pub fn serve_command(directory: &Path, listen: &str) -> Result<Command> {
    let mut command = command(directory)?;
    command.args(["serve", "--listen", listen, "--log", "trace"]);
    Ok(command)
}

impl Server {
    /// Starts one on a free port with the most detailed log.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_at(directory, "127.0.0.1:0").await
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_at(directory: &Path, listen: &str) -> Result<Self> {
        Self::start_command(directory, &mut serve_command(directory, listen)?).await
    }

    /// Starts one through another program's command, such as a tracer's.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_command(directory: &Path, command: &mut Command) -> Result<Self> {
        let mut program = Program::spawn(command)?;
        let line = program.wait_for_line("its address", START_TIMEOUT, |line| url_in(line).is_some()).await?;
        let url = url_in(&line).context("no url")?.to_owned();
        Ok(Self { program, directory: directory.to_owned(), url })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, address)| address)
    }

    /// The fingerprint of its key, as its own command prints it.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn fingerprint(&self) -> Result<String> {
        let output = command(&self.directory)?.arg("fingerprint").output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its process.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Waits until it has stopped with success, and returns its log.
    ///
    /// # Errors
    /// When it does not stop, or stops with an error.
    pub async fn stopped(mut self) -> Result<String> {
        let status = self.program.wait(STOP_TIMEOUT).await?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(String::from_utf8(self.program.stderr())?)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Asks it to stop, and waits until it has stopped with success.
    ///
    /// # Errors
    /// When it does not stop, or stops with an error.
    pub async fn stop(mut self) -> Result<Vec<u8>> {
        self.program.terminate()?;
        let status = self.program.wait(STOP_TIMEOUT).await?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(self.program.stderr())
    }

    /// An anonymous client.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::of_nobody(&self.url)
    }

    /// A client that is signed in as [`EMAIL`].
    ///
    /// # Errors
    /// When signing in fails.
    pub async fn user(&self) -> Result<Client> {
        self.user_named(EMAIL, PASSWORD).await
    }

    /// A client that is signed in as this user. Like any client, it tries again while the server says
    /// that it can't answer now, such as when Directus is slow.
    ///
    /// # Errors
    /// When signing in fails.
    pub async fn user_named(&self, email: &str, password: &str) -> Result<Client> {
        let credentials = json!({"email": email, "password": password});
        let answer = wait::until("an answer to the login", SIGN_IN_TIMEOUT, async || {
            let answer = self.anonymous().post("/auth/login", &credentials).await?;
            Ok((answer.status != StatusCode::SERVICE_UNAVAILABLE).then_some(answer))
        })
        .await?;
        let token = answer.body["data"]["access_token"].as_str();
        let token = token.with_context(|| format!("{}: no access token", answer.status))?;
        Ok(Client::with_token(&self.url, token))
    }

    /// A client with a bearer's token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Client {
        Client::with_token(&self.url, token)
    }

    /// A client that has opened the vault with its master password.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn vault(&self, password: &str) -> Result<Client> {
        let answer = self.anonymous().post("/api/auth/login", &json!({"password": password})).await?;
        Ok(self.bearer(answer.body["token"].as_str().with_context(|| answer.body.to_string())?))
    }

    /// A client with the shared secret.
    ///
    /// # Errors
    /// When the secret can't be read.
    pub fn service(&self) -> Result<Client> {
        Ok(self.service_with(&std::fs::read_to_string(self.directory.join("rbac-sync-webhook-secret"))?))
    }

    /// A client with another service secret, such as a named token.
    #[must_use]
    pub fn service_with(&self, secret: &str) -> Client {
        Client { header: Some(("x-rbac-sync-secret", secret.to_owned())), ..self.anonymous() }
    }
}

/// Calls the server as one caller.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    header: Option<(&'static str, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its JSON; null without a body.
    pub body: Value,
}

impl Client {
    /// An anonymous client for the server at `url`.
    pub(crate) fn of_nobody(url: &str) -> Self {
        Self {
            http: http::client().build().expect("a client without certificates"),
            url: url.to_owned(),
            header: None,
        }
    }

    /// A client for the server at `url` with an access token.
    pub(crate) fn with_token(url: &str, token: &str) -> Self {
        Self { header: Some(("authorization", format!("Bearer {token}"))), ..Self::of_nobody(url) }
    }

    /// A request that can be changed before [`send`](Self::send) sends it.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.header {
            Some((name, value)) => request.header(*name, value),
            None => request,
        }
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { url: server.url.clone(), ..self.clone() }
    }

    /// Sends JSON with POST.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends GET.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends DELETE.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok(Answer { status, headers, body })
    }

    /// Creates a connection and returns its id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_profile(&self, platform: &str, username: &str) -> Result<String> {
        let body = json!({"platform": platform, "platform_username": username, "credentials": {}});
        let answer = self.post("/api/credentials/create-profile", &body).await?;
        Ok(answer.body["id"].as_str().with_context(|| answer.body.to_string())?.to_owned())
    }

    /// Says whether services may renew the sessions of a connection.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub async fn allow_write_back(&self, connection: &str, allowed: bool) -> Result<Answer> {
        let path = format!("/api/platform-connections/{connection}/write-back");
        self.send(self.request(Method::PUT, &path).json(&json!({"allowed": allowed}))).await
    }
}
