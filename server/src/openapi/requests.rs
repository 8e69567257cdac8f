//! What requests bring: types that are described, never made, since bodies are
//! read field by field. Their order is the one in which fields are checked.
#![expect(dead_code, reason = "these types are described and never made")]

use super::values::{
    CookieFile, Credentials, Email, FieldId, FieldType, GivenCookie, KeyValue, Name, NewPassword, Nonce,
    Password, Platform, Reason, Secret, Text, Time, Username, VaultApiKey, VaultName, VaultService,
};
use utoipa::ToSchema;
use uuid::Uuid;

/// The body of `POST /auth/login`.
#[derive(ToSchema)]
#[schema(examples(json!({"email": "creator@example.org", "password": "correct horse battery"})))]
pub(crate) struct LoginRequest {
    email: Email,
    password: Secret,
    /// Where the proof of the sign-in goes: into the answer, as tokens, or into a
    /// cookie, for pages of this server.
    mode: Option<LoginMode>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum LoginMode {
    Json,
    Session,
}

/// The body of `POST /auth/logout`: which sign-in is to end.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(examples(json!({"refresh_token": "q3Zb1mGxOQv0d7m7aYyVxJb1gqQk0b0oX1uYw8pYJ2c"})))]
pub(crate) enum LogoutRequest {
    /// The one that the token descends from.
    RefreshToken { refresh_token: Secret, mode: Option<JsonMode> },
    /// The one of the session cookie.
    Session { mode: SessionMode },
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum JsonMode {
    Json,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SessionMode {
    Session,
}

/// The body of `POST /auth/refresh`.
#[derive(ToSchema)]
#[schema(examples(json!({"refresh_token": "q3Zb1mGxOQv0d7m7aYyVxJb1gqQk0b0oX1uYw8pYJ2c"})))]
pub(crate) struct RefreshTokenRequest {
    refresh_token: Secret,
    mode: Option<JsonMode>,
}

/// The body of `POST /api/server/proof`.
#[derive(ToSchema)]
#[schema(examples(json!({"nonce": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})))]
pub(crate) struct ProofRequest {
    nonce: Nonce,
}

/// The body of `create-profile`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "platform": "onlyfans",
    "platform_username": "creator_jane",
    "credentials": {"auth_id": "12345678", "sess": "abc123", "user_agent": "Mozilla/5.0", "x_bc": "0f9e8d"}
})))]
pub(crate) struct CreateProfileRequest {
    platform: Platform,
    /// The account's name on the platform; absent, null and empty are one value.
    platform_username: Option<Text>,
    credentials: Credentials,
}

/// The body of `update-profile-creds`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
    "credentials": {"auth_id": "12345678", "sess": "def456"},
    "platform_username": "creator_jane"
})))]
pub(crate) struct UpdateProfileCredsRequest {
    creator_profile_id: Uuid,
    credentials: Credentials,
    /// The account's new name on the platform, where it has one.
    platform_username: Option<Text>,
}

/// The body of `store`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({
    "creatorProfileId": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
    "credentials": {"auth_id": "12345678", "sess": "def456"}
})))]
pub(crate) struct StoreRequest {
    creator_profile_id: Uuid,
    credentials: Credentials,
}

/// The body of `reveal`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"creatorProfileId": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"})))]
pub(crate) struct RevealRequest {
    creator_profile_id: Uuid,
}

/// The body of `create-download-cred`: its `auth_type` says what `credentials` must hold.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(examples(
    json!({
        "platform": "youtube", "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "auth_type": "password", "username": "jane@example.org",
        "credentials": {"password": "correct horse battery"}, "display_name": "Jane's channel"
    }),
    json!({
        "platform": "youtube", "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "auth_type": "cookies",
        "credentials": {"cookies_netscape":
            "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t1798761599\tSID\tabc123\n"}
    })
))]
pub(crate) enum CreateDownloadCredRequest {
    Password(PasswordRequest),
    Cookies(CookiesRequest),
}

