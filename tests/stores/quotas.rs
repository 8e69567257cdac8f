//! How much each user may store, where this server keeps the records itself.

use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Answer, Client, Server};

const CONNECTIONS: &str = "/api/platform-connections";
const DOWNLOADS: &str = "/api/download-credentials";
const TYPES: &str = "/api/v1/credential-types";
const PROJECTS: &str = "/api/v1/projects";
const CREDENTIALS: &str = "/api/v1/app-credentials";
/// The built-in types for API keys (with two values) and for anything else.
const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
const GENERIC: &str = "00000000-0000-4000-8000-000000000600";
const BUILT_IN: u64 = 6;

struct Stage {
    installation: Installation,
    person: Person,
    /// Other users, who become members of projects.
    others: Vec<Person>,
}

impl Stage {
    async fn new(store: Store) -> Result<Self> {
        let mut installation = Installation::new(store).await?;
        installation.set("STAGEPASS_USER_RATE_LIMIT", "0");
        let person = installation.add_person().await?;
        let others = vec![installation.add_person().await?, installation.add_person().await?];
        Ok(Self { installation, person, others })
    }

    /// A server that allows a user this many records of a kind, and this many MiB.
    async fn serve(&mut self, records: &str, mib: &str) -> Result<(Server, Client)> {
        self.installation.set("STAGEPASS_USER_RECORD_LIMIT", records);
        self.installation.set("STAGEPASS_USER_STORAGE_LIMIT", mib);
        let server = self.installation.serve_logging("info").await?;
        let user = self.person.sign_in(&server).await?;
        Ok((server, user))
    }

    async fn other_ids(&self, server: &Server) -> Result<Vec<Value>> {
        let mut ids = Vec::new();
        for other in &self.others {
            let me = other.sign_in(server).await?.get("/users/me").await?.body;
            ids.push(me["data"]["id"].clone());
        }
        Ok(ids)
    }

    /// What `user list` says about the user's records: how many, and how large.
    async fn usage(&self) -> Result<(u64, String)> {
        let list = self.installation.succeed(&["user", "list"]).await?;
        let line = list.lines().find(|line| line.contains(self.person.email())).context("no line")?;
        let [.., records, size] = line.split('\t').collect::<Vec<_>>()[..] else { unreachable!("{line}") };
        Ok((records.strip_suffix(" records").context("no records")?.parse()?, size.to_owned()))
    }
}

/// Refused because of a limit, which the text names, in any form of the API.
fn assert_over(answer: &Answer, limit: &str, setting: &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.status, 409, "{limit}: {}", answer.body);
    assert!(error.contains(&format!("at most {limit};")) && error.contains(setting), "{error}");
}

fn assert_too_many(answer: &Answer, limit: &str) {
    assert_over(answer, limit, "STAGEPASS_USER_RECORD_LIMIT");
}

fn assert_too_much(answer: &Answer) {
    assert_over(answer, "1 MiB of records", "STAGEPASS_USER_STORAGE_LIMIT");
}

async fn put(client: &Client, path: &str, body: &Value) -> Result<Answer> {
    client.send(client.request(Method::PUT, path).json(body)).await
}

/// Creates a record, and returns its path.
async fn make(client: &Client, path: &str, body: &Value) -> Result<String> {
    let answer = client.post(path, body).await?;
    ensure!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
    Ok(format!("{path}/{}", answer.body["id"].as_str().context("no id")?))
}

async fn remove(client: &Client, path: &str) -> Result<()> {
    let answer = client.delete(path).await?;
    ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.body);
    Ok(())
}

async fn total(client: &Client, path: &str) -> Result<Value> {
    Ok(client.get(path).await?.body["total"].clone())
}

fn named_type(name: &str, fields: usize) -> Value {
    let fields: Vec<_> = (0..fields)
        .map(|n| json!({"fieldName": format!("f{n}"), "fieldLabel": "a label", "fieldType": "string"}))
        .collect();
    json!({"typeName": name, "fields": fields})
}

fn generic(name: &str, value: &Value) -> Value {
    json!({"credentialName": name, "credentialTypeId": GENERIC, "keys": [
        {"fieldId": "00000000-0000-4000-8000-000000000601", "keyValue": value.to_string()}
    ]})
}

fn profile(name: &str, size: usize) -> Value {
    json!({"platform": "x", "platform_username": name, "credentials": {"secret": "s".repeat(size)}})
}

