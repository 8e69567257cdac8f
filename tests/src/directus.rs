//! The Directus that `cargo xtask test` has started, and people in it.

use crate::process::variable_of_this_run;
use crate::server::{Answer, Client};
use crate::wait;
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
    /// Where none was.
    pub fn of_this_run() -> Result<Self> {
        Ok(Self {
            url: variable_of_this_run("TEST_DIRECTUS_URL")?,
            admin_token: variable_of_this_run("TEST_DIRECTUS_ADMIN_TOKEN")?.into(),
            secret: variable_of_this_run("TEST_DIRECTUS_SECRET")?.into(),
        })
    }

    /// The same by way of its second process, which limits how often anybody calls.
    ///
    /// # Errors
    /// Where none was started for this run.
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

    /// The key of its access tokens: `DIRECTUS_SECRET`.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// A client that says nothing of who it is.
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

    /// An item as the administrator sees it; `None` where there is none.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn item(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        // By its id in the path, one that is missing could not be told from one that is forbidden.
        let query = json!({"filter": {"id": {"_eq": id}}});
        Ok(self.search(&format!("/items/{collection}"), &query).await?.pop())
    }

    /// What a query asks for at a path, as the administrator sees it now:
    /// what a GET asks for, this Directus answers for minutes from its cache.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn search(&self, path: &str, query: &Value) -> Result<Vec<Value>> {
        let admin = self.admin();
        let request = admin.request(Method::from_bytes(b"SEARCH")?, path).json(&json!({"query": query}));
        let mut found = accepted(admin.send(request).await?)?;
        Ok(serde_json::from_value(found["data"].take())?)
    }

    /// Changes an item or a user as the administrator.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn change(&self, path: &str, change: &Value) -> Result<()> {
        let admin = self.admin();
        accepted(admin.send(admin.request(Method::PATCH, path).json(change)).await?).map(drop)
    }

    /// Adds a person with a random address, a password and no role, so without a
    /// right to read anything.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn create_user(&self) -> Result<User> {
        self.create_user_with(&json!({})).await
    }

    /// Adds one with more fields, such as `role` or `token`.
    ///
    /// # Errors
    /// Where Directus refuses.
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

/// A person in Directus, removed when this is dropped.
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

    /// Signs in, and gives the access token.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn sign_in(&self) -> Result<SecretString> {
        let body = json!({"email": self.email, "password": self.password.expose_secret()});
        let answer = accepted(self.directus.anonymous().post("/auth/login", &body).await?)?;
        Ok(answer["data"]["access_token"].as_str().context("no access token")?.into())
    }

    /// Suspends them.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn suspend(&self) -> Result<()> {
        self.set_status("suspended").await
    }

    /// Takes a suspension back.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn activate(&self) -> Result<()> {
        self.set_status("active").await
    }

    /// Sets any of Directus's states, such as `archived`.
    ///
    /// # Errors
    /// Where Directus refuses.
    pub async fn set_status(&self, status: &str) -> Result<()> {
        self.directus.change(&format!("/users/{}", self.id), &json!({"status": status})).await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let (admin, path) = (self.directus.admin(), format!("/users/{}", self.id));
        // One who can't be removed goes with the instance.
        wait::on_another_thread(async move { admin.delete(&path).await.ok() });
    }
}

/// The body of an answer that is no refusal.
fn accepted(answer: Answer) -> Result<Value> {
    ensure!(answer.status.is_success(), "Directus answered {}: {}", answer.status, answer.body);
    Ok(answer.body)
}