/// Signing in with a password.
#[derive(ToSchema)]
pub(crate) struct PasswordRequest {
    platform: Platform,
    creator_profile_id: Uuid,
    auth_type: PasswordType,
    credentials: PasswordCredentials,
    username: Username,
    display_name: Option<Text>,
}

/// Signing in with cookies.
#[derive(ToSchema)]
pub(crate) struct CookiesRequest {
    platform: Platform,
    creator_profile_id: Uuid,
    auth_type: CookiesType,
    credentials: CookiesCredentials,
    username: Option<Text>,
    display_name: Option<Text>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum PasswordType {
    Password,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum CookiesType {
    Cookies,
}

/// `credentials` where `auth_type` is `password`; other members are kept.
#[derive(ToSchema)]
pub(crate) struct PasswordCredentials {
    password: Password,
    cookies_netscape: Option<Secret>,
}

/// `credentials` where `auth_type` is `cookies`; other members are kept.
#[derive(ToSchema)]
pub(crate) struct CookiesCredentials {
    cookies_netscape: CookieFile,
    password: Option<Secret>,
}

/// A body that names one record.
#[derive(ToSchema)]
#[schema(examples(json!({"id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"})))]
pub(crate) struct IdRequest {
    id: Uuid,
}

/// The body of `store-platform-session`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
    "platform": "instagram",
    "cookies": [{
        "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expires": 1_798_761_599, "httpOnly": true, "secure": true, "sameSite": "lax"
    }],
    "user_agent": "Mozilla/5.0",
    "expires_at": "2026-12-31T23:59:59Z"
}), json!({
    "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
    "platform": "instagram",
    "cookies": [{
        "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expirationDate": 1_798_761_599.25, "session": false, "hostOnly": false, "httpOnly": true, "secure": true,
        "sameSite": "no_restriction", "storeId": "0"
    }]
})))]
pub(crate) struct StorePlatformSessionRequest {
    creator_profile_id: Uuid,
    /// The connection's own platform.
    platform: Platform,
    #[schema(min_items = 1, max_items = 1000)]
    cookies: Vec<GivenCookie>,
    /// The capturing browser's user agent.
    user_agent: Option<Text>,
    /// When the session ends, as far as the caller knows.
    expires_at: Option<Time>,
}

/// The body of `get-platform-session`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f", "platform": "instagram", "format": "netscape"
})))]
pub(crate) struct GetPlatformSessionRequest {
    creator_profile_id: Uuid,
    platform: Platform,
    /// How the cookies come, `json` where it is absent.
    format: Option<SessionFormat>,
    /// Whether to leave out cookies that have expired.
    drop_expired: Option<bool>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SessionFormat {
    Json,
    Netscape,
}

/// The body of `request-capture`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f", "platform": "instagram",
    "reason": "The session has expired"
})))]
pub(crate) struct RequestCaptureRequest {
    creator_profile_id: Uuid,
    /// The connection's own platform.
    platform: Platform,
    reason: Option<Reason>,
}

/// The body of `POST /api/auth/setup`.
#[derive(ToSchema)]
#[schema(examples(json!({"password": "correct horse battery", "confirm": "correct horse battery"})))]
pub(crate) struct SetUpVaultRequest {
    password: NewPassword,
    /// The password once more.
    confirm: NewPassword,
}

/// The body of `POST /api/auth/login`.
#[derive(ToSchema)]
#[schema(examples(json!({"password": "correct horse battery"})))]
pub(crate) struct OpenVaultRequest {
    password: Secret,
}

/// The body of `POST /api/auth/change-password`.
#[derive(ToSchema)]
#[schema(examples(json!({
    "current": "correct horse battery", "password": "battery staple correct", "confirm": "battery staple correct"
})))]
pub(crate) struct ChangeMasterPasswordRequest {
    current: Secret,
    password: NewPassword,
    /// The new password once more.
    confirm: NewPassword,
}

