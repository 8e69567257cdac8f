//! Which failures an operation can answer with. They follow from what it is:
//! who calls it, whether it has a body or parameters. A handler names only
//! those that are its own. What each looks like comes from `error` itself.

mod app_credentials;

pub(crate) use app_credentials::{
    AppBuiltInFailures, AppForbiddenFailures, AppInUseFailures, AppNameFailures, AppRecordFailures,
    AppRoomFailures, StaleEditFailures,
};

use super::responses::{AppErrorResponse, DirectusErrorResponse, ErrorResponse, VaultErrorResponse};
use crate::api::Form;
use crate::directus::DirectusError;
use crate::error::Error;
use crate::store::{MIB, OverLimit, StoreError};
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
    NoRoom,
    BodyTooLarge,
    UnsupportedMediaType,
    MisdirectedRequest,
    TooManyRequests,
    Internal,
    BadGateway,
    GatewayTimeout,
    Unavailable,
    NotReady,
    NotSetUp,
    AlreadySetUp,
    SetUpFromElsewhere,
    WrongMasterPassword,
    WrongTooOften,
    ChangedMeanwhile,
    CredentialExists,
    BuiltIn,
    NameTaken,
    InUse,
    PreconditionFailed,
    OtherOrigin,
}

impl Failure {
    const ALL: [Self; 29] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::NoRoom,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::MisdirectedRequest,
        Self::TooManyRequests,
        Self::Internal,
        Self::BadGateway,
        Self::GatewayTimeout,
        Self::Unavailable,
        Self::NotReady,
        Self::NotSetUp,
        Self::AlreadySetUp,
        Self::SetUpFromElsewhere,
        Self::WrongMasterPassword,
        Self::WrongTooOften,
        Self::ChangedMeanwhile,
        Self::CredentialExists,
        Self::BuiltIn,
        Self::NameTaken,
        Self::InUse,
        Self::PreconditionFailed,
        Self::OtherOrigin,
    ];

    /// The forms that it is answered in.
    fn forms(self) -> &'static [Form] {
        match self {
            Self::Conflict | Self::NotReady => &[Form::Credentials],
            Self::Forbidden | Self::NoRoom => &[Form::Credentials, Form::AppCredentials],
            Self::NotFound => &[Form::Credentials, Form::Vault, Form::AppCredentials],
            Self::BadGateway | Self::GatewayTimeout => {
                &[Form::Credentials, Form::Directus, Form::AppCredentials]
            }
            Self::OtherOrigin => &[Form::Directus, Form::AppCredentials],
            Self::BuiltIn | Self::NameTaken | Self::InUse | Self::PreconditionFailed => {
                &[Form::AppCredentials]
            }
            Self::NotSetUp
            | Self::AlreadySetUp
            | Self::SetUpFromElsewhere
            | Self::WrongMasterPassword
            | Self::WrongTooOften
            | Self::ChangedMeanwhile
            | Self::CredentialExists => &[Form::Vault],
            _ => &[Form::Credentials, Form::Directus, Form::Vault, Form::AppCredentials],
        }
    }

    /// An error of this kind, for its status and as an example.
    fn error(self, form: Form) -> Error {
        match self {
            Self::BadRequest if form == Form::Vault => {
                Error::BadRequest("service, name, and key are required".to_owned())
            }
            Self::BadRequest if form == Form::AppCredentials => {
                Error::BadRequest("credentialName required".to_owned())
            }
            Self::NotFound if form == Form::Vault => Error::NotFound("credential not found"),
            Self::Unavailable if form == Form::Vault => Error::Store(StoreError::Busy),
            Self::BadRequest => Error::BadRequest("platform required".to_owned()),
            Self::Unauthorized => Error::Unauthorized,
            Self::Forbidden => Error::Forbidden,
            Self::NotFound => Error::NotFound("Not found"),
            Self::MethodNotAllowed => Error::MethodNotAllowed,
            Self::RequestTimeout => Error::RequestTimeout,
            Self::Conflict => Error::Conflict("Another connection has this platform and platform_username"),
            Self::NoRoom => Error::OverLimit(OverLimit::Bytes(256 * MIB)),
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
            Self::GatewayTimeout => Error::Directus(DirectusError::TimedOut),
            Self::Unavailable => Error::Directus(DirectusError::Unavailable),
            Self::NotReady => Error::NotReady("Database does not answer".to_owned()),
            Self::NotSetUp => Error::Conflict("password not configured"),
            Self::AlreadySetUp => Error::Conflict("password already configured"),
            Self::SetUpFromElsewhere => Error::ForbiddenSetUp,
            Self::WrongMasterPassword => Error::InvalidMasterPassword,
            Self::WrongTooOften => Error::TooManyFailedLogins { retry_after_s: 42 },
            Self::ChangedMeanwhile => Error::Conflict("the vault was written to all the while; try again"),
            Self::CredentialExists => Error::Conflict("a credential with this service and name exists"),
            Self::BuiltIn => Error::ForbiddenBuiltIn,
            Self::NameTaken => Error::Conflict("credentialName is taken by another credential of yours"),
            Self::InUse => Error::TypeInUse { credentials: 3 },
            Self::PreconditionFailed => Error::PreconditionFailed,
            Self::OtherOrigin => Error::ForbiddenOrigin,
        }
    }

    fn description(self, form: Form) -> &'static str {
        match self {
            Self::Unavailable if form == Form::Vault => "The database does not answer, or not in time",
            Self::BadRequest => "The request breaks a rule; the text says which, and names the field",
            Self::Unauthorized => {
                "Whoever calls is not known: a token or secret is missing, wrong or expired"
            }
            Self::Forbidden => "The record is somebody else's, or the service may not do this",
            Self::NotFound => "There is no such record, or nothing in it to be had",
            Self::MethodNotAllowed => "The path answers other methods only",
            Self::RequestTimeout => "The request's body took too long to arrive",
            Self::Conflict => {
                "Another record has what should be this one's alone, or its owner has no room for more; \
                 the text says which"
            }
            Self::NoRoom => "The record's owner has no room for more; the text names the limit",
            Self::BodyTooLarge => "The body is larger than 1 MiB",
            Self::UnsupportedMediaType => "The body is not declared as JSON",
            Self::MisdirectedRequest => "The Host is none that this server answers under",
            Self::TooManyRequests => "Too many requests, or too many failed sign-ins",
            Self::Internal => "A fault of the server, such as stored credentials that do not open",
            Self::BadGateway => "Directus refused what it was asked",
            Self::GatewayTimeout => "Directus took too long",
            Self::Unavailable => "The store or Directus does not answer, or the request took too long here",
            Self::NotReady => {
                "The server is about to stop, or a part of it does not do what it should; the text says which"
            }
            Self::NotSetUp => "There is no master password yet",
            Self::AlreadySetUp => "There is a master password already",
            Self::SetUpFromElsewhere => {
                "The call comes from elsewhere than the server's own machine, and without the right token"
            }
            Self::WrongMasterPassword => "The master password is wrong, or the token where one is asked for",
            Self::WrongTooOften => "Five passwords were wrong within a minute, or too many calls wait",
            Self::ChangedMeanwhile => "Credentials came and went while they were to be sealed anew",
            Self::CredentialExists => "Another credential has this service and name, or the vault is full",
            Self::BuiltIn => "It is built in, and nobody changes it",
            Self::NameTaken => {
                "Another of the caller's has the name, there are too many or there is no room for more, or \
                 what it is made of is in use or has changed meanwhile; the text says which"
            }
            Self::InUse => "Credentials are of this type; the text says how many",
            Self::PreconditionFailed => "It is not any more what `If-Match` says",
            Self::OtherOrigin => "A write with the session cookie that no page of this server asks for",
        }
    }

    /// Its name among the document's responses.
    fn name(self, form: Form) -> String {
        match form {
            Form::Credentials => format!("{self:?}"),
            Form::Directus => format!("Directus{self:?}"),
            Form::Vault => format!("Vault{self:?}"),
            Form::AppCredentials => format!("App{self:?}"),
        }
    }

    fn status(self, form: Form) -> String {
        self.error(form).status().as_str().to_owned()
    }

    fn response(self, form: Form) -> Response {
        let error = self.error(form);
        let schema = match form {
            Form::Credentials => ErrorResponse::name(),
            Form::Directus => DirectusErrorResponse::name(),
            Form::Vault => VaultErrorResponse::name(),
            Form::AppCredentials => AppErrorResponse::name(),
        };
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(schema)))
            .example(serde_json::from_str(&error.body(form)).ok());
        let mut response = ResponseBuilder::new()
            .description(self.description(form))
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

