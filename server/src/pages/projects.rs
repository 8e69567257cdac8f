//! Projects and their credentials.

use super::filled::{Filled, body};
use super::layout::{HtmlPage, Notice, alert, done, pager};
use crate::app::App;
use crate::app_credentials::by_project::handed;
use crate::app_credentials::credentials::AppCredentialResponse;
use crate::app_credentials::projects::{self, ProjectResponse};
use crate::error::Error;
use crate::identity::UserId;
use crate::request::Id;
use crate::store;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

const PART: &str = "/app/projects";
/// How many credentials of a project are shown.
const MAX_SHOWN: usize = 100;

/// Lists the projects that the user sees, with a form for a new one.
pub(super) async fn list(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    notice: Notice,
) -> Result<HtmlPage, Error> {
    overview(user, app, page, None, html! { (notice) }).await
}

async fn overview(
    user: UserId,
    app: Arc<App>,
    page: store::Page,
    filled: Option<&Filled>,
    above: Markup,
) -> Result<HtmlPage, Error> {
    // The list doesn't show the members, and there may be many.
    let without_members = |found: ProjectResponse| ProjectResponse { member_ids: Vec::new(), ..found };
    let listing = projects::listed(user, app, page).await?.listing(page, without_members).await?;
    let given = |name| filled.map_or("", |filled| filled.text(name));
    let body = html! {
        (above)
        @if listing.total == 0 { p { "No projects yet. Members of a project see the credentials assigned to it, without secrets." } } @else {
            div.scroll tabindex="0" role="region" aria-label="Projects" { table {
                thead { tr { th scope="col" { "Project" } th scope="col" { "Description" } th scope="col" { "Your role" } } }
                tbody { @for found in &listing.data { tr {
                    th scope="row" { a href=(format!("{PART}/{}", found.id)) { (found.project_name) } }
                    td { (found.description.as_deref().unwrap_or_default()) }
                    td { @if found.owner_id == user.0 { "owner" } @else { "member" } }
                } } }
            } }
            (pager(&listing, PART, &[]))
        }
        h2 { "New project" }
        form.narrow method="post" action=(PART) {
            label for="projectName" { "Name" }
            input id="projectName" name="projectName" value=(given("projectName")) required maxlength="200";
            label for="description" { "Description " span.quiet { "(optional)" } }
            input id="description" name="description" value=(given("description")) maxlength="1024";
            button type="submit" { "Create project" }
        }
    };
    Ok(HtmlPage::new(PART, "Projects", body))
}

/// Adds a project.
pub(super) async fn add(
    user: UserId,
    State(app): State<Arc<App>>,
    page: store::Page,
    filled: Filled,
) -> Result<Response, Error> {
    let fields =
        json!({"projectName": filled.text("projectName"), "description": filled.text("description")});
    match projects::add_project(user, State(Arc::clone(&app)), body(&fields)?).await {
        Ok(_) => Ok(done(PART, "created").into_response()),
        Err(error @ (Error::BadRequest(_) | Error::Conflict(_) | Error::OverLimit(_))) => {
            let page = overview(user, app, page, Some(&filled), alert(Some(&error))).await?;
            Ok(page.after(Some(&error)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Shows a project and its credentials.
pub(super) async fn show(user: UserId, State(app): State<Arc<App>>, Id(id): Id) -> Result<HtmlPage, Error> {
    let Json(project) = projects::project(user, State(Arc::clone(&app)), Id(id)).await?;
    let assigned = handed(user, app, id).await?.first(MAX_SHOWN, Assigned::from).await?;
    let is_own = project.owner_id == user.0;
    let body = html! {
        @if let Some(description) = &project.description { p { (description) } }
        p.quiet {
            "You are " @if is_own { "its owner" } @else { "a member" } "."
            " Members (" (project.member_ids.len())
            ") see the credentials assigned to this project, without secrets."
        }
        h2 { "Credentials" }
        @if assigned.is_empty() { p { "No credentials are assigned to this project." } } @else {
            @if assigned.len() == MAX_SHOWN { p.quiet { "The newest " (MAX_SHOWN) ":" } }
            ul.plain { @for credential in &assigned { li { (named(credential, user)) } } }
        }
    };
    Ok(HtmlPage::new(PART, project.project_name, body))
}

/// What the page shows of a credential.
struct Assigned {
    id: Uuid,
    owner_id: Uuid,
    name: String,
}

impl From<AppCredentialResponse> for Assigned {
    fn from(found: AppCredentialResponse) -> Self {
        Self { id: found.id, owner_id: found.owner_id, name: found.credential_name }
    }
}

/// A credential's name, which links to it for its owner.
fn named(credential: &Assigned, user: UserId) -> Markup {
    html! {
        @if credential.owner_id == user.0 {
            a href=(format!("/app/credentials/{}", credential.id)) { (credential.name) }
        } @else {
            (credential.name) " " span.quiet { "(another user's)" }
        }
    }
}
