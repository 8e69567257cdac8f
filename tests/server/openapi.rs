//! The OpenAPI document: it is valid, the server follows it for all input, and the page that
//! shows it fetches nothing.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stagepass_tests::services::server::{self, Client, EMAIL, Server};
use stagepass_tests::tools::schemathesis::Schemathesis;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

const OTHER_EMAIL: &str = "other@example.org";
/// The password of the document's own example, so that it signs in.
const PASSWORD: &str = "correct horse battery";
const PLATFORM: &str = "instagram";
/// The built-in type of API keys, and the field of the key.
const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
const API_KEY_FIELD: &str = "00000000-0000-4000-8000-000000000402";
/// More connections than the longest page of a list has.
const FIRST_PAGE: usize = 110;

/// A server with two users and no rate limits.
async fn start() -> Result<(Server, TempDir)> {
    let directory = tempfile::tempdir()?;
    for email in [EMAIL, OTHER_EMAIL] {
        server::add_user(directory.path(), email, PASSWORD).await?;
    }
    let mut command = server::command(directory.path())?;
    let serve = ["serve", "--listen", "127.0.0.1:0", "--log", "info", "--user-rate-limit", "0"];
    command.args(serve);
    Ok((Server::start_command(directory.path(), &mut command).await?, directory))
}

async fn document(server: &Server) -> Result<Value> {
    Ok(server.anonymous().get("/openapi.json").await?.body)
}

/// The operations of a document as `METHOD path`.
fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[tokio::test]
async fn the_document_is_valid_openapi_3_1_with_its_examples_and_names_every_route() -> Result<()> {
    let (server, _directory) = start().await?;
    let document = document(&server).await?;
    assert_eq!(document["openapi"], "3.1.0");

    let folder = tempfile::tempdir()?;
    Schemathesis::prepare().await?.validate(&document, folder.path()).await?;

    let routes = include_str!("openapi_routes.txt").lines().map(str::to_owned).collect();
    assert_eq!(operations(&document), routes, "openapi_routes.txt lists every route");
    Ok(())
}

#[tokio::test]
async fn the_server_follows_its_document_for_all_input() -> Result<()> {
    let (server, _directory) = start().await?;
    let folder = tempfile::tempdir()?;
    write_records(&server, folder.path()).await?;
    let schemathesis = Schemathesis::prepare().await?;
    let outcome = schemathesis.check(&format!("{}/openapi.json", server.url()), folder.path()).await?;
    assert!(outcome.status.success(), "{}{}", outcome.stdout, outcome.stderr);

    // Refusals alone would prove little: each operation must also have succeeded. The tool reads
    // the document first, so it never calls that operation.
    let successes = std::fs::read_to_string(folder.path().join("successes.txt"))?;
    let mut missed = operations(&document(&server).await?);
    missed.retain(|operation| !successes.lines().any(|success| success == operation));
    assert_eq!(missed, BTreeSet::from(["GET /openapi.json".to_owned()]), "{}", outcome.stdout);
    Ok(())
}

/// Two users and their records, in the files that the configuration names.
async fn write_records(server: &Server, folder: &Path) -> Result<()> {
    let (creator, creator_token) = sign_in(server, EMAIL).await?;
    let (other, other_token) = sign_in(server, OTHER_EMAIL).await?;
    let secret = std::fs::read_to_string(server.directory().join("rbac-sync-webhook-secret"))?;
    let caller = |name: &str, token: &str| {
        let header = |name: &str, value: &str| json!({"name": name, "value": value});
        let token = header("Authorization", &format!("Bearer {token}"));
        json!({"name": name, "fixedHeaders": [token, header("X-RBAC-SYNC-SECRET", &secret)]})
    };
    let users = json!({"auth": [caller("creator", &creator_token), caller("other", &other_token)]});
    std::fs::write(folder.join("users.json"), users.to_string())?;

    let connection = other.create_profile(PLATFORM, "other").await?;
    let own_connection = creator.create_profile(PLATFORM, "creator").await?;
    let of = |connection: &str, more: Value| {
        let mut body = json!({"creator_profile_id": connection, "platform": PLATFORM});
        body.as_object_mut()
            .into_iter()
            .for_each(|body| body.extend(more.as_object().cloned().unwrap_or_default()));
        body
    };
    let cookies = json!({"cookies": [{"name": "sessionid", "value": "abc123", "domain": ".instagram.com"}]});
    let password =
        json!({"auth_type": "password", "username": "jane", "credentials": {"password": PASSWORD}});
    create(&other, "store-platform-session", &of(&connection, cookies.clone())).await?;
    let session = create(&creator, "store-platform-session", &of(&own_connection, cookies.clone())).await?;
    // Calls as the creator leave it alone.
    let renewed_connection = other.create_profile(PLATFORM, "renewed").await?;
    let renewed = create(&other, "store-platform-session", &of(&renewed_connection, cookies)).await?;
    ensure!(other.allow_write_back(&renewed_connection, true).await?.status == 200);
    let download = create(&other, "create-download-cred", &of(&connection, password.clone())).await?;
    // Records for calls that succeed only once exist more than once.
    let mut connections = vec![connection, own_connection];
    let (mut downloads, mut requests, mut refresh_tokens) = (Vec::new(), Vec::new(), Vec::new());
    for username in ["one", "two", "three", "four"] {
        let connection = creator.create_profile(PLATFORM, username).await?;
        downloads.push(create(&creator, "create-download-cred", &of(&connection, password.clone())).await?);
        requests.push(create(&server.service()?, "request-capture", &of(&connection, json!({}))).await?);
        refresh_tokens.push(tokens(server, EMAIL).await?["refresh_token"].clone());
        connections.push(connection);
    }
    // The tool deletes what it finds in a list; this first page shows other records.
    for number in 0..FIRST_PAGE {
        creator.create_profile(PLATFORM, &number.to_string()).await?;
    }
    for (name, values) in [
        ("connections", json!(connections)),
        ("platforms", json!([PLATFORM])),
        ("sessions", json!([session])),
        ("renewed-connections", json!([renewed_connection])),
        ("renewed-sessions", json!([renewed])),
        ("download-credentials", json!([download])),
        ("own-download-credentials", json!(downloads)),
        ("capture-requests", json!(requests)),
        ("refresh-tokens", json!(refresh_tokens)),
    ] {
        write_values(folder, name, &values)?;
    }
    write_app_credentials(&creator, &other, folder).await
}

