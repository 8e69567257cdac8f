//! Types of credentials: the built-in ones, and people's own.

use super::stage::{API_KEY, CREDENTIALS, KEY, PROJECTS, TYPES, UNKNOWN, api_key, id, make, put, refusal};
use crate::{Callers, start};
use anyhow::Result;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;

fn smtp() -> Value {
    json!({"typeName": "SMTP", "description": "A mail server.", "fields": [
        {"fieldName": "host", "fieldLabel": "Host", "fieldType": "string", "required": true},
        {"fieldName": "port", "fieldLabel": "Port", "fieldType": "number"},
        {"fieldName": "password", "fieldLabel": "Password", "fieldType": "password"}
    ]})
}

#[apply(on_each_database)]
#[tokio::test]
async fn six_types_are_built_in_and_nobody_changes_them(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let listed = user.get(TYPES).await?.body;
    let names: Vec<_> =
        listed["data"].as_array().into_iter().flatten().map(|found| found["typeName"].clone()).collect();
    assert_eq!(json!(names), json!(["API key", "AWS S3", "Generic", "MySQL", "PostgreSQL", "Redis"]));
    assert_eq!((&listed["total"], &listed["page"], &listed["pageSize"]), (&json!(6), &json!(1), &json!(20)));
    let shown = user.get(&format!("{TYPES}/{API_KEY}")).await?.body;
    assert_eq!((&shown["typeName"], &shown["ownerId"]), (&json!("API key"), &Value::Null));
    let expected = json!({"id": KEY, "fieldName": "api_key", "fieldLabel": "API key", "fieldType": "password",
        "required": true, "sensitive": true});
    assert_eq!(shown["fields"][1], expected);
    let path = format!("{TYPES}/{API_KEY}");
    let refused = (403, "built-in credential types can't be changed");
    assert_eq!(refusal(&put(user, &path, &smtp()).await?), refused);
    assert_eq!(refusal(&user.delete(&path).await?), refused);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_type_is_visible_only_to_its_owner(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
    let made = make(user, TYPES, &smtp()).await?;
    let path = format!("{TYPES}/{}", id(&made)?);
    assert_eq!(made["fields"][2]["sensitive"], true, "passwords are sensitive");
    assert_eq!(made["fields"][0]["sensitive"], false);
    assert_eq!(user.get(&path).await?.body, made);
    assert_eq!(user.get(TYPES).await?.body["total"], 7);
    assert_eq!(other.get(TYPES).await?.body["total"], 6);
    for answer in [other.get(&path).await?, other.delete(&path).await?, put(other, &path, &smtp()).await?] {
        assert_eq!(refusal(&answer), (404, "Not found"));
    }
    let foreign = json!({"credentialName": "a", "credentialTypeId": id(&made)?});
    assert_eq!(
        refusal(&other.post(CREDENTIALS, &foreign).await?),
        (400, "credentialTypeId is not one of your credential types")
    );
    assert_eq!(
        refusal(&user.post(TYPES, &smtp()).await?),
        (409, "typeName is taken by another type of yours")
    );
    make(other, TYPES, &smtp()).await?;
    assert_eq!(user.delete(&path).await?.body, json!({"success": true}));
    assert_eq!(refusal(&user.delete(&path).await?), (404, "Not found"));
    assert_eq!(refusal(&user.get(&format!("{TYPES}/{UNKNOWN}")).await?), (404, "Not found"));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn names_and_descriptions_refuse_invisible_characters(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    for hidden in ["a\u{202e}b", "a\u{2066}b", "a\u{200b}b", "a\u{feff}b", "a\u{200d}b", "a\u{fff9}b"] {
        for (path, field, body) in [
            (TYPES, "typeName", json!({"typeName": hidden, "fields": smtp()["fields"]})),
            (
                TYPES,
                "description",
                json!({"typeName": "a", "description": hidden, "fields": smtp()["fields"]}),
            ),
            (
                TYPES,
                "fields[0]: fieldName",
                json!({"typeName": "a", "fields": [{"fieldName": hidden, "fieldLabel": "L", "fieldType": "url"}]}),
            ),
            (
                TYPES,
                "fields[0]: fieldLabel",
                json!({"typeName": "a", "fields": [{"fieldName": "a", "fieldLabel": hidden, "fieldType": "url"}]}),
            ),
            (CREDENTIALS, "credentialName", json!({"credentialName": hidden, "credentialTypeId": API_KEY})),
            (
                CREDENTIALS,
                "description",
                json!({"credentialName": "a", "description": hidden, "credentialTypeId": API_KEY}),
            ),
            (PROJECTS, "projectName", json!({"projectName": hidden})),
            (PROJECTS, "description", json!({"projectName": "a", "description": hidden})),
        ] {
            let expected = format!("{field} must not hold invisible characters");
            assert_eq!(refusal(&user.post(path, &body).await?), (400, expected.as_str()), "{hidden:?}");
        }
    }
    for seen in ["Zoë", "می\u{200c}خواهم", "👩\u{200d}💻"] {
        make(user, PROJECTS, &json!({"projectName": seen, "description": seen})).await?;
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_incomplete_type_definition_is_refused(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let with_field = |field: Value| json!({"typeName": "a", "fields": [field]});
    let field = |name: &str, field_type: Value| json!({"fieldName": name, "fieldLabel": "L", "fieldType": field_type});
    let many: Vec<_> = (0..65).map(|number| field(&number.to_string(), json!("string"))).collect();
    for (body, expected) in [
        (json!({"fields": []}), "typeName required"),
        (json!({"typeName": " ", "fields": []}), "typeName required"),
        (json!({"typeName": 7, "fields": []}), "typeName must be a string"),
        (json!({"typeName": "a"}), "fields array required"),
        (json!({"typeName": "a", "fields": {}}), "fields must be an array of objects"),
        (json!({"typeName": "a", "fields": [1]}), "fields must be an array of objects"),
        (json!({"typeName": "a", "fields": []}), "fields must have 1 to 64 members"),
        (json!({"typeName": "a", "fields": many}), "fields must have 1 to 64 members"),
        (with_field(json!({})), "fields[0]: fieldName required"),
        (with_field(json!({"fieldName": "a"})), "fields[0]: fieldLabel required"),
        (with_field(json!({"fieldName": "a", "fieldLabel": "A"})), "fields[0]: fieldType required"),
        (
            with_field(field("a", json!("text"))),
            "fields[0]: fieldType must be string, password, number, boolean, url or json",
        ),
        (
            with_field(json!({"id": UNKNOWN, "fieldName": "a", "fieldLabel": "A", "fieldType": "url"})),
            "fields[0]: id is not a field of this type",
        ),
        (
            json!({"typeName": "a", "fields": [field("a", json!("url")), field("a", json!("json"))]}),
            "fields[1]: fieldName belongs to another field",
        ),
        (
            json!({"typeName": "a", "fields": [], "id": UNKNOWN}),
            "id is unknown; known fields: typeName, description, fields",
        ),
        (
            with_field(json!({"fieldName": "a", "colour": 1})),
            "fields[0]: colour is unknown; known fields: id, fieldName, fieldLabel, fieldType, required, sensitive",
        ),
    ] {
        assert_eq!(refusal(&user.post(TYPES, &body).await?), (400, expected), "{body}");
    }
    assert_eq!(user.get(TYPES).await?.body["total"], 6);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn fields_with_values_cannot_change(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, TYPES, &smtp()).await?;
    let path = format!("{TYPES}/{}", id(&made)?);
    let [host, port, password] = [0, 1, 2].map(|index| made["fields"][index].clone());
    let credential = json!({"credentialName": "mail", "credentialTypeId": id(&made)?, "keys": [
        {"fieldId": host["id"], "keyValue": "mail.example.org"},
        {"fieldId": password["id"], "keyValue": "secret"}
    ]});
    let credential = make(user, CREDENTIALS, &credential).await?;
    assert_eq!(refusal(&user.delete(&path).await?), (409, "the credential type is in use by 1 credentials"));
    let changed = |field: &Value, name: &str, to: Value| {
        let mut field = field.clone();
        field[name] = to;
        field
    };
    let in_use = (409, "a removed or changed field is in use by 1 credentials");
    for fields in [
        json!([host, port]),
        json!([changed(&host, "fieldType", json!("url")), port, password]),
        json!([changed(&host, "fieldName", json!("server")), port, password]),
        json!([host, port, changed(&password, "sensitive", json!(false))]),
        json!([port]),
    ] {
        let body = json!({"typeName": "SMTP", "fields": fields});
        assert_eq!(refusal(&put(user, &path, &body).await?), in_use, "{fields}");
    }
    assert_eq!(user.get(&path).await?.body, made, "nothing has changed");

    // Everything else may change: order, labels, whether a field is required, empty and new fields.
    let new = json!({"fieldName": "port", "fieldLabel": "TLS port", "fieldType": "string"});
    let fields = json!([
        changed(&password, "required", json!(true)),
        changed(&changed(&host, "fieldLabel", json!("Server")), "sensitive", json!(true)),
        new
    ]);
    let answer = put(user, &path, &json!({"typeName": "Mail", "fields": fields})).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let kept = (&json!("Mail"), &json!("A mail server."));
    assert_eq!((&answer.body["typeName"], &answer.body["description"]), kept);
    assert_eq!(answer.body["fields"][0]["id"], password["id"]);
    assert_eq!(answer.body["fields"][2]["fieldLabel"], "TLS port");
    let shown = user.get(&format!("{CREDENTIALS}/{}", id(&credential)?)).await?.body;
    assert_eq!(
        shown["keys"][1],
        json!({"fieldId": host["id"], "fieldName": "host", "keyValue": null, "hasValue": true})
    );
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edit_of_a_type_changes_only_what_it_names(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, TYPES, &smtp()).await?;
    let path = format!("{TYPES}/{}", id(&made)?);
    for (body, name) in [
        (json!({"typeName": "x", "id": UNKNOWN}), "id"),
        (json!({"ownerId": UNKNOWN}), "ownerId"),
        (made.clone(), "createdAt"),
        (json!({"x": 1}), "x"),
    ] {
        let expected = format!("{name} can't be changed; only typeName, description, fields can");
        assert_eq!(refusal(&put(user, &path, &body).await?), (400, &*expected));
    }
    assert_eq!(refusal(&put(user, &path, &json!({"typeName": null})).await?), (400, "typeName required"));
    assert_eq!(refusal(&put(user, &path, &json!({"fields": null})).await?), (400, "fields array required"));
    assert_eq!(user.get(&path).await?.body, made, "nothing has changed");

    let mut expected = made;
    for (name, value) in [
        ("typeName", json!("Mail")),
        ("description", json!("Sends mail.")),
        ("description", Value::Null),
        ("fields", json!([expected["fields"][1], expected["fields"][0]])),
    ] {
        let mut edit = json!({});
        edit[name] = value.clone();
        let answer = put(user, &path, &edit).await?;
        expected[name] = value;
        expected["updatedAt"] = answer.body["updatedAt"].clone();
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &expected));
    }
    assert_eq!(put(user, &path, &json!({})).await?.body["typeName"], "Mail");

    let edits = (0..12).map(|number| {
        let edit = if number % 2 == 0 { json!({"typeName": "last"}) } else { json!({"description": "last"}) };
        let path = &path;
        async move { put(user, path, &edit).await }
    });
    for answer in futures_util::future::join_all(edits).await {
        assert_eq!(answer?.status, 200);
    }
    let shown = user.get(&path).await?.body;
    assert_eq!((&shown["typeName"], &shown["description"]), (&json!("last"), &json!("last")));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn two_empty_fields_may_swap_names(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let made = make(user, TYPES, &smtp()).await?;
    let mut fields = made["fields"].clone();
    fields[0]["fieldName"] = json!("port");
    fields[1]["fieldName"] = json!("host");
    let path = format!("{TYPES}/{}", id(&made)?);
    let answer = put(user, &path, &json!({"typeName": "SMTP", "fields": fields})).await?;
    assert_eq!((answer.status.as_u16(), &answer.body["fields"]), (200, &fields));
    make(user, CREDENTIALS, &api_key("of another type", "k")).await?;
    Ok(())
}
