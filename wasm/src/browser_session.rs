//! The session that a browser holds of a site in one cookie store: its cookies, and what its pages
//! store. Says who is signed in; sends nothing.

use crate::cookie_store;
use crate::failure::Failure;
use crate::page_storage;
use serde::{Deserialize, Serialize};
use stagepass_core::login::Login;
use stagepass_core::platform::LoginEntry;
use stagepass_core::rotated_cookies::session_mark;
use stagepass_core::{Capture, Session, Site, normalise};
use wasm_bindgen::JsValue;

/// What a cookie store holds of a site.
pub(crate) struct Held {
    /// The session, with the report on it.
    pub(crate) capture: Capture,
    /// Why the storage that belongs to it could not be read. The capture then has none.
    pub(crate) unread: Option<Failure>,
}

/// The signed-in account, as far as cookies and storage name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Differs between accounts; `None` if nothing names the account.
    pub(crate) mark: Option<u32>,
}

impl Account {
    /// The account that a session belongs to.
    pub(crate) fn of(site: &Site, session: Session<'_>) -> Self {
        Self { mark: session_mark(site, session) }
    }
}

/// What is wanted of what a site's pages store.
#[derive(Clone, Copy)]
pub(crate) enum Wish<'a> {
    /// What belongs to the session; at a site that is not in the catalogue, what the person has
    /// `chosen`. If the popup is over a tab of the origin, that `tab` is read.
    Session { chosen: &'a JsValue, tab: Option<u32> },
    /// Only what shows who is signed in. Where cookies show that, no page is asked.
    Account,
    /// Nothing: as if no tab were open.
    Cookies,
}

/// Reads a site's session. Storage is not read without a tab, or if the page prevents it: that is
/// no failure here.
///
/// # Errors
/// The same as [`cookie_store::read`].
pub(crate) async fn read(site: &Site, store_id: &str, wish: Wish<'_>) -> Result<Held, Failure> {
    let cookies = cookie_store::read(site, store_id).await?;
    let shows_account = |entry: &LoginEntry| entry.proof.is_some() || entry.account.is_some();
    let read = match wish {
        Wish::Session { chosen, tab } => page_storage::read(site, store_id, tab, chosen).await,
        Wish::Account if site.login_entries().iter().any(shows_account) => {
            page_storage::read(site, store_id, None, &JsValue::NULL).await
        }
        Wish::Account => Ok(Vec::new()),
        Wish::Cookies => match site.login_entries() {
            [] => Ok(Vec::new()),
            [entry, ..] => Err(page_storage::no_tab(site, entry.origin, false)),
        },
    };
    let (origins, unread) = match read {
        Ok(origins) => (origins, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Ok(Held { capture: normalise(cookies, origins, site, cookie_store::now()), unread })
}

/// Reads the session of a signed-in person. If it is not known what proves a login, anything is
/// enough.
///
/// # Errors
/// [`Failure::NotSignedIn`], [`Failure::NoCookies`], or why the storage that proves the login could
/// not be read.
pub(crate) async fn read_signed_in(site: &Site, store_id: &str, wish: Wish<'_>) -> Result<Held, Failure> {
    let Held { capture, unread } = read(site, store_id, wish).await?;
    match &capture.report.login {
        Login::Missing { cookies, entries } => Err(match unread {
            Some(unread) if cookies.is_empty() => unread,
            _ => Failure::NotSignedIn {
                missing: [cookies.as_slice(), entries].concat(),
                login_url: site.login_url(),
                report: Box::new(capture.report),
            },
        }),
        _ if capture.cookies.is_empty() && capture.origins.is_empty() => {
            Err(unread.unwrap_or(Failure::NoCookies { report: Box::new(capture.report) }))
        }
        _ => Ok(Held { capture, unread }),
    }
}

/// Does the same for a person who must have `same_account` if it is given. An account that nothing
/// names differs from one that is named.
///
/// # Errors
/// The same as [`read_signed_in`], and [`Failure::OtherAccount`].
pub(crate) async fn read_same_account(
    site: &Site,
    store_id: &str,
    wish: Wish<'_>,
    same_account: Option<Account>,
) -> Result<Held, Failure> {
    let held = read_signed_in(site, store_id, wish).await?;
    match same_account {
        Some(account) if Account::of(site, held.capture.session()) != account => Err(Failure::OtherAccount),
        _ => Ok(held),
    }
}