/// The body of `POST /api/credentials`.
#[derive(ToSchema)]
#[schema(examples(json!({"service": "openai", "name": "production", "key": "sk-proj-0f9e8d7c6b5a"})))]
pub(crate) struct AddVaultCredentialRequest {
    service: VaultService,
    /// Its own among those of the service.
    name: VaultName,
    /// The API key, token or secret itself.
    key: VaultApiKey,
}

/// The body of `POST /api/v1/credential-types`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({
    "typeName": "SMTP", "description": "A mail server.",
    "fields": [
        {"fieldName": "host", "fieldLabel": "Host", "fieldType": "string", "required": true},
        {"fieldName": "password", "fieldLabel": "Password", "fieldType": "password", "sensitive": true}
    ]
})))]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialTypeRequest {
    type_name: Name,
    description: Option<Text>,
    #[schema(min_items = 1, max_items = 64)]
    fields: Vec<TypeFieldRequest>,
}

/// The body of `PUT /api/v1/credential-types/{id}`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"description": "A mail server."})))]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateCredentialTypeRequest {
    #[schema(required = false)]
    type_name: Name,
    description: Option<Text>,
    #[schema(required = false, min_items = 1, max_items = 64)]
    fields: Vec<TypeFieldRequest>,
}

/// A field of a type; its name is its own there.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeFieldRequest {
    /// That of a field which is there already; absent where this one is new.
    id: Option<FieldId>,
    field_name: Name,
    field_label: Name,
    field_type: FieldType,
    /// Whether each credential must have a value in it.
    required: Option<bool>,
    /// Whether its values are shown only where they are revealed; as a password's
    /// are, where this is absent.
    sensitive: Option<bool>,
}

/// The body of `POST /api/v1/projects`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"projectName": "Website", "description": "The public one."})))]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectRequest {
    project_name: Name,
    description: Option<Text>,
}

/// The body of `PUT /api/v1/projects/{id}`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"description": "The public one."})))]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateProjectRequest {
    #[schema(required = false)]
    project_name: Name,
    description: Option<Text>,
}

/// The body of `POST /api/v1/projects/{id}/members`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"userIds": ["0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"]})))]
#[serde(deny_unknown_fields)]
pub(crate) struct MembersRequest {
    #[schema(max_items = 1000)]
    user_ids: Vec<Uuid>,
}

/// The body of `POST /api/v1/app-credentials`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({
    "credentialName": "Payments", "credentialTypeId": "00000000-0000-4000-8000-000000000400",
    "keys": [{"fieldId": "00000000-0000-4000-8000-000000000402", "keyValue": "sk-0f9e8d7c6b5a"}]
})))]
#[serde(deny_unknown_fields)]
pub(crate) struct AddAppCredentialRequest {
    credential_name: Name,
    credential_type_id: Uuid,
    description: Option<Text>,
    keys: Option<Vec<KeyRequest>>,
    #[schema(max_items = 1000)]
    project_ids: Option<Vec<Uuid>>,
}

/// A value for a field, which is named once.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    field_id: Uuid,
    key_value: KeyValue,
    /// As a credential shows it; it changes nothing.
    field_name: Option<Text>,
    /// As a credential shows it; it changes nothing.
    has_value: Option<bool>,
}

/// The body of `PUT /api/v1/app-credentials/{id}`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"description": "For refunds, too."})))]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateAppCredentialRequest {
    #[schema(required = false)]
    credential_name: Name,
    description: Option<Text>,
    keys: Option<Vec<KeyRequest>>,
}

/// The body of `POST /api/v1/app-credentials/{id}/assign-projects`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", examples(json!({"projectIds": []})))]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignProjectsRequest {
    #[schema(max_items = 1000)]
    project_ids: Vec<Uuid>,
}
