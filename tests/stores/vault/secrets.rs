//! Secrets that stay hidden from an attacker who has the database, the disk, the log or the
//! server's memory but not the master password; and checks with the real libsodium.

use super::stage::{CREDENTIALS, PASSWORD, Stage, add, literal, refusal, reveal, start};
use crate::UNKNOWN;
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use macro_rules_attribute::apply;
use memchr::memmem;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::process_memory;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::tools::libsodium::Libsodium;
use std::path::PathBuf;
use std::time::Duration;

const API_KEY: &str = "planted-api-key-Tw9cZ";
const NEW: &str = "planted-new-master-Ux6kD";
const START_TIMEOUT: Duration = Duration::from_secs(60);

async fn salt(stage: &Stage) -> Result<String> {
    Ok(hex::encode(stage.bytes("SELECT salt FROM vault").await?.first().context("no vault")?))
}

async fn change_password(stage: &Stage, password: &str) -> Result<()> {
    let body = json!({"current": PASSWORD, "password": password, "confirm": password});
    let answer = stage.vault.post("/api/auth/change-password", &body).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn libsodium_and_the_vault_open_each_others_values(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let libsodium = Libsodium::prepare().await?;
    let keys = [API_KEY.to_owned(), "Schlüssel €".to_owned(), "k".repeat(16_384)];
    for (number, key) in keys.iter().enumerate() {
        add(&stage.vault, "openai", &number.to_string(), key).await?;
    }
    for password in [PASSWORD, NEW] {
        let sealed = stage.bytes("SELECT sealed_key FROM vault_credentials ORDER BY name").await?;
        let sealed: Vec<_> = sealed.iter().map(hex::encode).collect();
        let canary = hex::encode(&stage.bytes("SELECT canary FROM vault").await?[0]);
        let open = [sealed, vec![canary]].concat();
        let task = json!({"password": password, "salt": salt(stage).await?, "open": open});
        let opened = libsodium.ask(&task).await?["opened"].clone();
        assert_eq!(opened, json!([keys[0], keys[1], keys[2], "stagepass vault canary"]));
        if password == PASSWORD {
            change_password(stage, NEW).await?;
        }
    }

    let id = "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";
    let entry = json!({"id": id, "service": "anthropic", "name": "of libsodium", "created_at": 1_700_000_000_123_i64,
        "key": "sealed elsewhere"});
    let task = json!({"password": NEW, "salt": salt(stage).await?, "seal": [entry]});
    let sealed = libsodium.ask(&task).await?["sealed"][0].clone();
    let [key, mac] = ["sealed", "mac"].map(|part| literal(store, sealed[part].as_str().unwrap_or_default()));
    let insert = format!(
        "INSERT INTO vault_credentials (id, service, name, sealed_key, mac, key_epoch, created_at)
         VALUES ('{id}', 'anthropic', 'of libsodium', {key}, {mac}, 2, 1700000000123)"
    );
    assert_eq!(stage.change(&insert).await?, 1);
    let revealed = reveal(&stage.vault, id).await?.body;
    assert_eq!(
        (&revealed["key"], &revealed["created_at"]),
        (&json!("sealed elsewhere"), &json!(1_700_000_000))
    );
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_master_key_is_gone_from_memory_once_requests_have_ended(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let libsodium = Libsodium::prepare().await?;
    let ask = async |password: &str| -> Result<Vec<u8>> {
        let task = json!({"password": password, "salt": salt(stage).await?});
        Ok(hex::decode(libsodium.ask(&task).await?["key"].as_str().context("no key")?)?)
    };
    let former = ask(PASSWORD).await?;
    let other = stage.server.vault(PASSWORD).await?;
    for number in 0..20 {
        let vault = if number % 2 == 0 { &stage.vault } else { &other };
        let id = add(vault, "openai", &number.to_string(), API_KEY).await?;
        assert_eq!(reveal(vault, &id).await?.body["key"], API_KEY);
    }
    let wrong =
        stage.server.anonymous().post("/api/auth/login", &json!({"password": "wrong password"})).await?;
    assert_eq!(wrong.status, 401);
    let ids = stage.vault.get(CREDENTIALS).await?.body;
    let first = format!("{CREDENTIALS}/{}", ids[0]["id"].as_str().context("no id")?);
    assert_eq!(stage.vault.delete(&first).await?.status, 200);
    let failing = json!({"current": "wrong password", "password": NEW, "confirm": NEW});
    assert_eq!(stage.vault.post("/api/auth/change-password", &failing).await?.status, 401);
    change_password(stage, NEW).await?;
    assert_eq!(other.get(CREDENTIALS).await?.status, 401);
    let ended = stage.server.vault(NEW).await?;
    assert_eq!(ended.post("/api/auth/logout", &Value::Null).await?.status, 200);
    // One client hangs up while its key is derived.
    let login = stage.server.anonymous().request(Method::POST, "/api/auth/login");
    let login = login.json(&json!({"password": NEW})).timeout(Duration::from_millis(200));
    assert!(login.send().await.is_err());
    assert_eq!(
        stage.server.vault(NEW).await?.get(CREDENTIALS).await?.status,
        200,
        "it works once that is done"
    );
    let key = ask(NEW).await?;

    // The search works: it finds the key of the Credentials API, which is in memory.
    let known = std::fs::read_to_string(stage.installation.directory().join("credentials-enc-key"))?;
    let known = STANDARD.decode(known.trim())?;
    let halves = [&key[..16], &key[16..], &former[..16], &former[16..], &known[..16]];
    let counts = process_memory::count(stage.server.program().id()?, &halves)?;
    assert_eq!(counts[..4], [0; 4], "halves of the master keys");
    assert!(counts[4] > 0, "the search finds nothing at all");
    assert_not_in_the_database(stage, &[&key, &former]).await
}

/// The keys are not in the tables with what they seal.
async fn assert_not_in_the_database(stage: &Stage, keys: &[&[u8]]) -> Result<()> {
    for (table, columns) in [
        ("vault", "salt, canary"),
        ("vault_credentials", "sealed_key, mac"),
        ("vault_sessions", "sealed_master_key"),
    ] {
        for column in columns.split(", ") {
            let values = stage.bytes(&format!("SELECT {column} FROM {table}")).await?;
            assert!(!values.is_empty(), "{table}.{column} is empty");
            let holds = |value: &Vec<u8>| keys.iter().any(|key| memmem::find(value, &key[..16]).is_some());
            assert!(!values.iter().any(holds), "{table}.{column} shows the key");
        }
    }
    for file in std::fs::read_dir(stage.installation.directory())? {
        let bytes = std::fs::read(file?.path())?;
        assert!(keys.iter().all(|key| memmem::find(&bytes, &key[..16]).is_none()));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn no_secret_lies_in_the_database_the_data_directory_or_the_log(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let id = add(&stage.vault, "openai", "a", API_KEY).await?;
    reveal(&stage.vault, &id).await?;
    change_password(&stage, NEW).await?;
    let wrong = "planted-wrong-Gy2mH";
    let refused = stage.server.anonymous().post("/api/auth/login", &json!({"password": wrong})).await?;
    assert_eq!(refused.status, 401);
    let token =
        stage.vault.request(Method::GET, "/").build()?.headers()["authorization"].to_str()?.to_owned();
    let token = token.trim_start_matches("Bearer fn_sess_");
    let search = SecretSearch::new(&[PASSWORD, NEW, wrong, API_KEY, token].map(Into::into))?;

    for table in ["vault", "vault_credentials", "vault_sessions", "audit_log", "login_attempts"] {
        let rows = match store {
            Store::Postgres => {
                stage.bytes(&format!("SELECT convert_to({table}::text, 'UTF8') FROM {table}")).await?
            }
            // The SQLite file is searched below.
            _ => continue,
        };
        ensure!(!rows.is_empty(), "{table} is empty");
        for row in rows {
            assert!(!search.is_in(&row), "a row of {table} shows a secret");
            // Hexadecimal values are searched in decoded form, too.
            let text = String::from_utf8(row)?;
            assert!(
                !text
                    .split([',', '"', '\\', 'x'])
                    .any(|part| hex::decode(part).is_ok_and(|bytes| search.is_in(&bytes)))
            );
        }
    }
    assert!(!search.is_in(&stage.server.program().cmdline()?));
    assert_eq!(search.files_in(stage.installation.directory())?, Vec::<PathBuf>::new());
    assert!(!search.is_in(&stage.server.stop().await?), "the log shows a secret");
    assert_eq!(search.files_in(stage.installation.directory())?, Vec::<PathBuf>::new());
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn values_moved_or_changed_in_the_database_do_not_open(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(add(&stage.vault, "openai", name, API_KEY).await?);
    }
    let changes = [
        "UPDATE vault_credentials SET sealed_key = (SELECT sealed_key FROM vault_credentials WHERE name = 'd'),
             mac = (SELECT mac FROM vault_credentials WHERE name = 'd') WHERE name = 'a'",
        "UPDATE vault_credentials SET service = 'anthropic' WHERE name = 'b'",
        &format!("UPDATE vault_credentials SET sealed_key = {} WHERE name = 'c'", literal(store, "00")),
    ];
    for statement in changes {
        assert_eq!(stage.change(statement).await?, 1);
    }
    for id in &ids[..3] {
        assert_eq!(
            refusal(&reveal(&stage.vault, id).await?),
            (500, "Stored credentials cannot be decrypted")
        );
    }
    assert_eq!(reveal(&stage.vault, &ids[3]).await?.body["key"], API_KEY);
    let log = stage.installation.audit_list().await?;
    assert!(!log.contains(&format!("vault reveal\tvault_credentials/{}\tok", ids[0])), "{log}");
    let shown = stage.vault.get(&format!("{CREDENTIALS}/{}", ids[0])).await?.body;
    assert_eq!(shown["last_used_at"], Value::Null, "a failed reveal does not count as use");
    assert!(
        log.contains(&format!("vault_credentials/{}\tStored credentials cannot be decrypted", ids[0])),
        "{log}"
    );
    // A password change is refused while something does not open: it would be lost for good.
    let body = json!({"current": PASSWORD, "password": NEW, "confirm": NEW});
    let answer = stage.vault.post("/api/auth/change-password", &body).await?;
    assert_eq!(refusal(&answer), (500, "Stored credentials cannot be decrypted"));
    let again = stage.server.vault(PASSWORD).await?;
    assert_eq!(reveal(&again, &ids[3]).await?.body["key"], API_KEY);

    // A session with a later expiry, or with another one's key, opens nothing.
    for forged in [
        "UPDATE vault_sessions SET expires_at = expires_at + 1",
        "UPDATE vault_sessions SET expires_at = expires_at - 1, sealed_master_key = (SELECT sealed_master_key
             FROM vault_sessions ORDER BY sequence LIMIT 1)
         WHERE sequence = (SELECT max(sequence) FROM vault_sessions)",
    ] {
        assert!(stage.change(forged).await? > 0);
        assert_eq!(refusal(&reveal(&again, &ids[3]).await?), (401, "Unauthorized"));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_session_of_another_vault_opens_nothing_here(store: Store) -> Result<()> {
    let (stage, other) = (&start(store).await?, &start(store).await?);
    let columns = ["token_hash", "sealed_master_key"];
    let mut literals = Vec::new();
    for column in columns {
        literals.push(literal(
            store,
            &hex::encode(&other.bytes(&format!("SELECT {column} FROM vault_sessions")).await?[0]),
        ));
    }
    let text = |query: &str| match store {
        Store::Postgres => format!("SELECT convert_to(({query})::text, 'UTF8')"),
        _ => format!("SELECT CAST(({query}) AS BLOB)"),
    };
    let end = other.bytes(&text("SELECT expires_at FROM vault_sessions")).await?.remove(0);
    let insert = format!(
        "INSERT INTO vault_sessions (token_hash, sealed_master_key, key_epoch, expires_at) VALUES ({}, {}, 1, {})",
        literals[0],
        literals[1],
        String::from_utf8(end)?
    );
    assert_eq!(stage.change(&insert).await?, 1);
    let theirs = other.vault.at(&stage.server);
    assert_eq!(refusal(&theirs.get(CREDENTIALS).await?), (401, "Unauthorized"));
    let planted = json!({"service": "openai", "name": "planted", "key": "k"});
    assert_eq!(refusal(&theirs.post(CREDENTIALS, &planted).await?), (401, "Unauthorized"));
    assert_eq!(stage.vault.get(CREDENTIALS).await?.body, json!([]));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_vault_that_was_changed_from_outside_stops_the_start_and_every_login(store: Store) -> Result<()> {
    let stage = start(store).await?;
    add(&stage.vault, "openai", "a", API_KEY).await?;
    let salt = literal(store, &salt(&stage).await?);
    let canary = literal(store, &hex::encode(&stage.bytes("SELECT canary FROM vault").await?[0]));
    let altered = "another program changed the vault's salt, canary or key epoch";
    let strays = "the vault has API keys of another key epoch";
    let zeros = |count| literal(store, &"00".repeat(count));
    for (wrong, right, expected) in [
        (
            format!("UPDATE vault SET salt = {}", zeros(16)),
            format!("UPDATE vault SET salt = {salt}"),
            altered,
        ),
        (
            format!("UPDATE vault SET salt = {}", zeros(15)),
            format!("UPDATE vault SET salt = {salt}"),
            altered,
        ),
        (
            format!("UPDATE vault SET canary = {}", zeros(62)),
            format!("UPDATE vault SET canary = {canary}"),
            altered,
        ),
        ("UPDATE vault SET key_epoch = 2".to_owned(), "UPDATE vault SET key_epoch = 1".to_owned(), altered),
        (
            "UPDATE vault_credentials SET key_epoch = 2".to_owned(),
            "UPDATE vault_credentials SET key_epoch = 1".to_owned(),
            strays,
        ),
    ] {
        assert_eq!(stage.change(&wrong).await?, 1);
        let mut command = stage.installation.command()?;
        let serving = command.args(["serve", "--listen", "127.0.0.1:0"]).kill_on_drop(true).output();
        let output = tokio::time::timeout(START_TIMEOUT, serving).await.context("it serves")??;
        let words = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert!(!output.status.success() && words.contains(expected), "{wrong}: {words}");
        if expected == altered {
            let login =
                stage.server.anonymous().post("/api/auth/login", &json!({"password": PASSWORD})).await?;
            assert_eq!(refusal(&login), (500, "Internal error"));
        }
        stage.change(&right).await?;
    }
    stage.change("DELETE FROM vault").await?;
    let mut command = stage.installation.command()?;
    let serving = command.args(["serve", "--listen", "127.0.0.1:0"]).kill_on_drop(true).output();
    let output = tokio::time::timeout(START_TIMEOUT, serving).await.context("it serves")??;
    let words = String::from_utf8([output.stdout, output.stderr].concat())?;
    assert!(!output.status.success() && words.contains(strays), "{words}");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn neither_module_opens_what_the_other_has_sealed(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let person = stage.installation.add_person().await?;
    let user = person.sign_in(&stage.server).await?;
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    let id = add(&stage.vault, "openai", "a", API_KEY).await?;
    // Each module's blob in the other's place, as far as the columns allow it.
    let blob = match store {
        Store::Postgres => "convert_to(encrypted_credentials, 'UTF8')",
        _ => "CAST(encrypted_credentials AS BLOB)",
    };
    let into_the_vault =
        format!("UPDATE vault_credentials SET sealed_key = (SELECT {blob} FROM platform_connections)");
    let sealed = STANDARD.encode(&stage.bytes("SELECT sealed_key FROM vault_credentials").await?[0]);
    let out_of_it = format!("UPDATE platform_connections SET encrypted_credentials = '{sealed}'");
    assert_eq!(stage.change(&into_the_vault).await?, 1);
    assert_eq!(stage.change(&out_of_it).await?, 1);
    assert_eq!(refusal(&reveal(&stage.vault, &id).await?), (500, "Stored credentials cannot be decrypted"));
    let body = json!({"creatorProfileId": connection});
    let answer = stage.server.service()?.post("/api/credentials/reveal", &body).await?;
    let expected = json!({"success": false, "error": "Stored credentials cannot be decrypted"});
    assert_eq!((answer.status.as_u16(), answer.body), (500, expected));
    // Neither module finds the other's records by id.
    assert_eq!(refusal(&reveal(&stage.vault, &connection).await?), (404, "credential not found"));
    let answer =
        stage.server.service()?.post("/api/credentials/reveal", &json!({"creatorProfileId": id})).await?;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (404, &Value::from("Not found")));
    assert_eq!(refusal(&reveal(&stage.vault, UNKNOWN).await?), (404, "credential not found"));
    Ok(())
}
