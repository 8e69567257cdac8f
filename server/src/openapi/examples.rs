//! Examples of success for each operation that answers with JSON.

use super::success_of;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;

/// Adds the example to an operation's success.
pub(super) fn complete(operation: &mut Operation) {
    let Some(example) = operation.operation_id.as_deref().and_then(success) else { return };
    if let Some(answer) = success_of(operation)
        && let Some(RefOr::T(content)) = answer.content.get_mut("application/json")
    {
        content.example = Some(example);
    }
}

const ID: &str = "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";
const CONNECTION: &str = "0198c59f-0b4c-7a52-8d3e-5f6a7b8c9d0e";
const USER: &str = "0198c590-1f2e-7d3c-8b4a-5c6d7e8f9a0b";
const PROJECT: &str = "0198c5a9-3c2b-7f1e-8d0c-9b8a7f6e5d4c";
const FIELD: &str = "0198c5a8-6e5d-7c4b-9a3f-2e1d0c9b8a7f";
const TIME: &str = "2026-01-15T10:30:00.000Z";
const END: &str = "2026-12-31T23:59:59.000Z";

fn success(operation_id: &str) -> Option<Value> {
    Some(match operation_id {
        "healthz" => json!({"status": "ok", "service": "stagepass"}),
        "prove" => json!({
            "public_key": "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=",
            "signature": "VgOBX/6DJzBJfmTeBHDrmONZKLdy6isi8Q4ZxI0EZJ+Rsy10d/AW39ChOzTuHaMjUGevK/aA/ZWNDXiEv1HCUg=="
        }),
        "readyz" => json!({"status": "ok"}),
        "login" | "refresh" => json!({"data": {
            "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
            "refresh_token": "q3Zb1mGxOQv0d7m7aYyVxJb1gqQk0b0oX1uYw8pYJ2c",
            "expires": 900_000
        }}),
        "me" => json!({"data": {"id": ID, "email": "creator@example.org", "status": "active", "role": null}}),
        "create_profile" => json!({"success": true, "id": ID, "updated": false}),
        "store" => json!({"success": true, "creatorProfileId": ID, "updated": ID}),
        "reveal" => json!({
            "success": true, "creatorProfileId": ID, "credentials": {"auth_id": "12345678", "sess": "abc123"}
        }),
        "reveal_download_cred" => json!({
            "success": true, "id": ID, "platform": "youtube", "auth_type": "password",
            "username": "jane@example.org", "credentials": {"password": "correct horse battery"}
        }),
        "store_platform_session" => {
            json!({"success": true, "id": ID, "platform": "instagram", "cookie_count": 1, "entry_count": 0})
        }
        "get_platform_session" => revealed_session(),
        "update_platform_session" => json!({
            "success": true, "id": ID, "platform": "instagram", "cookie_count": 1, "replaced_count": 1,
            "added_count": 0
        }),
        "write_back" => json!({"success": true, "id": ID, "write_back_allowed": true}),
        "request_capture" => json!({"success": true, "id": ID, "created": true}),
        "update_profile_creds"
        | "create_download_cred"
        | "revoke_platform_session"
        | "delete_connection"
        | "delete_download_credential"
        | "decline_capture_request" => json!({"success": true, "id": ID}),
        "connection" => {
            let mut shown = connection();
            shown["write_back_allowed"] = false.into();
            shown["newest_session"] = session();
            shown
        }
        "connections" => page_of(connection()),
        "sessions" => page_of(session()),
        "download_credentials" => page_of(json!({
            "id": ID, "creator_profile_id": CONNECTION, "platform": "youtube", "auth_type": "password",
            "username": "jane@example.org", "display_name": "Jane's channel", "created_at": TIME
        })),
        "capture_requests" => page_of(json!({
            "id": ID, "creator_profile_id": CONNECTION, "platform": "instagram",
            "reason": "The session has expired", "created_at": TIME, "expires_at": END
        })),
        _ => return success_of_vault(operation_id),
    })
}

