//! What remains after faults of Directus, and after callers who leave early.

use super::{SESSIONS, Setup, only_active_ones_have_sealed_parts, statuses};
use reqwest::StatusCode;
use serde_json::json;
use stagepass_tests::services::faulty_directus::Fault;
use stagepass_tests::services::server_on_directus;
use stagepass_tests::system::wait;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn the_server_is_ready_exactly_while_directus_answers_properly() {
    let setup = Setup::new().await.unwrap();
    let client = setup.server.anonymous();
    let error = |status, code: &str| {
        let body = json!({"errors": [{"message": "x", "extensions": {"code": code}}]});
        Fault::Answer { status, body: body.to_string().into() }
    };
    assert_eq!(client.get("/readyz").await.unwrap().status, StatusCode::OK);
    for (fault, expected) in [
        (Fault::Close, "Directus unavailable"),
        (Fault::Delay(Duration::from_secs(20)), "Directus does not answer"),
        (Fault::Garbage, "Directus failed"),
        (error(500, "INTERNAL_SERVER_ERROR"), "Directus failed"),
        (error(401, "INVALID_CREDENTIALS"), "Directus refuses access"),
        (error(429, "REQUESTS_EXCEEDED"), "Directus busy"),
        (error(503, "SERVICE_UNAVAILABLE"), "Directus busy"),
    ] {
        setup.proxy.fail("/items/", fault);
        let refused = wait::until("the fault", Duration::from_secs(10), async || {
            let answer = client.get("/readyz").await?;
            Ok((answer.status != StatusCode::OK).then_some(answer))
        });
        let refused = refused.await.unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.body, json!({"success": false, "error": expected}));
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(client.get("/healthz").await.unwrap().status, StatusCode::OK);
        setup.proxy.heal();
        // The result is cached for a second.
        let ready = wait::until("it to be ready", Duration::from_secs(10), async || {
            Ok((client.get("/readyz").await?.status == StatusCode::OK).then_some(()))
        });
        ready.await.unwrap();
    }
}

#[tokio::test]
async fn a_capture_whose_answer_was_lost_is_complete_or_absent() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    setup.proxy.fail("/items/platform_sessions", Fault::Close);
    let answer = setup.capture(&id, "never").await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (503, &json!("Directus unavailable")));
    setup.proxy.heal();
    assert_eq!(
        (setup.served(&id).await.unwrap(), setup.kept_sessions().await.unwrap().len()),
        ("before".to_owned(), 1)
    );
    setup.proxy.fail("/items/platform_sessions", Fault::LoseAnswer);
    assert_eq!(setup.capture(&id, "maybe").await.unwrap().status.as_u16(), 503);
    setup.proxy.heal();
    assert!(["before", "maybe"].contains(&&*setup.served(&id).await.unwrap()));
    assert_eq!(setup.capture(&id, "after").await.unwrap().status, StatusCode::OK);
    assert_eq!(setup.served(&id).await.unwrap(), "after");
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions).iter().filter(|status| *status == "active").count(), 1);
    assert!(only_active_ones_have_sealed_parts(&sessions));
}

#[tokio::test]
async fn a_capture_takes_three_calls_and_is_done_once_directus_has_it() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let methods = ["SEARCH", "POST", "PATCH"];
    let calls = || {
        let of = |collection: &str| {
            methods.map(|method| setup.proxy.requests(&format!("{method} /items/{collection}")))
        };
        [of("platform_connections"), of("platform_sessions")]
    };
    let made = async |value: &str| {
        let before = calls();
        assert_eq!(setup.capture(&id, value).await.unwrap().status, StatusCode::OK);
        let after = calls();
        [0, 1].map(|table| [0, 1, 2].map(|method| after[table][method] - before[table][method]))
    };
    assert_eq!(made("first").await, [[1, 0, 0], [1, 1, 0]]);
    assert_eq!(made("second").await, [[0, 0, 0], [1, 1, 1]]);
    // Later failures only leave cookies behind that nobody is given.
    setup.proxy.fail("PATCH /items/platform_sessions", Fault::Close);
    made("third").await;
    assert_eq!(setup.served(&id).await.unwrap(), "third");
    setup.proxy.heal();
    made("fourth").await;
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "superseded", "active"]);
    assert!(only_active_ones_have_sealed_parts(&sessions));
}

