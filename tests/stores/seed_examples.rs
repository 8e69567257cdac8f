//! The documented examples of the Credentials API, sent as backends send them: by curl, with
//! the examples' own flags, headers and bodies. Values that differ in each run (ids, times,
//! the access token) replace the examples' own, always by the same rule; the service secret
//! is the examples' own.

use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::installation::{Installation, Person};
use stagepass_tests::services::server::Server;
use stagepass_tests::system::process::{clean_environment, on_path};
use tokio::process::Command;

const SECRET: &str = "the-secret-of-the-examples";
const CONNECTION: &str = "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f";
const OTHER_CONNECTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const DOWNLOAD: &str = "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6";
const SESSION: &str = "session-uuid-123";
const CAPTURED_AT: &str = "2026-01-15T10:30:00.000Z";

/// The server that gets the examples.
struct Stage {
    server: Server,
    installation: Installation,
    people: [Person; 2],
    /// The real value for each id and time in the examples.
    real: Vec<(&'static str, String)>,
}

async fn start(store: Store) -> Result<Stage> {
    let mut installation = Installation::new(store).await?;
    installation.unset("RBAC_SYNC_WEBHOOK_SECRET_FILE");
    installation.set("RBAC_SYNC_WEBHOOK_SECRET", SECRET);
    let people = [installation.add_person().await?, installation.add_person().await?];
    let server = installation.serve().await?;
    Ok(Stage { server, installation, people, real: Vec::new() })
}

/// The header with which an example names its caller.
async fn user(server: &Server, person: &Person) -> Result<String> {
    let signed_in = json!({"email": person.email(), "password": person.password()});
    let answer = server.anonymous().post("/auth/login", &signed_in).await?;
    let token = answer.body["data"]["access_token"].as_str().context("no access token")?;
    Ok(format!("Authorization: Bearer {token}"))
}

fn service(secret: &str) -> String {
    format!("X-RBAC-SYNC-SECRET: {secret}")
}

impl Stage {
    fn with_real(&self, text: &str) -> String {
        self.real.iter().fold(text.to_owned(), |text, (example, real)| text.replace(example, real))
    }

    /// Sends an example and returns the answer's status and body.
    async fn curl(&self, caller: &str, verb: &str, body: &str) -> Result<(u16, Value)> {
        let url = format!("{}/api/credentials/{verb}", self.server.url());
        let output = Command::new(on_path(&["curl"]).context("curl is not installed")?)
            .env_clear()
            .envs(clean_environment(self.installation.directory()))
            .args(["-X", "POST", &url, "-H", caller, "-H", "Content-Type: application/json"])
            .args(["-d", &self.with_real(body)])
            .args(["--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"])
            .kill_on_drop(true)
            .output()
            .await?;
        ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let (body, status) = text.rsplit_once('\n').context("no status")?;
        Ok((status.parse()?, serde_json::from_str(body).with_context(|| body.to_owned())?))
    }

    /// Sends an example and compares the answer with the documented one. Ids and times that
    /// `new` lists are taken from the answer.
    async fn check(
        &mut self,
        caller: &str,
        verb: &str,
        body: &str,
        new: &[(&str, &'static str)],
        documented: &str,
    ) -> Result<()> {
        let (status, answer) = self.curl(caller, verb, body).await?;
        for (field, example) in new {
            let real = answer[field].as_str().with_context(|| format!("{verb} {answer}"))?;
            self.real.push((example, real.to_owned()));
        }
        let documented: Value = serde_json::from_str(&self.with_real(documented))?;
        assert_eq!((status, &answer), (200, &documented), "{verb}");
        Ok(())
    }

    fn real(&self, example: &str) -> &str {
        self.real.iter().find(|(known, _)| *known == example).map_or("", |(_, real)| real)
    }
}

const CREATE_PROFILE: &str = r#"{
    "platform": "instagram",
    "platform_username": "fitcreator99",
    "credentials": {
      "username": "fitcreator99",
      "password": "MySecurePass123!",
      "session_id": "abc123sessionxyz"
    }
  }"#;

const CREATED: &str = r#"{"success": true, "id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f", "updated": false}"#;

const UPDATE_PROFILE_CREDS: &str = r#"{
    "creator_profile_id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
    "credentials": {
      "username": "fitcreator99",
      "password": "NewSecurePass456!",
      "session_id": "newSessionXYZ789"
    }
  }"#;

const STORE: &str = r#"{
    "creatorProfileId": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
    "credentials": {
      "api_key": "sk-proj-abc123xyz",
      "refresh_token": "refresh_token_value"
    }
  }"#;

const REVEAL: &str = r#"{
    "creatorProfileId": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f"
  }"#;

