//! Classic WebDriver, as far as the tests need it: a driver program, one session,
//! and its commands as JSON over HTTP.

use crate::system::http;
use crate::system::process::Program;
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::process::Command;

/// How long the driver may take to listen, the browser to start with a new profile, and one command.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(30);
const START_TIMEOUT: Duration = Duration::from_secs(180);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// The name of an element's id in JSON (WebDriver, section 12).
const ELEMENT_ID: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser under a driver's control; dropping this kills both.
// Decision: docs/decisions/tooling.md#the-tests-have-their-own-webdriver-client
#[derive(Debug)]
pub struct WebDriver {
    session_url: String,
    http: reqwest::Client,
    // Its child processes, such as the browser, end with it.
    driver: Program,
}

impl WebDriver {
    /// Starts a driver, which must print its address as geckodriver does, and makes it start
    /// a browser.
    ///
    /// # Errors
    /// When the driver or the browser does not start.
    pub async fn start(driver: &mut Command, capabilities: &Value) -> Result<Self> {
        let mut driver = Program::spawn(driver)?;
        let line = driver
            .wait_for_line("its address", LISTEN_TIMEOUT, |line| line.contains("Listening on "))
            .await
            .with_context(|| String::from_utf8_lossy(&driver.stderr()).into_owned())?;
        let (_, address) = line.split_once("Listening on ").context("no address")?;
        let http = http::client().build()?;
        let mut session = Self { session_url: format!("http://{address}/session"), http, driver };
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let made = session.within(START_TIMEOUT, Method::POST, "", wanted).await;
        let made = made.with_context(|| session.log())?;
        let id = made["sessionId"].as_str().context("a session has an id")?;
        session.session_url = format!("{}/{id}", session.session_url);
        Ok(session)
    }

    /// What the driver and the browser have printed.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = [self.driver.stdout(), self.driver.stderr()].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends a command to `path` below the session, and returns its value.
    ///
    /// # Errors
    /// When it fails, with the driver's message.
    pub async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        self.within(COMMAND_TIMEOUT, method, path, body).await
    }

    async fn within(&self, timeout: Duration, method: Method, path: &str, body: Value) -> Result<Value> {
        let url = format!("{}{path}", self.session_url);
        let mut request = self.http.request(method.clone(), url).timeout(timeout);
        if method == Method::POST {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let mut answer: Value = response.json().await?;
        let value = answer["value"].take();
        ensure!(status.is_success(), "{method} {path}: {}: {}", value["error"], value["message"]);
        Ok(value)
    }

    /// Sends a command with POST.
    ///
    /// # Errors
    /// When it fails, with the driver's message.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.command(Method::POST, path, body).await
    }

    /// Goes to a page and waits until it has loaded.
    ///
    /// # Errors
    /// When it can't be loaded.
    pub async fn navigate(&self, url: &str) -> Result<()> {
        self.post("/url", json!({"url": url})).await.map(drop)
    }

    /// Runs the body of a function with `arguments`, and returns its result,
    /// awaited where it is a promise.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// Clicks an element with the mouse.
    ///
    /// # Errors
    /// When the element does not exist or can't be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let path = format!("{}/click", self.element(selector).await?);
        self.post(&path, json!({})).await.map(drop)
    }

    /// Types into a field.
    ///
    /// # Errors
    /// When the field does not exist or takes no text.
    pub async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let path = format!("{}/value", self.element(selector).await?);
        self.post(&path, json!({"text": text})).await.map(drop)
    }

    async fn element(&self, selector: &str) -> Result<String> {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await?;
        Ok(format!("/element/{}", found[ELEMENT_ID].as_str().context("an element has an id")?))
    }

    /// Ends the session, and the browser with it.
    ///
    /// # Errors
    /// When that fails.
    pub async fn close(self) -> Result<()> {
        self.command(Method::DELETE, "", Value::Null).await.map(drop)
    }
}