/// A new version needs fields that only `directus bootstrap` adds. Directus ignores unknown fields of
/// new items, so their values would be lost.
#[tokio::test]
async fn without_a_new_field_nothing_is_stored_and_the_error_names_it() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    setup.proxy.fail("SEARCH /items/platform_sessions", Fault::LacksField("renewed_by"));
    let answer = setup.capture(&id, "never").await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body["error"].as_str().unwrap().contains("\\\"renewed_by\\\""), "{}", answer.body);
    assert!(setup.served(&id).await.unwrap().contains("renewed_by"));
    setup.proxy.heal();
    assert_eq!(setup.kept_sessions().await.unwrap().len(), 1);
    setup.proxy.fail("/items/platform_connections", Fault::LacksField("write_back_allowed"));
    let written = setup.proxy.requests("PATCH /items/platform_connections");
    let allow = setup.user.allow_write_back(&id, true).await.unwrap();
    assert_eq!(allow.status, StatusCode::BAD_GATEWAY);
    assert!(allow.body["error"].as_str().unwrap().contains("write_back_allowed"), "{}", allow.body);
    assert_eq!(setup.proxy.requests("PATCH /items/platform_connections"), written);
    setup.proxy.heal();
    // The server asks for the field by this name.
    let query = json!({"fields": "renewed_by,entry_count,encrypted_origins", "limit": 1});
    setup.directus.search("/items/platform_sessions", &query).await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "before");
}

#[tokio::test]
async fn a_field_that_directus_lacks_is_named_at_the_start() {
    let setup = Setup::new().await.unwrap();
    for field in ["write_back_allowed", "renewed_by", "encrypted_origins"] {
        setup.proxy.heal();
        setup.proxy.fail("/items/", Fault::LacksField(field));
        let directory = tempfile::tempdir().unwrap();
        let server = server_on_directus::start(directory.path(), &setup.directus, &setup.proxy.url()).await;
        let log = String::from_utf8(server.unwrap().stop().await.unwrap()).unwrap();
        let names_it = |line: &str| line.contains(field) && line.contains("directus bootstrap");
        assert!(log.lines().any(names_it), "{field}: {log}");
    }
}

#[tokio::test]
async fn the_audit_log_has_each_intent_and_its_outcome() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let body = json!({"platform": "instagram", "creator_profile_id": id, "auth_type": "password",
        "username": "one", "credentials": {"password": "p"}});
    setup.proxy.fail("/items/download_credentials", Fault::LoseAnswer);
    setup.user.post("/api/credentials/create-download-cred", &body).await.unwrap();
    setup.proxy.heal();
    let refused = json!({"errors": [{"message": "No."}]}).to_string();
    let refused = Fault::Answer { status: 400, body: refused.into() };
    setup.proxy.fail("POST /items/platform_sessions", refused);
    setup.capture(&id, "x").await.unwrap();
    setup.proxy.heal();
    setup.server.stop().await.unwrap();

    let mut command =
        server_on_directus::command(setup.directory.path(), &setup.directus, setup.directus.url())
            .await
            .unwrap();
    let log = command.args(["audit", "list", "--json"]).output().await.unwrap();
    let log = stagepass_tests::services::audit_log::lines(&String::from_utf8(log.stdout).unwrap()).unwrap();
    let rows: Vec<_> = log
        .lines()
        .rev()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| (fields[2], fields[4]))
        .filter(|(action, _)| *action != "login")
        .collect();
    let expected = [
        ("create-profile", "intent"),
        ("create-profile", "ok"),
        ("create-download-cred", "intent"),
        ("create-download-cred", "unknown: Directus unavailable"),
        ("store-platform-session", "intent"),
        ("store-platform-session", "Directus 400"),
    ];
    assert_eq!(rows, expected, "{log}");
}

