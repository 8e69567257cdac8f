//! The browser's own cookie service, in which there is more than a page or an
//! extension sees: what it says is what the browser holds.

use super::{Firefox, STEP};
use crate::wait;
use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// The cookies of a container, each in the form of the Credentials API; and apart
/// from it the partition that it is in.
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

/// Once the browser has written all cookies that outlast it, has its file hold them, as
/// it does itself after enough changes and when it closes; tells whether that is so.
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

/// A cookie as the browser itself says that it holds it.
#[derive(Clone, Debug)]
pub struct HeldCookie {
    /// In the form of the Credentials API.
    pub cookie: Value,
    /// The partition that it is in (CHIPS), such as `(https,instagram.com)`.
    pub partition: Option<String>,
}

/// A cookie that the browser is to hold, `Secure`, `HttpOnly` and for the path `/`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCookie {
    /// With a dot before it where subdomains get it, too.
    pub domain: String,
    /// Its name.
    pub name: String,
    /// Its value, which is no secret.
    pub value: String,
    /// Unix seconds; none of a session cookie.
    pub expires: Option<i64>,
    /// The container, 0 for none.
    pub container: u32,
    /// The partition, as in [`HeldCookie`]; empty for none.
    pub partition: String,
    /// The site that was visited, where visits are kept apart; empty for none.
    pub visited: String,
}

impl Firefox {
    /// The cookies that the browser itself says it holds in a container, 0 for none.
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

    /// Has the browser keep the cookies of visits to different sites apart
    /// (first-party isolation) from now on.
    ///
    /// # Errors
    /// When it does not.
    pub async fn isolate_first_parties(&self) -> Result<()> {
        let isolate = "Services.prefs.setBoolPref(\"privacy.firstparty.isolate\", true);";
        self.as_browser(isolate, &[]).await.map(drop)
    }

    /// Has the browser hold further cookies.
    ///
    /// # Errors
    /// When it takes one of them not.
    pub async fn add_cookies(&self, cookies: &[NewCookie]) -> Result<()> {
        self.as_browser(ADD, &[json!(cookies)]).await.map(drop)
    }

    /// Waits until the browser's own file holds all cookies that outlast the browser.
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
