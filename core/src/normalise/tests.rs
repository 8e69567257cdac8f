//! What becomes of a browser's list of cookies.

use super::*;
use crate::cookie::MAX_SESSION_END;
use crate::login::Login;
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

fn instagram(changes: &[Value]) -> Capture {
    let cookies = changes.iter().map(browser_cookie).collect();
    normalise(cookies, &site("instagram"), NOW)
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
fn what_is_told_of_an_odd_expiry_is_a_number_to_javascript() {
    let odd = |seconds: f64| {
        let cookie = BrowserCookie {
            expiration_date: Some(seconds),
            ..browser_cookie(&json!({"domain": ".example.org"}))
        };
        normalise(vec![cookie], &site("instagram"), NOW).report.entries[0].expires
    };
    let most = (1 << 53) - 1;
    for (seconds, expected) in
        [(1e300, most), (f64::INFINITY, most), (-1e300, -most), (f64::NAN, 0), (1.5, 1)]
    {
        assert_eq!(odd(seconds), Some(expected), "{seconds}");
    }
}

#[test]
fn prefers_the_unpartitioned_of_two_cookies_with_one_key_whatever_their_order() {
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
fn only_the_cookies_of_the_visit_at_hand_are_taken_where_firefox_keeps_visits_apart() {
    let of = |visited: &str, value: &str, days: i64| json!({"value": value, "firstPartyDomain": visited, "expirationDate": NOW + days});
    let (own, elsewhere, before) =
        (of("instagram.com", "mine", 10), of("news.example", "embedded", 20), of("", "before", 30));
    for order in [[&own, &elsewhere, &before], [&before, &elsewhere, &own]] {
        let capture = instagram(&order.map(Value::clone));
        assert_eq!(capture.cookies.len(), 1);
        assert_eq!(capture.cookies[0].value.expose_secret(), "mine");
        let dropped = &capture.report.entries[1..];
        assert!(dropped.iter().all(|entry| entry.reason == Some(Reason::OtherVisit)), "{dropped:?}");
    }
    // What another visit alone has is no login here.
    let capture = instagram(&[elsewhere, of("twin-instagram.com", "twin", 9)]);
    assert_eq!((capture.report.taken, capture.report.dropped), (0, 2));
    // Where visits are not kept apart, nothing is said or an empty text.
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
    let missing = instagram(&[session, other]).report;
    assert_eq!(missing.login, Login::Missing { cookies: vec!["ds_user_id"] });
    let emptied = instagram(&[json!({"value": ""}), user]).report;
    assert_eq!(emptied.login, Login::Missing { cookies: vec!["sessionid"] });
}

/// Cookies of X: name, value, domain, seconds until it expires.
fn x(cookies: &[(&str, &str, &str, i64)]) -> Capture {
    let change = |(name, value, domain, seconds): &(&str, &str, &str, i64)| {
        browser_cookie(&json!({"name": name, "value": value, "domain": domain,
            "expirationDate": NOW + seconds}))
    };
    normalise(cookies.iter().map(change).collect(), &site("x"), NOW)
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
fn what_is_left_over_on_a_platforms_other_site_is_neither_taken_nor_decides() {
    let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
    // Without a cookie that names the account, the other site's names none either.
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
fn who_is_signed_in_at_a_platforms_other_site_alone_is_captured_there() {
    let guest = [("guest_id", "g", ".x.com", 90), ("auth_token", "half", ".x.com", 5)];
    let capture = x(&[&LEFT_OVER[..], &guest[..]].concat());
    assert_eq!((&capture.report.login, capture.report.expires), (&Login::Proven, Some(NOW + 10)));
    assert_eq!(values(&capture), ["old", "old", "u%3D1111"]);
}

#[test]
fn the_cookies_of_two_sites_prove_no_login_together() {
    let capture = x(&[("auth_token", "a", ".twitter.com", 10), ("ct0", "c", ".x.com", 10)]);
    assert_eq!(capture.report.login, Login::Missing { cookies: vec!["auth_token"] });
    let capture = x(&[("guest_id", "g", ".x.com", 10), ("auth_token", "a", ".twitter.com", 10)]);
    assert_eq!(capture.report.login, Login::Missing { cookies: vec!["ct0"] });
}

#[test]
fn the_other_sites_cookies_take_no_room_from_those_of_the_login() {
    let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
    let names: Vec<_> = (0..MAX_COOKIES).map(|n| format!("c{n:04}")).collect();
    let left_over: Vec<_> = names.iter().map(|name| (name.as_str(), "old", ".twitter.com", 10)).collect();
    assert_eq!(values(&x(&[&left_over[..], &live[..]].concat())), ["live", "live"]);
}

#[test]
fn what_was_set_while_embedded_in_the_platforms_other_site_is_dropped() {
    let embedded = json!({"name": "auth_token", "domain": ".x.com",
        "partitionKey": {"topLevelSite": "https://twitter.com"}});
    let report = normalise(vec![browser_cookie(&embedded)], &site("x"), NOW).report;
    assert_eq!(report.entries[0].reason, Some(Reason::ForeignPartition));
}

#[test]
fn a_value_that_says_logged_out_is_no_proof() {
    let site = site("pinterest");
    for (value, login) in [("1", Login::Proven), ("0", Login::Missing { cookies: vec!["_auth"] })] {
        let cookie = browser_cookie(&json!({"name": "_auth", "domain": ".pinterest.com", "value": value}));
        assert_eq!(normalise(vec![cookie], &site, NOW).report.login, login);
    }
}

#[test]
fn takes_a_thousand_cookies_and_reports_the_rest() {
    let changes: Vec<_> = (0..1003).map(|n| json!({"name": format!("c{n:04}")})).collect();
    let report = instagram(&changes).report;
    assert_eq!((report.taken, report.dropped), (1000, 3));
}

#[test]
fn the_report_never_holds_a_value() {
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
        let once = normalise(cookies, &site, NOW);
        prop_assert_eq!(once.report.taken + once.report.dropped, total);
        let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), &site, NOW);
        prop_assert_eq!(&once.cookies, &twice.cookies);
        prop_assert!(twice.report.entries.iter().all(|entry| entry.verdict == Verdict::Kept));
        let keys: Vec<_> = once.cookies.iter().map(|c| (&c.domain, &c.path, &c.name)).collect();
        prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each key once");
        prop_assert!(once.cookies.iter().all(|cookie| cookie.check().is_ok()));
    }

    #[test]
    fn no_capture_of_a_login_has_cookies_of_two_sites(
        cookies in proptest::collection::vec(
            ("auth_token|ct0|twid|guest_id", "[ab]", prop_oneof![
                Just(".x.com"), Just("api.x.com"), Just(".twitter.com"), Just("mobile.twitter.com"),
            ], 1i64..99),
            0..12,
        ),
    ) {
        let given: Vec<_> = cookies.iter().map(|(name, value, domain, seconds)| {
            (name.as_str(), value.as_str(), *domain, *seconds)
        }).collect();
        let once = x(&given);
        if once.report.login == Login::Proven {
            let is_x = |cookie: &Cookie| cookie.host().ends_with("x.com");
            prop_assert!(once.cookies.iter().all(is_x) || !once.cookies.iter().any(is_x));
            prop_assert_eq!(login::expiry(&once.cookies, &site("x")), once.report.expires);
        }
        let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), &site("x"), NOW);
        prop_assert_eq!(&once.cookies, &twice.cookies);
        prop_assert_eq!(once.report.login, twice.report.login);
    }
}
