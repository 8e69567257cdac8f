//! A server, a person who may sign in, and a browser that shows the pages.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use stagepass_tests::browsers::cdp::{Attachment, ConsoleEntry};
use stagepass_tests::browsers::chromium::{Chromium, Launch, Profile};
use stagepass_tests::look::look_at_server_page;
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Client, Server};
use std::time::Duration;

pub(super) const SOON: Duration = Duration::from_secs(20);

/// A server, a person who may sign in, and a browser.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) person: Person,
    pub(super) tab: Attachment,
    _browser: Chromium,
    _profile: Profile,
    pub(super) installation: Installation,
}

impl Stage {
    pub(super) async fn start() -> Result<Self> {
        let installation = Installation::new(Store::Sqlite).await?;
        let person = installation.add_person().await?;
        let server = installation.serve().await?;
        let profile = Profile::new()?;
        let browser = Launch::new(&profile).start().await?;
        let tab = browser.open_tab("about:blank").await?;
        Ok(Self { server, person, tab, _browser: browser, _profile: profile, installation })
    }

    pub(super) async fn open(&self, path: &str) -> Result<()> {
        self.tab.navigate(&format!("{}{path}", self.server.url())).await
    }

    pub(super) async fn sign_in(&self) -> Result<()> {
        self.tab.fill("#email", self.person.email()).await?;
        self.tab.fill("#password", self.person.password()).await?;
        self.press_button("Sign in").await
    }

    /// Clicks the button or link with these words, and waits for the next page.
    pub(super) async fn press_button(&self, words: &str) -> Result<()> {
        let mark = format!(
            "(() => {{ const found = [...document.querySelectorAll('button, a')].filter((element) => \
             element.textContent.trim() === {0}); if (found.length === 1) found[0].id = 'wanted'; \
             window.isOld = true; return found.length; }})()",
            json!(words)
        );
        let found = self.tab.evaluate(&mark).await?;
        ensure!(found == 1, "{found} elements say {words:?} at {}", self.path().await?);
        self.tab.click("#wanted").await?;
        self.tab.wait_for("the next page", SOON, "!window.isOld && document.readyState === 'complete'").await
    }

    /// The selector of the control with this label.
    pub(super) async fn field(&self, label: &str) -> Result<String> {
        let find = format!(
            "[...document.querySelectorAll('label')].find((label) => \
             label.firstChild.textContent.trim() === {})?.htmlFor",
            json!(label)
        );
        let id = self.tab.evaluate(&find).await?;
        Ok(format!("#{}", id.as_str().with_context(|| format!("no field is called {label}"))?))
    }

    /// Moves the focus forward until it is on the element with these words or this label.
    pub(super) async fn tab_to(&self, words: &str) -> Result<()> {
        const FOCUSED: &str =
            "(document.activeElement.labels?.[0]?.firstChild ?? document.activeElement).textContent.trim()";
        for _ in 0..60 {
            self.tab.press("Tab").await?;
            if self.tab.evaluate(FOCUSED).await? == words {
                return Ok(());
            }
        }
        anyhow::bail!("the Tab key does not lead to {words}")
    }

    /// Presses Enter, and waits for the next page.
    pub(super) async fn enter(&self) -> Result<()> {
        self.tab.evaluate("window.isOld = true; 0").await?;
        self.tab.press("Enter").await?;
        self.tab.wait_for("the next page", SOON, "!window.isOld && document.readyState === 'complete'").await
    }

    pub(super) async fn path(&self) -> Result<String> {
        let path = self.tab.evaluate("location.pathname + location.search").await?;
        Ok(path.as_str().context("a path is a text")?.to_owned())
    }

    pub(super) async fn text(&self) -> Result<String> {
        let text = self.tab.evaluate("document.querySelector('main').innerText").await?;
        Ok(text.as_str().context("a page has text")?.to_owned())
    }

    /// Checks the page's looks, and that nothing in it was blocked or failed.
    pub(super) async fn look(&self, name: &str) -> Result<()> {
        look_at_server_page(&self.tab, name).await?;
        // A refusal's own status is not a fault.
        let is_fault = |entry: &ConsoleEntry| {
            let is_status = entry.text.starts_with("Failed to load resource: the server responded with");
            entry.level != "verbose" && !is_status
        };
        let said: Vec<_> = self.tab.console().into_iter().filter(is_fault).collect();
        ensure!(said.is_empty(), "{name}: {said:?}");
        Ok(())
    }
}

/// The page's HTML, with parts that are not shown.
pub(super) async fn source(tab: &Attachment) -> Result<String> {
    let source = tab.evaluate("document.documentElement.outerHTML").await?;
    Ok(source.as_str().context("a page has a source")?.to_owned())
}

pub(super) const SECRET: &str = "planted-page-secret-7Qx";

/// Creates a credential with a secret, and returns its id.
pub(super) async fn make_credential(user: &Client, name: &str) -> Result<String> {
    let body = json!({"credentialName": name, "credentialTypeId": "00000000-0000-4000-8000-000000000400", "keys": [
        {"fieldId": "00000000-0000-4000-8000-000000000402", "keyValue": SECRET}]});
    let made = user.post("/api/v1/app-credentials", &body).await?.body;
    Ok(made["id"].as_str().with_context(|| made.to_string())?.to_owned())
}
