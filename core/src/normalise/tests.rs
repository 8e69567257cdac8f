//! Tests of the normalisation of a browser's cookies.

use super::*;
use crate::cookie::MAX_SESSION_END;
use crate::login::Login;
use crate::origin_storage;
use crate::public_suffix::PublicSuffixes;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn browser_cookie(change: &Value) -> BrowserCookie {
    let mut base = json!({
        "name": "sessionid", "value": "v", "domain": ".instagram.com", "path": "/", "storeId": "0",
        "hostOnly": false, "httpOnly": true, "secure": true, "session": true, "sameSite": "unspecified",
    });
    for (key, value) in change.as_object().unwrap() {
        base[key] = value.clone();
    }
    serde_json::from_value(base).unwrap()
}

fn site(id: &str) -> Site {
    Site::of_id(id, PublicSuffixes::built_in()).unwrap()
}

fn missing(cookies: &[&'static str]) -> Login {
    Login::Missing { cookies: cookies.to_vec(), entries: vec![] }
}

fn instagram(changes: &[Value]) -> Capture {
    let cookies = changes.iter().map(browser_cookie).collect();
    normalise(cookies, Vec::new(), &site("instagram"), NOW)
}

/// One cookie's verdict and the code of its reason.
fn verdict(change: &Value) -> (Verdict, Option<&'static str>) {
    let entry = instagram(std::slice::from_ref(change)).report.entries.remove(0);
    (entry.verdict, entry.reason.map(|reason| reason.code()))
}

#[test]
fn gives_each_cookie_a_verdict_and_a_reason() {
    use Verdict::{Dropped, Kept, Repaired};
    for (change, expected) in [
        (json!({}), (Kept, None)),
        (json!({"domain": "www.instagram.com", "hostOnly": true}), (Kept, None)),
        (json!({"domain": ".instagram.org"}), (Dropped, Some("other_site"))),
        (json!({"expirationDate": NOW}), (Dropped, Some("expired"))),
        (json!({"expirationDate": NOW as f64 + 1.5}), (Kept, None)),
        (json!({"expirationDate": 1e15}), (Repaired, Some("expiry"))),
        (json!({"value": "a\tb"}), (Dropped, Some("control_character"))),
        (json!({"name": "a\nb"}), (Dropped, Some("control_character"))),
        (json!({"name": ""}), (Dropped, Some("invalid"))),
        (json!({"domain": "instagram.com"}), (Repaired, Some("dot"))),
        (json!({"path": ""}), (Repaired, Some("path"))),
        (json!({"partitionKey": {"topLevelSite": "https://instagram.com"}}), (Repaired, Some("partition"))),
        (
            json!({"partitionKey": {"topLevelSite": "https://news.example"}}),
            (Dropped, Some("foreign_partition")),
        ),
        (json!({"partitionKey": {}}), (Kept, None)),
    ] {
        assert_eq!(verdict(&change), expected, "{change}");
    }
}

#[test]
fn rounds_the_expiry_down_and_translates_same_site() {
    let capture = instagram(&[
        json!({"name": "a", "expirationDate": NOW as f64 + 9.99, "sameSite": "no_restriction"}),
        json!({"name": "b", "sameSite": "strict"}),
    ]);
    assert_eq!(capture.cookies[0].expires, Some(NOW + 9));
    assert_eq!(capture.cookies[0].same_site, Some(SameSite::None));
    assert_eq!(capture.cookies[1].same_site, Some(SameSite::Strict));
}

#[test]
fn reports_every_expiry_as_an_integer_that_javascript_represents_exactly() {
    let odd = |seconds: f64| {
        let cookie = BrowserCookie {
            expiration_date: Some(seconds),
            ..browser_cookie(&json!({"domain": ".example.org"}))
        };
        normalise(vec![cookie], Vec::new(), &site("instagram"), NOW).report.entries[0].expires
    };
    let most = (1 << 53) - 1;
    for (seconds, expected) in
        [(1e300, most), (f64::INFINITY, most), (-1e300, -most), (f64::NAN, 0), (1.5, 1)]
    {
        assert_eq!(odd(seconds), Some(expected), "{seconds}");
    }
}

#[test]
fn prefers_the_unpartitioned_cookie_in_either_order() {
    let plain = json!({"value": "plain", "expirationDate": NOW + 10});
    let partitioned = json!({
        "value": "partitioned", "expirationDate": NOW + 20,
        "partitionKey": {"topLevelSite": "https://instagram.com"},
    });
    for order in [[plain.clone(), partitioned.clone()], [partitioned, plain]] {
        let capture = instagram(&order);
        assert_eq!(capture.cookies.len(), 1);
        assert_eq!(capture.cookies[0].value.expose_secret(), "plain");
        assert_eq!(capture.report.entries[1].reason, Some(Reason::Duplicate));
    }
}

#[test]
fn with_first_party_isolation_takes_only_cookies_set_while_visiting_the_site() {
    let of = |visited: &str, value: &str, seconds: i64| json!({"value": value, "firstPartyDomain": visited, "expirationDate": NOW + seconds});
    let (own, elsewhere, before) =
        (of("instagram.com", "mine", 10), of("news.example", "embedded", 20), of("", "before", 30));
    for order in [[&own, &elsewhere, &before], [&before, &elsewhere, &own]] {
        let capture = instagram(&order.map(Value::clone));
        assert_eq!(capture.cookies.len(), 1);
        assert_eq!(capture.cookies[0].value.expose_secret(), "mine");
        let dropped = &capture.report.entries[1..];
        assert!(dropped.iter().all(|entry| entry.reason == Some(Reason::OtherVisit)), "{dropped:?}");
    }
    // A login during a visit to another site doesn't count.
    let capture = instagram(&[elsewhere, of("twin-instagram.com", "twin", 9)]);
    assert_eq!((capture.report.taken, capture.report.dropped), (0, 2));
    // Without isolation the field is absent or empty.
    assert_eq!(instagram(&[before]).report.taken, 1);
    let below = json!({"domain": "www.instagram.com", "hostOnly": true, "firstPartyDomain": "instagram.com"});
    assert_eq!(instagram(&[below]).report.taken, 1);
}

#[test]
fn a_login_is_proven_by_all_its_cookies_and_ends_with_the_first_of_them() {
    let session = json!({"name": "sessionid", "expirationDate": NOW + 50});
    let user = json!({"name": "ds_user_id", "expirationDate": NOW + 20});
    let other = json!({"name": "mid", "expirationDate": NOW + 10});
    let proven = instagram(&[session.clone(), user.clone(), other.clone()]).report;
    assert_eq!((proven.login, proven.expires), (Login::Proven, Some(NOW + 20)));
    let forever = json!({"name": "ds_user_id", "expirationDate": MAX_EXPIRES});
    let endless = instagram(&[json!({"expirationDate": MAX_EXPIRES}), forever]).report;
    assert_eq!((endless.entries[0].expires, endless.expires), (Some(MAX_EXPIRES), Some(MAX_SESSION_END)));
    let partial = instagram(&[session, other]).report;
    assert_eq!(partial.login, missing(&["ds_user_id"]));
    let emptied = instagram(&[json!({"value": ""}), user]).report;
    assert_eq!(emptied.login, missing(&["sessionid"]));
}

/// Captures cookies of X, each given as name, value, domain and seconds until it expires.
fn x(cookies: &[(&str, &str, &str, i64)]) -> Capture {
    let change = |(name, value, domain, seconds): &(&str, &str, &str, i64)| {
        browser_cookie(&json!({"name": name, "value": value, "domain": domain,
            "expirationDate": NOW + seconds}))
    };
    normalise(cookies.iter().map(change).collect(), Vec::new(), &site("x"), NOW)
}

fn values(capture: &Capture) -> Vec<&str> {
    capture.cookies.iter().map(|cookie| cookie.value.expose_secret()).collect()
}

const LEFT_OVER: [(&str, &str, &str, i64); 3] = [
    ("auth_token", "old", ".twitter.com", 10),
    ("ct0", "old", ".twitter.com", 10),
    ("twid", "u%3D1111", ".twitter.com", 10),
];

#[test]
fn drops_left_over_cookies_of_the_platforms_other_site() {
    let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
    // twitter.com's account cookie is dropped too, with or without one at x.com.
    for account in [&[("twid", "u%3D2222", ".x.com", 70)][..], &[]] {
        let capture = x(&[&LEFT_OVER[..], &live[..], account].concat());
        assert_eq!((&capture.report.login, capture.report.expires), (&Login::Proven, Some(NOW + 80)));
        assert!(capture.cookies.iter().all(|cookie| cookie.domain == ".x.com"));
        assert_eq!((capture.report.taken, capture.report.dropped), (2 + account.len(), 3));
        let dropped = &capture.report.entries[capture.report.taken..];
        assert!(dropped.iter().all(|entry| entry.reason.as_ref().unwrap().code() == "sibling_site"));
    }
}

#[test]
fn captures_a_login_at_the_platforms_other_site() {
    let guest = [("guest_id", "g", ".x.com", 90), ("auth_token", "half", ".x.com", 5)];
    let capture = x(&[&LEFT_OVER[..], &guest[..]].concat());
    assert_eq!((&capture.report.login, capture.report.expires), (&Login::Proven, Some(NOW + 10)));
    assert_eq!(values(&capture), ["old", "old", "u%3D1111"]);
}

#[test]
fn cookies_of_two_sites_do_not_prove_a_login_together() {
    let capture = x(&[("auth_token", "a", ".twitter.com", 10), ("ct0", "c", ".x.com", 10)]);
    assert_eq!(capture.report.login, missing(&["auth_token"]));
    let capture = x(&[("guest_id", "g", ".x.com", 10), ("auth_token", "a", ".twitter.com", 10)]);
    assert_eq!(capture.report.login, missing(&["ct0"]));
}

#[test]
fn the_other_sites_cookies_do_not_count_towards_the_limit() {
    let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
    let names: Vec<_> = (0..MAX_COOKIES).map(|n| format!("c{n:04}")).collect();
    let left_over: Vec<_> = names.iter().map(|name| (name.as_str(), "old", ".twitter.com", 10)).collect();
    assert_eq!(values(&x(&[&left_over[..], &live[..]].concat())), ["live", "live"]);
}

#[test]
fn drops_cookies_set_while_embedded_in_the_platforms_other_site() {
    let embedded = json!({"name": "auth_token", "domain": ".x.com",
        "partitionKey": {"topLevelSite": "https://twitter.com"}});
    let report = normalise(vec![browser_cookie(&embedded)], Vec::new(), &site("x"), NOW).report;
    assert_eq!(report.entries[0].reason, Some(Reason::ForeignPartition));
}

#[test]
fn a_cookie_value_that_means_logged_out_proves_nothing() {
    let site = site("pinterest");
    for (value, login) in [("1", Login::Proven), ("0", missing(&["_auth"]))] {
        let cookie = browser_cookie(&json!({"name": "_auth", "domain": ".pinterest.com", "value": value}));
        assert_eq!(normalise(vec![cookie], Vec::new(), &site, NOW).report.login, login);
    }
}

#[test]
fn takes_a_thousand_cookies_and_reports_the_rest() {
    let changes: Vec<_> = (0..1003).map(|n| json!({"name": format!("c{n:04}")})).collect();
    let report = instagram(&changes).report;
    assert_eq!((report.taken, report.dropped), (1000, 3));
}

#[test]
fn the_report_never_contains_a_value() {
    let capture =
        instagram(&[json!({"value": "planted-secret"}), json!({"name": "x", "value": "planted\tsecret"})]);
    let report = format!("{:?}{}", capture, serde_json::to_string(&capture.report).unwrap());
    assert!(!report.contains("planted"));
}

fn any_browser_cookie() -> impl Strategy<Value = BrowserCookie> {
    let name = prop_oneof!["[a-c]", "__Host-[ab]", "\\PC{0,4}", "[\\x00-\\x7f]{0,4}"];
    let domain = prop_oneof![
        Just("instagram.com"),
        Just(".instagram.com"),
        Just("www.instagram.com"),
        Just(".WWW.instagram.com"),
        Just("evil.org"),
        Just("")
    ];
    let expiration = proptest::option::of(prop_oneof![
        Just(NOW as f64),
        Just(NOW as f64 + 0.5),
        0f64..4e9,
        Just(f64::INFINITY),
        Just(-1.0)
    ]);
    let partition = proptest::option::of(prop_oneof![Just("https://instagram.com"), Just("https://a.org")]);
    let visited = prop_oneof![Just(None), Just(Some("")), Just(Some("instagram.com")), Just(Some("a.org"))];
    (name, "\\PC{0,9}", domain, "/?[a-z/]{0,3}", expiration, any::<[bool; 3]>(), partition, visited).prop_map(
        |(name, value, domain, path, expiration_date, [host_only, http_only, secure], partition, visited)| {
            BrowserCookie {
                name,
                value: value.into(),
                domain: domain.to_owned(),
                path,
                expiration_date,
                host_only,
                http_only,
                secure,
                same_site: BrowserSameSite::Lax,
                partition_key: partition.map(|site| PartitionKey { top_level_site: Some(site.to_owned()) }),
                first_party_domain: visited.map(str::to_owned),
            }
        },
    )
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(cookies in proptest::collection::vec(any_browser_cookie(), 0..30)) {
        let site = site("instagram");
        let total = cookies.len();
        let once = normalise(cookies, Vec::new(), &site, NOW);
        prop_assert_eq!(once.report.taken + once.report.dropped, total);
        let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), Vec::new(), &site, NOW);
        prop_assert_eq!(&once.cookies, &twice.cookies);
        prop_assert!(twice.report.entries.iter().all(|entry| entry.verdict == Verdict::Kept));
        let keys: Vec<_> = once.cookies.iter().map(|c| (&c.domain, &c.path, &c.name)).collect();
        prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each key once");
        prop_assert!(once.cookies.iter().all(|cookie| cookie.check().is_ok()));
    }

    #[test]
    fn a_captured_login_never_has_cookies_of_two_sites(
        cookies in proptest::collection::vec(
            ("auth_token|ct0|twid|guest_id", "[ab]", prop_oneof![
                Just(".x.com"), Just("api.x.com"), Just(".twitter.com"), Just("mobile.twitter.com"),
            ], 1i64..99),
            0..12,
        ),
    ) {
        let listed: Vec<_> = cookies.iter().map(|(name, value, domain, seconds)| {
            (name.as_str(), value.as_str(), *domain, *seconds)
        }).collect();
        let once = x(&listed);
        if once.report.login == Login::Proven {
            let is_x = |cookie: &Cookie| cookie.host().ends_with("x.com");
            prop_assert!(once.cookies.iter().all(is_x) || !once.cookies.iter().any(is_x));
            prop_assert_eq!(login::expiry(&once.cookies, &site("x")), once.report.expires);
        }
        let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), Vec::new(), &site("x"), NOW);
        prop_assert_eq!(&once.cookies, &twice.cookies);
        prop_assert_eq!(once.report.login, twice.report.login);
    }
}

