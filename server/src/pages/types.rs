//! The types of app credentials, to look at.

use super::layout::{Page, pager, short};
use crate::app::App;
use crate::app_credentials::types::{self, CredentialTypeResponse};
use crate::error::Error;
use crate::identity::UserId;
use crate::request::Id;
use crate::store;
use axum::Json;
use axum::extract::State;
use maud::{Markup, html};
use std::sync::Arc;
use uuid::Uuid;

const PART: &str = "/app/types";
/// Fields of a type that the list names.
const NAMED: usize = 8;

/// What the list shows of a type.
struct Row {
    id: Uuid,
    name: String,
    labels: Vec<String>,
    /// Fields beyond those that are named.
    more: usize,
    origin: &'static str,
}

impl From<CredentialTypeResponse> for Row {
    fn from(found: CredentialTypeResponse) -> Self {
        Self {
            origin: origin(&found),
            id: found.id,
            name: found.type_name,
            more: found.fields.len().saturating_sub(NAMED),
            labels: found.fields.into_iter().take(NAMED).map(|field| short(&field.field_label)).collect(),
        }
    }
}

/// Lists the types that there are for this user.
pub(super) async fn list(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
) -> Result<Page, Error> {
    let listing = types::listed(user, app, page).await?.listing(page, Row::from).await?;
    let body = html! {
        p { "What a credential of a type holds. Define your own types with the API: " a href="/docs" { "its documentation" } "." }
        div.scroll tabindex="0" role="region" aria-label="Types" { table {
            thead { tr { th scope="col" { "Type" } th scope="col" { "Fields" } th scope="col" { "Defined by" } } }
            tbody { @for found in &listing.data { tr {
                th scope="row" { a href=(path(found.id)) { (found.name) } }
                td { (found.labels.join(", ")) @if found.more > 0 { " and " (found.more) " more" } }
                td { (found.origin) }
            } } }
        } }
        (pager(&listing, PART, &[]))
    };
    Ok(Page::new(PART, "Credential types", body))
}

/// Shows a type.
pub(super) async fn show(user: UserId, State(app): State<Arc<App>>, id: Id) -> Result<Page, Error> {
    let Json(found) = types::credential_type(user, State(app), id).await?;
    let body = html! {
        p.quiet { "Defined by " (origin(&found)) "." }
        @if let Some(description) = &found.description { p { (description) } }
        p { a.button.first href=(new(&found)) { "New credential of this type" } }
        (fields(&found))
    };
    Ok(Page::new(PART, found.type_name, body))
}

fn fields(of: &CredentialTypeResponse) -> Markup {
    let yes = |is: bool| if is { "yes" } else { "no" };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Fields" { table {
            thead { tr {
                th scope="col" { "Field" } th scope="col" { "Name" } th scope="col" { "Type" }
                th scope="col" { "Required" } th scope="col" { "Secret" }
            } }
            tbody { @for field in &of.fields { tr {
                th scope="row" { (field.field_label) }
                td { code { (field.field_name) } }
                td { (field.field_type) }
                td { (yes(field.required)) }
                td { (yes(field.sensitive)) }
            } } }
        } }
    }
}

fn origin(found: &CredentialTypeResponse) -> &'static str {
    if found.owner_id.is_some() { "you" } else { "Stagepass" }
}

fn path(id: Uuid) -> String {
    format!("{PART}/{id}")
}

fn new(found: &CredentialTypeResponse) -> String {
    format!("/app/credentials/new?type={}", found.id)
}
