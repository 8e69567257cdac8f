//! The browser's own cookie service. It knows more than pages and extensions can see: its
//! answer is what the browser really holds.

use super::{Firefox, STEP};
use crate::system::wait;
use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// The cookies of a container, each in the form of the Credentials API, and beside it the
/// partition that the cookie is in.
const COOKIES: &str = r#"
const sameSite = {
  [Ci.nsICookie.SAMESITE_NONE]: "none",
  [Ci.nsICookie.SAMESITE_LAX]: "lax",
  [Ci.nsICookie.SAMESITE_STRICT]: "strict",
};
return Services.cookies.cookies
  .filter(({originAttributes}) => originAttributes.userContextId === arguments[0])
  .map((cookie) => ({
    partition: cookie.originAttributes.partitionKey,
    cookie: {
      name: cookie.name, value: cookie.value, domain: cookie.host, path: cookie.path,
      httpOnly: cookie.isHttpOnly, secure: cookie.isSecure, hostOnly: !cookie.isDomain,
      ...(cookie.isSession ? {} : {expires: Math.floor(cookie.expiry / 1000)}),
      ...(cookie.sameSite in sameSite ? {sameSite: sameSite[cookie.sameSite]} : {}),
    },
  }));"#;

/// Adds cookies as if their sites had set them, on encrypted connections.
const ADD: &str = r#"
for (const {domain, name, value, expires, container, partition, visited} of arguments[0]) {
  const attributes = {userContextId: container, partitionKey: partition, firstPartyDomain: visited};
  const isSession = expires === null;
  const expiry = isSession ? Date.now() + 86400000 : expires * 1000;
  const added = Services.cookies.add(domain, "/", name, value, true, true, isSession, expiry, attributes,
    Ci.nsICookie.SAMESITE_NONE, Ci.nsICookie.SCHEME_HTTPS, partition !== "");
  if (added.result !== Ci.nsICookieValidation.eOK) {
    throw new Error(`${name} is refused: ${added.result}`);
  }
}"#;

/// Writes all cookies that outlast the browser into its file, as the browser does itself
/// after enough changes and when it closes. Returns whether that is done.
const SETTLE: &str = r#"
const file = new FileUtils.File(PathUtils.join(PathUtils.profileDir, "cookies.sqlite"));
const database = Services.storage.openUnsharedDatabase(file);
const first = (sql) => {
  const statement = database.createStatement(sql);
  try {
    statement.executeStep();
    return statement.getInt32(0);
  } finally {
    statement.finalize();
  }
};
try {
  const lasting = Services.cookies.cookies.filter(({isSession}) => !isSession).length;
  const isWritten = first("SELECT count(*) FROM moz_cookies") === lasting;
  return isWritten && first("PRAGMA wal_checkpoint(TRUNCATE)") === 0;
} finally {
  database.close();
}"#;

/// A cookie as the browser itself reports it.
#[derive(Clone, Debug)]
pub struct HeldCookie {
    /// In the form of the Credentials API.
    pub cookie: Value,
    /// The partition that it is in (CHIPS), such as `(https,instagram.com)`.
    pub partition: Option<String>,
}

/// A cookie to add to the browser: `Secure`, `HttpOnly` and with the path `/`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCookie {
    /// With a leading dot if subdomains get it, too.
    pub domain: String,
    /// Its name.
    pub name: String,
    /// Its value, which is not secret.
    pub value: String,
    /// Unix seconds; `None` for a session cookie.
    pub expires: Option<i64>,
    /// The container; 0 for no container.
    pub container: u32,
    /// The partition, as in [`HeldCookie`]; empty for no partition.
    pub partition: String,
    /// The visited site, if visits are kept apart; empty otherwise.
    pub visited: String,
}

impl Firefox {
    /// The cookies that the browser itself reports for a container; 0 for no container.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn cookies(&self, container: u32) -> Result<Vec<HeldCookie>> {
        let held = self.as_browser(COOKIES, &[json!(container)]).await?;
        let held = held.as_array().context("no list")?.iter();
        let held = held.map(|held| HeldCookie {
            cookie: held["cookie"].clone(),
            partition: held["partition"].as_str().filter(|key| !key.is_empty()).map(str::to_owned),
        });
        Ok(held.collect())
    }

    /// Makes the browser keep the cookies of visits to different sites apart
    /// (first-party isolation) from now on.
    ///
    /// # Errors
    /// When it does not.
    pub async fn isolate_first_parties(&self) -> Result<()> {
        let isolate = "Services.prefs.setBoolPref(\"privacy.firstparty.isolate\", true);";
        self.as_browser(isolate, &[]).await.map(drop)
    }

    /// Adds cookies to the browser.
    ///
    /// # Errors
    /// When it rejects one of them.
    pub async fn add_cookies(&self, cookies: &[NewCookie]) -> Result<()> {
        self.as_browser(ADD, &[json!(cookies)]).await.map(drop)
    }

    /// Waits until the browser's own file has all cookies that outlast the browser.
    ///
    /// # Errors
    /// When it never does.
    pub async fn settle_cookies(&self) -> Result<()> {
        wait::until("the cookies to be in the browser's file", STEP, async || {
            Ok((self.as_browser(SETTLE, &[]).await? == json!(true)).then_some(()))
        })
        .await
    }
}
