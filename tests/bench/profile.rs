//! The contents of the profile that other programs read, too: like a profile in use, it has
//! more cookies than the platform's own page would ever send.

use crate::reader::{Key, key};
use anyhow::Result;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use stagepass_core::{Cookie, Site};
use stagepass_tests::browsers::firefox::{Firefox, NewCookie};
use std::collections::BTreeMap;

/// The domain of the platform's cookies.
pub(crate) const PLATFORM_DOMAIN: &str = "instagram.com";
/// How many of the platform's cookies change right before each run. (Firefox keeps at
/// most 180 of one site, in each container and each partition.)
pub(crate) const CHANGED: usize = 20;
/// Cookies that last, and cookies that end with the browser's session.
const PERSISTENT: usize = 100;
const OF_THE_SESSION: usize = 30;
/// Cookies in the platform's own partition, in another site's, and in a container.
const PARTITIONED: usize = 40;
const IN_A_CONTAINER: usize = 100;
/// Other sites, and how many cookies each has.
const SITES: usize = 12;
const OF_A_SITE: usize = 10;
/// The built-in container for personal use.
const PERSONAL: u32 = 1;
const DAY: i64 = 86_400;

/// Adds several hundred cookies to the browser, beside the login's own.
pub(crate) async fn fill(firefox: &Firefox) -> Result<()> {
    let expires = Some(Timestamp::now().as_second() + 90 * DAY);
    let domain = || format!(".{PLATFORM_DOMAIN}");
    let of = |count: usize, kind: &str, value: &str, base: NewCookie| -> Vec<NewCookie> {
        let number = |number| NewCookie {
            name: format!("{kind}_{number}"),
            value: format!("{value}-{number:03}-{}", "v".repeat(24)),
            ..base.clone()
        };
        (0..count).map(number).collect()
    };
    let ours = NewCookie { domain: domain(), expires, ..NewCookie::default() };
    let in_partition = |site: &str| NewCookie { partition: format!("(https,{site})"), ..ours.clone() };
    let mut cookies = of(PERSISTENT, "kept", "own", ours.clone());
    cookies.extend(of(OF_THE_SESSION, "session", "own", NewCookie { expires: None, ..ours.clone() }));
    cookies.extend(of(PARTITIONED, "part", "own", in_partition(PLATFORM_DOMAIN)));
    // The platform embedded elsewhere, and in a container: other cookies with the same names.
    cookies.extend(of(PARTITIONED, "part", "embedded", in_partition("example.org")));
    cookies.extend(of(IN_A_CONTAINER, "kept", "contained", NewCookie { container: PERSONAL, ..ours }));
    for site in 0..SITES {
        let domain = format!(".site-{site}.example");
        cookies.extend(of(
            OF_A_SITE,
            "other",
            "other",
            NewCookie { domain, expires, ..NewCookie::default() },
        ));
    }
    firefox.add_cookies(&cookies).await
}

/// The number of all cookies.
pub(crate) async fn count(firefox: &Firefox) -> Result<usize> {
    Ok(firefox.cookies(0).await?.len() + firefox.cookies(PERSONAL).await?.len())
}

/// The platform's cookies as its own page has them in a tab without a container, each with
/// its value.
pub(crate) async fn of_site(firefox: &Firefox, site: &Site) -> Result<BTreeMap<Key, String>> {
    let own = format!("(https,{PLATFORM_DOMAIN})");
    let mut held = BTreeMap::new();
    for cookie in firefox.cookies(0).await? {
        let is_visited = cookie.partition.is_none_or(|partition| partition == own);
        let cookie = Cookie::from_json(cookie.cookie)?;
        if is_visited && site.owns(cookie.host()) {
            let dot = if cookie.is_host_only() { "" } else { "." };
            let domain = format!("{dot}{}", cookie.host());
            // Our own test values, in a profile that is thrown away.
            held.insert(key(&domain, &cookie.path, &cookie.name), cookie.value.expose_secret().to_owned());
        }
    }
    Ok(held)
}
