//! The types of app credentials, for viewing.

use super::layout::{HtmlPage, pager, short};
use crate::app::App;
use crate::app_credentials::types::{self, CredentialTypeResponse};
use crate::error::Error;
use crate::identity::UserId;
use crate::request::Id;
use crate::store;
use crate::words::Word as _;
use axum::Json;
use axum::extract::State;
use maud::{Markup, html};
use std::sync::Arc;
use uuid::Uuid;

const PART: &str = "/app/types";
/// How many fields of a type the list names.
const MAX_NAMED_FIELDS: usize = 8;

/// The list's view of a type.
struct Row {
    id: Uuid,
    name: String,
    labels: Vec<String>,
    /// The number of fields that are not named.
    more: usize,
    origin: &'static str,
}

impl From<CredentialTypeResponse> for Row {
    fn from(found: CredentialTypeResponse) -> Self {
        Self {
            origin: origin(&found),
            id: found.id,
            name: found.type_name,
            more: found.fields.len().saturating_sub(MAX_NAMED_FIELDS),
            labels: found
                .fields
                .into_iter()
                .take(MAX_NAMED_FIELDS)
                .map(|field| short(&field.field_label))
                .collect(),
        }
    }
}

/// Lists the types that this user can use.
pub(super) async fn list(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
) -> Result<HtmlPage, Error> {
    let listing = types::listed(user, app, page).await?.listing(page, Row::from).await?;
    let body = html! {
        p {
            "A type says which fields its credentials have. You can define your own types with the "
            a href="/docs" { "API" } "."
        }
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
    Ok(HtmlPage::new(PART, "Credential types", body))
}

/// Shows a type.
pub(super) async fn show(user: UserId, State(app): State<Arc<App>>, id: Id) -> Result<HtmlPage, Error> {
    let Json(found) = types::credential_type(user, State(app), id).await?;
    let body = html! {
        p.quiet { "Defined by " (origin(&found)) "." }
        @if let Some(description) = &found.description { p { (description) } }
        p { a.button.first href=(url_of_form(&found)) { "New credential of this type" } }
        (fields(&found))
    };
    Ok(HtmlPage::new(PART, found.type_name, body))
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
                td { (field.field_type.as_str()) }
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

fn url_of_form(found: &CredentialTypeResponse) -> String {
    format!("/app/credentials/new?type={}", found.id)
}
