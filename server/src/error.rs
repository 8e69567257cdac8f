//! The one error type: it alone chooses a status, and each API renders it in
//! its own form.
//!
//! A handler's error becomes a response without a body that carries the
//! error; [`render`], which is called for every request, writes the body.

use crate::api::{Form, MAX_BODY_BYTES};
use crate::directus::{DirectusError, NoClient};
use crate::store::{OverLimit, StoreError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stagepass_core::api::ErrorResponse;
use std::sync::Arc;
use thiserror::Error;

/// Whatever a request can end with other than success. The text goes to the
/// caller: it never holds a secret, a path or a driver's words.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("{0}")]
    BadRequest(String),
    #[error("Unauthorized")]
    Unauthorized,
    /// The same answer where a service's secret is missing or wrong.
    #[error("Unauthorized")]
    UnknownService,
    #[error("Invalid user credentials.")]
    InvalidCredentials,
    #[error("Token expired.")]
    TokenExpired,
    #[error("invalid password")]
    InvalidMasterPassword,
    #[error("Forbidden")]
    Forbidden,
    #[error(
        "the vault is set up from the server's own machine, or with the token in the file vault-set-up-token \
         of its data directory"
    )]
    ForbiddenSetUp,
    #[error(
        "a session cookie is good for what this server's own pages ask for: over https, or on the server's own machine"
    )]
    ForbiddenOrigin,
    #[error("built-in credential types can't be changed")]
    ForbiddenBuiltIn,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
    #[error("{0}")]
    OverLimit(OverLimit),
    #[error("the credential type is in use by {credentials} credentials")]
    TypeInUse { credentials: u64 },
    #[error("a field that is gone or changed is in use by {credentials} credentials")]
    FieldInUse { credentials: u64 },
    #[error("the credential was changed meanwhile")]
    PreconditionFailed,
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The client was slow to send it.
    #[error("The request did not arrive in time")]
    RequestTimeout,
    /// It was there, and this server was slow.
    #[error("The request took too long here; try again")]
    Overdue,
    #[error("Body larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    #[error("Content-Type must be application/json")]
    UnsupportedMediaType,
    #[error("This server does not answer under that host name")]
    MisdirectedRequest,
    #[error(
        "This server proves who it is at the address that it listens on, written as a number, and at \
         STAGEPASS_PUBLIC_URL where that begins with http://"
    )]
    NotProvenHere,
    #[error("Too many requests")]
    TooManyRequests { retry_after_s: u64 },
    #[error("too many failed login attempts")]
    TooManyFailedLogins { retry_after_s: u64 },
    #[error("RBAC_SYNC_WEBHOOK_SECRET not set")]
    NoServiceSecret,
    #[error("Stored credentials cannot be decrypted")]
    Undecryptable,
    #[error("Store unavailable")]
    Store(StoreError),
    /// What keeps the server from serving, in a few words.
    #[error("{0}")]
    NotReady(String),
    #[error(transparent)]
    Directus(#[from] DirectusError),
    #[error("Internal error")]
    Internal(&'static str),
}

impl From<getrandom::Error> for Error {
    fn from(_: getrandom::Error) -> Self {
        Self::Internal("no random bytes")
    }
}

impl From<NoClient> for Error {
    fn from(_: NoClient) -> Self {
        Self::Internal("the client for Directus could not be made")
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Directus(error) => Self::Directus(error),
            StoreError::OverLimit(limit) => Self::OverLimit(limit),
            StoreError::OwnerGone => Self::Unauthorized,
            error => Self::Store(error),
        }
    }
}

