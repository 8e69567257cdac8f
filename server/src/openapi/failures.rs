//! The failures of each operation. They follow from its callers and from whether it has a body or
//! parameters. A handler names only its own special ones. `error` itself provides their form.

use crate::api::{Form, MAX_BODY_BYTES, MAX_SESSION_BYTES};
use crate::directus::DirectusError;
use crate::error::{AppErrorResponse, DirectusErrorResponse, Error, ErrorResponse, VaultErrorResponse};
use crate::store::{MIB, OverLimit, StoreError};
use std::collections::BTreeMap;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Header, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// Declares an enum, and the list of its variants.
macro_rules! listed {
    ($(#[$attribute:meta])* enum $name:ident { $($variant:ident,)* }) => {
        $(#[$attribute])*
        pub(crate) enum $name {
            $($variant,)*
        }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

listed! {
    /// A way to fail, by its name in the document.
    #[derive(Clone, Copy, Debug)]
    enum Failure {
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, RequestTimeout, Conflict, NoRoom, NotNewest,
        BodyTooLarge, SessionTooLarge, UnsupportedMediaType, MisdirectedRequest, TooManyRequests, Internal, BadGateway,
        GatewayTimeout, Unavailable, NotReady, NotSetUp, AlreadySetUp, SetUpFromElsewhere,
        WrongMasterPassword, WrongTooOften, ChangedMeanwhile, CredentialExists, BuiltIn, NameTaken, InUse,
        PreconditionFailed, OtherOrigin,
    }
}

impl Failure {
    /// The forms in which it is answered.
    fn forms(self) -> &'static [Form] {
        match self {
            Self::Conflict | Self::NotReady | Self::NotNewest | Self::SessionTooLarge => &[Form::Credentials],
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
            Self::NotNewest => Error::Conflict("Session was superseded"),
            Self::NoRoom => Error::OverLimit(OverLimit::Bytes(256 * MIB)),
            Self::BodyTooLarge => Error::BodyTooLarge { most: MAX_BODY_BYTES },
            Self::SessionTooLarge => Error::BodyTooLarge { most: MAX_SESSION_BYTES },
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
            Self::ChangedMeanwhile => Error::Conflict("the vault kept changing; try again"),
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
            Self::Unavailable if form == Form::Vault => "The database does not answer in time",
            Self::BadRequest => "The request breaks a rule; the text says which, and names the field",
            Self::Unauthorized => "The caller is unknown: a token or secret is missing, wrong or expired",
            Self::Forbidden => {
                "The record belongs to another user, or the service may not do this, or not for this owner"
            }
            Self::NotFound => "The record does not exist, or it lacks the requested content",
            Self::MethodNotAllowed => "The path only supports other methods",
            Self::RequestTimeout => "The request's body took too long to arrive",
            Self::Conflict => {
                "Another record has the same unique value, or the owner has no room for more; the text says \
                 which"
            }
            Self::NoRoom => "The record's owner has no room for more; the text names the limit",
            Self::BodyTooLarge => "The body is larger than 1 MiB",
            Self::SessionTooLarge => "The body is larger than 4 MiB, or the session would be",
            Self::NotNewest => {
                "The session that is renewed is not the newest active one, the cookies are another account's, or \
                 the owner has no room for more; the text says which"
            }
            Self::UnsupportedMediaType => "The Content-Type is not JSON",
            Self::MisdirectedRequest => "This server does not answer to this Host",
            Self::TooManyRequests => {
                "Too many requests, too many failed sign-ins, or a second renewal within a minute"
            }
            Self::Internal => "A fault of the server, such as stored credentials that can't be decrypted",
            Self::BadGateway => "Directus refused the call",
            Self::GatewayTimeout => "Directus took too long",
            Self::Unavailable => "The store or Directus does not answer, or the server took too long",
            Self::NotReady => {
                "The server is about to stop, or a part of it does not work; the text says which"
            }
            Self::NotSetUp => "There is no master password yet",
            Self::AlreadySetUp => "There already is a master password",
            Self::SetUpFromElsewhere => "The call comes from another machine without the right token",
            Self::WrongMasterPassword => "The master password is wrong, or the token if one is required",
            Self::WrongTooOften => "Five passwords were wrong within a minute, or too many calls wait",
            Self::ChangedMeanwhile => "Credentials changed while they were being re-encrypted",
            Self::CredentialExists => "Another credential has this service and name, or the vault is full",
            Self::BuiltIn => "It is built in and can't be changed",
            Self::NameTaken => {
                "The name is taken, there are too many, there is no room for more, or something it depends on \
                 is in use or has changed; the text says which"
            }
            Self::InUse => "Credentials have this type; the text says how many",
            Self::PreconditionFailed => "It no longer matches `If-Match`",
            Self::OtherOrigin => {
                "A write with the session cookie that does not come from a page of this server"
            }
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
    HeaderBuilder::new().schema(Some(methods)).description(Some("The methods that the path supports")).build()
}

/// Every failure in each of its forms, for the document's components.
pub(super) fn responses() -> impl Iterator<Item = (String, RefOr<Response>)> {
    Failure::ALL.iter().flat_map(|failure| {
        let forms = failure.forms().iter();
        forms.map(move |form| (failure.name(*form), failure.response(*form).into()))
    })
}

fn references(failures: &[Failure], form: Form) -> BTreeMap<String, RefOr<Response>> {
    let reference = |failure: &Failure| Ref::from_response_name(failure.name(form)).into();
    failures.iter().map(|failure| (failure.status(form), reference(failure))).collect()
}

/// Adds the failures that follow from an operation's path, callers and input.
pub(super) fn complete(operation: &mut Operation, path: &str, is_write: bool) {
    use Failure::*;
    // The document's path has a parameter in place of a real id.
    let form = Form::of(&path.replace("{id}", &Uuid::nil().to_string()));
    // Any request can be malformed: for instance, two Host headers are refused.
    let mut failures = vec![BadRequest, MethodNotAllowed, MisdirectedRequest, Unavailable];
    if operation.request_body.is_some() {
        failures.extend([RequestTimeout, BodyTooLarge, UnsupportedMediaType]);
    }
    // In the vault, some operations also accept callers without a token.
    if operation.security.is_some() && (form != Form::Vault || !may_be_for_anyone(operation)) {
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
        // The handler may have a more specific one.
        operation.responses.responses.entry(status).or_insert(failure);
    }
}

/// Whether it can also be called without a token.
fn may_be_for_anyone(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| security.contains(&SecurityRequirement::default()))
}

/// Whether services can call it, alone or among others.
fn may_be_for_services(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| security.contains(&by_services()))
}

/// Whether only services can call it.
pub(super) fn is_for_services(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|security| *security == [by_services()])
}

fn by_services() -> SecurityRequirement {
    SecurityRequirement::new("service", std::iter::empty::<&str>())
}

/// Declares the sets of failures that handlers name, each in the form of one API.
macro_rules! failures {
    ($(#[doc = $description:literal] $name:ident: $form:ident [$($failure:ident),+];)*) => {$(
        #[doc = $description]
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                references(&[$(Failure::$failure),+], Form::$form)
            }
        }
    )*};
}

