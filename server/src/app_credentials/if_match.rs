//! `ETag`, which identifies the content of a credential, and `If-Match`, by which an edit says
//! which content it is based on (RFC 9110, section 13.1.1).

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

/// The content that the caller wants to change.
pub(crate) enum IfMatch {
    /// Any content: without the header, or with `*`.
    Anything,
    /// Content with one of these tags. A weak tag never matches.
    Tags(Vec<String>),
}

impl IfMatch {
    /// The revision that must still be current when the change is made, if the caller requires one.
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
        let description = "The `ETag` that the record must still have, or several; `*` accepts any.";
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![parameter.build()]
    }
}