impl Error {
    /// The same fault, of one part of what was given.
    pub(crate) fn in_place(self, place: &str) -> Self {
        match self {
            Self::BadRequest(fault) => Self::BadRequest(format!("{place}: {fault}")),
            error => error,
        }
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized
            | Self::UnknownService
            | Self::InvalidCredentials
            | Self::TokenExpired
            | Self::InvalidMasterPassword => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForbiddenSetUp | Self::ForbiddenOrigin | Self::ForbiddenBuiltIn => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) | Self::OverLimit(_) | Self::TypeInUse { .. } | Self::FieldInUse { .. } => {
                StatusCode::CONFLICT
            }
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MisdirectedRequest | Self::NotProvenHere => StatusCode::MISDIRECTED_REQUEST,
            Self::TooManyRequests { .. } | Self::TooManyFailedLogins { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Directus(DirectusError::Status { .. }) => StatusCode::BAD_GATEWAY,
            Self::Directus(DirectusError::TimedOut) => StatusCode::GATEWAY_TIMEOUT,
            Self::Store(_)
            | Self::Overdue
            | Self::NotReady(_)
            | Self::Directus(DirectusError::Busy { .. } | DirectusError::Unavailable) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NoServiceSecret | Self::Undecryptable | Self::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Whether a record was asked for and not given, or not changed: the audit
    /// log tells of it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Forbidden | Self::NotFound(_) | Self::Conflict(_) | Self::Undecryptable | Self::Internal(_)
        )
    }

    /// How long a caller should wait before another try, where that helps.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests { retry_after_s } | Self::TooManyFailedLogins { retry_after_s } => {
                Some(*retry_after_s)
            }
            Self::Directus(DirectusError::Busy { retry_after_s }) => Some(*retry_after_s),
            Self::Store(_)
            | Self::Overdue
            | Self::NotReady(_)
            | Self::Directus(DirectusError::TimedOut | DirectusError::Unavailable) => Some(1),
            _ => None,
        }
    }

    /// Directus's own code for such a failure.
    fn directus_code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "INVALID_PAYLOAD",
            Self::Unauthorized
            | Self::UnknownService
            | Self::InvalidCredentials
            | Self::InvalidMasterPassword => "INVALID_CREDENTIALS",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Forbidden | Self::ForbiddenSetUp | Self::ForbiddenOrigin | Self::ForbiddenBuiltIn => {
                "FORBIDDEN"
            }
            Self::NotFound(_) => "ROUTE_NOT_FOUND",
            Self::Conflict(_) | Self::OverLimit(_) | Self::TypeInUse { .. } | Self::FieldInUse { .. } => {
                "RECORD_NOT_UNIQUE"
            }
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::BodyTooLarge => "CONTENT_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooManyRequests { .. } | Self::TooManyFailedLogins { .. } => "REQUESTS_EXCEEDED",
            Self::RequestTimeout
            | Self::MisdirectedRequest
            | Self::NotProvenHere
            | Self::PreconditionFailed => "INVALID_REQUEST",
            Self::Store(_) | Self::Overdue | Self::NotReady(_) | Self::Directus(_) => "SERVICE_UNAVAILABLE",
            Self::NoServiceSecret | Self::Undecryptable | Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }

    /// Its body, JSON.
    pub(crate) fn body(&self, form: Form) -> String {
        let message = self.to_string();
        match form {
            Form::Credentials => {
                serde_json::to_string(&ErrorResponse { success: false, error: message }).unwrap_or_default()
            }
            Form::Directus => {
                json!({"errors": [{"message": message, "extensions": {"code": self.directus_code()}}]})
                    .to_string()
            }
            Form::AppCredentials => json!({"error": message}).to_string(),
            Form::Vault => match self {
                Self::TooManyRequests { retry_after_s } | Self::TooManyFailedLogins { retry_after_s } => {
                    json!({"error": message, "retry_after_seconds": retry_after_s})
                }
                _ => json!({"error": message}),
            }
            .to_string(),
        }
    }

    /// Tells the operator.
    pub(crate) fn log(&self) {
        match self {
            Self::Store(error) => tracing::error!(%error, "the store failed"),
            Self::Directus(DirectusError::Busy { .. }) => {
                tracing::warn!("Directus gets too many calls; do its limiters allow for this server's?");
            }
            Self::Directus(error) => tracing::error!(%error, "Directus failed"),
            Self::Internal(what) => tracing::error!(what, "internal error"),
            Self::Overdue => tracing::error!("a request was given up, since it took too long"),
            _ => tracing::debug!(error = %self, "request refused"),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The error that a response carries whose body is to be written.
pub(crate) fn take(response: &mut Response) -> Option<Arc<Error>> {
    let error = response.extensions_mut().remove::<Arc<Error>>()?;
    error.log();
    Some(error)
}

/// Writes the body of a failure in the form of the API that was called.
pub(crate) fn render(response: &mut Response, form: Form) {
    if let Some(error) = take(response) {
        *response.body_mut() = error.body(form).into();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
}
