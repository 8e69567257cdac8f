//! `ETag`, which names what a credential shows, and `If-Match`, by which an edit says
//! what it is an edit of (RFC 9110, section 13.1.1).

use crate::error::Error;
use crate::store::Revision;
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use std::convert::Infallible;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, openapi::Required};

/// The `ETag` of a credential in a revision.
pub(super) fn entity_tag(revision: Revision) -> String {
    let Revision { version, type_updated_at } = revision;
    format!("\"{version}-{type_updated_at}\"")
}

/// What the caller wants to change.
pub(crate) enum IfMatch {
    /// Whatever there is: he does not say, or says `*`.
    Anything,
    /// What has one of these tags. One that is weak is never equal.
    Tags(Vec<String>),
}

impl IfMatch {
    /// The revision that must be there still when the change is made, where the caller
    /// cares which.
    pub(super) fn check(&self, current: Revision) -> Result<Option<Revision>, Error> {
        match self {
            Self::Anything => Ok(None),
            Self::Tags(tags) if tags.contains(&entity_tag(current)) => Ok(Some(current)),
            Self::Tags(_) => Err(Error::PreconditionFailed),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::IF_MATCH).iter();
        let lines: Vec<_> = lines.map(|line| line.to_str().unwrap_or_default().trim()).collect();
        Ok(match lines[..] {
            [] | ["*"] => Self::Anything,
            _ => Self::Tags(
                lines.iter().flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect(),
            ),
        })
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "The `ETag` of what is changed, or several: it must be that still. `*` is any.";
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![parameter.build()]
    }
}
