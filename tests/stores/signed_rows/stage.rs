//! A server, a victim whose rows are edited, and an attacker who can write to the database.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Answer, Client, Server};

pub(super) const APP_CREDENTIALS: &str = "/api/v1/app-credentials";
/// The built-in type of API keys, and its sensitive field.
pub(super) const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
pub(super) const KEY: &str = "00000000-0000-4000-8000-000000000402";
pub(super) const SECRET: &str = "planted-signed-rows-Vb4kT";

pub(super) struct Stage {
    pub(super) installation: Installation,
    pub(super) server: Server,
    /// The victim whose rows are edited, and the attacker who can write to the database.
    pub(super) victim: Person,
    pub(super) attacker: Person,
}

impl Stage {
    pub(super) async fn start(store: Store) -> Result<Self> {
        let installation = Installation::new(store).await?;
        let (victim, attacker) = (installation.add_person().await?, installation.add_person().await?);
        let server = installation.serve().await?;
        Ok(Self { installation, server, victim, attacker })
    }

    pub(super) async fn change(&self, statement: &str) -> Result<()> {
        let changed = self.installation.change(statement).await?;
        ensure!(changed > 0, "nothing was changed: {statement}");
        Ok(())
    }

    /// The same server after a restart.
    pub(super) async fn restart(&mut self) -> Result<()> {
        let server = self.installation.serve().await?;
        std::mem::replace(&mut self.server, server).stop().await.map(drop)
    }

    /// The verdict and output of `audit verify`.
    pub(super) async fn verify(&self) -> Result<(bool, String)> {
        let output = self.installation.run(&["audit", "verify"]).await?;
        Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
    }

    /// Asserts that the log, the audit log and `audit verify` report this row.
    pub(super) async fn assert_reported(&self, row: &str) -> Result<()> {
        let (is_content, said) = self.verify().await?;
        ensure!(!is_content && said.contains(&format!("\n  {row}")), "{row}: {said}");
        let list = self.installation.audit_list().await?;
        let told = list.lines().filter(|line| line.contains(&format!("server\trow-forged\t{row}\t"))).count();
        ensure!(told == 1, "told {told} times of {row}: {list}");
        let log = String::from_utf8(self.server.program().stderr())?;
        let is_logged = |line: &str| line.contains("WARN") && line.contains(&format!("row={row:?}"));
        ensure!(log.lines().any(is_logged), "the log says nothing of {row}");
        Ok(())
    }

    pub(super) async fn sign_in(&self, email: &str, password: &str) -> Result<Answer> {
        let login = json!({"email": email, "password": password});
        self.server.anonymous().post("/auth/login", &login).await
    }

    /// A client with a new named token.
    pub(super) async fn add_token(&self, name: &str, arguments: &[&str]) -> Result<Client> {
        let secret =
            self.installation.succeed(&[&["service-token", "add", name], arguments].concat()).await?;
        Ok(self.server.service_with(secret.trim()))
    }

    /// Does the same as [`assert_reported`](Self::assert_reported) for a row that an earlier start
    /// has reported, too.
    pub(super) async fn assert_reported_after_restart(&self, row: &str) -> Result<()> {
        let (is_content, said) = self.verify().await?;
        ensure!(!is_content && said.contains(&format!("\n  {row}")), "{row}: {said}");
        let list = self.installation.audit_list().await?;
        ensure!(list.contains(&format!("server\trow-forged\t{row}\t")), "{list}");
        Ok(())
    }
}

/// A boolean in the database's own SQL.
pub(super) fn boolean(store: Store, value: bool) -> &'static str {
    match (store, value) {
        (Store::Postgres, true) => "true",
        (Store::Postgres, false) => "false",
        (_, true) => "1",
        (_, false) => "0",
    }
}

/// A list of words in a service token's column.
pub(super) fn words(store: Store, words: &[&str]) -> String {
    match store {
        Store::Postgres => format!(
            "ARRAY[{}]::text[]",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
        ),
        _ => format!("'{}'", json!(words)),
    }
}

pub(super) async fn app_post(client: &Client, path: &str, body: &Value) -> Result<Value> {
    let answer = client.post(path, body).await?;
    ensure!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

pub(super) fn id(made: &Value) -> Result<String> {
    Ok(made["id"].as_str().with_context(|| made.to_string())?.to_owned())
}

/// The victim's credential, of the victim's own type with a sensitive field, in the
/// victim's project.
pub(super) struct AppCredential {
    pub(super) owner: Client,
    pub(super) type_id: String,
    pub(super) credential: String,
    pub(super) project: String,
}

pub(super) async fn app_credential(stage: &Stage) -> Result<AppCredential> {
    let owner = stage.victim.sign_in(&stage.server).await?;
    let fields = json!([
        {"fieldName": "key", "fieldLabel": "Key", "fieldType": "password", "sensitive": true},
        {"fieldName": "host", "fieldLabel": "Host", "fieldType": "string", "sensitive": false},
    ]);
    let of =
        app_post(&owner, "/api/v1/credential-types", &json!({"typeName": "own", "fields": fields})).await?;
    let project = id(&app_post(&owner, "/api/v1/projects", &json!({"projectName": "Website"})).await?)?;
    let keys = json!([
        {"fieldId": of["fields"][0]["id"], "keyValue": SECRET},
        {"fieldId": of["fields"][1]["id"], "keyValue": "planted-host"},
    ]);
    let body =
        json!({"credentialName": "a", "credentialTypeId": of["id"], "keys": keys, "projectIds": [project]});
    let credential = id(&app_post(&owner, APP_CREDENTIALS, &body).await?)?;
    Ok(AppCredential { owner, type_id: id(&of)?, credential, project })
}