#[apply(on_each_store)]
#[tokio::test]
async fn the_examples_of_platform_connections_get_their_answers(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let user = user(&stage.server, &stage.people[0]).await?;
    let service = service(SECRET);
    stage.check(&user, "create-profile", CREATE_PROFILE, &[("id", CONNECTION)], CREATED).await?;
    let id = stage.real(CONNECTION).to_owned();
    ensure!(id.len() == CONNECTION.len() && id != CONNECTION, "{id} is not an id of this server");

    let again = CREATED.replace("false", "true");
    stage.check(&user, "create-profile", CREATE_PROFILE, &[], &again).await?;
    let updated = r#"{"success": true, "id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f"}"#;
    stage.check(&user, "update-profile-creds", UPDATE_PROFILE_CREDS, &[], updated).await?;
    let stored = r#"{
      "success": true,
      "creatorProfileId": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
      "updated": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f"
    }"#;
    stage.check(&service, "store", STORE, &[], stored).await?;
    let revealed = r#"{
      "success": true,
      "creatorProfileId": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
      "credentials": {
        "api_key": "sk-proj-abc123xyz",
        "refresh_token": "refresh_token_value"
      }
    }"#;
    stage.check(&service, "reveal", REVEAL, &[], revealed).await
}

const CREATE_DOWNLOAD_CRED: &str = r#"{
    "platform": "youtube",
    "creator_profile_id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
    "auth_type": "password",
    "username": "[email protected]",
    "credentials": {
      "password": "MyYouTubePassword123"
    },
    "display_name": "My YouTube Channel"
  }"#;

#[apply(on_each_store)]
#[tokio::test]
async fn the_examples_of_download_credentials_get_their_answers(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let user = user(&stage.server, &stage.people[0]).await?;
    stage.check(&user, "create-profile", CREATE_PROFILE, &[("id", CONNECTION)], CREATED).await?;
    let created = r#"{"success": true, "id": "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6"}"#;
    stage.check(&user, "create-download-cred", CREATE_DOWNLOAD_CRED, &[("id", DOWNLOAD)], created).await?;
    // The answer also has the given username; the example leaves it out.
    let revealed = r#"{
      "success": true,
      "id": "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6",
      "platform": "youtube",
      "auth_type": "password",
      "username": "[email protected]",
      "credentials": {
        "password": "MyYouTubePassword123"
      }
    }"#;
    let reveal = r#"{"id": "a1b2c3d4-5e6f-7g8h-9i0j-k1l2m3n4o5p6"}"#;
    stage.check(&service(SECRET), "reveal-download-cred", reveal, &[], revealed).await
}

const STORE_PLATFORM_SESSION: &str = r#"{
    "creator_profile_id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
    "platform": "instagram",
    "cookies": [
      {
        "name": "sessionid",
        "value": "123456789%3AabcXYZ%3A28",
        "domain": ".instagram.com",
        "path": "/",
        "expires": 1735689600,
        "httpOnly": true,
        "secure": true
      }
    ],
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
  }"#;

/// The answer also counts the entries of origin storage, which the example does not know.
const SESSION_STORED: &str = r#"{"success": true, "id": "session-uuid-123", "platform": "instagram",
    "cookie_count": 1, "entry_count": 0}"#;

const GET_PLATFORM_SESSION: &str = r#"{
    "creator_profile_id": "d3f21c8e-4a5b-4c9d-8e7f-1a2b3c4d5e6f",
    "platform": "instagram"
  }"#;

const PLATFORM_SESSION: &str = r#"{
      "success": true,
      "id": "session-uuid-123",
      "platform": "instagram",
      "cookies": [
        {
          "name": "sessionid",
          "value": "123456789%3AabcXYZ%3A28",
          "domain": ".instagram.com",
          "path": "/",
          "expires": 1735689600,
          "httpOnly": true,
          "secure": true
        }
      ],
      "captured_at": "2026-01-15T10:30:00.000Z",
      "expires_at": "2026-12-31T23:59:59.000Z",
      "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    }"#;

