//! The harness itself: the PostgreSQL and the Directus that other test programs rely on.

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::faulty_directus::{Fault, FaultyDirectus};
use stagepass_tests::services::postgres::{self, Database};
use std::time::Duration;
use tokio_postgres::error::SqlState;

const ME: &str = "/users/me?fields=id,email,status";

#[tokio::test]
async fn a_databases_role_owns_it_and_has_no_other_power() {
    let database = Database::create().await.unwrap();
    let client = postgres::connect(&database.url()).await.unwrap();
    let (powers, owns) = (
        "rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication",
        "rolname = pg_get_userbyid(datdba)",
    );
    let role = format!(
        "SELECT {powers}, {owns} FROM pg_roles, pg_database
         WHERE rolname = current_user AND datname = current_database()"
    );
    let role = client.query_one(&role, &[]).await.unwrap();
    assert_eq!((role.get(0), role.get(1)), (false, true));
    client.batch_execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await.unwrap();

    let superuser = postgres::connect(&database.superuser_url()).await.unwrap();
    let seen = superuser.query_one("SELECT n FROM kept", &[]).await.unwrap();
    assert_eq!(seen.get::<_, i32>(0), 7);
    let durable = superuser.query_one("SELECT current_setting('fsync')", &[]).await.unwrap();
    assert_eq!(durable.get::<_, &str>(0), "off", "tests don't wait for the disk");
    let version =
        superuser.query_one("SELECT current_setting('server_version_num')::int", &[]).await.unwrap();
    assert!(version.get::<_, i32>(0) >= 150_000);
}

#[tokio::test]
async fn a_databases_role_cannot_enter_another_tests_database() {
    let (one, other) = (Database::create().await.unwrap(), Database::create().await.unwrap());
    assert_ne!(one.name(), other.name());
    let elsewhere = one.url().strip_suffix(one.name()).unwrap().to_owned() + other.name();
    let refused = postgres::connect(&elsewhere).await.unwrap_err();
    let refused = refused.downcast::<tokio_postgres::Error>().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    // The URL alone was at fault, not the password in it.
    postgres::connect(&one.url()).await.unwrap();
}

#[tokio::test]
async fn a_database_and_its_role_are_dropped_with_the_handle_despite_open_clients() {
    let watching = Database::create().await.unwrap();
    let watcher = postgres::connect(&watching.superuser_url()).await.unwrap();
    let dropped = Database::create().await.unwrap();
    let client = postgres::connect(&dropped.url()).await.unwrap();
    let name = dropped.name().to_owned();
    let count = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)
                      + (SELECT count(*) FROM pg_roles WHERE rolname = $1)";
    assert_eq!(watcher.query_one(count, &[&name]).await.unwrap().get::<_, i64>(0), 2);
    drop(dropped);
    assert_eq!(watcher.query_one(count, &[&name]).await.unwrap().get::<_, i64>(0), 0);
    assert!(client.simple_query("SELECT 1").await.is_err());
}

#[tokio::test]
async fn directus_identifies_a_user_by_their_token_and_nobody_without_one() {
    let directus = Directus::of_this_run().unwrap();
    let user = directus.create_user().await.unwrap();
    let token = user.sign_in().await.unwrap();
    let me = directus.with_token(&token).get(ME).await.unwrap();
    assert_eq!((me.status.as_u16(), &me.body["data"]["id"]), (200, &json!(user.id())));

    assert_eq!(directus.anonymous().get(ME).await.unwrap().status, 401);
    let wrong = directus.with_token(&"nonsense".into()).get(ME).await.unwrap();
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.body["errors"][0]["extensions"]["code"], "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn directus_signs_access_tokens_with_the_secret_of_this_run() {
    let directus = Directus::of_this_run().unwrap();
    let user = directus.create_user().await.unwrap();
    let token = user.sign_in().await.unwrap();
    let key = jsonwebtoken::DecodingKey::from_secret(directus.secret().expose_secret().as_bytes());
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_issuer(&["directus"]);
    let claims = jsonwebtoken::decode::<Value>(token.expose_secret(), &key, &rules).unwrap().claims;
    assert_eq!(claims["id"], user.id());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15 * 60);
}

/// The user's own token keeps working until it expires.
#[tokio::test]
async fn only_the_administrator_and_the_next_sign_in_see_a_suspension() {
    let directus = Directus::of_this_run().unwrap();
    let user = directus.create_user().await.unwrap();
    let token = user.sign_in().await.unwrap();
    user.suspend().await.unwrap();
    let me = directus.with_token(&token).get(ME).await.unwrap();
    assert_eq!((me.status.as_u16(), me.body), (200, json!({"data": {"id": user.id()}})));
    let query = json!({"filter": {"id": {"_eq": user.id()}}, "fields": "status"});
    assert_eq!(directus.search("/users", &query).await.unwrap(), [json!({"status": "suspended"})]);
    assert!(user.sign_in().await.unwrap_err().to_string().contains("401"));
    user.activate().await.unwrap();
    user.sign_in().await.unwrap();
}