failures! {
    /// For one record: it does not exist, or is not the caller's.
    RecordFailures: Credentials [Forbidden, NotFound];
    /// For renaming a record: the name is taken.
    RenameFailures: Credentials [Conflict];
    /// For storing: the owner has no room for more.
    RoomFailures: Credentials [NoRoom];
    /// For storing a session, which may be a larger body and renew another session.
    SessionFailures: Credentials [NotNewest, SessionTooLarge];
    /// For signing out by cookie: it is missing, or a foreign page sent it.
    SignOutFailures: Directus [Unauthorized, OtherOrigin];
    /// For signing in: the input is wrong.
    SignInFailures: Directus [Unauthorized];
    /// For the readiness of the server.
    ReadinessFailures: Credentials [NotReady];
    /// For setting up the vault: only once, and only with the right to do it.
    SetUpFailures: Vault [SetUpFromElsewhere, AlreadySetUp, TooManyRequests];
    /// For opening the vault: the password is wrong, or there is none yet.
    OpenVaultFailures: Vault [WrongMasterPassword, NotSetUp, WrongTooOften];
    /// For changing the master password: the current one is wrong, or the vault kept changing.
    ChangeMasterPasswordFailures: Vault [WrongMasterPassword, ChangedMeanwhile, WrongTooOften];
    /// For adding a credential to the vault: there is no room.
    AddVaultCredentialFailures: Vault [CredentialExists];
    /// For one credential of the vault: it does not exist.
    VaultCredentialFailures: Vault [NotFound];
    /// For one record: it does not exist, or belongs to another user.
    AppRecordFailures: AppCredentials [NotFound];
    /// For actions of a project's owner, or of its members.
    AppForbiddenFailures: AppCredentials [Forbidden];
    /// For changing or deleting a credential type.
    AppBuiltInFailures: AppCredentials [BuiltIn];
    /// For naming a record.
    AppNameFailures: AppCredentials [NameTaken];
    /// For adding members to a project: its owner has no room for more.
    AppRoomFailures: AppCredentials [NoRoom];
    /// For deleting a credential type.
    AppInUseFailures: AppCredentials [InUse];
    /// For an edit that may come too late.
    StaleEditFailures: AppCredentials [PreconditionFailed];
}
