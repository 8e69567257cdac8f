//! App credentials: their list, each of them, its secrets on request, and the projects it is
//! assigned to.

use super::filled::{Filled, body};
use super::layout::{HtmlPage, Notice, done, pager, short, time};
use super::value_field;
use crate::app::App;
use crate::app_credentials::credentials::{self, AppCredentialResponse};
use crate::app_credentials::filter::FilterParameters;
use crate::app_credentials::reveal::reveal_app_credential;
use crate::app_credentials::types::{self, CredentialTypeResponse};
use crate::body::Time;
use crate::error::Error;
use crate::identity::UserId;
use crate::request::{Id, Parameters};
use crate::store;
use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const PART: &str = "/app/credentials";

/// The list's view of a credential.
struct Row {
    id: Uuid,
    name: String,
    type_id: Uuid,
    projects: usize,
    updated_at: Time,
}

impl From<AppCredentialResponse> for Row {
    fn from(found: AppCredentialResponse) -> Self {
        Self {
            id: found.id,
            name: found.credential_name,
            type_id: found.credential_type_id,
            projects: found.project_ids.len(),
            updated_at: found.updated_at,
        }
    }
}

/// Lists credentials.
pub(super) async fn list(
    user: UserId,
    State(app): State<Arc<App>>,
    Parameters(mut search): Parameters<FilterParameters>,
    page: store::Page,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    // The form leaves it empty for all types.
    search.credential_type_id = search.credential_type_id.filter(|id| !id.is_empty());
    let filter = search.clone().read()?;
    let listed = credentials::listed(user, Arc::clone(&app), filter, page).await?;
    let listing = listed.listing(page, Row::from).await?;
    let types = app.app_credentials.type_names(user.0).await?;
    let type_name = |id| types.iter().find(|(of, _)| *of == id).map_or("", |(_, name)| name.as_str());
    let query = [
        ("search", search.search.as_deref().unwrap_or_default()),
        ("credentialTypeId", search.credential_type_id.as_deref().unwrap_or_default()),
    ];
    let body = html! {
        (notice)
        p { a.button.first href="/app/credentials/new" { "New credential" } }
        (search_form(&search, &types))
        p.quiet role="status" { (listing.total) @if listing.total == 1 { " credential" } @else { " credentials" } }
        @if !listing.data.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Credentials" { table {
                thead { tr {
                    th scope="col" { "Credential" } th scope="col" { "Type" }
                    th scope="col" { "Projects" } th scope="col" { "Changed" }
                } }
                tbody { @for found in &listing.data { tr {
                    th scope="row" { a href=(path(found.id)) { (found.name) } }
                    td { (type_name(found.type_id)) }
                    td { (found.projects) }
                    td { (time(&found.updated_at)) }
                } } }
            } }
        }
        (pager(&listing, PART, &query))
    };
    Ok(HtmlPage::new(PART, "Credentials", body))
}

fn search_form(search: &FilterParameters, types: &[(Uuid, String)]) -> Markup {
    let chosen = |id: &Uuid| search.credential_type_id.as_ref() == Some(&id.to_string());
    html! {
        form.row method="get" action=(PART) role="search" {
            div {
                label for="search" { "Name" }
                input id="search" name="search" type="search" value=(search.search.as_deref().unwrap_or_default()) maxlength="1024";
            }
            div {
                label for="credentialTypeId" { "Type" }
                select id="credentialTypeId" name="credentialTypeId" {
                    option value="" { "All" }
                    @for (id, name) in types { option value=(id) selected[chosen(id)] { (short(name)) } }
                }
            }
            button type="submit" { "Search" }
        }
    }
}

/// Shows a credential without its secrets.
pub(super) async fn show(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    let ([(_, tag)], Json(found)) =
        credentials::app_credential(user, State(Arc::clone(&app)), Id(id)).await?;
    let Json(of) =
        types::credential_type(user, State(Arc::clone(&app)), Id(found.credential_type_id)).await?;
    let own = app.app_credentials.own_projects(user.0).await?;
    let body = html! {
        (notice)
        (about(&found, &of))
        (values(&found, &of))
        @if found.keys.iter().any(|key| key.has_value) {
            form method="post" action=(format!("{}/reveal", path(id))) {
                button type="submit" { "Reveal the values" }
                span.quiet { " The audit log records this." }
            }
        }
        p.row {
            a.button href=(format!("{}/edit", path(id))) { "Edit" }
            a.button.danger href=(format!("{}/delete", path(id))) { "Delete" }
        }
        h2 { "Projects" }
        (projects_form(&found, &tag, &own))
    };
    Ok(HtmlPage::new(PART, found.credential_name, body))
}

