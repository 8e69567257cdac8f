//! The one error type: only this module chooses a status, and each API renders errors in
//! its own form.
//!
//! A handler's error becomes a response without a body that carries the error; [`render`], called
//! for every request, writes the body.

use crate::api::Form;
use crate::directus::{DirectusError, NoClient};
use crate::store::{OverLimit, StoreError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use thiserror::Error;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// Every way a request can fail. The text goes to the caller: it never has a secret, a path or a
/// driver's message.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("{0}")]
    BadRequest(String),
    #[error("Unauthorized")]
    Unauthorized,
    /// A service's secret is missing or wrong; the answer is the same as for
    /// [`Self::Unauthorized`].
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
    /// The record's owner has not allowed this to services.
    #[error("{0}")]
    ForbiddenByOwner(&'static str),
    #[error(
        "the vault can only be set up from the server's own machine, or with the token in the file \
         vault-set-up-token of its data directory"
    )]
    ForbiddenSetUp,
    #[error(
        "the session cookie only works for requests from this server's own pages, over https or on the server's own \
         machine"
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
    #[error("a removed or changed field is in use by {credentials} credentials")]
    FieldInUse { credentials: u64 },
    #[error("the credential was changed meanwhile")]
    PreconditionFailed,
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// The client was too slow to send its request.
    #[error("The request did not arrive in time")]
    RequestTimeout,
    /// The request arrived in time, but this server was too slow.
    #[error("The request took too long here; try again")]
    Overdue,
    #[error("Body larger than {most} bytes")]
    BodyTooLarge { most: usize },
    /// A session would grow above this size.
    #[error("The session would have more than {most} bytes")]
    SessionTooLarge { most: usize },
    #[error("Content-Type must be application/json")]
    UnsupportedMediaType,
    #[error("This server does not answer to that host name")]
    MisdirectedRequest,
    #[error(
        "This server only proves its identity at the numeric address that it listens on, and at \
         STAGEPASS_PUBLIC_URL if that starts with http://"
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
    /// The server can't serve; the text says why, in a few words.
    #[error("{0}")]
    NotReady(String),
    #[error(transparent)]
    Directus(#[from] DirectusError),
    #[error("Internal error")]
    Internal(&'static str),
}

impl From<getrandom::Error> for Error {
    fn from(_: getrandom::Error) -> Self {
        Self::Internal("the operating system gives no random bytes")
    }
}

impl From<NoClient> for Error {
    fn from(_: NoClient) -> Self {
        Self::Internal("the client for Directus could not be created")
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
    /// The same fault, with the part of the request that it is about named first.
    pub(crate) fn in_place(self, place: &str) -> Self {
        match self {
            Self::BadRequest(fault) => Self::BadRequest(format!("{place}: {fault}")),
            error => error,
        }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized
            | Self::UnknownService
            | Self::InvalidCredentials
            | Self::TokenExpired
            | Self::InvalidMasterPassword => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::ForbiddenByOwner(_)
            | Self::ForbiddenSetUp
            | Self::ForbiddenOrigin
            | Self::ForbiddenBuiltIn => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) | Self::OverLimit(_) | Self::TypeInUse { .. } | Self::FieldInUse { .. } => {
                StatusCode::CONFLICT
            }
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::SessionTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
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

    /// Whether access to a record or a change of it was refused: the audit log records this.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Forbidden
                | Self::ForbiddenByOwner(_)
                | Self::NotFound(_)
                | Self::Conflict(_)
                | Self::Undecryptable
                | Self::Internal(_)
        )
    }

    /// How long a caller should wait before another try, if that helps.
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

    /// Directus's own code for this failure.
    fn directus_code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "INVALID_PAYLOAD",
            Self::Unauthorized
            | Self::UnknownService
            | Self::InvalidCredentials
            | Self::InvalidMasterPassword => "INVALID_CREDENTIALS",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Forbidden
            | Self::ForbiddenByOwner(_)
            | Self::ForbiddenSetUp
            | Self::ForbiddenOrigin
            | Self::ForbiddenBuiltIn => "FORBIDDEN",
            Self::NotFound(_) => "ROUTE_NOT_FOUND",
            Self::Conflict(_) | Self::OverLimit(_) | Self::TypeInUse { .. } | Self::FieldInUse { .. } => {
                "RECORD_NOT_UNIQUE"
            }
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::BodyTooLarge { .. } | Self::SessionTooLarge { .. } => "CONTENT_TOO_LARGE",
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

    /// The JSON body of the answer.
    pub(crate) fn body(&self, form: Form) -> String {
        let error = self.to_string();
        match form {
            Form::Credentials => serde_json::to_string(&ErrorResponse { success: false, error }),
            Form::Directus => {
                let extensions = DirectusErrorExtensions { code: self.directus_code() };
                let errors = [DirectusErrorItem { message: error, extensions }];
                serde_json::to_string(&DirectusErrorResponse { errors })
            }
            Form::AppCredentials => serde_json::to_string(&AppErrorResponse { error }),
            Form::Vault => {
                let retry_after_seconds = match self {
                    Self::TooManyRequests { retry_after_s } | Self::TooManyFailedLogins { retry_after_s } => {
                        Some(*retry_after_s)
                    }
                    _ => None,
                };
                serde_json::to_string(&VaultErrorResponse { error, retry_after_seconds })
            }
        }
        .unwrap_or_default()
    }

    /// Logs the failure for the operator.
    pub(crate) fn log(&self) {
        match self {
            Self::Store(error) => tracing::error!(%error, "the store failed"),
            Self::Directus(DirectusError::Busy { .. }) => {
                tracing::warn!(
                    "Directus refuses calls because there are too many; raise its rate limits for this server"
                );
            }
            Self::Directus(error) => tracing::error!(%error, "Directus failed"),
            Self::Internal(what) => tracing::error!(what, "internal error"),
            Self::Overdue => tracing::error!("a request was abandoned because it took too long"),
            _ => tracing::debug!(error = %self, "request refused"),
        }
    }
}

/// A failure on the Credentials API.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorResponse {
    #[schema(schema_with = always_false)]
    success: bool,
    /// What went wrong, in words for people.
    error: String,
}

fn always_false() -> Object {
    let never = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false]));
    never.description(Some("Always false.")).build()
}

/// A failure on the vault.
#[derive(Serialize, ToSchema)]
pub(crate) struct VaultErrorResponse {
    /// What went wrong, in words for people.
    error: String,
    /// How long to wait, if there were too many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    retry_after_seconds: Option<u64>,
}

/// A failure on app credentials, their types and projects.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppErrorResponse {
    /// What went wrong, in words for people.
    error: String,
}

/// A failure on `/auth` and `/users`, in the form of Directus.
#[derive(Serialize, ToSchema)]
pub(crate) struct DirectusErrorResponse {
    #[schema(value_type = Vec<DirectusErrorItem>, min_items = 1)]
    errors: [DirectusErrorItem; 1],
}

/// One error of a failure.
#[derive(Serialize, ToSchema)]
#[schema(as = DirectusError)]
pub(crate) struct DirectusErrorItem {
    /// What went wrong, in words for people.
    message: String,
    extensions: DirectusErrorExtensions,
}

/// What a program needs to know about an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct DirectusErrorExtensions {
    /// Directus's own code for this failure.
    #[schema(pattern = "^[A-Z_]+$", examples("INVALID_CREDENTIALS"))]
    code: &'static str,
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

/// The error in a response that still needs its body.
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
