//! The OpenAPI document: the handlers' own descriptions, completed by what applies to all of them.
//! A route is declared by its handler's `utoipa::path`, so every route is documented.

mod examples;
mod failures;
mod links;
mod page;

pub(crate) use failures::{
    AddVaultCredentialFailures, AppBuiltInFailures, AppForbiddenFailures, AppInUseFailures, AppNameFailures,
    AppRecordFailures, AppRoomFailures, ChangeMasterPasswordFailures, OpenVaultFailures, ReadinessFailures,
    RecordFailures, RenameFailures, RoomFailures, SessionFailures, SetUpFailures, SignInFailures,
    SignOutFailures, StaleEditFailures, VaultCredentialFailures,
};

use crate::api::Form;
use crate::body::{
    CookieDomain, CookieFile, CookieName, CookiePath, CookieValue, Expires, GivenExpires, GivenSameSite,
    PartitionKey, Password, SameSite, StoreId,
};
use crate::error::{AppErrorResponse, DirectusErrorResponse, Error, ErrorResponse, VaultErrorResponse};
use axum::body::Bytes;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi, openapi};

/// The introduction to all operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagepass",
        description = "Keeps captured browser sessions encrypted and gives them to authorised backends. \
            Bodies are JSON objects of at most 1 MiB (4 MiB for a session) and 64 levels without duplicate names. Unknown members are \
            refused in bodies about app credentials and ignored elsewhere. Each answer has an X-Request-Id, which is also in the server's log.",
    ),
    tags(
        (name = "Sign-in", description = "Tokens for users, in Directus's own forms."),
        (name = "Connections", description = "Accounts on platforms, with sealed credentials."),
        (name = "Sessions", description = "Captured browser sessions: stored by the extension, read by services."),
        (name = "Download credentials", description = "Logins for yt-dlp."),
        (name = "Capture requests", description = "A service asks the owner of a connection to capture a session."),
        (name = "App credentials", description = "Typed credentials that people assign to projects."),
        (name = "Vault", description = "An operator's API keys, protected by a master password."),
        (name = "Operation", description = "For operators of this server."),
    ),
    components(schemas(
        ErrorResponse, DirectusErrorResponse, VaultErrorResponse, AppErrorResponse, CookieDomain, CookieFile,
        CookieName, CookiePath, CookieValue, Expires, GivenExpires, GivenSameSite, PartitionKey, Password,
        SameSite, StoreId
    )),
    modifiers(&Shared),
)]
pub(crate) struct Document;

/// What operations share: how callers authenticate, and how they fail.
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
            a write needs their `Origin`. With TLS, its name is `__Host-stagepass_session`.";
        let session = ApiKey::Cookie(ApiKeyValue::with_description("stagepass_session", session));
        components.add_security_scheme("session", SecurityScheme::ApiKey(session));
        let vault = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a vault session, from `POST /api/auth/login`."))
            .build();
        components.add_security_scheme("vault", SecurityScheme::Http(vault));
        let set_up = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The token in the file `vault-set-up-token` of the server's data directory, while the vault is not set up.",
            ))
            .build();
        components.add_security_scheme("set_up", SecurityScheme::Http(set_up));
        let service =
            "A service's secret: the shared one, or a named token with its own verbs and platforms.";
        let service = ApiKeyValue::with_description("X-RBAC-SYNC-SECRET", service);
        components.add_security_scheme("service", SecurityScheme::ApiKey(ApiKey::Header(service)));
    }
}

/// The document in the forms in which it is served.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) json: Bytes,
    pub(crate) page: page::ApiPage,
}

/// Completes and renders the document that the routes form together.
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

/// The successful answer of an operation.
fn success_of(operation: &mut Operation) -> Option<&mut openapi::Response> {
    let mut answers = operation.responses.responses.iter_mut();
    answers.find_map(|(status, answer)| match answer {
        openapi::RefOr::T(answer) if status.starts_with('2') => Some(answer),
        _ => None,
    })
}