/// Every failure in each of its forms, for the document's components.
pub(super) fn responses() -> impl Iterator<Item = (String, RefOr<Response>)> {
    Failure::ALL.into_iter().flat_map(|failure| {
        let forms = failure.forms().iter();
        forms.map(move |form| (failure.name(*form), failure.response(*form).into()))
    })
}

fn references(failures: &[Failure], form: Form) -> BTreeMap<String, RefOr<Response>> {
    let reference = |failure: &Failure| Ref::from_response_name(failure.name(form)).into();
    failures.iter().map(|failure| (failure.status(form), reference(failure))).collect()
}

/// Adds to an operation what follows from its path, its callers and what it reads.
pub(super) fn complete(operation: &mut Operation, path: &str, is_write: bool) {
    use Failure::*;
    // A path of the document has a parameter where a real one has an id.
    let form = Form::of(&path.replace("{id}", &Uuid::nil().to_string()));
    // Any request can be a bad one: of two Host headers neither is believed.
    let mut failures = vec![BadRequest, MethodNotAllowed, MisdirectedRequest, Unavailable];
    if operation.request_body.is_some() {
        failures.extend([RequestTimeout, BodyTooLarge, UnsupportedMediaType]);
    }
    // To the vault somebody without a token is nobody in particular.
    if operation.security.is_some() && (form != Form::Vault || !may_be_for_anybody(operation)) {
        failures.extend([Unauthorized, TooManyRequests]);
    }
    match form {
        Form::Vault => failures.push(Internal),
        Form::Directus => failures.extend([TooManyRequests, Internal, BadGateway, GatewayTimeout]),
        Form::AppCredentials => {
            failures.extend([Internal, BadGateway, GatewayTimeout]);
            failures.extend(is_write.then_some(OtherOrigin));
        }
        Form::Credentials if operation.security.is_some() => {
            failures.extend([Internal, BadGateway, GatewayTimeout]);
        }
        Form::Credentials => {}
    }
    if may_be_for_services(operation) {
        failures.push(Forbidden);
    }
    for (status, failure) in references(&failures, form) {
        // The handler may have named it already, and more exactly.
        operation.responses.responses.entry(status).or_insert(failure);
    }
}

