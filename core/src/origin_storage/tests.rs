//! Tests of reading and checking origin storage.

use super::*;
use serde_json::json;

fn read_one(origin: Value) -> Result<Vec<OriginStorage>, String> {
    read(vec![origin]).map_err(|fault| fault.to_string())
}

#[test]
fn reads_and_writes_playwrights_names() {
    let sent = json!({
        "origin": "https://onlyfans.com",
        "localStorage": [{"name": "bcTokenSha", "value": "planted"}, {"name": "", "value": "\u{0}\n"}],
        "sessionStorage": [{"name": "__proto__", "value": ""}],
    });
    let read = read_one(sent.clone()).unwrap();
    assert_eq!(entry_count(&read), 3);
    assert_eq!(read[0].host(), "onlyfans.com");
    assert_eq!(serde_json::to_value(&read[0]).unwrap(), sent);
    assert_eq!(serde_json::from_value::<OriginStorage>(sent).unwrap(), read[0]);
    assert!(!format!("{read:?}").contains("planted"));
    let empty = read_one(json!({"origin": "http://localhost:3000", "localStorage": null, "x": 1})).unwrap();
    assert_eq!(entry_count(&empty), 0);
}

#[test]
fn names_each_unknown_member_once_and_never_its_value() {
    let entry = json!({"name": "n", "value": "planted", "expires": "planted"});
    let origins = [
        json!({"origin": "https://a.org", "localStorage": [entry, entry], "indexedDB": [{"name": "planted"}]}),
        json!({"origin": "https://b.org", "sessionStorage": null, "indexedDB": []}),
        json!("planted"),
    ];
    assert_eq!(
        unkept_members(&origins),
        [
            "\"indexedDB\" is unknown and is not kept (origins[0] and 1 more)",
            "\"expires\" is unknown and is not kept (origins[0].localStorage[0] and 1 more)",
        ]
    );
    let odd = json!({"origin": 1, "localStorage": "planted", "sessionStorage": ["planted"]});
    assert_eq!(unkept_members(&[odd]), [""; 0]);
}

#[test]
fn an_origin_has_its_serialised_form() {
    for good in [
        "https://onlyfans.com",
        "http://localhost",
        "http://127.0.0.1:8080",
        "https://[::1]:3001",
        "https://xn--bcher-kva.example",
        "http://example.org:443",
    ] {
        assert!(is_origin(good), "{good}");
    }
    for bad in [
        "",
        "null",
        "onlyfans.com",
        "https://",
        "https://onlyfans.com/",
        "https://Onlyfans.com",
        "HTTPS://onlyfans.com",
        "https://onlyfans.com:443",
        "http://onlyfans.com:80",
        "https://onlyfans.com:",
        "https://onlyfans.com:0443",
        "https://onlyfans.com:+1",
        "https://onlyfans.com:70000",
        "https://user@onlyfans.com",
        "https://.onlyfans.com",
        "https://b\u{fc}cher.example",
        "https://[::1",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::A]",
        "https://127.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://example.7",
        "file://",
        "chrome-extension://abc",
    ] {
        assert!(!is_origin(bad), "{bad}");
    }
}

#[test]
fn deserialising_checks_the_same_rules_and_quotes_no_value() {
    for (bad, message) in [
        (json!({"origin": "https://a.org", "localStorage": "planted"}), "localStorage must be an array"),
        (json!(["https://a.org", [], []]), "must be an object"),
        (json!({"origin": "https://a.org/"}), "origin must be as browsers write it"),
    ] {
        let error = serde_json::from_value::<OriginStorage>(bad).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains("planted"), "{error}");
    }
}

#[test]
fn says_where_each_fault_is_and_what_it_is() {
    let entry = |name: &str| json!({"name": name, "value": "planted"});
    for (origin, message) in [
        (json!([]), "origins[0]: must be an object"),
        (json!({}), "origins[0]: origin required"),
        (json!({"origin": 7}), "origins[0]: origin must be a string"),
        (
            json!({"origin": "planted"}),
            "origins[0]: origin must be as browsers write it: a scheme, a host, and a port unless it is \
             the default, such as https://example.org",
        ),
        (json!({"origin": "https://a.org", "localStorage": {}}), "origins[0]: localStorage must be an array"),
        (
            json!({"origin": "https://a.org", "localStorage": [entry("a"), "planted"]}),
            "origins[0].localStorage[1]: must be an object",
        ),
        (
            json!({"origin": "https://a.org", "sessionStorage": [{"name": "a", "value": 1}]}),
            "origins[0].sessionStorage[0]: value must be a string",
        ),
        (
            json!({"origin": "https://a.org", "localStorage": [entry("a"), entry("b"), entry("a")]}),
            "origins[0].localStorage[2]: an earlier entry has the same name",
        ),
    ] {
        assert_eq!(read_one(origin.clone()).unwrap_err(), message, "{origin}");
    }
    let same = json!({"origin": "https://a.org"});
    let fault = read(vec![same.clone(), same]).unwrap_err();
    assert_eq!(fault.to_string(), "origins[1]: an earlier origin is the same");
}

#[test]
fn keeps_to_the_limits_exactly() {
    let origin = |index: usize| json!({"origin": format!("https://h{index}.example")});
    assert!(read((0..MAX_ORIGINS).map(origin).collect()).is_ok());
    let fault = read((0..=MAX_ORIGINS).map(origin).collect()).unwrap_err();
    assert_eq!(fault.to_string(), "origins: at most 20 origins are allowed");

    let entries = |count: usize| -> Vec<_> {
        (0..count).map(|index| json!({"name": index.to_string(), "value": ""})).collect()
    };
    let of = |count| json!({"origin": "https://a.org", "localStorage": entries(count)});
    assert!(read_one(of(MAX_ENTRIES)).is_ok());
    assert_eq!(read_one(of(MAX_ENTRIES + 1)).unwrap_err(), "origins: at most 1000 entries are allowed");

    let with_value = |bytes: usize| {
        let entry = json!({"name": "", "value": "v".repeat(bytes)});
        json!({"origin": "https://a.org", "sessionStorage": [entry]})
    };
    let most = MAX_BYTES - "https://a.org".len();
    assert!(read_one(with_value(most)).is_ok());
    assert_eq!(read_one(with_value(most + 1)).unwrap_err(), "origins: at most 512 KiB are allowed");
}