/// Users of app credentials may authenticate by cookie.
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
        .description(Some("The user that the service acts for; the record must belong to that user."))
        .schema(Some(id));
    operation.parameters.get_or_insert_default().push(header.build().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use stagepass_core::{api, origin_storage, shape};
    use std::collections::BTreeSet;

    fn document() -> Value {
        let (_, document) = crate::router::routes().split_for_parts();
        serde_json::from_slice(&render(document).unwrap().json).unwrap()
    }

    fn operations(document: &Value) -> impl Iterator<Item = &Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|item| item.as_object().unwrap().values())
    }

    /// The successful answer of an operation; null if it is not described.
    fn success(operation: &Value) -> &Value {
        let answers = operation["responses"].as_object().unwrap();
        let successes: Vec<_> = answers.iter().filter(|(status, _)| status.starts_with('2')).collect();
        assert_eq!(successes.len(), 1, "{}", operation["operationId"]);
        successes[0].1
    }

    #[test]
    fn every_link_leads_to_another_operation() {
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
    fn every_described_failure_belongs_to_an_operation_and_the_reverse() {
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
    fn every_operation_with_json_has_an_example() {
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

    /// The properties of a body in the document.
    fn properties<'d>(document: &'d Value, schema: &str) -> &'d serde_json::Map<String, Value> {
        document["components"]["schemas"][schema]["properties"].as_object().unwrap()
    }

    /// A body of the documented form.
    fn sample(document: &Value, schema: &str) -> Value {
        let value = |property: &Value| match property["type"].as_str() {
            Some("array") => Value::from(["text"]),
            Some("boolean") => true.into(),
            Some("integer") => 1.into(),
            _ => "text".into(),
        };
        properties(document, schema).iter().map(|(name, property)| (name.clone(), value(property))).collect()
    }

    #[test]
    fn each_program_sends_every_documented_field_and_no_other() {
        let document = document();
        let credentials = shape::Credentials::default();
        let create = api::CreateProfileRequest {
            platform: "instagram",
            platform_username: Some("fitcreator99"),
            credentials: &credentials,
        };
        let origins = origin_storage::read(vec![json!({"origin": "https://www.instagram.com"})]).unwrap();
        let store = api::StorePlatformSessionRequest {
            creator_profile_id: "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
            platform: "instagram",
            cookies: &[],
            origins: &origins,
            renews: Some("0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"),
            keep_origins_of: Some("0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"),
            user_agent: Some("Mozilla/5.0"),
            expires_at: Some("2026-12-31T23:59:59Z"),
        };
        let update = api::UpdatePlatformSessionRequest {
            id: "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e70",
            creator_profile_id: "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
            platform: "instagram",
            cookies: &[],
        };
        let bodies = [
            ("UpdatePlatformSessionRequest", serde_json::to_value(update).unwrap()),
            ("CreateProfileRequest", serde_json::to_value(create).unwrap()),
            ("StorePlatformSessionRequest", serde_json::to_value(store).unwrap()),
        ];
        for (schema, body) in bodies {
            let sent: BTreeSet<_> = body.as_object().unwrap().keys().collect();
            let documented: BTreeSet<_> = properties(&document, schema).keys().collect();
            assert_eq!(sent, documented, "{schema}");
        }
    }

    #[test]
    fn the_extension_reads_the_documented_answers() {
        let document = document();
        let stored = sample(&document, "StorePlatformSessionResponse");
        let stored: api::StorePlatformSessionResponse = serde_json::from_value(stored).unwrap();
        assert_eq!((stored.cookie_count, &stored.warnings[..]), (1, &["text".to_owned()][..]));
        let created = sample(&document, "CreateProfileResponse");
        assert!(serde_json::from_value::<api::CreateProfileResponse>(created).unwrap().updated);
        let failed = sample(&document, "ErrorResponse");
        assert_eq!(serde_json::from_value::<api::ErrorResponse>(failed).unwrap().error, "text");
    }
}