fn write_values(folder: &Path, name: &str, values: &Value) -> Result<()> {
    let lines = values.as_array().into_iter().flatten().map(|value| format!("{value}\n"));
    std::fs::write(folder.join(format!("{name}.txt")), lines.collect::<String>())?;
    Ok(())
}

/// Types, projects and credentials: some to keep, as many to delete, and one of each that
/// belongs to the other user.
async fn write_app_credentials(creator: &Client, other: &Client, folder: &Path) -> Result<()> {
    let field = json!({"fieldName": "f", "fieldLabel": "F", "fieldType": "json"});
    let of = |kind: &str, name: &str| match kind {
        "credential-types" => json!({"typeName": name, "fields": [field]}),
        "projects" => json!({"projectName": name}),
        _ => json!({"credentialName": name, "credentialTypeId": API_KEY,
            "keys": [{"fieldId": API_KEY_FIELD, "keyValue": "k"}]}),
    };
    let make = async |client: &Client, kind: &str, name: &str| -> Result<Value> {
        let answer = client.post(&format!("/api/v1/{kind}"), &of(kind, name)).await?;
        Ok(answer.body.get("id").with_context(|| answer.body.to_string())?.clone())
    };
    for kind in ["credential-types", "projects", "app-credentials"] {
        let (mut kept, mut spare) = (Vec::new(), Vec::new());
        for number in 0..4 {
            kept.push(make(creator, kind, &format!("kept {number}")).await?);
            spare.push(make(creator, kind, &format!("spare {number}")).await?);
        }
        write_values(folder, &format!("own-{kind}"), &json!(kept))?;
        write_values(folder, &format!("spare-{kind}"), &json!(spare))?;
        kept.push(make(other, kind, "other").await?);
        let all = if kind == "credential-types" { json!([API_KEY]) } else { json!(kept) };
        write_values(folder, kind, &all)?;
    }
    Ok(())
}

async fn tokens(server: &Server, email: &str) -> Result<Value> {
    let body = json!({"email": email, "password": PASSWORD});
    Ok(server.anonymous().post("/auth/login", &body).await?.body["data"].clone())
}

async fn sign_in(server: &Server, email: &str) -> Result<(Client, String)> {
    let token = tokens(server, email).await?["access_token"].as_str().context("no access token")?.to_owned();
    Ok((server.user_named(email, PASSWORD).await?, token))
}

async fn create(client: &Client, verb: &str, body: &Value) -> Result<String> {
    let answer = client.post(&format!("/api/credentials/{verb}"), body).await?;
    Ok(answer.body["id"].as_str().with_context(|| answer.body.to_string())?.to_owned())
}

#[tokio::test]
async fn the_page_shows_every_operation_and_fetches_nothing() -> Result<()> {
    let (server, _directory) = start().await?;
    let answer = reqwest::get(format!("{}/docs", server.url())).await?;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers()["content-security-policy"].to_str()?.to_owned();
    let page = answer.text().await?;

    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let hash = STANDARD.encode(Sha256::digest(style.context("no style")?));
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}'; ")), "{policy}");
    for absent in
        ["<script", "<img", "<link", "<iframe", " style=", " src=", "url(", "@import", "=\"//", "=\"http"]
    {
        assert!(!page.contains(absent), "{absent}");
    }
    for operation in operations(&document(&server).await?) {
        let (method, path) = operation.split_once(' ').context("no path")?;
        let heading = format!("<code class=\"method\">{method}</code><code>{path}</code>");
        assert!(page.contains(&heading), "{operation}");
    }
    Ok(())
}