/// Tests rely on this cache, which never learns of a change.
#[tokio::test]
async fn directus_only_caches_answers_to_get() {
    let directus = Directus::of_this_run().unwrap();
    let user = directus.create_user().await.unwrap();
    let cached = async || {
        let path = format!("/users/{}?fields=status", user.id());
        directus.admin().get(&path).await.unwrap().body["data"]["status"].clone()
    };
    let now = async || {
        let query = json!({"filter": {"id": {"_eq": user.id()}}, "fields": "status"});
        directus.search("/users", &query).await.unwrap()[0]["status"].clone()
    };
    assert_eq!((cached().await, now().await), (json!("active"), json!("active")));
    user.suspend().await.unwrap();
    assert_eq!((cached().await, now().await), (json!("active"), json!("suspended")));
}

#[tokio::test]
async fn the_administrator_makes_reads_and_removes_items() {
    let directus = Directus::of_this_run().unwrap();
    let admin = directus.admin();
    let id = json!({"field": "id", "type": "integer", "schema": {"is_primary_key": true}});
    let name = json!({"field": "name", "type": "string"});
    let made = json!({"collection": "harness_probe", "schema": {}, "fields": [id, name]});
    assert_eq!(admin.post("/collections", &made).await.unwrap().status, 200);
    let item = json!({"id": 4, "name": "drummer"});
    assert_eq!(admin.post("/items/harness_probe", &item).await.unwrap().body["data"], item);
    assert_eq!(directus.item("harness_probe", "4").await.unwrap(), Some(item));
    assert_eq!(directus.item("harness_probe", "5").await.unwrap(), None);
    assert!(directus.item("no_such_collection", "4").await.is_err());
    assert_eq!(admin.delete("/collections/harness_probe").await.unwrap().status, 204);
}

#[tokio::test]
async fn the_faulty_directus_without_a_fault_is_the_real_one() {
    let directus = Directus::of_this_run().unwrap();
    let faulty = FaultyDirectus::start(&directus).await.unwrap();
    let user = directus.create_user().await.unwrap();
    let token = user.sign_in().await.unwrap();
    let http = reqwest::Client::new();
    let me = || http.get(format!("{}{ME}", faulty.url())).bearer_auth(token.expose_secret()).send();
    let direct = directus.with_token(&token).get(ME).await.unwrap();
    for count in 1..=2 {
        let through = me().await.unwrap();
        assert_eq!(
            (through.status(), &through.headers()["content-type"]),
            (direct.status, &direct.headers["content-type"])
        );
        assert_eq!(through.json::<Value>().await.unwrap(), direct.body);
        assert_eq!(faulty.requests("/users/me"), count);
    }
    assert_eq!(faulty.requests("/users"), 0);
}

#[tokio::test]
async fn the_faulty_directus_answers_what_it_is_told_on_the_paths_it_is_told() {
    let directus = Directus::of_this_run().unwrap();
    let faulty = FaultyDirectus::start(&directus).await.unwrap();
    let body = json!({"errors": [{"message": "broken"}]});
    faulty.fail("/users", Fault::Answer { status: 500, body: body.to_string().into() });
    faulty.fail("/items", Fault::Garbage);
    let get = |path: &str| reqwest::get(format!("{}{path}", faulty.url()));
    let failed = get(ME).await.unwrap();
    assert_eq!((failed.status().as_u16(), failed.json::<Value>().await.unwrap()), (500, body));
    let garbage = get("/items/anything").await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert!(std::str::from_utf8(&garbage.bytes().await.unwrap()).is_err());
    assert_eq!(get("/server/ping").await.unwrap().text().await.unwrap(), "pong");
    faulty.heal();
    assert_eq!(get(ME).await.unwrap().status(), 401);
    assert_eq!(faulty.requests("/users/me"), 2);
}

#[tokio::test]
async fn the_faulty_directus_closes_connections_before_and_after_a_request_is_carried_out() {
    let directus = Directus::of_this_run().unwrap();
    let faulty = FaultyDirectus::start(&directus).await.unwrap();
    let user = directus.create_user().await.unwrap();
    let http = reqwest::Client::new();
    let rename = |name: &'static str| {
        let request = http.request(Method::PATCH, format!("{}/users/{}", faulty.url(), user.id()));
        let token = directus.admin_token().expose_secret();
        request.bearer_auth(token).json(&json!({"first_name": name})).send()
    };
    let name = async || {
        let query = json!({"filter": {"id": {"_eq": user.id()}}});
        directus.search("/users", &query).await.unwrap()[0]["first_name"].clone()
    };
    faulty.fail("/users", Fault::Close);
    assert!(rename("Lost").await.unwrap_err().is_request());
    assert_eq!(name().await, Value::Null);
    faulty.heal();
    faulty.fail("/users", Fault::LoseAnswer);
    assert!(rename("Kept").await.unwrap_err().is_request());
    assert_eq!(name().await, "Kept");
}

#[tokio::test]
async fn the_faulty_directus_is_slow_where_it_is_told_and_unreachable_once_it_is_stopped() {
    let directus = Directus::of_this_run().unwrap();
    let faulty = FaultyDirectus::start(&directus).await.unwrap();
    let url = format!("{}/server/ping", faulty.url());
    let http = reqwest::Client::new();
    faulty.fail("/server", Fault::Delay(Duration::from_secs(3600)));
    let slow = http.get(&url).timeout(Duration::from_millis(200)).send().await;
    assert!(slow.unwrap_err().is_timeout());
    faulty.heal();
    faulty.fail("/server", Fault::Delay(Duration::from_millis(1)));
    assert_eq!(http.get(&url).send().await.unwrap().text().await.unwrap(), "pong");
    faulty.stop().await;
    assert!(http.get(&url).send().await.unwrap_err().is_connect());
}