#[apply(on_each_store)]
#[tokio::test]
async fn the_examples_of_platform_sessions_get_their_answers(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let user = user(&stage.server, &stage.people[0]).await?;
    let service = service(SECRET);
    stage.check(&user, "create-profile", CREATE_PROFILE, &[("id", CONNECTION)], CREATED).await?;
    let new = [("id", SESSION)];
    stage.check(&user, "store-platform-session", STORE_PLATFORM_SESSION, &new, SESSION_STORED).await?;
    // The cookie expired long ago and is returned as it was stored. A session that was stored
    // without an `expires_at` has none; the example's own answer shows one that its request
    // did not have.
    let session = PLATFORM_SESSION.replace(r#""2026-12-31T23:59:59.000Z""#, "null");
    let new = [("captured_at", CAPTURED_AT)];
    stage.check(&service, "get-platform-session", GET_PLATFORM_SESSION, &new, &session).await?;
    assert_eq!(stage.real(CAPTURED_AT).len(), CAPTURED_AT.len());

    let id = r#"{"id": "session-uuid-123"}"#;
    let revoked = r#"{"success": true, "id": "session-uuid-123"}"#;
    stage.check(&user, "revoke-platform-session", id, &[], revoked).await?;
    let (status, answer) = stage.curl(&service, "get-platform-session", GET_PLATFORM_SESSION).await?;
    assert_eq!((status, answer), (404, json!({"success": false, "error": "Platform session revoked"})));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_session_with_an_expiry_is_answered_as_in_the_example(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let user = user(&stage.server, &stage.people[0]).await?;
    stage.check(&user, "create-profile", CREATE_PROFILE, &[("id", CONNECTION)], CREATED).await?;
    // The example's year will be over one day; this one won't.
    let end = r#""user_agent""#;
    let store = STORE_PLATFORM_SESSION.replace(end, r#""expires_at": "2099-12-31T23:59:59Z", "user_agent""#);
    stage.check(&user, "store-platform-session", &store, &[("id", SESSION)], SESSION_STORED).await?;
    let session = PLATFORM_SESSION.replace("2026-12-31", "2099-12-31");
    let new = [("captured_at", CAPTURED_AT)];
    stage.check(&service(SECRET), "get-platform-session", GET_PLATFORM_SESSION, &new, &session).await
}

/// The documented shapes of credentials.
const SHAPES: [&str; 5] = [
    r#"{
      "sessionToken": "sess_abc123xyz",
      "authId": "user_9876",
      "cookies": [
        { "name": "sess", "value": "abc", "domain": ".onlyfans.com" }
      ]
    }"#,
    r#"{
      "sessionToken": "string",
      "authId": "string",
      "authUid": "string",
      "userAgent": "string",
      "cookies": [{ "name": "string", "value": "string", "domain": "string" }]
    }"#,
    r#"{
      "authToken": "string",
      "userAgent": "string",
      "cookies": [{ "name": "string", "value": "string", "domain": "string" }]
    }"#,
    r#"{
      "sessionid": "string",
      "csrftoken": "string",
      "ds_user_id": "string",
      "cookies": [{ "name": "string", "value": "string", "domain": "string" }]
    }"#,
    r#"{
      "username": "creator123",
      "password": "securepass",
      "session_id": "abc123xyz"
    }"#,
];

#[apply(on_each_store)]
#[tokio::test]
async fn every_documented_shape_of_credentials_is_stored_and_revealed(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let user = user(&stage.server, &stage.people[0]).await?;
    let service = service(SECRET);
    let create = r#"{"platform": "onlyfans", "credentials": {}}"#;
    let created = r#"{"success": true, "id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "updated": false}"#;
    stage.check(&user, "create-profile", create, &[("id", OTHER_CONNECTION)], created).await?;
    let stored = r#"{
      "success": true,
      "creatorProfileId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
      "updated": "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    }"#;
    let reveal = r#"{
      "creatorProfileId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    }"#;
    for shape in SHAPES {
        let members = format!(
            r#""creatorProfileId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
      "credentials": {shape}"#
        );
        stage.check(&service, "store", &format!("{{{members}}}"), &[], stored).await?;
        // The example of `reveal` leaves the id out of its answer; the reference has it.
        let revealed = format!(r#"{{"success": true, {members}}}"#);
        stage.check(&service, "reveal", reveal, &[], &revealed).await?;
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_documented_errors_have_their_statuses_and_texts(store: Store) -> Result<()> {
    let mut stage = start(store).await?;
    let owner = user(&stage.server, &stage.people[0]).await?;
    let other = user(&stage.server, &stage.people[1]).await?;
    let (secret, wrong) = (service(SECRET), service("another-secret-key"));
    stage.check(&owner, "create-profile", CREATE_PROFILE, &[("id", CONNECTION)], CREATED).await?;
    let without_id = r#"{"credentials": {"sessionToken": "sess_abc123xyz"}}"#;
    for (caller, verb, body, expected) in [
        (&secret, "store", without_id, (400, "creatorProfileId required")),
        (&secret, "reveal", "{}", (400, "creatorProfileId required")),
        (&secret, "store", REVEAL, (400, "credentials object required")),
        (&wrong, "store", STORE, (401, "Unauthorized")),
        (&wrong, "reveal", REVEAL, (401, "Unauthorized")),
        (&other, "update-profile-creds", UPDATE_PROFILE_CREDS, (403, "Forbidden")),
        (&other, "store-platform-session", STORE_PLATFORM_SESSION, (403, "Forbidden")),
    ] {
        let (status, answer) = stage.curl(caller, verb, body).await?;
        let error = json!({"success": false, "error": expected.1});
        assert_eq!((status, answer), (expected.0, error), "{verb} {body}");
    }
    Ok(())
}
