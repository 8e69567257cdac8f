//! Links from an answer to further calls: from the operation that creates a record to those that
//! take it. Each link's body is complete, so that it can be sent unchanged.

use super::success_of;
use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::Operation;

/// Adds links to an operation's success.
pub(super) fn complete(operation: &mut Operation) {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let links: Vec<_> = links().into_iter().filter(|(from, ..)| *from == id).collect();
    if let Some(success) = success_of(operation) {
        success.links.extend(links.into_iter().map(|(_, to, what)| (to.to_owned(), what.link(to).into())));
    }
}

/// The part of the next call that comes from an answer.
enum Takes {
    /// The `id` of its path.
    Path,
    /// Its body.
    Body(Value),
}

impl Takes {
    fn link(self, to: &str) -> Link {
        let link = LinkBuilder::new().operation_id(to);
        match self {
            Self::Path => link.parameter("id", "$response.body#/id"),
            Self::Body(body) => link.request_body(Some(body)),
        }
        .build()
    }
}

/// The number of links.
#[cfg(test)]
pub(super) fn count() -> usize {
    links().len()
}

fn links() -> Vec<(&'static str, &'static str, Takes)> {
    use Takes::{Body, Path};
    const ID: &str = "$response.body#/id";
    const CONNECTION: &str = "$request.body#/creator_profile_id";
    const PLATFORM: &str = "$request.body#/platform";
    const CREDENTIALS: &str = "$request.body#/credentials";
    let by_id = || Body(json!({"id": ID}));
    let of_refresh_token = || Body(json!({"refresh_token": "$response.body#/data/refresh_token"}));
    let session = json!({
        "creator_profile_id": ID, "platform": PLATFORM,
        "cookies": [{"name": "sessionid", "value": "abc123", "domain": ".example.org"}],
    });
    let download = json!({
        "creator_profile_id": ID, "platform": PLATFORM, "auth_type": "password", "username": "jane",
        "credentials": {"password": "correct horse battery"},
    });
    vec![
        ("login", "refresh", of_refresh_token()),
        ("login", "logout", of_refresh_token()),
        ("refresh", "refresh", of_refresh_token()),
        ("refresh", "logout", of_refresh_token()),
        ("create_profile", "connection", Path),
        ("create_profile", "delete_connection", Path),
        (
            "create_profile",
            "update_profile_creds",
            Body(json!({"creator_profile_id": ID, "credentials": CREDENTIALS})),
        ),
        ("create_profile", "store", Body(json!({"creatorProfileId": ID, "credentials": CREDENTIALS}))),
        ("create_profile", "reveal", Body(json!({"creatorProfileId": ID}))),
        ("create_profile", "store_platform_session", Body(session)),
        ("create_profile", "create_download_cred", Body(download)),
        ("create_profile", "request_capture", Body(json!({"creator_profile_id": ID, "platform": PLATFORM}))),
        (
            "store_platform_session",
            "get_platform_session",
            Body(json!({"creator_profile_id": CONNECTION, "platform": PLATFORM})),
        ),
        ("store_platform_session", "revoke_platform_session", by_id()),
        ("create_download_cred", "reveal_download_cred", by_id()),
        ("create_download_cred", "delete_download_credential", Path),
        ("request_capture", "decline_capture_request", Path),
        ("add_vault_credential", "vault_credential", Path),
        ("add_vault_credential", "reveal_vault_credential", Path),
        ("add_vault_credential", "delete_vault_credential", Path),
        ("add_credential_type", "credential_type", Path),
        ("add_credential_type", "delete_credential_type", Path),
        ("add_project", "project", Path),
        ("add_project", "delete_project", Path),
        ("add_app_credential", "app_credential", Path),
        ("add_app_credential", "reveal_app_credential", Path),
        ("add_app_credential", "reveal_app_cred", by_id()),
        ("add_app_credential", "delete_app_credential", Path),
    ]
}
