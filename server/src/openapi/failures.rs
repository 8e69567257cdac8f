//! Which failures an operation can answer with. They follow from what it is:
//! who calls it, whether it has a body or parameters. A handler names only
//! those that are its own. What each looks like comes from `error` itself.

use super::responses::{DirectusErrorResponse, ErrorResponse, VaultErrorResponse};
use crate::directus::DirectusError;
use crate::error::{Error, Form};
use std::collections::BTreeMap;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// A way to fail, as the document names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    BodyTooLarge,
    UnsupportedMediaType,
    MisdirectedRequest,
    TooManyRequests,
    Internal,
    BadGateway,
    Unavailable,
    NotReady,
}

impl Failure {
    const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::MisdirectedRequest,
        Self::TooManyRequests,
        Self::Internal,
        Self::BadGateway,
        Self::Unavailable,
        Self::NotReady,
    ];

    /// An error of this kind, for its status and as an example.
    fn error(self) -> Error {
        match self {
            Self::BadRequest => Error::BadRequest("platform required".to_owned()),
            Self::Unauthorized => Error::Unauthorized,
            Self::Forbidden => Error::Forbidden,
            Self::NotFound => Error::NotFound("Not found"),
            Self::MethodNotAllowed => Error::MethodNotAllowed,
            Self::RequestTimeout => Error::RequestTimeout,
            Self::Conflict => Error::Conflict("Another connection has this platform and platform_username"),
            Self::BodyTooLarge => Error::BodyTooLarge,
            Self::UnsupportedMediaType => Error::UnsupportedMediaType,
            Self::MisdirectedRequest => Error::MisdirectedRequest,
            Self::TooManyRequests => Error::TooManyRequests { retry_after_s: 1 },
            Self::Internal => Error::Undecryptable,
            Self::BadGateway => Error::Directus(DirectusError::Status {
                status: 400,
                path: "/items/platform_sessions".to_owned(),
                messages: vec!["Invalid payload.".to_owned()],
                code: None,
            }),
            Self::Unavailable => Error::Directus(DirectusError::Unavailable),
            Self::NotReady => Error::NotReady("Store unavailable"),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::BadRequest => "The request breaks a rule; the text says which, and names the field",
            Self::Unauthorized => {
                "Whoever calls is not known: a token or secret is missing, wrong or expired"
            }
            Self::Forbidden => "The record is somebody else's, or the service may not do this",
            Self::NotFound => "There is no such record, or nothing in it to be had",
            Self::MethodNotAllowed => "The path answers other methods only",
            Self::RequestTimeout => "The request took too long to arrive or to be served",
            Self::Conflict => "Another record has what should be this one's alone",
            Self::BodyTooLarge => "The body is larger than 1 MiB",
            Self::UnsupportedMediaType => "The body is not declared as JSON",
            Self::MisdirectedRequest => "The Host is none that this server answers under",
            Self::TooManyRequests => "Too many requests, or too many failed sign-ins",
            Self::Internal => "A fault of the server, such as stored credentials that do not open",
            Self::BadGateway => "Directus refused what it was asked",
            Self::Unavailable => "The store or Directus does not answer",
            Self::NotReady => {
                "The store or Directus does not answer, or not as it should; the text says which"
            }
        }
    }

    /// Its name among the document's responses.
    fn name(self, form: Form) -> String {
        match form {
            Form::Credentials => format!("{self:?}"),
            Form::Directus => format!("Directus{self:?}"),
            Form::Vault => format!("Vault{self:?}"),
        }
    }

    fn status(self) -> String {
        self.error().status().as_str().to_owned()
    }

    fn response(self, form: Form) -> Response {
        let error = self.error();
        let schema = match form {
            Form::Credentials => ErrorResponse::name(),
            Form::Directus => DirectusErrorResponse::name(),
            Form::Vault => VaultErrorResponse::name(),
        };
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(schema)))
            .example(serde_json::from_str(&error.body(form)).ok());
        let mut response = ResponseBuilder::new()
            .description(self.description())
            .content("application/json", content.build());
        if error.retry_after_s().is_some() {
            response = response.header("Retry-After", retry_after());
        }
        if matches!(self, Self::MethodNotAllowed) {
            response = response.header("Allow", allow());
        }
        response.build()
    }
}