fn fansly(value: &str) -> Capture {
    let entry = json!({"name": "session_active_session", "value": value});
    let other = json!({"name": "o\u{202e}ther", "value": "planted"});
    let origin = json!({"origin": "https://fansly.com", "localStorage": [entry], "sessionStorage": [other]});
    normalise(Vec::new(), origin_storage::read(vec![origin]).unwrap(), &site("fansly"), NOW)
}

#[test]
fn a_login_can_be_in_storage_alone() {
    let capture = fansly(r#"{"token": "planted", "accountId": "7"}"#);
    assert_eq!(capture.report.login, Login::Proven);
    let stored: Vec<_> =
        capture.report.stored.iter().map(|entry| (entry.name.as_str(), entry.bytes)).collect();
    assert_eq!(stored, [("session_active_session", 60), ("o\u{fffd}ther", 15)]);
    assert!(!serde_json::to_string(&capture.report).unwrap().contains("planted"));
    let missing = Login::Missing { cookies: vec![], entries: vec!["session_active_session"] };
    for signed_out in ["", "{}", "null", "no JSON", r#"{"token": ""}"#, r#"{"token": null}"#, r#"["token"]"#]
    {
        assert_eq!(fansly(signed_out).report.login, missing, "{signed_out}");
    }
    assert_eq!(normalise(Vec::new(), Vec::new(), &site("fansly"), NOW).report.login, missing);
}

#[test]
fn one_of_several_cookies_can_prove_a_login() {
    let youtube = |names: &[&str]| {
        let cookie = |name: &&str| browser_cookie(&json!({"name": name, "domain": ".youtube.com"}));
        normalise(names.iter().map(cookie).collect(), Vec::new(), &site("youtube"), NOW).report.login
    };
    assert_eq!(youtube(&["LOGIN_INFO", "SAPISID"]), Login::Proven);
    assert_eq!(youtube(&["LOGIN_INFO", "__Secure-3PAPISID"]), Login::Proven);
    assert_eq!(youtube(&["LOGIN_INFO"]), missing(&["SAPISID"]));
    assert_eq!(youtube(&["__Secure-3PAPISID"]), missing(&["LOGIN_INFO"]));
}

#[test]
fn only_the_signed_in_accounts_login_is_taken_from_a_list_of_accounts() {
    let account = |did: &str| json!({"did": did, "accessJwt": format!("token of {did}")});
    let stored = json!({
        "session": {"accounts": [account("one"), account("two")], "currentAccount": account("two")},
        "colorMode": "dark",
    });
    let bluesky = |value: &str| {
        let entry = json!({"name": "BSKY_STORAGE", "value": value});
        let origin = json!({"origin": "https://bsky.app", "localStorage": [entry]});
        normalise(Vec::new(), origin_storage::read(vec![origin]).unwrap(), &site("bluesky"), NOW)
    };
    let capture = bluesky(&stored.to_string());
    assert_eq!(capture.report.login, Login::Proven);
    let taken: Value =
        serde_json::from_str(capture.origins[0].local_storage[0].value.expose_secret()).unwrap();
    assert_eq!(taken["session"]["accounts"], json!([account("two")]));
    assert_eq!(taken["colorMode"], "dark");
    // Without a signed-in account, or if the list can't be read, nothing is taken.
    for other in [
        "null".to_owned(),
        "{".to_owned(),
        json!({"session": {"accounts": [account("one")]}}).to_string(),
        json!({"session": {"accounts": {"one": account("one")}, "currentAccount": account("one")}})
            .to_string(),
    ] {
        let capture = bluesky(&other);
        assert!(capture.report.stored.is_empty() && capture.report.login != Login::Proven, "{other}");
    }
}

#[test]
fn storage_of_another_site_is_not_taken() {
    let origins = ["https://www.x.com", "https://twitter.com", "https://evil.example"]
        .map(|origin| json!({"origin": origin, "localStorage": [{"name": "n", "value": "v"}]}));
    let cookies =
        ["auth_token", "ct0"].map(|name| browser_cookie(&json!({"name": name, "domain": ".x.com"})));
    let origins = origin_storage::read(origins.to_vec()).unwrap();
    let capture = normalise(cookies.to_vec(), origins, &site("x"), NOW);
    let taken: Vec<_> = capture.report.stored.iter().map(|entry| entry.origin.as_str()).collect();
    assert_eq!(taken, ["https://www.x.com"]);
}

#[test]
fn a_cookie_that_guests_have_too_proves_a_login_by_its_value() {
    let pixiv = |value: &str| {
        let cookie = browser_cookie(&json!({"name": "PHPSESSID", "value": value, "domain": ".pixiv.net"}));
        normalise(vec![cookie], Vec::new(), &site("pixiv"), NOW).report.login
    };
    assert_eq!(pixiv("12345678_abcDEF"), Login::Proven);
    for guest in ["abcDEF", "_abcDEF", "12345678", "12a_abc"] {
        assert_eq!(pixiv(guest), missing(&["PHPSESSID"]), "{guest}");
    }
}