/// How a capture's caller misses the outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gone {
    HangsUp,
    IsToldThatItTakesTooLong,
    HangsUpAndTheServerStops,
}

/// A capture that waited for long must not replace one that was stored since.
#[tokio::test]
async fn a_waiting_capture_ends_with_its_caller_or_after_a_while() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let post = format!("POST /items/{SESSIONS}");
    // The three calls of a first capture together take longer than anybody waits for a turn, and each
    // is far shorter than a call may take, also on a busy machine.
    for call in ["SEARCH /items/", &post] {
        setup.proxy.fail(call, Fault::Delay(Duration::from_millis(2800)));
    }
    let search = format!("SEARCH /items/{SESSIONS}");
    let before = setup.proxy.requests(&search);
    let begun = wait::until("the first capture to begin", Duration::from_secs(10), async || {
        Ok((setup.proxy.requests(&search) > before).then_some(()))
    });
    let others = async {
        begun.await.unwrap();
        let gone = timeout(Duration::from_secs(1), setup.capture(&id, "of-one-who-hangs-up")).await;
        assert!(gone.is_err());
        setup.capture(&id, "of-one-who-waits").await.unwrap()
    };
    let (first, late) = tokio::join!(setup.capture(&id, "first"), others);
    assert_eq!(first.unwrap().status, StatusCode::OK);
    assert_eq!((late.status.as_u16(), &late.body["error"]), (503, &json!("Directus busy")));
    assert!(late.headers.contains_key("retry-after"));
    setup.proxy.heal();
    assert_eq!(setup.served(&id).await.unwrap(), "first");
    assert_eq!((setup.kept_sessions().await.unwrap().len(), setup.proxy.requests(&post)), (1, 1));
}

#[tokio::test]
async fn a_capture_that_has_begun_finishes_even_if_nobody_waits_for_it() {
    for way in [Gone::HangsUp, Gone::IsToldThatItTakesTooLong, Gone::HangsUpAndTheServerStops] {
        let setup = Setup::with_flags(&["--request-timeout", "2"]).await.unwrap();
        let id = setup.user.create_profile("instagram", "one").await.unwrap();
        setup.capture(&id, "before").await.unwrap();
        // By then the new session exists, and the former one is not superseded yet.
        let superseding = format!("PATCH /items/{SESSIONS}");
        let before = setup.proxy.requests(&superseding);
        setup.proxy.fail(&superseding, Fault::Delay(Duration::from_secs(4)));
        let mut capture = Box::pin(setup.capture(&id, "after"));
        if way == Gone::IsToldThatItTakesTooLong {
            assert_eq!(capture.await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
        } else {
            let begun = wait::until("the change", Duration::from_secs(10), async || {
                Ok((setup.proxy.requests(&superseding) > before).then_some(()))
            });
            tokio::select! {
                begun = begun => begun.unwrap(),
                answer = &mut capture => panic!("{:?}", answer.unwrap().body),
            }
            drop(capture);
        }
        assert_eq!(statuses(&setup.kept_sessions().await.unwrap()), ["active", "active"], "{way:?}");
        if way == Gone::HangsUpAndTheServerStops {
            setup.server.program().terminate().unwrap();
        }
        let sessions = wait::until("the end of the operation", Duration::from_secs(20), async || {
            let sessions = setup.kept_sessions().await?;
            Ok((statuses(&sessions) == ["superseded", "active"]).then_some(sessions))
        });
        assert!(only_active_ones_have_sealed_parts(&sessions.await.unwrap()), "{way:?}");
    }
}
