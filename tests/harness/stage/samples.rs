//! The further sample platforms: what the server keeps of a captured session, and a backend that uses
//! it.

use crate::platform::Sample;
use crate::stage::main_job::Stage;
use crate::tools::curl;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

impl Stage {
    /// What the server gives a backend for the newest session of a platform, with further fields of the
    /// request.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn served(&self, platform: &str, fields: Value) -> Result<Value> {
        let connection = self.connection_id(platform).await?;
        let mut wanted = json!({"creator_profile_id": connection, "platform": platform});
        for (name, value) in fields.as_object().context("no fields")? {
            wanted[name] = value.clone();
        }
        let answer = self.server.service()?.post("/api/credentials/get-platform-session", &wanted).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(answer.body)
    }

    /// The credentials that a backend gets for the connection to a platform.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn revealed(&self, platform: &str) -> Result<Value> {
        let wanted = json!({"creatorProfileId": self.connection_id(platform).await?});
        let answer = self.server.service()?.post("/api/credentials/reveal", &wanted).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(answer.body["credentials"].clone())
    }

    async fn connection_id(&self, platform: &str) -> Result<Value> {
        let connections = self.server.user().await?.get("/api/platform-connections").await?.body;
        let mut all = connections["data"].as_array().context("no connections")?.iter();
        let own = all.find(|connection| connection["platform"] == platform).context("no connection")?;
        Ok(own["id"].clone())
    }

    /// Fetches the sample platform's page for the signed-in account as a backend does: with the headers
    /// that the server gives it, and curl alone. Returns status and body.
    ///
    /// # Errors
    /// When the server refuses or curl fails.
    pub async fn fetch_account(&self, sample: &Sample) -> Result<(u16, String)> {
        let fields = json!({"format": "header", "url": sample.account_url});
        let served = self.served(sample.id, fields).await?;
        let headers: Vec<_> = served["headers"]
            .as_array()
            .with_context(|| served.to_string())?
            .iter()
            .filter_map(|header| {
                Some((header["name"].as_str()?.to_owned(), header["value"].as_str()?.to_owned()))
            })
            .collect();
        curl::fetch(sample.account_url, &headers, &self.proxy.url(), &self.platform.authority_pem()).await
    }
}
