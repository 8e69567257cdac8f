//! The OpenAPI document: what stands at each handler, completed by what holds
//! for all of them. A route is declared by its handler's `utoipa::path`, so that none
//! can be without documentation.

mod examples;
mod failures;
mod links;
mod page;
mod requests;
mod responses;
mod values;

pub(crate) use failures::{
    AddVaultCredentialFailures, AppBuiltInFailures, AppForbiddenFailures, AppInUseFailures, AppNameFailures,
    AppRecordFailures, AppRoomFailures, ChangeMasterPasswordFailures, OpenVaultFailures, ReadinessFailures,
    RecordFailures, RenameFailures, RoomFailures, SetUpFailures, SignInFailures, SignOutFailures,
    StaleEditFailures, VaultCredentialFailures,
};
pub(crate) use requests::*;
pub(crate) use responses::{
    Alive, CreateProfileResponse, CurrentUser, GetPlatformSessionResponse, Healthy, SignIn,
    StorePlatformSessionResponse, Tokens,
};
pub(crate) use values::{
    AuthType, Credentials, FieldType, Platform, PublicKey, Secret, SessionStatus, Signature, Time, True,
    VaultService, VaultToken,
};

use crate::api::Form;
use crate::error::Error;
use axum::body::Bytes;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi, openapi};

/// What stands before all operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagepass",
        description = "Keeps captured browser sessions encrypted and hands them to the backends that may have them. \
            Bodies are JSON objects of at most 1 MiB and 64 levels, in which no member is named twice; unknown \
            ones are refused in the bodies of app credentials, and ignored elsewhere. Each answer has an X-Request-Id, under which the server's log tells of it.",
    ),
    tags(
        (name = "Sign-in", description = "Tokens for users, in Directus's own shapes."),
        (name = "Connections", description = "Accounts on platforms, with sealed credentials."),
        (name = "Sessions", description = "Captured browser sessions: in by the extension, out to services."),
        (name = "Download credentials", description = "What yt-dlp signs in with."),
        (name = "Capture requests", description = "A service asks the owner of a connection to capture a session."),
        (name = "App credentials", description = "Typed credentials that people hand to projects."),
        (name = "Vault", description = "An operator's API keys, under a master password."),
        (name = "Operation", description = "For those who run this server."),
    ),
    components(schemas(
        responses::ErrorResponse, responses::DirectusErrorResponse, responses::VaultErrorResponse,
        responses::AppErrorResponse
    )),
    modifiers(&Shared),
)]
pub(crate) struct Document;

/// What operations share: how callers are known, and how things fail.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.responses.extend(failures::responses());
        let user = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A user's access token, from `POST /auth/login` or from Directus."))
            .build();
        components.add_security_scheme("user", SecurityScheme::Http(user));
        let session = "The cookie that `POST /auth/login` sets in the mode `session`, for pages of this server: \
            a write needs their `Origin`. Where TLS is, it is called `__Host-stagepass_session`.";
        let session = ApiKey::Cookie(ApiKeyValue::with_description("stagepass_session", session));
        components.add_security_scheme("session", SecurityScheme::ApiKey(session));
        let vault = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a session of the vault's, from `POST /api/auth/login`."))
            .build();
        components.add_security_scheme("vault", SecurityScheme::Http(vault));
        let set_up = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token that the server prints at its start while the vault is not set up."))
            .build();
        components.add_security_scheme("set_up", SecurityScheme::Http(set_up));
        let service =
            "A service's secret: the shared one, or a named token with verbs and platforms of its own.";
        let service = ApiKeyValue::with_description("X-RBAC-SYNC-SECRET", service);
        components.add_security_scheme("service", SecurityScheme::ApiKey(ApiKey::Header(service)));
    }
}

/// The document in the forms in which it is served.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) json: Bytes,
    pub(crate) page: page::Page,
}