fn download(connection: &str, size: usize) -> Value {
    json!({"platform": "x", "creator_profile_id": connection, "auth_type": "password", "username": "u",
        "credentials": {"password": "p".repeat(size)}})
}

/// A session with this many cookies of a kilobyte each.
fn session(connection: &str, cookies: usize) -> Value {
    let cookies: Vec<_> = (0..cookies)
        .map(|n| json!({"name": format!("c{n}"), "value": "v".repeat(1000), "domain": ".x.com"}))
        .collect();
    json!({"creator_profile_id": connection, "platform": "x", "cookies": cookies})
}

async fn verb(client: &Client, verb: &str, body: &Value) -> Result<Answer> {
    client.post(&format!("/api/credentials/{verb}"), body).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn one_connection_or_download_credential_too_many_is_refused_until_one_is_deleted(
    store: Store,
) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (server, user) = stage.serve("2", "0").await?;
    let id = user.create_profile("x", "one").await?;
    user.create_profile("x", "two").await?;
    assert_too_many(&verb(&user, "create-profile", &profile("three", 1)).await?, "2 connections");
    assert_eq!(total(&user, CONNECTIONS).await?, 2);
    // Existing records still accept new credentials.
    assert_eq!(verb(&user, "create-profile", &profile("two", 1)).await?.body["updated"], true);
    for _ in 0..2 {
        assert_eq!(verb(&user, "create-download-cred", &download(&id, 1)).await?.status, 200);
    }
    let refused = verb(&user, "create-download-cred", &download(&id, 1)).await?;
    assert_too_many(&refused, "2 download credentials");
    assert_eq!(total(&user, DOWNLOADS).await?, 2);
    assert_eq!(stage.usage().await?.0, 4);

    let first = user.get(DOWNLOADS).await?.body["data"][0]["id"].clone();
    remove(&user, &format!("{DOWNLOADS}/{}", first.as_str().context("no id")?)).await?;
    assert_eq!(verb(&user, "create-download-cred", &download(&id, 1)).await?.status, 200);
    // Deleting a connection deletes everything that belongs to it.
    remove(&user, &format!("{CONNECTIONS}/{id}")).await?;
    assert_eq!(stage.usage().await?.0, 1);
    user.create_profile("x", "three").await?;
    // Sessions are never refused for their number: the one that ended first is deleted.
    let id = user.create_profile("x", "two").await?;
    for _ in 0..4 {
        assert_eq!(verb(&user, "store-platform-session", &session(&id, 1)).await?.status, 200);
    }
    assert_eq!(total(&user, "/api/platform-sessions").await?, 2);
    // Another user has their own quota.
    stage.others[0].sign_in(&server).await?.create_profile("x", "one").await?;
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn one_credential_type_project_or_member_too_many_is_refused_until_one_is_deleted(
    store: Store,
) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (server, user) = stage.serve("2", "0").await?;
    let refused = user.post(TYPES, &named_type("wide", 3)).await?;
    assert_too_many(&refused, "2 fields of credential types");
    assert_eq!(total(&user, TYPES).await?, BUILT_IN);
    let first = make(&user, TYPES, &named_type("one", 1)).await?;
    make(&user, TYPES, &named_type("two", 1)).await?;
    assert_too_many(&user.post(TYPES, &named_type("three", 1)).await?, "2 credential types");
    assert_too_many(&put(&user, &first, &named_type("one", 2)).await?, "2 fields of credential types");
    assert_eq!(total(&user, TYPES).await?, BUILT_IN + 2);
    remove(&user, &first).await?;
    make(&user, TYPES, &named_type("three", 1)).await?;

    let project = make(&user, PROJECTS, &json!({"projectName": "one"})).await?;
    let second = make(&user, PROJECTS, &json!({"projectName": "two"})).await?;
    assert_too_many(&user.post(PROJECTS, &json!({"projectName": "three"})).await?, "2 projects");
    assert_eq!(total(&user, PROJECTS).await?, 2);
    let ids = stage.other_ids(&server).await?;
    let members = json!({"userIds": ids});
    assert_eq!(user.post(&format!("{project}/members"), &members).await?.status, 200);
    let refused = user.post(&format!("{second}/members"), &json!({"userIds": [ids[0]]})).await?;
    assert_too_many(&refused, "2 members of projects");
    assert_eq!(user.get(&second).await?.body["memberIds"], json!([]));
    assert_eq!(stage.usage().await?.0, 8);
    // Deleting a user ends the memberships.
    stage.installation.succeed(&["user", "delete", stage.others[1].email()]).await?;
    assert_eq!(user.post(&format!("{second}/members"), &json!({"userIds": [ids[0]]})).await?.status, 200);
    remove(&user, &project).await?;
    make(&user, PROJECTS, &json!({"projectName": "three"})).await?;
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn one_app_credential_value_or_assignment_too_many_is_refused_until_one_is_deleted(
    store: Store,
) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (_server, user) = stage.serve("2", "0").await?;
    let first = make(&user, CREDENTIALS, &generic("one", &json!(1))).await?;
    let second = make(&user, CREDENTIALS, &generic("two", &json!(2))).await?;
    assert_too_many(&user.post(CREDENTIALS, &generic("three", &json!(3))).await?, "2 app credentials");
    let mut projects = Vec::new();
    for name in ["one", "two"] {
        let path = make(&user, PROJECTS, &json!({"projectName": name})).await?;
        projects.push(path.rsplit('/').next().context("no id")?.to_owned());
    }
    let to_both = json!({"projectIds": projects});
    let assign = async |path: &str, to: &Value| user.post(&format!("{path}/assign-projects"), to).await;
    assert_eq!(assign(&first, &to_both).await?.status, 200);
    assert_too_many(&assign(&second, &to_both).await?, "2 app credentials assigned to projects");
    assert_eq!(user.get(&second).await?.body["projectIds"], json!([]));
    remove(&user, &first).await?;
    assert_eq!(assign(&second, &to_both).await?.status, 200);
    let key = json!({"credentialName": "key", "credentialTypeId": API_KEY, "keys": [
        {"fieldId": "00000000-0000-4000-8000-000000000401", "keyValue": "https://api.example.org"},
        {"fieldId": "00000000-0000-4000-8000-000000000402", "keyValue": "key"}
    ]});
    assert_too_many(&user.post(CREDENTIALS, &key).await?, "2 values of app credentials");
    assert_eq!(total(&user, CREDENTIALS).await?, 1);
    remove(&user, &second).await?;
    make(&user, CREDENTIALS, &key).await?;
    assert_eq!(stage.usage().await?.0, 5);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn one_byte_too_many_is_refused_until_there_is_room(store: Store) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (server, user) = stage.serve("0", "1").await?;
    assert_eq!(verb(&user, "create-profile", &profile("one", 700_000)).await?.status, 200);
    assert_too_much(&verb(&user, "create-profile", &profile("two", 700_000)).await?);
    assert_eq!(total(&user, CONNECTIONS).await?, 1);
    let id = user.create_profile("x", "small").await?;
    let large = json!({"s": "s".repeat(700_000)});
    let service = server.service()?;
    let by_user = json!({"creator_profile_id": id, "credentials": large});
    for answer in [
        verb(&user, "update-profile-creds", &by_user).await?,
        verb(&service, "store", &json!({"creatorProfileId": id, "credentials": large})).await?,
        verb(&user, "create-download-cred", &download(&id, 700_000)).await?,
        verb(&user, "store-platform-session", &session(&id, 500)).await?,
    ] {
        assert_too_much(&answer);
    }
    let revealed = verb(&service, "reveal", &json!({"creatorProfileId": id})).await?;
    assert_eq!(revealed.body["credentials"], json!({}), "as it was");
    assert_eq!(
        (total(&user, DOWNLOADS).await?, total(&user, "/api/platform-sessions").await?),
        (json!(0), json!(0))
    );
    assert_eq!(stage.usage().await?.0, 2);
    let large = user.get(CONNECTIONS).await?.body["data"][1]["id"].clone();
    remove(&user, &format!("{CONNECTIONS}/{}", large.as_str().context("no id")?)).await?;
    assert_eq!(verb(&user, "store-platform-session", &session(&id, 500)).await?.status, 200);
    let (records, size) = stage.usage().await?;
    assert_eq!(records, 2);
    assert!(size.ends_with(" KiB") && size.len() > "99.9 KiB".len(), "{size}");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_user_over_a_lowered_limit_can_read_delete_and_shrink_records(store: Store) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (server, user) = stage.serve("0", "0").await?;
    let id = user.create_profile("x", "one").await?;
    for name in ["two", "three"] {
        assert_eq!(verb(&user, "create-profile", &profile(name, 700_000)).await?.status, 200);
    }
    assert_eq!(verb(&user, "store-platform-session", &session(&id, 100)).await?.status, 200);
    let defined = make(&user, TYPES, &named_type("wide", 4)).await?;
    let kept = make(&user, CREDENTIALS, &generic("one", &json!("v".repeat(50_000)))).await?;
    make(&user, CREDENTIALS, &generic("two", &json!("v"))).await?;
    let project = make(&user, PROJECTS, &json!({"projectName": "one"})).await?;
    let members = format!("{project}/members");
    let others = stage.other_ids(&server).await?;
    assert_eq!(user.post(&members, &json!({"userIds": others})).await?.status, 200);
    server.stop().await?;

    let (server, user) = stage.serve("1", "0").await?;
    assert_eq!(total(&user, CONNECTIONS).await?, 3);
    assert_too_many(&verb(&user, "create-profile", &profile("four", 1)).await?, "1 connections");
    assert_too_many(&user.post(CREDENTIALS, &generic("three", &json!("v"))).await?, "1 app credentials");
    // A change to the same size or more is refused, a change to less is not.
    assert_too_many(&put(&user, &defined, &named_type("wide", 5)).await?, "1 fields of credential types");
    assert_eq!(put(&user, &defined, &named_type("wide", 3)).await?.status, 200);
    assert_eq!(user.post(&members, &json!({"userIds": [others[1]]})).await?.status, 200);
    assert_too_many(&user.post(&members, &json!({"userIds": others})).await?, "1 members of projects");
    server.stop().await?;

    let (server, user) = stage.serve("0", "1").await?;
    let newest = json!({"creator_profile_id": id, "platform": "x"});
    assert_eq!(verb(&server.service()?, "get-platform-session", &newest).await?.status, 200);
    let edit = |size: usize| {
        let keys = generic("one", &json!("w".repeat(size)))["keys"].clone();
        json!({"credentialName": "one", "keys": keys})
    };
    assert_too_much(&put(&user, &kept, &edit(50_010)).await?);
    assert_eq!(put(&user, &kept, &edit(49_000)).await?.status, 200);
    assert_too_much(&verb(&user, "store-platform-session", &session(&id, 101)).await?);
    assert_eq!(verb(&user, "store-platform-session", &session(&id, 90)).await?.status, 200);
    // After deleting, there is room again.
    let listed = user.get(CONNECTIONS).await?.body["data"].clone();
    for connection in listed.as_array().into_iter().flatten() {
        remove(&user, &format!("{CONNECTIONS}/{}", connection["id"].as_str().context("no id")?)).await?;
    }
    user.create_profile("x", "four").await?;
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_do_not_exceed_a_limit_even_at_two_servers(store: Store) -> Result<()> {
    let mut stage = Stage::new(store).await?;
    let (server, user) = stage.serve("10", "1").await?;
    // SQLite has one server at a time.
    let second = if store == Store::Postgres { Some(stage.serve("10", "1").await?.0) } else { None };
    let clients = [user.clone(), user.at(second.as_ref().unwrap_or(&server))];
    for (round, (size, most)) in [(1, 10), (150_000, 5)].into_iter().enumerate() {
        let calls: Vec<_> = (0..40)
            .map(|number| {
                let client = clients[number % 2].clone();
                let body = profile(&format!("{round} {number}"), size);
                tokio::spawn(async move { verb(&client, "create-profile", &body).await })
            })
            .collect();
        let mut stored = 0;
        for call in calls {
            let answer = call.await??;
            if answer.status == 200 {
                stored += 1;
            } else if size == 1 {
                assert_too_many(&answer, "10 connections");
            } else {
                assert_too_much(&answer);
            }
        }
        assert_eq!(stored, most);
        assert_eq!(stage.usage().await?.0, most);
        let listed = user.get(&format!("{CONNECTIONS}?pageSize=100")).await?.body["data"].clone();
        for connection in listed.as_array().into_iter().flatten() {
            remove(&user, &format!("{CONNECTIONS}/{}", connection["id"].as_str().context("no id")?)).await?;
        }
        assert_eq!(stage.usage().await?, (0, "0.0 KiB".to_owned()));
    }
    Ok(())
}
