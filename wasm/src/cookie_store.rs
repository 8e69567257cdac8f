//! Reads a site's cookies from one of the browser's cookie stores.
//!
//! Always from a single store: cookies of a private window or a container are never mixed with
//! others.

use crate::browser::{get_all_cookies, has_permissions};
use crate::failure::Failure;
use crate::js::{from_js, to_js};
use crate::site::origins;
use serde::Serialize;
use stagepass_core::{BrowserCookie, Site};

/// The argument of `chrome.cookies.getAll`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    domain: &'a str,
    store_id: &'a str,
    /// An empty object matches partitioned and unpartitioned cookies.
    partition_key: AnyPartition,
    /// Null matches the cookies of all visited sites. Firefox requires this property with first-party
    /// isolation (it keeps cookies apart by visited site); Chromium refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_party_domain: Option<()>,
}

/// An empty object.
#[derive(Serialize)]
struct AnyPartition {}

/// The site's cookies in a store, as the browser returns them.
///
/// # Errors
/// [`Failure::PermissionMissing`] (the browser itself would return an empty list) and
/// [`Failure::StoreGone`].
pub(crate) async fn read(site: &Site, store_id: &str) -> Result<Vec<BrowserCookie>, Failure> {
    require_permission(site).await?;
    let mut cookies = Vec::new();
    for domain in site.domains() {
        cookies.extend(cookies_of_domain(domain, store_id).await?);
    }
    Ok(cookies)
}

/// Checks that the extension may read the site.
///
/// # Errors
/// [`Failure::PermissionMissing`].
pub(crate) async fn require_permission(site: &Site) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Permissions<'a> {
        origins: &'a [String],
    }
    let origins = origins(site);
    let answer = has_permissions(&to_js(&Permissions { origins: &origins })?).await;
    match answer.map_err(|error| Failure::of_browser(&error))?.as_bool() {
        Some(true) => Ok(()),
        _ => Err(Failure::PermissionMissing { origins }),
    }
}

async fn cookies_of_domain(domain: &str, store_id: &str) -> Result<Vec<BrowserCookie>, Failure> {
    let details =
        |first_party_domain| Details { domain, store_id, partition_key: AnyPartition {}, first_party_domain };
    let cookies = match get_all_cookies(&to_js(&details(None))?).await {
        Ok(cookies) => cookies,
        Err(error) => {
            let of_all_visits = get_all_cookies(&to_js(&details(Some(())))?).await;
            // Return the first error: the second may only be about `firstPartyDomain`.
            of_all_visits.map_err(|_| Failure::of_browser(&error))?
        }
    };
    // The message names the type for bug reports: browsers may change a cookie's fields.
    from_js(&cookies).map_err(|_| Failure::Internal { detail: "not a list of BrowserCookie".to_owned() })
}

/// Unix seconds.
#[expect(clippy::cast_possible_truncation, reason = "no clock exceeds i64 seconds")]
pub(crate) fn now() -> i64 {
    (js_sys::Date::now() / 1000.0).floor() as i64
}