fn retry_after() -> Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait before another try")).build()
}

fn allow() -> Header {
    let methods = ObjectBuilder::new().schema_type(Type::String).examples(["POST"]);
    HeaderBuilder::new().schema(Some(methods)).description(Some("The methods that the path answers")).build()
}

/// Every failure in each form, for the document's components.
pub(super) fn responses() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let each = |failure: Failure| {
        [Form::Credentials, Form::Directus, Form::Vault]
            .map(|form| (failure.name(form), failure.response(form).into()))
    };
    Failure::ALL.into_iter().flat_map(each)
}

fn references(failures: &[Failure], form: Form) -> BTreeMap<String, RefOr<Response>> {
    let reference = |failure: &Failure| Ref::from_response_name(failure.name(form)).into();
    failures.iter().map(|failure| (failure.status(), reference(failure))).collect()
}

/// Adds to an operation what follows from its path, its callers and what it reads.
pub(super) fn complete(operation: &mut Operation, path: &str) {
    use Failure::*;
    // A path of the document has a parameter where a real one has an id.
    let form = Form::of(&path.replace("{id}", &Uuid::nil().to_string()));
    // Any request can be a bad one: of two Host headers neither is believed.
    let mut failures = vec![BadRequest, MethodNotAllowed, RequestTimeout, MisdirectedRequest];
    if operation.request_body.is_some() {
        failures.extend([BodyTooLarge, UnsupportedMediaType]);
    }
    if operation.security.is_some() {
        failures.push(Unauthorized);
    }
    if operation.security.is_some() || form != Form::Credentials {
        failures.extend([TooManyRequests, Internal, Unavailable]);
        failures.extend((form != Form::Vault).then_some(BadGateway));
    }
    if may_be_for_services(operation) {
        failures.push(Forbidden);
    }
    operation.responses.responses.extend(references(&failures, form));
}

/// Whether services call it, alone or among others.
fn may_be_for_services(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| security.contains(&by_services()))
}

/// Whether services alone call it.
pub(super) fn is_for_services(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| *security == [by_services()])
}

fn by_services() -> SecurityRequirement {
    SecurityRequirement::new("service", std::iter::empty::<&str>())
}

/// Where one record is meant: it is not there, or not the caller's.
pub(crate) struct RecordFailures;

impl IntoResponses for RecordFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Forbidden, Failure::NotFound], Form::Credentials)
    }
}

/// Where a record is renamed: another has the name.
pub(crate) struct RenameFailures;

impl IntoResponses for RenameFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Conflict], Form::Credentials)
    }
}

/// Where somebody signs in: what was given is wrong.
pub(crate) struct SignInFailures;

impl IntoResponses for SignInFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Unauthorized], Form::Directus)
    }
}

/// Where it is asked whether the server can serve.
pub(crate) struct ReadinessFailures;

impl IntoResponses for ReadinessFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::NotReady], Form::Credentials)
    }
}

/// Where something of the vault's is there already, or not there yet.
pub(crate) struct VaultConflictFailures;

impl IntoResponses for VaultConflictFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Conflict], Form::Vault)
    }
}

/// Where the vault is set up: not by anybody.
pub(crate) struct SetUpFailures;

impl IntoResponses for SetUpFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Forbidden, Failure::Conflict], Form::Vault)
    }
}

/// Where the vault is opened: the password is wrong, or there is none yet.
pub(crate) struct OpenVaultFailures;

impl IntoResponses for OpenVaultFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Unauthorized, Failure::Conflict], Form::Vault)
    }
}

/// Where one credential of the vault is meant: it is not there.
pub(crate) struct VaultCredentialFailures;

impl IntoResponses for VaultCredentialFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::NotFound], Form::Vault)
    }
}