fn success_of_vault(operation_id: &str) -> Option<Value> {
    Some(match operation_id {
        "vault_status" => json!({"initialized": true, "authenticated": false}),
        "set_up_vault" => json!({"success": true, "message": "password configured"}),
        "change_master_password" => json!({"success": true, "message": "password changed"}),
        "open_vault" => json!({
            "token": "fn_sess_9b1c6e2f0a47d85390c4be1672fd38a59b1c6e2f0a47d85390c4be1672fd38a5", "expires_at": END
        }),
        "close_vault" => json!({"success": true}),
        "vault_credentials" => json!([vault_credential(Some(1_768_473_000))]),
        "vault_credential" => vault_credential(Some(1_768_473_000)),
        "add_vault_credential" => vault_credential(None),
        "reveal_vault_credential" => {
            let mut revealed = vault_credential(Some(1_768_473_000));
            revealed["key"] = "sk-proj-0f9e8d7c6b5a".into();
            revealed
        }
        "delete_vault_credential" => json!({"deleted": true}),
        _ => return success_of_app_credentials(operation_id),
    })
}

fn success_of_app_credentials(operation_id: &str) -> Option<Value> {
    Some(match operation_id {
        "credential_types" => page_of(credential_type()),
        "credential_type" | "add_credential_type" | "update_credential_type" => credential_type(),
        "projects" => page_of(project()),
        "project" | "add_project" | "update_project" | "set_project_members" => project(),
        "app_credentials" => page_of(app_credential(Value::Null)),
        "app_credentials_by_project" => json!([app_credential(Value::Null)]),
        "app_credential" | "add_app_credential" | "update_app_credential" => app_credential(Value::Null),
        "reveal_app_credential" => app_credential("sk-0f9e8d7c6b5a".into()),
        "reveal_app_cred" => {
            let mut revealed = app_credential("sk-0f9e8d7c6b5a".into());
            revealed["success"] = true.into();
            revealed
        }
        "assign_projects" => json!([{"credentialId": ID, "projectId": PROJECT, "assignedAt": TIME}]),
        "delete_credential_type" | "delete_project" | "delete_app_credential" => json!({"success": true}),
        _ => return None,
    })
}

fn credential_type() -> Value {
    json!({
        "id": ID, "typeName": "SMTP", "description": "A mail server.", "ownerId": USER,
        "fields": [{
            "id": FIELD, "fieldName": "password", "fieldLabel": "Password", "fieldType": "password",
            "required": true, "sensitive": true
        }],
        "createdAt": TIME, "updatedAt": TIME
    })
}

fn project() -> Value {
    json!({
        "id": PROJECT, "projectName": "Website", "description": null, "ownerId": USER, "memberIds": [],
        "createdAt": TIME, "updatedAt": TIME
    })
}

fn app_credential(key: Value) -> Value {
    json!({
        "id": ID, "credentialName": "Payments", "description": null, "ownerId": USER,
        "credentialTypeId": "00000000-0000-4000-8000-000000000400",
        "keys": [
            {
                "fieldId": "00000000-0000-4000-8000-000000000401", "fieldName": "base_url",
                "keyValue": null, "hasValue": false
            },
            {
                "fieldId": "00000000-0000-4000-8000-000000000402", "fieldName": "api_key",
                "keyValue": key, "hasValue": true
            }
        ],
        "projectIds": [PROJECT], "createdAt": TIME, "updatedAt": TIME
    })
}

fn vault_credential(last_used_at: Option<i64>) -> Value {
    json!({
        "id": ID, "service": "openai", "name": "production", "created_at": 1_700_000_000,
        "last_used_at": last_used_at
    })
}

fn connection() -> Value {
    json!({
        "id": CONNECTION, "platform": "instagram", "platform_username": "creator_jane",
        "credentials_updated_at": TIME, "created_at": TIME, "updated_at": TIME
    })
}

fn revealed_session() -> Value {
    json!({
        "success": true, "id": ID, "platform": "instagram",
        "cookies": [{
            "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
            "expires": 1_798_761_599, "httpOnly": true, "secure": true
        }],
        "origins": [{
            "origin": "https://www.instagram.com", "localStorage": [{"name": "theme", "value": "dark"}],
            "sessionStorage": []
        }],
        "captured_at": TIME, "expires_at": END, "user_agent": "Mozilla/5.0"
    })
}

fn session() -> Value {
    json!({
        "id": ID, "creator_profile_id": CONNECTION, "platform": "instagram", "cookie_count": 1, "entry_count": 2,
        "user_agent": "Mozilla/5.0", "status": "active", "captured_at": TIME, "expires_at": END,
        "revoked_at": null, "renewed_by": null
    })
}

fn page_of(row: Value) -> Value {
    json!({"data": [row], "total": 1, "page": 1, "pageSize": 20})
}