/// Shows a credential with its secrets, which the audit log records.
pub(super) async fn reveal(user: UserId, State(app): State<Arc<App>>, Id(id): Id) -> Result<HtmlPage, Error> {
    let Json(found) = reveal_app_credential(user, State(Arc::clone(&app)), Id(id)).await?;
    let Json(of) = types::credential_type(user, State(app), Id(found.credential_type_id)).await?;
    let body = html! {
        p.notice role="status" { "All values, including secrets. The audit log has recorded this." }
        (about(&found, &of))
        (values(&found, &of))
        p { a.button href=(path(id)) { "Hide the values" } }
    };
    Ok(HtmlPage::new(PART, found.credential_name, body))
}

fn about(found: &AppCredentialResponse, of: &CredentialTypeResponse) -> Markup {
    html! {
        @if let Some(description) = &found.description { p { (description) } }
        p.quiet {
            a href=(format!("/app/types/{}", of.id)) { (of.type_name) }
            " · created " (time(&found.created_at)) " · changed " (time(&found.updated_at))
        }
    }
}

fn values(found: &AppCredentialResponse, of: &CredentialTypeResponse) -> Markup {
    html! {
        dl { @for field in &of.fields {
            dt { (field.field_label) }
            @match found.key(field.id) {
                Some(key) if key.key_value.is_some() => dd { code.value { (*value_field::text(field, key)) } },
                Some(key) if key.has_value => dd.quiet { "hidden" },
                _ => dd.quiet { "not set" },
            }
        } }
    }
}

fn projects_form(found: &AppCredentialResponse, tag: &str, own: &[(Uuid, String)]) -> Markup {
    html! {
        @if own.is_empty() {
            p { "Members of a project see the credentials assigned to it, without secrets. " a href="/app/projects" { "Create a project" } " first." }
        } @else {
            form method="post" action=(format!("{}/projects", path(found.id))) {
                input type="hidden" name="etag" value=(tag);
                fieldset {
                    legend { "Assigned to" }
                    @for (id, name) in own {
                        label.choice {
                            input type="checkbox" name="projectIds" value=(id) checked[found.project_ids.contains(id)];
                            " " (short(name))
                        }
                    }
                }
                button type="submit" { "Save projects" }
            }
        }
    }
}

/// Redirects to a credential, from an address that only accepts forms.
pub(super) async fn back(Id(id): Id) -> Redirect {
    Redirect::to(&path(id))
}

/// Assigns a credential to exactly the chosen projects.
pub(super) async fn assign(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    filled: Filled,
) -> Result<Redirect, Error> {
    let fields = body(&json!({"projectIds": filled.texts("projectIds")}))?;
    let Json(_) = credentials::assign_projects(user, State(app), Id(id), filled.if_match(), fields).await?;
    Ok(done(&path(id), "assigned"))
}

/// Asks for confirmation before deleting a credential.
pub(super) async fn confirm_delete(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<HtmlPage, Error> {
    let ([(_, tag)], Json(found)) = credentials::app_credential(user, State(app), Id(id)).await?;
    let body = html! {
        p { "This erases its values and removes it from its projects. It can't be undone." }
        form.row method="post" action=(format!("{}/delete", path(id))) {
            input type="hidden" name="etag" value=(tag);
            button.danger type="submit" { "Delete it" }
            a.button href=(path(id)) { "Keep it" }
        }
    };
    Ok(HtmlPage::new(PART, format!("Delete {}?", found.credential_name), body))
}

/// Deletes a credential.
pub(super) async fn delete(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    filled: Filled,
) -> Result<Redirect, Error> {
    let Json(_) = credentials::delete_app_credential(user, State(app), Id(id), filled.if_match()).await?;
    Ok(done(PART, "deleted"))
}

pub(super) fn path(id: Uuid) -> String {
    format!("{PART}/{id}")
}
