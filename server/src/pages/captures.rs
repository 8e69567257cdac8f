//! The state of connections, captured sessions and capture requests.

use super::filled::{Filled, body};
use super::layout::{HtmlPage, Notice, done, pager, short, time};
use crate::app::App;
use crate::body::Time;
use crate::clock::now_ms;
use crate::credentials::capture_requests::{self as requests, CaptureRequestResponse};
use crate::credentials::connections::{self as accounts, ConnectionResponse, ShownConnectionResponse};
use crate::credentials::sessions::{self as captured, SessionResponse};
use crate::error::Error;
use crate::identity::UserId;
use crate::request::{Id, Listing};
use crate::store::{self, SessionStatus};
use crate::words::Word as _;
use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use maud::{Markup, html};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub(super) const CONNECTIONS: &str = "/app/connections";
pub(super) const SESSIONS: &str = "/app/sessions";
pub(super) const CAPTURE_REQUESTS: &str = "/app/capture-requests";
/// Connections to look up at the same time.
const AT_ONCE: usize = 8;

/// Lists connections.
pub(super) async fn connections(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    let Json(listing) = accounts::connections(user, State(Arc::clone(&app)), page).await?;
    let accounts = accounts_of(user, &app, listing.data.iter().map(|connection| connection.id)).await?;
    let now = now_ms();
    let body = html! {
        (notice)
        p { "Your accounts on platforms. The extension adds one when you capture a session." }
        p { "A service that may renew a session stores the new login cookies that the platform gives it while it uses the session." }
        @if !listing.data.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Connections" { table {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "Session" } th scope="col" { "Expires" }
                    th scope="col" { "Login saved" } th scope="col" { "Added" }
                    th scope="col" { "Services may renew it" }
                } }
                tbody { @for found in &listing.data { tr {
                    th scope="row" { (name(&accounts, found.id, &found.platform)) }
                    @match accounts.get(&found.id).and_then(|account| account.newest_session.as_ref()) {
                        Some(session) => { td { (state(session, now)) } td { (expiry(session)) } }
                        None => { td { "none" } td {} }
                    }
                    td { @match &found.credentials_updated_at { Some(at) => (time(at)), None => "none" } }
                    td { (time(&found.created_at)) }
                    td { @if let Some(account) = accounts.get(&found.id) { (write_back_form(account, &accounts)) } }
                } } }
            } }
        }
        (none(&listing, "No connections yet."))
        (pager(&listing, CONNECTIONS, &[]))
    };
    Ok(HtmlPage::new(CONNECTIONS, "Connections", body))
}

fn write_back_form(account: &ShownConnectionResponse, accounts: &Accounts) -> Markup {
    let ConnectionResponse { id, platform, .. } = &account.connection;
    let is_allowed = account.write_back_allowed;
    let (state, action) = if is_allowed { ("yes", "Forbid") } else { ("no", "Allow") };
    let about = format!("{action} services to renew the session of {}", label(accounts, *id, platform));
    html! {
        form method="post" action=(format!("{CONNECTIONS}/{id}/write-back")) {
            (state) " "
            button type="submit" name="allowed" value=(!is_allowed) aria-label=(about) { (action) }
        }
    }
}

/// Lets services renew the sessions of a connection, or forbids it.
pub(super) async fn allow_write_back(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    filled: Filled,
) -> Result<Redirect, Error> {
    let allowed = filled.text("allowed") == "true";
    let fields = body(&json!({"allowed": allowed}))?;
    let Json(_) = accounts::write_back(user, State(app), Id(id), fields).await?;
    Ok(done(CONNECTIONS, if allowed { "allowed" } else { "forbidden" }))
}

/// Lists captured sessions.
pub(super) async fn sessions(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    let Json(listing) = captured::sessions(user, State(Arc::clone(&app)), page).await?;
    let of = listing.data.iter().map(|session| session.creator_profile_id);
    let accounts = accounts_of(user, &app, of).await?;
    let now = now_ms();
    let body = html! {
        (notice)
        p { "Sessions your services can use. Revoking erases the stored cookies and storage entries. To end the login itself, log out at the platform." }
        @if !listing.data.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Sessions" { table {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "State" } th scope="col" { "Cookies" }
                    th scope="col" { "Storage entries" }
                    th scope="col" { "Captured" } th scope="col" { "Expires" } th scope="col" { "Action" }
                } }
                tbody { @for found in &listing.data { tr {
                    th scope="row" { (name(&accounts, found.creator_profile_id, &found.platform)) }
                    td { (state(found, now)) }
                    td { (found.cookie_count) }
                    td { (found.entry_count) }
                    td { (time(&found.captured_at)) @if let Some(caller) = &found.renewed_by { " " (renewed_by(caller)) } }
                    td { (expiry(found)) }
                    td { @if found.status == SessionStatus::Active {
                        form method="post" action=(format!("{SESSIONS}/{}/revoke", found.id)) {
                            button.danger type="submit" aria-label=(format!("Revoke the session of {}", label(&accounts, found.creator_profile_id, &found.platform))) { "Revoke" }
                        }
                    } }
                } } }
            } }
        }
        (none(&listing, "No sessions have been captured yet."))
        (pager(&listing, SESSIONS, &[]))
    };
    Ok(HtmlPage::new(SESSIONS, "Sessions", body))
}

