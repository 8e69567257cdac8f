//! App credentials: people define credential types, enter credentials of these types, and assign
//! them to projects. Each value is sealed separately, for its credential and field.

pub(crate) mod by_project;
pub(crate) mod credentials;
pub(crate) mod filter;
pub(crate) mod if_match;
pub(crate) mod projects;
pub(crate) mod reveal;
pub(crate) mod types;
pub(crate) mod values;

use crate::body::True;
use crate::error::Error;
use axum::Json;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How often an edit starts over because another came in between.
const TRIES: usize = 500;
/// How long to wait before that, so that the other edit can finish.
const PAUSE: Duration = Duration::from_millis(2);
const TYPE_CHANGED: Error = Error::Conflict("the credential type was changed meanwhile; try again");
const NOT_FOUND: Error = Error::NotFound("Not found");

/// A success without further content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuccessResponse {
    #[schema(value_type = True, inline)]
    success: bool,
}

impl SuccessResponse {
    fn new() -> Json<Self> {
        Json(Self { success: true })
    }
}
