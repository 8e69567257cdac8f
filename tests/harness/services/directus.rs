//! The Directus that `cargo xtask test` has started, and users in it.

use crate::services::server::{Answer, Client};
use crate::system::process::variable_of_this_run;
use crate::system::wait;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// The Directus of this run, which all its tests share.
#[derive(Clone, Debug)]
pub struct Directus {
    url: String,
    admin_token: SecretString,
    secret: SecretString,
}

impl Directus {
    /// The one that was started for this run.
    ///
    /// # Errors
    /// When none was started.
    pub fn of_this_run() -> Result<Self> {
        Ok(Self {
            url: variable_of_this_run("TEST_DIRECTUS_URL")?,
            admin_token: variable_of_this_run("TEST_DIRECTUS_ADMIN_TOKEN")?.into(),
            secret: variable_of_this_run("TEST_DIRECTUS_SECRET")?.into(),
        })
    }

    /// The same through its second process, which limits how often callers may call.
    ///
    /// # Errors
    /// When none was started for this run.
    pub fn limited_of_this_run() -> Result<Self> {
        Ok(Self { url: variable_of_this_run("TEST_LIMITED_DIRECTUS_URL")?, ..Self::of_this_run()? })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's static token: `DIRECTUS_ADMIN_TOKEN`.
    #[must_use]
    pub fn admin_token(&self) -> &SecretString {
        &self.admin_token
    }

    /// The key that signs its access tokens: `DIRECTUS_SECRET`.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// An anonymous client.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        Client::of_nobody(&self.url)
    }

    /// A client with a token.
    #[must_use]
    pub fn with_token(&self, token: &SecretString) -> Client {
        Client::with_token(&self.url, token.expose_secret())
    }

    /// A client with the administrator's token.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.with_token(&self.admin_token)
    }

    /// An item as the administrator sees it; `None` if it does not exist.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn item(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        // With the id in the path, Directus answers "missing" and "forbidden" the same.
        let query = json!({"filter": {"id": {"_eq": id}}});
        Ok(self.search(&format!("/items/{collection}"), &query).await?.pop())
    }

    /// What a query finds at a path, as the administrator sees it now: this Directus
    /// answers GET from its cache for minutes.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn search(&self, path: &str, query: &Value) -> Result<Vec<Value>> {
        let admin = self.admin();
        let request = admin.request(Method::from_bytes(b"SEARCH")?, path).json(&json!({"query": query}));
        let mut found = accepted(admin.send(request).await?)?;
        Ok(serde_json::from_value(found["data"].take())?)
    }

    /// Changes an item or a user as the administrator.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn change(&self, path: &str, change: &Value) -> Result<()> {
        let admin = self.admin();
        accepted(admin.send(admin.request(Method::PATCH, path).json(change)).await?).map(drop)
    }

    /// Adds a user with a random address, a password and no role, so without the right to
    /// read anything.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn create_user(&self) -> Result<User> {
        self.create_user_with(&json!({})).await
    }

    /// Adds one with more fields, such as `role` or `token`.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn create_user_with(&self, fields: &Value) -> Result<User> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)?;
        let email = format!("user-{}@example.org", hex::encode(&random[..8]));
        let password: SecretString = hex::encode(&random[8..]).into();
        let mut body = json!({
            "email": email, "password": password.expose_secret(), "status": "active",
        });
        let all = body.as_object_mut().context("an object was made")?;
        all.extend(fields.as_object().context("fields must be an object")?.clone());
        let answer = accepted(self.admin().post("/users", &body).await?)?;
        let id = answer["data"]["id"].as_str().context("no id")?.to_owned();
        Ok(User { id, email, password, directus: self.clone() })
    }
}

/// A user in Directus, removed when this is dropped.
#[derive(Debug)]
pub struct User {
    id: String,
    email: String,
    password: SecretString,
    directus: Directus,
}

impl User {
    /// Directus's id of them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Their address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Their password.
    #[must_use]
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Signs in, and returns the access token.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn sign_in(&self) -> Result<SecretString> {
        let body = json!({"email": self.email, "password": self.password.expose_secret()});
        let answer = accepted(self.directus.anonymous().post("/auth/login", &body).await?)?;
        Ok(answer["data"]["access_token"].as_str().context("no access token")?.into())
    }

    /// Suspends the user.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn suspend(&self) -> Result<()> {
        self.set_status("suspended").await
    }

    /// Lifts a suspension.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn activate(&self) -> Result<()> {
        self.set_status("active").await
    }

    /// Sets any of Directus's states, such as `archived`.
    ///
    /// # Errors
    /// When Directus refuses.
    pub async fn set_status(&self, status: &str) -> Result<()> {
        self.directus.change(&format!("/users/{}", self.id), &json!({"status": status})).await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let (admin, path) = (self.directus.admin(), format!("/users/{}", self.id));
        // A user that can't be removed disappears with the instance.
        wait::on_another_thread(async move { admin.delete(&path).await.ok() });
    }
}

/// The body of an answer; a refusal is an error.
fn accepted(answer: Answer) -> Result<Value> {
    ensure!(answer.status.is_success(), "Directus answered {}: {}", answer.status, answer.body);
    Ok(answer.body)
}