/// Whether it is called without a token, too.
fn may_be_for_anybody(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| security.contains(&SecurityRequirement::default()))
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

/// Where something is stored: its owner has no room for more.
pub(crate) struct RoomFailures;

impl IntoResponses for RoomFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::NoRoom], Form::Credentials)
    }
}

/// Where somebody signs out by cookie: it is none, or another's page asks for it.
pub(crate) struct SignOutFailures;

impl IntoResponses for SignOutFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::Unauthorized, Failure::OtherOrigin], Form::Directus)
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

/// Where the vault is set up: once, and not by anybody.
pub(crate) struct SetUpFailures;

impl IntoResponses for SetUpFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use Failure::{AlreadySetUp, SetUpFromElsewhere, TooManyRequests};
        references(&[SetUpFromElsewhere, AlreadySetUp, TooManyRequests], Form::Vault)
    }
}

/// Where the vault is opened: the password is wrong, or there is none yet.
pub(crate) struct OpenVaultFailures;

impl IntoResponses for OpenVaultFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use Failure::{NotSetUp, WrongMasterPassword, WrongTooOften};
        references(&[WrongMasterPassword, NotSetUp, WrongTooOften], Form::Vault)
    }
}

/// Where the master password is changed: the former one is wrong, or the vault
/// is in use.
pub(crate) struct ChangeMasterPasswordFailures;

impl IntoResponses for ChangeMasterPasswordFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use Failure::{ChangedMeanwhile, WrongMasterPassword, WrongTooOften};
        references(&[WrongMasterPassword, ChangedMeanwhile, WrongTooOften], Form::Vault)
    }
}

/// Where a credential is put into the vault: there is no place for it.
pub(crate) struct AddVaultCredentialFailures;

impl IntoResponses for AddVaultCredentialFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::CredentialExists], Form::Vault)
    }
}

/// Where one credential of the vault is meant: it is not there.
pub(crate) struct VaultCredentialFailures;

impl IntoResponses for VaultCredentialFailures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[Failure::NotFound], Form::Vault)
    }
}
