//! App credentials: people define types of credentials, fill in credentials of
//! these types, and hand them to projects. Each value is sealed by itself, for
//! its credential and its field.

pub(crate) mod by_project;
pub(crate) mod credentials;
mod fields;
pub(crate) mod filter;
pub(crate) mod if_match;
pub(crate) mod projects;
pub(crate) mod reveal;
pub(crate) mod types;
pub(crate) mod values;

use crate::error::Error;
use crate::openapi::True;
use axum::Json;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How often an edit is begun anew since another came in between.
const TRIES: usize = 500;
/// How long it waits before: whoever came in between may be done by then.
const PAUSE: Duration = Duration::from_millis(2);
const TYPE_CHANGED: Error = Error::Conflict("the credential type was changed meanwhile; try again");
const NOT_FOUND: Error = Error::NotFound("Not found");

/// A success that has nothing more to say.
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
