//! What a project has been handed. It is read and sent piece by piece, since all of it
//! together may be large.

use super::credentials::{AppCredentialResponse, show_all};
use super::projects;
use crate::app::App;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::AppForbiddenFailures;
use crate::request::Id;
use crate::store::Place;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, future, stream};
use std::sync::Arc;
use uuid::Uuid;

/// Credentials that are in memory at once.
const PIECE: u32 = 20;

/// Lists what a project has been handed
///
/// For its owner and its members; newest first, then by id; at most 1,000. Values of
/// sensitive fields are not shown, and of `projectIds` a member sees this project alone.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials/by-project/{projectId}",
    tag = "App credentials",
    security(("user" = [])),
    params(("projectId" = Uuid, Path)),
    responses(
        (status = 200, description = "All of it", body = Vec<AppCredentialResponse>), AppForbiddenFailures
    )
)]
pub(crate) async fn app_credentials_by_project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(project_id): Id,
) -> Result<Response, Error> {
    // A project that is not there is one that the caller is no member of.
    projects::seen(&app, user, project_id).await.map_err(|error| match error {
        Error::NotFound(_) => Error::Forbidden,
        error => error,
    })?;
    let mut listing = Pieces { app, user, project_id, after: None, is_begun: false, is_over: false };
    // What goes wrong at first has a status.
    let first = listing.next().await?;
    let body = if listing.is_over {
        Body::from(first)
    } else {
        Body::from_stream(stream::once(future::ok(first)).chain(stream::try_unfold(listing, rest)))
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The newest of what a project that the user sees has been handed, `most` at most.
pub(crate) async fn newest_of_project(
    app: &App,
    user: UserId,
    project_id: Uuid,
    most: u32,
) -> Result<Vec<AppCredentialResponse>, Error> {
    projects::seen(app, user, project_id).await?;
    let found = app.app_credentials.app_credentials_by_project(project_id, None, most).await?;
    let shown = show_all(app, found).await?.into_iter().map(|shown| shown.to(user, project_id));
    Ok(shown.collect())
}

/// The piece that comes next. Where it fails the answer is cut off, by which its
/// reader knows.
async fn rest(mut listing: Pieces) -> Result<Option<(Bytes, Pieces)>, Error> {
    if listing.is_over {
        return Ok(None);
    }
    let piece = listing.next().await.inspect_err(Error::log)?;
    Ok(Some((piece, listing)))
}

/// A listing, as far as it has come.
struct Pieces {
    app: Arc<App>,
    user: UserId,
    project_id: Uuid,
    /// The last one that was read.
    after: Option<Place>,
    /// Whether one was shown.
    is_begun: bool,
    is_over: bool,
}

impl Pieces {
    /// The next part of the JSON array.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let is_first = self.after.is_none();
        let found =
            self.app.app_credentials.app_credentials_by_project(self.project_id, self.after, PIECE).await?;
        self.is_over = found.len() < PIECE as usize;
        self.after = found.last().map(|last| Place { created_at: last.created_at, id: last.id });
        let mut json = if is_first { b"[".to_vec() } else { Vec::new() };
        for shown in show_all(&self.app, found).await? {
            if self.is_begun {
                json.push(b',');
            }
            self.is_begun = true;
            let shown = shown.to(self.user, self.project_id);
            serde_json::to_writer(&mut json, &shown).map_err(|_| Error::Internal("a credential as JSON"))?;
        }
        if self.is_over {
            json.push(b']');
        }
        Ok(json.into())
    }
}
