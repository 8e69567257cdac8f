//! App credentials: creating, showing, changing, assigning to projects and deleting them.

use super::stage::{
    API_KEY, BASE_URL, CREDENTIALS, KEY, TYPES, UNKNOWN, api_key, id, make, project, put, refusal, value,
};
use crate::{Callers, id_of, start};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::{Answer, Client};

#[apply(on_each_database)]
#[tokio::test]
async fn a_credential_shows_only_values_that_are_not_secret(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let website = project(user, "Website").await?;
    let mut body = api_key("Payments", "planted-key");
    body["description"] = json!("For refunds");
    body["projectIds"] = json!([website]);
    let answer = user.post(CREDENTIALS, &body).await?;
    let made = &answer.body;
    let expected = json!({"id": made["id"], "credentialName": "Payments", "credentialTypeId": API_KEY,
    "description": "For refunds", "ownerId": id_of(user).await?, "projectIds": [website],
    "createdAt": made["createdAt"], "updatedAt": made["createdAt"], "keys": [
        {"fieldId": BASE_URL, "fieldName": "base_url", "keyValue": "https://api.example.org/v1", "hasValue": true},
        {"fieldId": KEY, "fieldName": "api_key", "keyValue": null, "hasValue": true}
    ]});
    assert_eq!((answer.status.as_u16(), made), (201, &expected));
    let path = format!("{CREDENTIALS}/{}", id(made)?);
    let shown = user.get(&path).await?;
    assert_eq!((&shown.body, &shown.headers["etag"]), (made, &answer.headers["etag"]));
    assert_eq!(user.get(CREDENTIALS).await?.body["data"], json!([made]));
    assert_eq!(user.delete(&path).await?.body, json!({"success": true}));
    assert_eq!(refusal(&user.get(&path).await?), (404, "Not found"));
    assert_eq!(refusal(&user.delete(&path).await?), (404, "Not found"));
    assert_eq!(user.get(CREDENTIALS).await?.body["total"], 0);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn every_key_must_name_a_field_of_the_type_once(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let key = |field: &str, value: Value| json!({"fieldId": field, "keyValue": value});
    let with = |keys: Value| json!({"credentialName": "a", "credentialTypeId": API_KEY, "keys": keys});
    let good = key(KEY, json!("k"));
    let of_another_type = "00000000-0000-4000-8000-000000000101";
    let long = "k".repeat(65_536);
    for (body, expected) in [
        (json!({"credentialTypeId": API_KEY}), "credentialName required"),
        (json!({"credentialName": "a"}), "credentialTypeId required"),
        (json!({"credentialName": "a", "credentialTypeId": "x"}), "credentialTypeId must be a UUID"),
        (
            json!({"credentialName": "a", "credentialTypeId": UNKNOWN}),
            "credentialTypeId is not one of your credential types",
        ),
        (
            json!({"credentialName": "a", "ownerId": UNKNOWN}),
            "ownerId is unknown; known fields: credentialName, credentialTypeId, description, keys, projectIds",
        ),
        (
            with(json!([{"fieldId": KEY, "keyValue": "k", "colour": 1}])),
            "keys[0]: colour is unknown; known fields: fieldId, keyValue, fieldName, hasValue",
        ),
        (
            with(json!([{"fieldId": KEY, "keyValue": "k", "hasValue": 1}])),
            "keys[0]: hasValue must be a boolean",
        ),
        (with(json!({})), "keys must be an array of objects"),
        (with(json!([])), "api_key required"),
        (with(json!([key(KEY, Value::Null)])), "api_key required"),
        (with(json!([key(KEY, json!("  "))])), "api_key required"),
        (with(json!([{"keyValue": "k"}])), "keys[0]: fieldId required"),
        (with(json!([good, key("x", json!(1))])), "keys[1]: fieldId must be a UUID"),
        (with(json!([good, good])), "keys[1]: fieldId given twice"),
        (
            with(json!([good, key(of_another_type, json!("h"))])),
            "keys: 00000000-0000-4000-8000-000000000101 is not a field of this credential type",
        ),
        (with(json!([key(KEY, json!(7))])), "api_key must be a string"),
        (with(json!([key(KEY, json!(long))])), "keys[0]: keyValue must have at most 65536 bytes"),
    ] {
        assert_eq!(refusal(&user.post(CREDENTIALS, &body).await?), (400, expected));
    }
    Ok(())
}

/// A type with a field of each kind: its id and the fields' ids.
async fn type_of_all_kinds(user: &Client) -> Result<(Value, [String; 6])> {
    let fields = ["string", "password", "number", "boolean", "url", "json"]
        .map(|kind| json!({"fieldName": kind, "fieldLabel": kind, "fieldType": kind}));
    let made = make(user, TYPES, &json!({"typeName": "All", "fields": fields})).await?;
    let ids =
        [0, 1, 2, 3, 4, 5].map(|index| made["fields"][index]["id"].as_str().unwrap_or_default().to_owned());
    Ok((made["id"].clone(), ids))
}

/// A credential with one value.
fn with_one(of_type: &Value, field: &str, value: &Value) -> Value {
    let keys = json!([{"fieldId": field, "keyValue": value}]);
    json!({"credentialName": "a", "credentialTypeId": of_type, "keys": keys})
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_value_that_does_not_fit_its_field_is_refused(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let (of_type, fields) = type_of_all_kinds(user).await?;
    for (index, bad) in [
        (0, json!(1)),
        (1, json!({})),
        (2, json!("1")),
        (2, json!(true)),
        (3, json!("true")),
        (3, json!(0)),
        (4, json!("example.org")),
        (4, json!(1)),
        // A browser would run these, or open them from the disk.
        (4, json!("javascript:alert(1)")),
        (4, json!(" JavaScript:alert(1)")),
        (4, json!("java\tscript:alert(1)")),
        (4, json!("data:text/html,<script>alert(1)</script>")),
        (4, json!("vbscript:x")),
        (4, json!("ht\ntps://example.org")),
        (4, json!("https://example.org/\u{1b}[2J")),
        (4, json!("file:///etc/passwd")),
        (4, json!("chrome://settings")),
        (4, json!("blob:https://example.org/x")),
        (4, json!("view-source:https://example.org")),
    ] {
        let answer = user.post(CREDENTIALS, &with_one(&of_type, &fields[index], &bad)).await?;
        let (status, fault) = refusal(&answer);
        assert_eq!(status, 400, "{bad}");
        if index == 4 {
            let expected = "url must be an absolute URL with one of the schemes http, https, ";
            assert!(fault.starts_with(expected), "{bad}: {fault}");
        }
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_value_that_fits_its_field_is_kept_as_it_is(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let (of_type, fields) = type_of_all_kinds(user).await?;
    for (index, good) in [
        (0, json!("Ä\n")),
        (2, json!(-1.5)),
        (3, json!(false)),
        (4, json!("redis://localhost:6379/0")),
        (4, json!("HTTPS://example.org")),
        (4, json!("postgresql+psycopg2://user:word@db.example.org/name?sslmode=require")),
        (4, json!("mongodb+srv://cluster.example.org")),
        (4, json!("jdbc:postgresql://db.example.org/name")),
        (4, json!("amqps://broker.example.org/%2f")),
        (5, json!({"a": [1, null]})),
        (5, json!("text")),
    ] {
        let made = user.post(CREDENTIALS, &with_one(&of_type, &fields[index], &good)).await?;
        assert_eq!((made.status.as_u16(), value(&made.body, &fields[index])), (201, &good));
        user.delete(&format!("{CREDENTIALS}/{}", id(&made.body)?)).await?;
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edit_of_a_fixed_field_or_to_a_taken_name_is_refused(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", "first-key")).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    for (body, name) in [
        (json!({"id": UNKNOWN}), "id"),
        (json!({"ownerId": UNKNOWN, "description": "x"}), "ownerId"),
        (json!({"createdAt": "2026-01-01T00:00:00Z"}), "createdAt"),
        (json!({"credentialTypeId": API_KEY}), "credentialTypeId"),
        (json!({"projectIds": []}), "projectIds"),
        (json!({"x": 1}), "x"),
    ] {
        let expected = format!("{name} can't be changed; only credentialName, description, keys can");
        assert_eq!(refusal(&put(user, &path, &body).await?), (400, &*expected));
    }
    assert_eq!(user.get(&path).await?.body, made, "nothing has changed");
    make(user, CREDENTIALS, &api_key("Refunds", "k")).await?;
    let taken = (409, "credentialName is taken by another credential of yours");
    assert_eq!(refusal(&put(user, &path, &json!({"credentialName": "Refunds"})).await?), taken);
    assert_eq!(refusal(&user.post(CREDENTIALS, &api_key("Payments", "k")).await?), taken);
    assert_eq!(
        refusal(&put(user, &path, &json!({"credentialName": " "})).await?),
        (400, "credentialName required")
    );
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edit_changes_only_the_values_that_it_gives(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", "first-key")).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let reveal =
        async || -> Result<Value> { Ok(user.post(&format!("{path}/reveal"), &Value::Null).await?.body) };
    let described = put(user, &path, &json!({"description": "new"})).await?.body;
    assert_eq!(
        (&described["description"], &described["credentialName"]),
        (&json!("new"), &json!("Payments"))
    );
    assert_eq!(value(&reveal().await?, KEY), "first-key");
    // A sensitive field that is left out or blank keeps its value; other fields lose theirs.
    for keys in
        [json!([]), json!([{"fieldId": KEY, "keyValue": ""}]), json!([{"fieldId": KEY, "keyValue": null}])]
    {
        let answer = put(user, &path, &json!({"keys": keys})).await?;
        assert_eq!((answer.status.as_u16(), &answer.body["keys"][0]["hasValue"]), (200, &json!(false)));
        assert_eq!(value(&reveal().await?, KEY), "first-key");
    }
    let keys = json!([{"fieldId": KEY, "keyValue": "second-key"}, {"fieldId": BASE_URL, "keyValue": "https://b.example/"}]);
    put(user, &path, &json!({"keys": keys, "credentialName": "Refunds", "description": null})).await?;
    let revealed = reveal().await?;
    assert_eq!(
        (value(&revealed, KEY), value(&revealed, BASE_URL)),
        (&json!("second-key"), &json!("https://b.example/"))
    );
    assert_eq!((&revealed["credentialName"], &revealed["description"]), (&json!("Refunds"), &Value::Null));
    // Sending back what is shown changes nothing.
    let shown = user.get(&path).await?.body;
    assert_eq!(put(user, &path, &json!({"keys": shown["keys"]})).await?.body["keys"], shown["keys"]);
    let revealed = reveal().await?;
    assert_eq!(value(&revealed, KEY), "second-key");
    // One bad key leaves all values as they were.
    let keys =
        json!([{"fieldId": KEY, "keyValue": "third-key"}, {"fieldId": BASE_URL, "keyValue": "no URL"}]);
    assert_eq!(put(user, &path, &json!({"keys": keys})).await?.status, 400);
    assert_eq!(reveal().await?, revealed);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_concurrent_edit_is_refused_unless_it_accepts_any_revision(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", "k")).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let edit = async |tag: Option<&str>, description: &str| -> Result<Answer> {
        let request = user.request(Method::PUT, &path).json(&json!({"description": description}));
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-match", tag));
        user.send(request).await
    };
    let tag = user.get(&path).await?.headers["etag"].to_str()?.to_owned();
    let changed = edit(Some(&tag), "one").await?;
    assert_eq!((changed.status.as_u16(), &changed.body["description"]), (200, &json!("one")));
    let weak = format!("W/{}", changed.headers["etag"].to_str()?);
    for stale in [&tag, &weak, "\"x\"", "\"x\", *", "", "x"] {
        assert_eq!(refusal(&edit(Some(stale), "two").await?), (412, "the credential was changed meanwhile"));
    }
    let current = changed.headers["etag"].to_str()?;
    assert_eq!(edit(Some(&format!("{tag}, {current}")), "three").await?.status, 200);
    assert_eq!(edit(Some("*"), "four").await?.status, 200);
    assert_eq!(edit(None, "five").await?.body["description"], "five");

    let tag = user.get(&path).await?.headers["etag"].to_str()?.to_owned();
    let racing = ["six", "seven", "eight", "nine"].map(|text| edit(Some(&tag), text));
    let mut statuses = Vec::new();
    for answer in futures_util::future::join_all(racing).await {
        statuses.push(answer?.status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    for answer in futures_util::future::join_all((0..30).map(|_| edit(None, "last"))).await {
        assert_eq!(answer?.status, 200);
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_values_of_a_credential_have_a_total_size_limit(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let field = |name: &str, kind: &str| json!({"fieldName": name, "fieldLabel": name, "fieldType": kind});
    let fields = json!([field("a", "string"), field("b", "string"), field("c", "password")]);
    let of = make(user, TYPES, &json!({"typeName": "Large", "fields": fields})).await?;
    // A value of this size, with its quotes.
    let key = |index: usize, bytes: usize| json!({"fieldId": of["fields"][index]["id"], "keyValue": "k".repeat(bytes - 2)});
    let with = |keys: Value| json!({"credentialName": "a", "credentialTypeId": of["id"], "keys": keys});
    let refused = (400, "keys: values must have at most 131072 bytes together");
    let too_much = json!([key(0, 65_536), key(1, 65_000), key(2, 537)]);
    assert_eq!(refusal(&user.post(CREDENTIALS, &with(too_much)).await?), refused);
    let made = make(user, CREDENTIALS, &with(json!([key(0, 65_536), key(1, 65_000), key(2, 536)]))).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let edit = async |keys: Value| put(user, &path, &json!({"keys": keys})).await;
    let grown = json!([key(0, 65_536), key(1, 65_001)]);
    assert_eq!(refusal(&edit(grown).await?), refused, "stored values count");
    assert_eq!(user.get(&path).await?.body, made);
    assert_eq!(edit(json!([key(0, 65_536), key(1, 65_000)])).await?.status, 200);
    assert_eq!(edit(json!([key(0, 65_536), key(2, 65_536)])).await?.status, 200);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_stale_revision_neither_deletes_nor_assigns_a_credential(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let website = project(user, "Website").await?;
    let made = user.post(CREDENTIALS, &api_key("Payments", "k")).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made.body)?);
    let send = async |request: RequestBuilder, tags: &[&str]| -> Result<Answer> {
        user.send(tags.iter().fold(request, |request, tag| request.header("if-match", *tag))).await
    };
    let delete = async |tags: &[&str]| send(user.request(Method::DELETE, &path), tags).await;
    let assign = async |tags: &[&str]| {
        let request = user.request(Method::POST, &format!("{path}/assign-projects"));
        send(request.json(&json!({"projectIds": [website]})), tags).await
    };
    let tag = async || -> Result<String> { Ok(user.get(&path).await?.headers["etag"].to_str()?.to_owned()) };
    let first = tag().await?;
    put(user, &path, &json!({"description": "new"})).await?;
    let stale = (412, "the credential was changed meanwhile");
    for tags in [&[first.as_str()][..], &["\"x\"", &first], &[""], &["*", &first]] {
        assert_eq!(refusal(&delete(tags).await?), stale, "{tags:?}");
        assert_eq!(refusal(&assign(tags).await?), stale, "{tags:?}");
    }
    assert_eq!(user.get(&path).await?.body["projectIds"], json!([]));
    let second = tag().await?;
    assert_eq!(assign(&[&first, &second]).await?.status, 200, "the header on several lines");
    assert_eq!(refusal(&assign(&[&second]).await?), stale, "assigning counts as a change");
    assert_eq!(assign(&["*"]).await?.status, 200);
    assert_eq!(assign(&[]).await?.status, 200);

    // Several edits with the same revision arrive at once: one succeeds, the others are refused.
    let current = tag().await?;
    let current = [current.as_str()];
    let racing = (0..4).map(|_| assign(&current));
    let mut statuses = Vec::new();
    for answer in futures_util::future::join_all(racing).await {
        statuses.push(answer?.status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    assert_eq!(refusal(&delete(&current).await?), stale);
    let current = tag().await?;
    assert_eq!(delete(&[&format!("\"x\", {current}")]).await?.body, json!({"success": true}));
    assert_eq!(refusal(&delete(&["*"]).await?), (404, "Not found"));
    assert_eq!(refusal(&assign(&[&current]).await?), (404, "Not found"));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn changing_a_type_changes_its_credentials_revisions(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let field = json!({"fieldName": "host", "fieldLabel": "Host", "fieldType": "string"});
    let of = make(user, TYPES, &json!({"typeName": "Mail", "fields": [field]})).await?;
    let type_path = format!("{TYPES}/{}", id(&of)?);
    let made = make(user, CREDENTIALS, &json!({"credentialName": "a", "credentialTypeId": of["id"]})).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let before = user.get(&path).await?;
    assert_eq!(user.get(&path).await?.headers["etag"], before.headers["etag"]);
    let new = json!({"fieldName": "port", "fieldLabel": "Port", "fieldType": "number"});
    let answer = put(user, &type_path, &json!({"fields": [of["fields"][0], new]})).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let after = user.get(&path).await?;
    assert_ne!(after.body["keys"], before.body["keys"]);
    assert_ne!(after.headers["etag"], before.headers["etag"]);
    let edit = async |method: Method, path: &str, tag: &HeaderValue| {
        let request = user.request(method, path).json(&json!({})).header("if-match", tag);
        user.send(request).await
    };
    let stale = (412, "the credential was changed meanwhile");
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(refusal(&edit(method, &path, &before.headers["etag"]).await?), stale);
    }
    let edited = edit(Method::PUT, &path, &after.headers["etag"]).await?;
    assert_eq!(edited.status, 200);
    assert_eq!(user.get(&path).await?.headers["etag"], edited.headers["etag"]);
    assert_eq!(edit(Method::DELETE, &path, &edited.headers["etag"]).await?.status, 200);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_credential_is_assigned_to_all_given_projects_or_to_no_project(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", "k")).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let assign =
        async |ids: Value| user.post(&format!("{path}/assign-projects"), &json!({"projectIds": ids})).await;
    let (a, b, c) = (project(user, "a").await?, project(user, "b").await?, project(user, "c").await?);
    let foreign = project(other, "a").await?;
    let assigned = assign(json!([a, b])).await?.body;
    for (index, project) in [&a, &b].into_iter().enumerate() {
        let one = &assigned[index];
        let expected =
            json!({"credentialId": made["id"], "projectId": project, "assignedAt": one["assignedAt"]});
        assert_eq!(*one, expected);
        assert!(one["assignedAt"].as_str().is_some_and(|time| time.ends_with('Z')));
    }
    let unknown = (400, "projectIds has a project that is not yours");
    for bad in [json!([c, UNKNOWN]), json!([c, foreign])] {
        assert_eq!(refusal(&assign(bad).await?), unknown);
        assert_eq!(user.get(&path).await?.body["projectIds"], json!([a, b]), "no project is assigned");
    }
    for (bad, expected) in [
        (json!([a, a]), "projectIds has a duplicate id"),
        (json!(["x"]), "projectIds must be a UUID"),
        (json!(7), "projectIds must be an array of strings"),
        (Value::Null, "projectIds array required"),
    ] {
        assert_eq!(refusal(&assign(bad).await?), (400, expected));
    }
    let unknown_member = json!({"projectIds": [], "x": 1});
    let answer = user.post(&format!("{path}/assign-projects"), &unknown_member).await?;
    assert_eq!(refusal(&answer), (400, "x is unknown; known fields: projectIds"));
    let before = user.get(&path).await?.headers["etag"].clone();
    assert_eq!(assign(json!([c])).await?.body.as_array().map(Vec::len), Some(1));
    let shown = user.get(&path).await?;
    assert_eq!(shown.body["projectIds"], json!([c]));
    assert_ne!(shown.headers["etag"], before);
    assert_eq!(user.get(&format!("{CREDENTIALS}/by-project/{a}")).await?.body, json!([]));
    assert_eq!(assign(json!([])).await?.body, json!([]));
    let mut body = api_key("b", "k");
    body["projectIds"] = json!([a, foreign]);
    assert_eq!(refusal(&user.post(CREDENTIALS, &body).await?), unknown);
    assert_eq!(user.get(CREDENTIALS).await?.body["total"], 1);
    // Another user's credential looks the same as a missing one.
    for missing in [path.replace(id(&made)?, UNKNOWN), path] {
        let answer = other.post(&format!("{missing}/assign-projects"), &json!({"projectIds": []})).await?;
        assert_eq!(refusal(&answer), (404, "Not found"));
    }
    made["id"].as_str().context("no id")?;
    Ok(())
}
