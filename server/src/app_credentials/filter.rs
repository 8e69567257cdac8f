//! Filters a user's list of credentials: `credentialTypeId` and `search`.

use crate::error::Error;
use crate::request::{MAX_TEXT_CHARS, Parameters, parse_id};
use crate::store::{AppCredentialFilter, fold};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

/// The filters of the list, besides the page.
#[derive(Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterParameters {
    /// Only credentials of this type.
    #[param(value_type = Option<Uuid>)]
    pub(crate) credential_type_id: Option<String>,
    /// Only credentials whose name contains this text, ignoring case.
    #[param(max_length = 1024, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub(crate) search: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for AppCredentialFilter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Parameters(given) = Parameters::<FilterParameters>::from_request_parts(parts, state).await?;
        given.read()
    }
}

impl FilterParameters {
    /// The filter from these parameters.
    pub(crate) fn read(self) -> Result<AppCredentialFilter, Error> {
        let credential_type_id =
            self.credential_type_id.map(|id| parse_id(&id, "credentialTypeId")).transpose()?;
        if self.search.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT_CHARS) {
            return Err(Error::BadRequest(format!("search must have at most {MAX_TEXT_CHARS} characters")));
        }
        if self.search.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(Error::BadRequest("search must not hold control characters".to_owned()));
        }
        let folded_search = self.search.filter(|text| !text.is_empty()).map(|text| fold(&text));
        Ok(AppCredentialFilter { credential_type_id, folded_search })
    }
}
