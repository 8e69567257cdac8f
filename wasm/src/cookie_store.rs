//! Reads a site's cookies out of one of the browser's cookie stores.
//!
//! One store at a time: a private window's or a container's cookies are never
//! mixed with another's.

use crate::browser::{get_all_cookies, has_permissions};
use crate::failure::Failure;
use crate::js::{from_js, to_js};
use crate::site::origins;
use serde::Serialize;
use stagepass_core::{BrowserCookie, Capture, Site, normalise};

/// The argument of `chrome.cookies.getAll`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    domain: &'a str,
    store_id: &'a str,
    /// An empty object asks for partitioned and unpartitioned cookies alike.
    partition_key: AnyPartition,
    /// Null asks Firefox for the cookies of all visits, which it asks to be said where
    /// it keeps them apart; else these are none of a visit's. Chromium refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_party_domain: Option<()>,
}

/// An empty object.
#[derive(Serialize)]
struct AnyPartition {}

/// The site's cookies in a store, normalised.
///
/// # Errors
/// As for [`read_raw`].
pub(crate) async fn read(site: &Site, store_id: &str) -> Result<Capture, Failure> {
    Ok(normalise(read_raw(site, store_id).await?, site, now()))
}

/// The site's cookies in a store, as the browser gives them.
///
/// # Errors
/// [`Failure::PermissionMissing`], without which the browser would give an
/// empty list, and [`Failure::StoreGone`].
pub(crate) async fn read_raw(site: &Site, store_id: &str) -> Result<Vec<BrowserCookie>, Failure> {
    require_permission(site).await?;
    let mut cookies = Vec::new();
    for domain in site.domains() {
        cookies.extend(cookies_of_domain(domain, store_id).await?);
    }
    Ok(cookies)
}

async fn require_permission(site: &Site) -> Result<(), Failure> {
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
            // The first words are about the store, the second may be about the property.
            of_all_visits.map_err(|_| Failure::of_browser(&error))?
        }
    };
    // The one type that is named: what a cookie has in it is what browsers may change.
    from_js(&cookies).map_err(|_| Failure::Internal { detail: "no list of BrowserCookie".to_owned() })
}

/// Unix seconds.
#[expect(clippy::cast_possible_truncation, reason = "a clock beyond i64 seconds is not a clock")]
pub(crate) fn now() -> i64 {
    (js_sys::Date::now() / 1000.0).floor() as i64
}
