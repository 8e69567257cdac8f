//! What the server accepts as origin storage, and that it comes out unchanged.

use super::{Callers, cookie, entry, get, post, refusal, session, start, with};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::{Answer, Client};
use std::collections::HashMap;

const LARGEST: usize = 512 * 1024;

async fn post_text(user: &Client, text: String) -> Result<Answer> {
    let request = user.request(Method::POST, "/api/credentials/store-platform-session");
    user.send(request.header("content-type", "application/json").body(text)).await
}

#[apply(on_each_store)]
#[tokio::test]
async fn bad_origin_storage_is_refused_with_its_place(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let area = |entries: Value| json!([{"origin": "https://a.org", "localStorage": entries}]);
    for (origins, fault) in [
        (json!({}), "origins must be an array"),
        (json!("planted"), "origins must be an array"),
        (json!(["planted"]), "origins[0]: must be an object"),
        (json!([{"localStorage": []}]), "origins[0]: origin required"),
        (area(json!([{"name": "a"}])), "origins[0].localStorage[0]: value required"),
        (area(json!([entry("a", ""), {"name": 1}])), "origins[0].localStorage[1]: name must be a string"),
        (
            area(json!([entry("a", "planted"), entry("a", "")])),
            "origins[0].localStorage[1]: an earlier entry has the same name",
        ),
    ] {
        let body = with(session(&connection), &json!({"origins": origins}));
        assert_eq!(refusal(&post(user, "store-platform-session", &body).await?), (400, fault), "{origins}");
    }
    // Half a surrogate pair is no text; a name given twice in an object has no one value.
    let text =
        with(session(&connection), &json!({"origins": area(json!([entry("a", "planted")]))})).to_string();
    for (text, fault) in [
        (text.replace("planted", r"\ud800"), "origins[0]: holds a text or number that can't be read"),
        (
            text.replace(r#""value":"planted""#, r#""value":"planted","value":"b""#),
            "origins[0] gives a field twice",
        ),
    ] {
        assert_eq!(refusal(&post_text(user, text).await?), (400, fault));
    }
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 0);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn unknown_members_of_a_storage_state_are_named_without_their_values(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let dated = with(entry("a", "b"), &json!({"expires": "planted"}));
    let of_playwright = json!({"origin": "https://a.org", "localStorage": [dated],
        "indexedDB": [{"name": "planted", "version": 1, "stores": []}]});
    let unread_alone = json!({"origin": "https://b.org", "localStorage": [], "indexedDB": []});
    let warnings = [
        "\"expires\" is unknown and is not kept (origins[0].localStorage[0])",
        "\"indexedDB\" is unknown and is not kept (origins[0])",
    ];
    for (origins, entry_count, count) in
        [(json!([of_playwright, unread_alone]), 1, 2), (json!([unread_alone]), 0, 1)]
    {
        let body = with(session(&connection), &json!({"origins": origins}));
        let answer = post(user, "store-platform-session", &body).await?.body;
        assert_eq!(answer["entry_count"], entry_count, "{answer}");
        let named = answer["warnings"].as_array().context("no warnings")?;
        assert_eq!(named.len(), count, "{answer}");
        for warning in named {
            let warning = warning.as_str().unwrap_or_default().replace(" and 1 more)", ")");
            assert!(warnings.contains(&&*warning), "{warning}");
        }
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_limits_of_origin_storage_hold_exactly(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let count = |count: usize| -> Vec<_> { (0..count).map(|n| entry(&n.to_string(), "v")).collect() };
    let one =
        |entries: Value| json!([{"origin": "https://a.org", "localStorage": entries, "sessionStorage": []}]);
    let many = |count: usize| -> Value {
        let origin = |n| json!({"origin": format!("https://h{n}.org"), "localStorage": [entry("n", "v")], "sessionStorage": []});
        (0..count).map(origin).collect()
    };
    let large = |more: usize| one(json!([entry("n", &"v".repeat(LARGEST - "https://a.orgn".len() + more))]));
    for (most, more, fault) in [
        (many(20), many(21), "origins: at most 20 origins are allowed"),
        (one(json!(count(1000))), one(json!(count(1001))), "origins: at most 1000 entries are allowed"),
        (large(0), large(1), "origins: at most 512 KiB are allowed"),
    ] {
        let body = |origins: &Value| with(session(&connection), &json!({"origins": origins}));
        assert_eq!(refusal(&post(user, "store-platform-session", &body(&more)).await?), (400, fault));
        let stored = post(user, "store-platform-session", &body(&most)).await?;
        assert_eq!(stored.status, 200, "{}", stored.body);
        assert_eq!(get(service, &body(&most), json!({})).await?.body["origins"], most);
    }
    Ok(())
}

/// In JSON, control characters take six bytes each.
#[apply(on_each_database)]
#[tokio::test]
async fn the_most_origin_storage_fits_beside_cookies_however_it_is_written(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let value = "\u{1}".repeat(LARGEST - "https://a.orgn".len());
    let origins =
        json!([{"origin": "https://a.org", "localStorage": [], "sessionStorage": [entry("n", &value)]}]);
    let cookies: Vec<_> = (0..230)
        .map(|n| with(cookie(), &json!({"name": format!("c{n}"), "value": "v".repeat(4000)})))
        .collect();
    let body = with(session(&connection), &json!({"cookies": cookies, "origins": origins}));
    let bytes = body.to_string().len();
    assert!(bytes > 3_900_000, "{bytes}");
    assert_eq!(post(user, "store-platform-session", &body).await?.status, 200);
    let served = get(service, &body, json!({})).await?.body;
    assert!(served["origins"] == origins && served["cookies"] == json!(cookies));

    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.to_string().len()));
    for (bytes, status) in [(4 << 20, 200), ((4 << 20) + 1, 413)] {
        let answer = post_text(user, padded(bytes)).await?;
        assert_eq!(answer.status, status);
        if status == 413 {
            assert_eq!(refusal(&answer), (413, "Body larger than 4194304 bytes"));
        }
    }
    Ok(())
}

/// The storage of up to five origins with any names and values.
fn odd_origins() -> impl Strategy<Value = HashMap<u8, [HashMap<String, String>; 2]>> {
    let text = || {
        let character = prop_oneof![
            4 => any::<char>(),
            2 => prop::sample::select(vec!['"', '\\', '\u{0}', '\u{7f}', '\u{2028}', '\u{feff}', '\u{202e}', '<']),
            2 => proptest::char::range(' ', '~'),
        ];
        let odd =
            prop::sample::select(vec!["__proto__", "constructor", "toString", "{\"a\":[1e999]}", "null", ""]);
        prop_oneof![4 => vec(character, 0..20).prop_map(String::from_iter), 1 => odd.prop_map(str::to_owned)]
    };
    let area = move || hash_map(text(), text(), 0..20);
    hash_map(0..5_u8, [area(), area()], 1..5)
}

#[apply(on_each_store)]
#[tokio::test]
async fn what_was_stored_is_what_comes_out(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let odd =
            odd_origins().new_tree(&mut runner).map_err(|reason| anyhow::anyhow!("{reason}"))?.current();
        let entries = |area: &HashMap<String, String>| -> Vec<_> {
            area.iter().map(|(name, value)| entry(name, value)).collect()
        };
        let origins: Vec<_> = odd
            .iter()
            .map(|(host, [local, session])| {
                json!({"origin": format!("https://h{host}.example"), "localStorage": entries(local),
                    "sessionStorage": entries(session)})
            })
            .collect();
        let count: usize = odd.values().flatten().map(HashMap::len).sum();
        let body = with(session(&connection), &json!({"origins": origins}));
        let stored = post(user, "store-platform-session", &body).await?.body;
        assert_eq!(stored["entry_count"], count, "{stored}");
        let expected = if count == 0 { json!(null) } else { json!(origins) };
        assert_eq!(get(service, &body, json!({})).await?.body["origins"], expected);
        let playwright = get(service, &body, json!({"format": "playwright"})).await?.body;
        let with_any = |area: &str| -> Vec<_> {
            let of =
                origins.iter().filter(|origin| origin[area].as_array().is_some_and(|all| !all.is_empty()));
            of.map(|origin| json!({"origin": origin["origin"], area: origin[area]})).collect()
        };
        assert_eq!(playwright["storage_state"]["origins"], json!(with_any("localStorage")));
        let aside = with_any("sessionStorage");
        let expected = if aside.is_empty() { json!(null) } else { json!(aside) };
        assert_eq!(playwright["session_storage"], expected);
    }
    Ok(())
}