fn state(session: &SessionResponse, now: i64) -> Markup {
    let is_expired = session.expires_at.as_ref().is_some_and(|Time(expires_at)| *expires_at <= now);
    let is_active = session.status == SessionStatus::Active && !is_expired;
    let state = if session.status == SessionStatus::Active && is_expired {
        "expired"
    } else {
        session.status.as_str()
    };
    html! { span.state.good[is_active] { (state) } }
}

/// A service, by the name of its token if it has one of its own.
fn renewed_by(caller: &str) -> Markup {
    let name = caller.split_once(':').map_or("a service", |(_, name)| name);
    html! { span.quiet { "renewed by " (name) } }
}

fn expiry(session: &SessionResponse) -> Markup {
    html! { @match &session.expires_at { Some(at) => (time(at)), None => "not known" } }
}

/// Revokes a session.
pub(super) async fn revoke(user: UserId, State(app): State<Arc<App>>, Id(id): Id) -> Result<Redirect, Error> {
    let fields = body(&json!({"id": id}))?;
    let Json(_) = captured::revoke_platform_session(user, State(app), fields).await?;
    Ok(done(SESSIONS, "revoked"))
}

/// Lists capture requests.
pub(super) async fn capture_requests(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    let Json(listing) = requests::capture_requests(user, State(Arc::clone(&app)), page).await?;
    let of = listing.data.iter().map(|request| request.creator_profile_id);
    let accounts = accounts_of(user, &app, of).await?;
    let body = html! {
        (notice)
        p { "When a backend needs a new session, it asks you here. Log in at the platform, then click Capture session in the extension." }
        @if !listing.data.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Capture requests" { table {
                thead { tr {
                    th scope="col" { "Account" } th scope="col" { "Reason" } th scope="col" { "State" }
                    th scope="col" { "Requested" } th scope="col" { "Expires" } th scope="col" { "Action" }
                } }
                tbody { @for found in &listing.data { tr { (request_row(found, &accounts)) } } }
            } }
        }
        (none(&listing, "No capture requests."))
        (pager(&listing, CAPTURE_REQUESTS, &[]))
    };
    Ok(HtmlPage::new(CAPTURE_REQUESTS, "Capture requests", body))
}

fn request_row(found: &CaptureRequestResponse, accounts: &Accounts) -> Markup {
    let asker = label(accounts, found.creator_profile_id, &found.platform);
    html! {
        th scope="row" { (name(accounts, found.creator_profile_id, &found.platform)) }
        td { (found.reason.as_deref().unwrap_or("no reason given")) }
        td { span.state { "pending" } }
        td { (time(&found.created_at)) }
        td { (time(&found.expires_at)) }
        td { form method="post" action=(format!("{CAPTURE_REQUESTS}/{}/decline", found.id)) {
            button type="submit" aria-label=(format!("Decline the request for {asker}")) { "Decline" }
        } }
    }
}

/// Declines a capture request.
pub(super) async fn decline(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Redirect, Error> {
    let Json(_) = requests::decline_capture_request(user, State(app), Id(id)).await?;
    Ok(done(CAPTURE_REQUESTS, "declined"))
}

/// Connections, without those deleted meanwhile.
type Accounts = BTreeMap<Uuid, ShownConnectionResponse>;

async fn accounts_of(
    user: UserId,
    app: &Arc<App>,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Accounts, Error> {
    let ids: BTreeSet<Uuid> = ids.collect();
    let found = stream::iter(ids).map(async |id| {
        match accounts::connection(user, State(Arc::clone(app)), Id(id)).await {
            Ok(Json(found)) => Ok(Some((id, found))),
            // Deleted since it was listed.
            Err(Error::NotFound(_) | Error::Forbidden) => Ok(None),
            Err(error) => Err(error),
        }
    });
    found.buffer_unordered(AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await
}

fn label(accounts: &Accounts, id: Uuid, platform: &str) -> String {
    match username(accounts, id) {
        Some(username) => format!("{username} at {platform}"),
        None => platform.to_owned(),
    }
}

fn name(accounts: &Accounts, id: Uuid, platform: &str) -> Markup {
    html! { (username(accounts, id).as_deref().unwrap_or("without a name")) " " span.quiet { (platform) } }
}

fn username(accounts: &Accounts, id: Uuid) -> Option<String> {
    accounts.get(&id)?.connection.platform_username.as_deref().map(short)
}

fn none<T>(listing: &Listing<T>, text: &str) -> Markup {
    html! { @if listing.total == 0 { p { (text) } } }
}
