//! Features that only PostgreSQL has: several servers on one database, and row-level
//! security.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::server::{Client, PASSWORD, change_user};
use stagepass_tests::system::secret_search::SecretSearch;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_postgres::Client as Database;

const START_TIMEOUT: Duration = Duration::from_secs(30);
const API: &str = "/api/credentials";
/// A port without a listener: the start fails at the database.
const NOWHERE: &str = "127.0.0.1:9";

fn session(connection: &str, value: &str) -> Value {
    let cookie = json!({"name": "sessionid", "value": value, "domain": ".instagram.com"});
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie]})
}

async fn post(client: &Client, verb: &str, body: &Value) -> Result<Value> {
    let answer = client.post(&format!("{API}/{verb}"), body).await?;
    ensure!(answer.status == 200, "{verb}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

/// The message of a server that refuses to start.
async fn fault_at_start(installation: &Installation) -> Result<String> {
    let mut command = installation.command()?;
    let serving = command.args(["serve", "--listen", "127.0.0.1:0"]).kill_on_drop(true).output();
    let output = tokio::time::timeout(START_TIMEOUT, serving).await.context("it serves")??;
    ensure!(!output.status.success(), "it ended without a fault");
    Ok(String::from_utf8([output.stdout, output.stderr].concat())?)
}

#[tokio::test]
async fn two_servers_on_one_database_serve_the_same_users_at_once() -> Result<()> {
    let installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let (one, two) = tokio::try_join!(installation.serve(), installation.serve())?;
    let user = person.sign_in(&one).await?;
    let (services, users) = ([one.service()?, two.service()?], [user.clone(), user.at(&two)]);

    let clients: Vec<_> = (0..16)
        .map(|number| {
            let user = users[number % 2].clone();
            tokio::spawn(async move { user.create_profile("instagram", "fitcreator99").await })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for client in clients {
        ids.insert(client.await??);
    }
    assert_eq!(ids.len(), 1);
    let id = ids.first().context("no id")?;
    assert_eq!(users[1].get("/api/platform-connections").await?.body["total"], 1);

    // What one server stores, the other has at once; and only one session is active.
    for round in 0..10 {
        let (here, there) = (round % 2, (round + 1) % 2);
        post(&users[here], "store-platform-session", &session(id, &format!("value-{round}"))).await?;
        let wanted = json!({"creator_profile_id": id, "platform": "instagram"});
        let got = post(&services[there], "get-platform-session", &wanted).await?;
        assert_eq!(got["cookies"][0]["value"], format!("value-{round}"));
    }
    let both = users.map(|user| {
        let body = session(id, "at once");
        tokio::spawn(async move { post(&user, "store-platform-session", &body).await })
    });
    for stored in both {
        stored.await??;
    }
    let superuser = connect(&installation.postgres()?.superuser_url()).await?;
    let active = "SELECT count(*) FROM stagepass.platform_sessions WHERE status = 'active'";
    assert_eq!(superuser.query_one(active, &[]).await?.get::<_, i64>(0), 1);

    // Each wrote its own rows into the audit log, which is complete.
    let chains = "SELECT count(DISTINCT chain) FROM stagepass.audit_log";
    ensure!(superuser.query_one(chains, &[]).await?.get::<_, i64>(0) >= 2);
    installation.verify_audit_log().await?;
    let tampered = "DELETE FROM stagepass.audit_log WHERE (chain, sequence) IN
        (SELECT chain, sequence FROM stagepass.audit_heads ORDER BY chain LIMIT 1)";
    assert_eq!(superuser.execute(tampered, &[]).await?, 1);
    ensure!(!installation.run(&["audit", "verify"]).await?.status.success());
    Ok(())
}

/// Users' own records; in the test each user has one row in each table.
const TABLES: [&str; 12] = [
    "platform_connections",
    "platform_sessions",
    "download_credentials",
    "capture_requests",
    "credential_types WHERE owner_id IS NOT NULL",
    "credential_type_fields WHERE owner_id IS NOT NULL",
    "projects",
    "project_members",
    "app_credentials",
    "app_credential_keys",
    "app_credential_projects",
    "owner_usage",
];

/// How many rows a statement without a condition sees in each table.
async fn seen_as(database: &mut Database, actor: Option<&str>) -> Result<Vec<i64>> {
    let transaction = database.transaction().await?;
    if let Some(actor) = actor {
        transaction.query("SELECT set_config('stagepass.actor', $1, true)", &[&actor]).await?;
    }
    let mut counts = Vec::new();
    for table in TABLES {
        let count = format!("SELECT count(*) FROM stagepass.{table}");
        counts.push(transaction.query_one(&count, &[]).await?.get(0));
    }
    transaction.commit().await?;
    Ok(counts)
}

/// A credential of the user's own type, assigned to a project of which the user is a member.
async fn add_app_credential(user: &Client, user_id: &str) -> Result<()> {
    let make = async |path: &str, body: Value| -> Result<Value> {
        let answer = user.post(&format!("/api/v1/{path}"), &body).await?;
        ensure!(answer.status.is_success(), "{path}: {}", answer.body);
        Ok(answer.body)
    };
    let field = json!({"fieldName": "key", "fieldLabel": "Key", "fieldType": "password"});
    let of = make("credential-types", json!({"typeName": "own", "fields": [field]})).await?;
    let project = make("projects", json!({"projectName": "Website"})).await?["id"].clone();
    let members = format!("projects/{}/members", project.as_str().context("no id")?);
    make(&members, json!({"userIds": [user_id]})).await?;
    let keys = json!([{"fieldId": of["fields"][0]["id"], "keyValue": "v"}]);
    let credential =
        json!({"credentialName": "own", "credentialTypeId": of["id"], "keys": keys, "projectIds": [project]});
    make("app-credentials", credential).await?;
    Ok(())
}

#[tokio::test]
async fn the_servers_role_sees_only_the_acting_users_rows() -> Result<()> {
    let installation = Installation::new(Store::Postgres).await?;
    let people = [installation.add_person().await?, installation.add_person().await?];
    let server = installation.serve().await?;
    let service = server.service()?;
    let mut users = Vec::new();
    for person in &people {
        let user = person.sign_in(&server).await?;
        let id = user.create_profile("instagram", "fitcreator99").await?;
        post(&user, "store-platform-session", &session(&id, "v")).await?;
        let download = json!({"platform": "instagram", "creator_profile_id": id, "auth_type": "password",
            "username": "u", "credentials": {"password": "p"}});
        post(&user, "create-download-cred", &download).await?;
        post(&service, "request-capture", &json!({"creator_profile_id": id, "platform": "instagram"}))
            .await?;
        let me = user.get("/users/me").await?.body["data"]["id"].as_str().context("no id")?.to_owned();
        add_app_credential(&user, &me).await?;
        users.push(me);
    }
    let mut role = connect(&installation.postgres()?.url()).await?;
    assert_eq!(seen_as(&mut role, None).await?, [0; TABLES.len()]);
    for user in &users {
        assert_eq!(seen_as(&mut role, Some(user)).await?, [1; TABLES.len()]);
    }
    assert_eq!(seen_as(&mut role, Some("service")).await?, [2; TABLES.len()]);
    assert_eq!(seen_as(&mut role, None).await?, [0; TABLES.len()], "an actor ends with the transaction");
    Ok(())
}

#[tokio::test]
async fn a_superuser_or_one_with_bypassrls_is_refused_at_start() -> Result<()> {
    let mut installation = Installation::new(Store::Postgres).await?;
    let (own, superuser) = (installation.postgres()?.url(), installation.postgres()?.superuser_url());
    let admin = connect(&superuser).await?;
    installation.set("DATABASE_URL", superuser);
    ensure!(fault_at_start(&installation).await?.contains("superuser or has BYPASSRLS"));
    installation.set("DATABASE_URL", own);
    let name = installation.postgres()?.name();
    admin.batch_execute(&format!("ALTER ROLE {name} BYPASSRLS")).await?;
    ensure!(fault_at_start(&installation).await?.contains("superuser or has BYPASSRLS"));
    admin.batch_execute(&format!("ALTER ROLE {name} NOBYPASSRLS")).await?;
    installation.serve().await?.stop().await.map(drop)
}

#[tokio::test]
async fn no_secret_is_made_that_another_server_would_lack() -> Result<()> {
    let mut installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let needed = ["CREDENTIALS_ENC_KEY_B64_FILE", "STAGEPASS_JWT_SECRET_FILE"];
    let key = std::fs::read_to_string(installation.directory().join("credentials-enc-key"))?;
    for variable in needed {
        installation.unset(variable);
    }
    let fault = fault_at_start(&installation).await?;
    for variable in needed {
        let variable = variable.trim_end_matches("_FILE");
        ensure!(fault.contains(&format!("{variable} must be set when DATABASE_URL is set")), "{fault}");
    }
    installation.set("CREDENTIALS_ENC_KEY_B64", key);
    installation.set("STAGEPASS_JWT_SECRET", "0123456789abcdef0123456789abcdef");
    installation.unset("RBAC_SYNC_WEBHOOK_SECRET_FILE");
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    let id = user.create_profile("instagram", "fitcreator99").await?;
    let reveal = json!({"creatorProfileId": id});
    let answer = server.service_with("whatever").post(&format!("{API}/reveal"), &reveal).await?;
    assert_eq!(
        (answer.status.as_u16(), answer.body),
        (500, json!({"success": false, "error": "RBAC_SYNC_WEBHOOK_SECRET not set"}))
    );
    // A named token counts as a secret, too, until it is revoked.
    let add = ["service-token", "add", "downloader", "--verb", "reveal"];
    let named = server.service_with(installation.succeed(&add).await?.trim());
    for (client, status) in
        [(&named, 200), (&server.service_with("whatever"), 401), (&server.anonymous(), 401)]
    {
        assert_eq!(client.post(&format!("{API}/reveal"), &reveal).await?.status, status);
    }
    installation.succeed(&["service-token", "revoke", "downloader"]).await?;
    assert_eq!(named.post(&format!("{API}/reveal"), &reveal).await?.status, 500);
    Ok(())
}

#[tokio::test]
async fn a_password_appears_neither_in_errors_nor_in_logs() -> Result<()> {
    const PLANTED: &str = "planted-password-Wd8rT";
    let search = SecretSearch::new(&[PLANTED.into()])?;
    let mut installation = Installation::new(Store::Postgres).await?;
    let database = installation.postgres()?;
    let admin = connect(&database.superuser_url()).await?;
    let (name, address) = (database.name().to_owned(), database.url());
    let (_, address) = address.split_once('@').context("a URL names a user")?;
    let url = format!("postgres://{name}:{PLANTED}@{address}");
    for bad in [
        // A wrong password, no listener, no TLS, and malformed URLs.
        url.clone(),
        format!("postgres://{name}:{PLANTED}@{NOWHERE}/{name}"),
        format!("{url}?sslmode=require"),
        format!("{url}?sslmode={PLANTED}"),
        format!("{url}?{PLANTED}=1"),
        format!("mysql://{name}:{PLANTED}@{address}"),
        format!("postgres:{PLANTED}"),
    ] {
        installation.set("DATABASE_URL", &bad);
        let fault = fault_at_start(&installation).await?;
        let without = bad.replace(PLANTED, "…");
        ensure!(fault.contains("DATABASE_URL") || fault.contains("postgres://"), "{without}: {fault}");
        ensure!(!search.is_in(fault.as_bytes()), "the fault of {without} shows the password");
        // It says what to do.
        ensure!(!bad.ends_with("sslmode=require") || fault.contains("sslmode=disable"), "{fault}");
    }
    admin.batch_execute(&format!("ALTER ROLE {name} PASSWORD '{PLANTED}'")).await?;
    installation.set("DATABASE_URL", &url);
    let server = installation.serve().await?;
    change_user(installation.command()?, "add", "somebody@example.org", PASSWORD).await?;
    let user = server.user_named("somebody@example.org", PASSWORD).await?;
    user.create_profile("instagram", "fitcreator99").await?;
    ensure!(!search.is_in(&server.program().cmdline()?));
    ensure!(!search.is_in(&server.stop().await?), "the log shows the password");
    Ok(())
}

#[tokio::test]
async fn a_tail_cut_off_between_two_connections_is_reported() -> Result<()> {
    cut_while_serving(Meanwhile::ConnectionsEnd).await
}

#[tokio::test]
async fn a_tail_cut_off_behind_an_open_connection_is_reported() -> Result<()> {
    cut_while_serving(Meanwhile::Nothing).await
}

#[tokio::test]
async fn a_tail_cut_off_between_a_start_and_the_first_row_is_reported() -> Result<()> {
    cut_while_serving(Meanwhile::ServerStarts).await
}

#[tokio::test]
async fn a_chain_that_servers_take_over_from_each_other_is_complete() -> Result<()> {
    let installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let (one, two) = (installation.serve().await?, installation.serve().await?);
    let id = person.sign_in(&one).await?.create_profile("instagram", "fitcreator99").await?;
    let superuser = connect(&installation.postgres()?.superuser_url()).await?;
    for server in [&one, &two, &one, &two] {
        let service = server.service()?;
        // Appending fails once on a closed connection.
        service.post(&format!("{API}/reveal"), &json!({"creatorProfileId": id})).await?;
        for _ in 0..3 {
            post(&service, "reveal", &json!({"creatorProfileId": id})).await?;
        }
        ensure!(!superuser.query(END_CONNECTIONS, &[]).await?.is_empty());
    }
    let chains = "SELECT chain FROM stagepass.audit_log WHERE action = 'reveal' GROUP BY chain
        HAVING count(*) > 4";
    ensure!(!superuser.query(chains, &[]).await?.is_empty(), "no chain was taken over");
    installation.verify_audit_log().await?;
    let log = String::from_utf8([one.stop().await?, two.stop().await?].concat())?;
    ensure!(!log.contains("from outside"), "{log}");
    Ok(())
}

const END_CONNECTIONS: &str =
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_database()";

/// What else happens when the audit log is cut.
#[derive(Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    ConnectionsEnd,
    /// Just before.
    ServerStarts,
}

/// Cuts the newest rows of the audit log while a server runs.
async fn cut_while_serving(meanwhile: Meanwhile) -> Result<()> {
    let installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let mut server = installation.serve().await?;
    let id = person.sign_in(&server).await?.create_profile("instagram", "fitcreator99").await?;
    let superuser = connect(&installation.postgres()?.superuser_url()).await?;
    let run = async |sql: &str| superuser.batch_execute(sql).await;
    run("SET search_path = stagepass; CREATE TABLE kept_heads AS TABLE audit_heads").await?;
    post(&server.service()?, "reveal", &json!({"creatorProfileId": id})).await?;
    if meanwhile == Meanwhile::ServerStarts {
        let next = installation.serve().await?;
        std::mem::replace(&mut server, next).stop().await?;
    }
    let service = server.service()?;
    run("DELETE FROM audit_log l USING kept_heads k WHERE l.chain = k.chain AND l.sequence > k.sequence")
        .await?;
    run("DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept_heads").await?;
    installation.verify_audit_log().await?;
    if meanwhile == Meanwhile::ConnectionsEnd {
        ensure!(!superuser.query(END_CONNECTIONS, &[]).await?.is_empty());
        // Appending fails once on the closed connection.
        service.post(&format!("{API}/reveal"), &json!({"creatorProfileId": id})).await?;
    }
    // In turns on all connections of the pool.
    for _ in 0..10 {
        post(&service, "reveal", &json!({"creatorProfileId": id})).await?;
    }
    let output = installation.run(&["audit", "verify"]).await?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(said.matches("rows and lost some of them").count(), 1, "{said}");
    let log = String::from_utf8(server.stop().await?)?;
    let logged = "another program removed the newest rows of a chain of the audit log";
    assert_eq!(log.matches(logged).count(), 1, "{log}");
    Ok(())
}
