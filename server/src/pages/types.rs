//! The types of app credentials, to look at.

use super::layout::{Page, pager};
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

const PART: &str = "/app/types";

/// Lists the types that there are for this user.
pub(super) async fn list(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
) -> Result<Page, Error> {
    let Json(listing) = types::credential_types(user, State(app), page).await?;
    let body = html! {
        p { "What a credential of a type holds. Define your own types with the API: " a href="/docs" { "its documentation" } "." }
        div.scroll tabindex="0" role="region" aria-label="Types" { table {
            thead { tr { th scope="col" { "Type" } th scope="col" { "Fields" } th scope="col" { "Defined by" } } }
            tbody { @for found in &listing.data { tr {
                th scope="row" { a href=(path(found)) { (found.type_name) } }
                td { (found.fields.iter().map(|field| field.field_label.as_str()).collect::<Vec<_>>().join(", ")) }
                td { (origin(found)) }
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

fn path(found: &CredentialTypeResponse) -> String {
    format!("{PART}/{}", found.id)
}

fn new(found: &CredentialTypeResponse) -> String {
    format!("/app/credentials/new?type={}", found.id)
}