/// Completes the document that the routes make together, and renders it.
pub(crate) fn render(mut document: openapi::OpenApi) -> Result<Rendered, Error> {
    for (path, item) in &mut document.paths.paths {
        let writes = [&mut item.post, &mut item.put, &mut item.delete].map(|write| (write, true));
        for (operation, is_write) in [(&mut item.get, false)].into_iter().chain(writes) {
            let Some(operation) = operation else { continue };
            add_session_cookie(operation, path);
            failures::complete(operation, path, is_write);
            examples::complete(operation);
            links::complete(operation);
            if failures::is_for_services(operation) {
                add_acting_user(operation);
            }
        }
    }
    let json = document.to_json().map_err(|_| Error::Internal("the OpenAPI document as JSON"))?;
    let value = serde_json::from_str(&json).map_err(|_| Error::Internal("the OpenAPI document as JSON"))?;
    Ok(Rendered { page: page::render(&value), json: json.into() })
}

/// What an operation answers where all went well.
fn success_of(operation: &mut Operation) -> Option<&mut openapi::Response> {
    let mut answers = operation.responses.responses.iter_mut();
    answers.find_map(|(status, answer)| match answer {
        openapi::RefOr::T(answer) if status.starts_with('2') => Some(answer),
        _ => None,
    })
}

/// Whoever calls for app credentials as a user may say so by cookie.
fn add_session_cookie(operation: &mut Operation, path: &str) {
    if Form::of(path) == Form::AppCredentials {
        let session = SecurityRequirement::new("session", std::iter::empty::<&str>());
        operation.security.get_or_insert_default().push(session);
    }
}

/// The optional header of every call by a service.
fn add_acting_user(operation: &mut Operation) {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let header = ParameterBuilder::new()
        .name("X-Acting-User")
        .parameter_in(ParameterIn::Header)
        .description(Some("The user that the service acts for; the record must then be that user's."))
        .schema(Some(id));
    operation.parameters.get_or_insert_default().push(header.build().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn document() -> Value {
        let (_, document) = crate::router::routes().split_for_parts();
        serde_json::from_slice(&render(document).unwrap().json).unwrap()
    }

    fn operations(document: &Value) -> impl Iterator<Item = &Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|item| item.as_object().unwrap().values())
    }

    /// The one answer of an operation that is no failure; null where it is not described.
    fn success(operation: &Value) -> &Value {
        let answers = operation["responses"].as_object().unwrap();
        let successes: Vec<_> = answers.iter().filter(|(status, _)| status.starts_with('2')).collect();
        assert_eq!(successes.len(), 1, "{}", operation["operationId"]);
        successes[0].1
    }

    #[test]
    fn every_link_leads_to_another_operation_and_none_is_lost() {
        let document = document();
        let ids: BTreeSet<_> =
            operations(&document).filter_map(|operation| operation["operationId"].as_str()).collect();
        assert_eq!(ids.len(), operations(&document).count(), "operation ids are unique");
        let links = operations(&document)
            .filter_map(|operation| success(operation)["links"].as_object())
            .flat_map(|links| links.values());
        let targets: Vec<_> = links.filter_map(|link| link["operationId"].as_str()).collect();
        assert!(targets.iter().all(|target| ids.contains(target)), "{targets:?}");
        assert_eq!(targets.len(), links::count());
    }

    #[test]
    fn every_failure_that_is_described_belongs_to_an_operation_and_the_reverse() {
        let document = document();
        let described: BTreeSet<_> =
            document["components"]["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        let referred: BTreeSet<_> = operations(&document)
            .flat_map(|operation| operation["responses"].as_object().unwrap().values())
            .filter_map(|answer| answer["$ref"].as_str()?.strip_prefix("#/components/responses/"))
            .collect();
        assert_eq!(described, referred);
    }

    #[test]
    fn every_operation_that_takes_or_gives_json_has_an_example() {
        let document = document();
        for operation in operations(&document) {
            let id = &operation["operationId"];
            let success = &success(operation)["content"]["application/json"];
            let is_list = success["schema"]["type"] == "array";
            let example = if is_list { &success["example"][0] } else { &success["example"] };
            assert!(success.is_null() || example.is_object() || id == "openapi_json", "{id}");
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            if let Some(reference) = body.as_str() {
                let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
                assert!(schema["examples"][0].is_object(), "{id}");
            }
        }
    }
}
