//! Lists: their order, pages, totals and filters.

use super::stage::{API_KEY, CREDENTIALS, KEY, PROJECTS, TYPES, api_key, id, make, project, refusal};
use crate::{Callers, id_of, start};
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Url;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use std::cmp::Reverse;
use std::collections::BTreeSet;

fn names(listed: &Value) -> Vec<&str> {
    let data = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    data.iter().filter_map(|credential| credential["credentialName"].as_str()).collect()
}

/// Whether newer credentials come first, and those with the same time are sorted by id.
pub(super) fn is_in_order(listed: &Value) -> bool {
    let data = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |credential: &Value| {
        let text = |name: &str| credential[name].as_str().unwrap_or_default().to_owned();
        (Reverse(text("createdAt")), text("id"))
    };
    !data.is_empty() && data.is_sorted_by_key(place)
}

#[apply(on_each_database)]
#[tokio::test]
async fn pages_are_newest_first_and_stay_correct_while_rows_come_and_go(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
    let mut ids = Vec::new();
    for number in 0..25 {
        ids.push(id(&make(user, CREDENTIALS, &api_key(&format!("name {number}"), "k")).await?)?.to_owned());
    }
    make(other, CREDENTIALS, &api_key("of another", "k")).await?;
    let page = async |number: usize, size: usize| -> Result<Value> {
        Ok(user.get(&format!("{CREDENTIALS}?page={number}&pageSize={size}")).await?.body)
    };
    let first = user.get(CREDENTIALS).await?.body;
    assert_eq!((&first["total"], &first["page"], &first["pageSize"]), (&json!(25), &json!(1), &json!(20)));
    assert!(is_in_order(&first), "{first}");
    let mut seen = BTreeSet::new();
    for number in 1..=4 {
        let found = page(number, 7).await?;
        assert_eq!(
            (&found["total"], found["data"].as_array().map(Vec::len)),
            (&json!(25), Some(if number < 4 { 7 } else { 4 }))
        );
        assert!(is_in_order(&found), "{found}");
        seen.extend(names(&found).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(page(5, 7).await?["data"], json!([]));
    // Deleting one closes the gap, and lowers the total.
    user.delete(&format!("{CREDENTIALS}/{}", ids[20])).await?;
    let found = page(1, 10).await?;
    assert_eq!(found["total"], 24);
    assert!(!names(&found).contains(&"name 20") && names(&found).contains(&"name 14"));
    for (query, expected) in [
        ("page=0", "page must be 1 to 1000000"),
        ("page=x", "page must be 1 to 1000000"),
        ("pageSize=0", "pageSize must be 1 to 100"),
        ("pageSize=101", "pageSize must be 1 to 100"),
        ("credentialTypeId=x", "credentialTypeId must be a UUID"),
        ("search=%00", "search must not hold control characters"),
    ] {
        assert_eq!(refusal(&user.get(&format!("{CREDENTIALS}?{query}")).await?), (400, expected));
    }
    for list in [TYPES, PROJECTS] {
        assert_eq!(refusal(&user.get(&format!("{list}?page=0")).await?), (400, "page must be 1 to 1000000"));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_search_ignores_case_and_has_no_wildcards(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    for name in [
        "100% sure",
        "100 sure",
        "a_b",
        "axb",
        "Straße",
        "ÄPFEL",
        "ДОМ",
        "Σίσυφος",
        "back\\slash",
        "İstanbul",
    ] {
        make(user, CREDENTIALS, &api_key(name, "k")).await?;
    }
    let generic = json!({"credentialName": "Straße 2", "credentialTypeId": "00000000-0000-4000-8000-000000000600",
        "keys": [{"fieldId": "00000000-0000-4000-8000-000000000601", "keyValue": {"a": 1}}]});
    make(user, CREDENTIALS, &generic).await?;
    let found = async |query: &[(&str, &str)]| -> Result<(Vec<String>, Value)> {
        let url = Url::parse_with_params(&format!("http://localhost{CREDENTIALS}"), query)?;
        let listed = user.get(&format!("{CREDENTIALS}?{}", url.query().unwrap_or_default())).await?.body;
        let mut names: Vec<_> = names(&listed).into_iter().map(str::to_owned).collect();
        names.sort();
        Ok((names, listed["total"].clone()))
    };
    for (search, expected) in [
        ("%", &["100% sure"][..]),
        ("0%", &["100% sure"]),
        ("_", &["a_b"]),
        ("\\", &["back\\slash"]),
        ("STRASSE", &["Straße", "Straße 2"]),
        ("straße", &["Straße", "Straße 2"]),
        ("äpfel", &["ÄPFEL"]),
        ("дом", &["ДОМ"]),
        ("ΣΊΣΥΦΟΣ", &["Σίσυφος"]),
        ("SURE", &["100 sure", "100% sure"]),
        ("istanbul", &["İstanbul"]),
        ("İSTANBUL", &["İstanbul"]),
        ("ISTAN", &["İstanbul"]),
        ("nothing", &[]),
    ] {
        let (names, total) = found(&[("search", search)]).await?;
        assert_eq!(
            (names.iter().map(String::as_str).collect::<Vec<_>>(), total),
            (expected.to_vec(), json!(expected.len())),
            "{search}"
        );
    }
    let (names, total) = found(&[("search", "stra"), ("credentialTypeId", API_KEY)]).await?;
    assert_eq!((names, total), (vec!["Straße".to_owned()], json!(1)));
    assert_eq!(found(&[("credentialTypeId", API_KEY), ("pageSize", "2")]).await?.1, 10);
    assert_eq!(found(&[("search", "")]).await?.1, 11);
    assert_eq!(found(&[("credentialTypeId", KEY)]).await?.1, 0);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn types_and_projects_are_listed_by_name_in_pages(store: Store) -> Result<()> {
    let Callers { user, other, .. } = &start(store).await?;
    let field = |name: &str| json!({"fieldName": name, "fieldLabel": name, "fieldType": "string"});
    for name in ["c", "a", "B", "Z"] {
        make(user, TYPES, &json!({"typeName": name, "fields": [field("two"), field("one")]})).await?;
        project(user, name).await?;
    }
    let shared = project(other, "b").await?;
    let members = json!({"userIds": [id_of(user).await?]});
    other.post(&format!("{PROJECTS}/{shared}/members"), &members).await?;
    project(other, "d").await?;
    for (path, name, expected) in [
        (
            TYPES,
            "typeName",
            &["API key", "AWS S3", "B", "Generic", "MySQL", "PostgreSQL", "Redis", "Z", "a", "c"][..],
        ),
        (PROJECTS, "projectName", &["B", "Z", "a", "b", "c"]),
    ] {
        let mut listed = Vec::new();
        for page in 1..=expected.len() / 3 + 1 {
            let found = user.get(&format!("{path}?page={page}&pageSize=3")).await?.body;
            assert_eq!(found["total"], expected.len(), "{found}");
            listed.extend(found["data"].as_array().cloned().unwrap_or_default());
        }
        let names: Vec<_> = listed.iter().filter_map(|one| one[name].as_str()).collect();
        assert_eq!(names, expected);
        // A list entry equals the shown record.
        for one in listed {
            assert_eq!(user.get(&format!("{path}/{}", id(&one)?)).await?.body, one);
        }
        assert_eq!(user.get(&format!("{path}?page=9")).await?.body["data"], json!([]));
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_owner_has_at_most_1000_types_and_projects(store: Store) -> Result<()> {
    let Callers { user, other, installation, .. } = &start(store).await?;
    let owner_id = id_of(user).await?;
    for (table, name) in [("credential_types", "type_name"), ("projects", "project_name")] {
        let row =
            |number| format!("('00000000-0000-7000-8000-{number:012}', '{owner_id}', 'n {number}', 0, 0)");
        let rows: Vec<_> = (0..999).map(row).collect();
        let columns = format!("id, owner_id, {name}, created_at, updated_at");
        installation.change(&format!("INSERT INTO {table} ({columns}) VALUES {}", rows.join(", "))).await?;
    }
    let field = json!({"fieldName": "a", "fieldLabel": "A", "fieldType": "string"});
    for (path, new, expected) in [
        (TYPES, json!({"typeName": "new", "fields": [field]}), "there are too many types; delete one first"),
        (PROJECTS, json!({"projectName": "new"}), "there are too many projects; delete one first"),
    ] {
        let made = make(user, path, &new).await?;
        let mut another = new.clone();
        another[if path == TYPES { "typeName" } else { "projectName" }] = json!("another");
        assert_eq!(refusal(&user.post(path, &another).await?), (409, expected));
        make(other, path, &new).await?;
        user.delete(&format!("{path}/{}", id(&made)?)).await?;
        make(user, path, &another).await?;
    }
    Ok(())
}
